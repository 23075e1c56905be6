//! `serve`: runs the host until it is told to stop.

use super::KeyArgs;
use super::output::Output;
use crate::auth::password::Cost;
use crate::config::{Config, LogSection};
use crate::error::{Error, Result};
use crate::serve::{Options, serve};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Runs the host.
#[derive(Debug, Args)]
#[command(after_help = "Example: thechatapp-server serve --data /srv/chat --config /etc/thechatapp/server.toml")]
pub struct Serve {
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    /// The configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The address to listen on; port 0 picks one.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// The address that people use, for invites.
    #[arg(long)]
    public_url: Option<String>,
    /// Where to write `{url, pin, pid}` once connections are accepted.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Shows the configuration, secrets hidden, and ends.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    key: KeyArgs,
}

pub async fn run(arguments: Serve, _: &Output) -> Result<()> {
    let mut config = Config::read(arguments.config.as_deref(), |name| std::env::var(name).ok())?;
    if let Some(listen) = arguments.listen {
        config.server.listen = listen;
    }
    if let Some(url) = arguments.public_url {
        config.server.public_url = Some(url);
    }
    if arguments.print_config {
        let _ = write!(std::io::stdout(), "{}", config.show()?);
        return Ok(());
    }
    log(&config.log)?;
    let key = arguments.key.source(Some(&config.key))?;
    let mut stop = Stop::new()?;
    let (data, ready_file) = (arguments.data, arguments.ready_file);
    let options = Options { data, key, config, ready_file, cost: Cost::PRODUCT, program: program() };
    let running = serve(options).await?;
    stop.wait().await;
    running.stop().await;
    Ok(())
}

/// This program, also after another release has taken its place on the disk.
fn program() -> Option<PathBuf> {
    if cfg!(target_os = "linux") {
        return Some(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe().ok()
}

fn log(section: &LogSection) -> Result<()> {
    let filter = EnvFilter::try_new(&section.filter).map_err(|why| {
        Error::bad_input(
            "The log filter cannot be used",
            why.to_string(),
            "write it as in info or thechatapp_server=debug",
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if section.json { lines.json().try_init() } else { lines.with_ansi(false).try_init() };
    set.map_err(|why| Error::internal("Logging could not start", why))
}

/// What asks the server to stop: SIGTERM, or an interrupt at its terminal. It listens from the start on, so that a signal
/// while the data opens is not lost.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
