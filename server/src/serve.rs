//! Running a host: what the program's `init` and `serve` do, and tests do in their own process.

use crate::admin::socket;
use crate::audit::Outlets;
use crate::auth::breached::Breached;
use crate::auth::password::Cost;
use crate::backup::schedule::{self, Schedule};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files;
use crate::kms::KeySource;
use crate::native::half_open::HalfOpen;
use crate::native::{self, tls::Tls};
use crate::rotation;
use crate::tenants::{Host, Made, Served};
use crate::thumbnail::{self, Drawing};
use crate::web;
use crate::wipe;
use ipnet::IpNet;
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long sessions may take to end.
const DRAIN: Duration = Duration::from_secs(10);
/// How long those who are just reading figures may take at the end.
const LAST_WATCHERS: Duration = Duration::from_secs(1);
/// How often it is looked whether session keys are due.
const LOOK_AFTER_KEYS: Duration = Duration::from_secs(60 * 60);
/// How often search indexes take in what came, and how often they are tidied where something was removed.
const INDEX: Duration = Duration::from_millis(300);
const TIDY_INDEXES: Duration = Duration::from_secs(10 * 60);

/// How to run a host.
#[derive(Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// What opens its keys.
    pub key: KeySource,
    /// The configuration.
    pub config: Config,
    /// Where to write `{url, pin, pid}` once connections are accepted.
    pub ready_file: Option<PathBuf>,
    /// What a password hash costs.
    pub cost: Cost,
    /// This program, for what runs in a process of its own; without it there are no thumbnails.
    pub program: Option<PathBuf>,
}

/// What everything that runs shares.
#[derive(Debug)]
pub struct Shared {
    /// The host.
    pub host: Arc<Host>,
    /// Cancelled when the server begins to stop.
    pub draining: CancellationToken,
    /// Everything that runs.
    pub tasks: TaskTracker,
    /// Connections that have proved nothing yet.
    pub half_open: HalfOpen,
    /// Proxies that are believed where a request comes from.
    pub proxies: Arc<[IpNet]>,
}

/// A running server. Stop it with [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    /// Its address.
    pub url: String,
    /// The pin of its (oldest) workspace; empty when it has none.
    pub pin: String,
    /// Where figures are served, when they are.
    pub metrics: Option<SocketAddr>,
    /// Served to the end, so that whoever watches is told that the server drains.
    watched: Option<Watched>,
    shared: Arc<Shared>,
    ready_file: Option<PathBuf>,
    drawing: Option<Drawing>,
    outlets: Outlets,
}

/// What is served on the address for metrics.
#[derive(Debug)]
struct Watched {
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

/// Makes a host and its first workspace.
///
/// # Errors
/// See [`crate::error::Kind`].
pub fn init(data: &Path, source: &KeySource, workspace: &str, public_url: Option<&str>, cost: Cost) -> Result<Made> {
    crate::tenants::short_name(workspace.trim())?;
    let (fresh, empty) = (!data.exists(), !Host::exists(data));
    let made = make(data, source, workspace, public_url, cost);
    // Only what this call made goes.
    if made.is_err() && fresh {
        let _ = std::fs::remove_dir_all(data);
    } else if made.is_err() && empty {
        Host::unmake(data);
    }
    made
}

fn make(data: &Path, source: &KeySource, workspace: &str, public_url: Option<&str>, cost: Cost) -> Result<Made> {
    let url = public_url.map(clean_url).transpose()?;
    let host = Host::create(data, source, cost)?;
    if let Some(url) = url {
        host.set_base_url(&url)?;
    }
    let tls = Tls::self_made(&host.tls_key()?, vec!["localhost".into()])?;
    let made = host.create_workspace(workspace, vec![tls.key])?;
    host.close();
    Ok(made)
}

/// `https://host[:port]`, as it stands in invites.
///
/// # Errors
/// Bad input for anything else.
pub fn clean_url(text: &str) -> Result<String> {
    let bad = |why: String| {
        Error::bad_input("The public address cannot be used", why, "write it as https://chat.example.org")
    };
    let address: thechatapp_protocol::identity::Address = text
        .trim_end_matches('/')
        .parse()
        .map_err(|why: thechatapp_protocol::identity::IdentityError| bad(why.to_string()))?;
    if address.workspace.is_some() {
        return Err(bad("it names a workspace".into()));
    }
    Ok(address.base)
}

/// Runs a host until it is stopped. On return it accepts connections.
///
/// # Errors
/// See [`crate::error::Kind`].
pub async fn serve(options: Options) -> Result<Running> {
    let Options { data, key, config, ready_file, cost, program } = options;
    let backups = Schedule::new(&config.backup)?;
    let section = config.key.clone();
    let mut host = tokio::task::spawn_blocking(move || Host::open_to_serve(&data, &key, cost, &section))
        .await
        .map_err(|why| Error::internal("The host did not open", why))??;
    host.set_cache(Duration::from_secs(config.key.cache_seconds));
    let host = Arc::new(host);
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|why| {
        Error::bad_input(
            "The address cannot be listened on",
            format!("{listen}: {why}"),
            "choose another with --listen",
        )
    })?;
    let bound = listener.local_addr()?;
    let url = match &config.server.public_url {
        Some(url) => clean_url(url)?,
        None => local_url(bound),
    };
    let outlets = Outlets::new(&config.audit, &host_of(&url))?;
    let tls = match (&config.tls.cert, &config.tls.key) {
        (Some(certificate), Some(key)) => Tls::given(certificate, key)?,
        (None, None) => Tls::self_made(&host.tls_key()?, names(&url, bound))?,
        _ => {
            return Err(Error::bad_input(
                "Half a TLS configuration",
                "tls.cert and tls.key belong together",
                "give both, or none",
            ));
        }
    };
    host.set_base_url(&url)?;
    host.set_limits(config.files.limits());
    host.set_storage(&config.files)?;
    host.set_index(config.search.index);
    if let Some(list) = &config.auth.breached_passwords {
        host.passwords().set_breached(Breached::open(list)?);
    }
    host.serve_as(Served { tls_keys: vec![tls.key], allow_unbound: config.identity.allow_unbound }).await?;

    let shared = Arc::new(Shared {
        host: host.clone(),
        draining: CancellationToken::new(),
        tasks: TaskTracker::new(),
        half_open: HalfOpen::default(),
        proxies: config.server.proxies.clone().into(),
    });
    let (tasks, stop) = (&shared.tasks, &shared.draining);
    socket::listen(&shared)?;
    let greeter = native::Greeter::new(tls)?;
    tasks.spawn(native::accept(listener, greeter, web::router(shared.clone(), config.web.chat), shared.clone()));
    let watched = match config.server.metrics {
        Some(address) => Some(serve_metrics(&shared, address).await?),
        None => None,
    };
    let metrics = watched.as_ref().map(|watched| watched.address);
    tasks.spawn(look_after_keys(host.clone(), stop.clone()));
    tasks.spawn(look_after_indexes(host.clone(), stop.clone()));
    let drawing = program.and_then(|program| config.files.drawing(program));
    if let Some(drawing) = drawing.clone() {
        tasks.spawn(thumbnail::in_background(host.clone(), drawing, stop.clone()));
    }
    tasks.spawn(rotation::reseal_in_background(host.clone(), stop.clone()));
    tasks.spawn(wipe::in_background(host.clone(), stop.clone()));
    tasks.spawn(rotation::on_schedule(host.clone(), config.key.rotate_days, stop.clone()));
    tasks.spawn(outlets.clone().look_after(host.clone(), stop.clone()));
    tasks.spawn(outlets.clone().forward(host.clone(), stop.clone()));
    if let Some(schedule) = backups {
        tasks.spawn(schedule::run(schedule, host.clone(), stop.clone()));
    }

    let pin = tell_ready(&host, &url, ready_file.as_deref())?;
    tasks.spawn(look_after_what_is_on_loan(host.clone(), url.clone(), ready_file.clone(), stop.clone()));
    let closed = host.closed().map(|why| why.why);
    tracing::info!(%url, listen = %bound, workspaces = host.workspaces().len(), closed, "ready");
    Ok(Running { url, pin, metrics, watched, shared, ready_file, drawing, outlets })
}

/// Says where and who this server is. While the host is closed nobody knows who.
fn tell_ready(host: &Host, url: &str, ready_file: Option<&Path>) -> Result<String> {
    let oldest = if host.closed().is_none() { host.oldest()? } else { None };
    let face = oldest.and_then(|workspace| workspace.face().ok());
    let pin = face.map(|face| face.pin().to_string()).unwrap_or_default();
    if let Some(path) = ready_file {
        let ready = json!({ "url": url, "pin": pin, "pid": std::process::id() });
        files::write_private(path, ready.to_string().as_bytes())?;
    }
    Ok(pin)
}

impl Running {
    /// The host, for commands in the same process.
    pub fn host(&self) -> &Host {
        &self.shared.host
    }

    /// Asks the key service for what is due as of `at`, now and not when its time comes. Answers how long nothing more is due.
    pub async fn check_keys(&self, at: Instant) -> Duration {
        self.shared.host.check_keys(at).await
    }

    /// Makes the thumbnails that are due in a workspace, now and not a moment later.
    ///
    /// # Errors
    /// See [`crate::error::Kind`].
    pub async fn draw_thumbnails(&self, workspace: &str) -> Result<()> {
        let workspace = self.host().workspace(workspace)?;
        if let Some(drawing) = &self.drawing {
            while workspace.draw_thumbnails(drawing, u32::MAX).await? > 0 {}
        }
        Ok(())
    }

    /// Stops: no new connections, calls in flight are answered, sessions are told to come again.
    pub async fn stop(self) {
        tracing::info!("stopping");
        if let Some(path) = &self.ready_file {
            let _ = std::fs::remove_file(path);
        }
        self.shared.draining.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(DRAIN, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.shared.tasks.len(), "some sessions did not end in time");
        }
        if let Some(Watched { stop, mut serving, .. }) = self.watched {
            stop.cancel();
            // Whoever holds a connection open there is not waited for.
            if tokio::time::timeout(LAST_WATCHERS, &mut serving).await.is_err() {
                serving.abort();
            }
        }
        self.outlets.finish(&self.shared.host).await;
        socket::remove(self.shared.host.dir());
        if let Some(shared) = Arc::into_inner(self.shared)
            && let Some(host) = Arc::into_inner(shared.host)
        {
            // Waits for the writers: what was acknowledged is on disk already, this closes the files.
            let _ = tokio::task::spawn_blocking(move || host.close()).await;
        }
    }
}

async fn serve_metrics(shared: &Arc<Shared>, address: SocketAddr) -> Result<Watched> {
    let listener = TcpListener::bind(address).await.map_err(|why| {
        Error::bad_input("The address for metrics cannot be listened on", format!("{address}: {why}"), "choose another")
    })?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let (router, stopped) = (web::metrics_router(shared.clone()), stop.clone());
    let serving = tokio::spawn(async move {
        if let Err(why) = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned()).await {
            tracing::error!(%why, "metrics are no longer served");
        }
    });
    Ok(Watched { address, stop, serving })
}

/// Keeps asking the key service, and tells once more who this server is when that was not known at the start.
async fn look_after_what_is_on_loan(
    host: Arc<Host>,
    url: String,
    ready_file: Option<PathBuf>,
    stop: CancellationToken,
) {
    let mut known = host.oldest().is_ok_and(|oldest| oldest.is_none_or(|workspace| workspace.is_open()));
    loop {
        let at = Instant::now();
        let next = tokio::select! {
            next = host.begin_checking_keys(at) => at + next,
            () = stop.cancelled() => return,
        };
        if !known && host.workspaces().iter().any(|workspace| workspace.is_open()) {
            known = true;
            if let Err(why) = tell_ready(&host, &url, ready_file.as_deref()) {
                tracing::error!(error = %why, "the ready file could not be written");
            }
        }
        tokio::select! {
            () = tokio::time::sleep_until(next.into()) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn look_after_keys(host: Arc<Host>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AFTER_KEYS) => {}
            () = stop.cancelled() => return,
        }
        if let Err(why) = host.refresh_identities().await {
            tracing::error!(error = %why, "identity documents could not be renewed");
        }
    }
}

async fn look_after_indexes(host: Arc<Host>, stop: CancellationToken) {
    let mut tidied = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(INDEX) => {}
            () = stop.cancelled() => return,
        }
        let tidy = tidied.elapsed() >= TIDY_INDEXES;
        if tidy {
            tidied = Instant::now();
        }
        if tidy
            && host.closed().is_none()
            && let Err(why) = host.remove_wiped_files().await
        {
            tracing::error!(error = %why, "the files of a wiped workspace are still in the bucket");
        }
        for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
            let mut done = workspace.index_what_came().await;
            if tidy && done.is_ok() {
                done = workspace.tidy().await;
            }
            if tidy && done.is_ok() {
                done = workspace.sweep_files().await;
            }
            if let Err(why) = done {
                tracing::error!(workspace = %workspace.id, error = %why.into_body(), "the search index, or the removal of files, waits");
            }
        }
    }
}

fn local_url(bound: SocketAddr) -> String {
    let host = match bound.ip() {
        // An address that means every address is no address to connect to.
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    format!("https://{host}:{}", bound.port())
}

/// What a host is called in what it sends.
fn host_of(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn names(url: &str, bound: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !bound.ip().is_unspecified() {
        names.push(bound.ip().to_string());
    }
    let host = host_of(url);
    if !host.is_empty() {
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
