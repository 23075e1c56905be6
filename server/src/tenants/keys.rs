//! How a host comes by its keys, keeps them for a bounded time, and does without them while the key service is away.

use super::{HOST, Host, HostKey, InUse, NOT_YET, Opened, check, make, moving};
use crate::error::{Error, Kind, Result};
use crate::kms::own::OwnService;
use crate::kms::{self, watch};
use crate::state::{Given, Place, Workspace, WrappedKeys};
use crate::store;
use crate::time::now;
use crate::upgrade::NotOpened;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::{Duration, Instant};
use thechatapp_database::{self as database, Durability};
use thechatapp_protocol::{Timestamp, WorkspaceId};
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};

/// Keys that are asked for at the same time.
const AT_ONCE: usize = 16;
/// When it is looked again whether one that is asked for has been answered.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What is said of a service that has let the time run out.
const SILENT: &str = "the key service did not give the key again in time";

/// A workspace whose key is asked for, until that is answered.
struct Asked(Arc<Workspace>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.is_asked_for.store(false, Ordering::Relaxed);
    }
}

impl Host {
    /// Why the host itself is closed, while it is.
    pub fn closed(&self) -> Option<Error> {
        if self.opened.lock().is_some() {
            return None;
        }
        Some(kms::away(&self.health.lock().last_error().unwrap_or_else(|| NOT_YET.to_owned())))
    }

    /// How long keys may be used after the key service last gave them.
    pub fn set_cache(&mut self, cache: Duration) {
        self.cache = cache;
    }

    /// Opens everything for the first time. A local service that gives no key does not give it later either; another one
    /// may, and what is closed until then says so itself. Services of single workspaces are waited for no longer than `patience` in
    /// all.
    pub(super) fn open_all(&self, patience: Option<Duration>) -> Result<()> {
        let at = Instant::now();
        if let Err(why) = self.open_host(at) {
            return if kms::may_be_away(&*self.kms()) && why.kind == Kind::KeyService { Ok(()) } else { Err(why) };
        }
        let (own, shared): (Vec<_>, Vec<_>) =
            self.workspaces().into_iter().partition(|workspace| workspace.own().is_some());
        for workspace in shared {
            let (kms, keys) = self.to_ask(&workspace);
            let given = ask(&*kms, &workspace, &keys);
            let away = given.as_ref().is_err_and(|why| !watch::is_refusal(why));
            self.begin(&workspace, given, at)?;
            // Waiting once more for each of the others would keep everybody waiting.
            if away {
                break;
            }
        }
        // Each of these services may be away by itself, so several are waited for at once.
        let until = patience.map(|patience| Instant::now() + patience);
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        for some in own.chunks(AT_ONCE) {
            if left().is_some_and(|left| left.is_zero()) {
                break;
            }
            let (answer, answers) = mpsc::channel();
            for workspace in some {
                let ((kms, keys), workspace, answer) = (self.to_ask(workspace), workspace.clone(), answer.clone());
                std::thread::spawn(move || {
                    let given = ask(&*kms, &workspace, &keys);
                    // Who waited may have gone: then it is asked again in the background.
                    let _ = answer.send((workspace, given));
                });
            }
            drop(answer);
            let next = || match left() {
                Some(left) => answers.recv_timeout(left).ok(),
                None => answers.recv().ok(),
            };
            while let Some((workspace, given)) = next() {
                self.begin(&workspace, given, at)?;
            }
        }
        Ok(())
    }

    /// Opens a workspace with what the service gave. Its neighbours are not to wait for one that has no key, or is damaged.
    fn begin(&self, workspace: &Workspace, given: std::result::Result<Given, KmsError>, at: Instant) -> Result<()> {
        let failed = |words: String| {
            tracing::error!(workspace = %workspace.id, why = words, "a workspace is closed");
            workspace.health.lock().unwrap_or_else(PoisonError::into_inner).failed(at, words);
        };
        let given = match given {
            Ok(given) => given,
            Err(why) => {
                failed(why.to_string());
                return Ok(());
            }
        };
        match self.open_workspace(workspace, &given) {
            Ok(()) => {
                workspace.health.lock().unwrap_or_else(PoisonError::into_inner).confirmed(at, self.cache);
            }
            Err(why) if why.kind == Kind::KeyService => failed(why.why),
            Err(why) if why.kind == Kind::WrongKey => failed(KmsError::WrongKey.to_string()),
            Err(why) if why.kind == Kind::Corrupt => workspace.close_damaged(why.why),
            Err(why) => return Err(why),
        }
        Ok(())
    }

    fn open_host(&self, at: Instant) -> Result<()> {
        let InUse { service, wrapped_key, key_id, .. } = self.in_use();
        let key = match service.kms.unwrap(&WrapContext::new(HOST), &wrapped_key) {
            Ok(key) => key,
            Err(why) => {
                let mut words = why.to_string();
                // A host that moved is often started with what it was started with before.
                if watch::is_refusal(&why) && service.kms.key_id() != key_id {
                    words = format!("{words}: this is {}, and its keys are guarded by {key_id}", service.kms.key_id());
                }
                if !kms::may_be_away(&*service.kms) {
                    words = format!("keys/host.json: {words}, or damaged");
                }
                self.health.lock().failed(at, words.clone());
                let failed = kms::failed(&*service.kms, why);
                return Err(Error { why: words, ..failed });
            }
        };
        // Of a file that says something else than it did, nothing is believed.
        let opened = HostKey::read(&self.dir).and_then(|file| {
            let proved = file.prove(&key).and_then(|()| {
                // An earlier release wrote no proof: there the database says whether the key is the right one.
                if file.check.is_none() { self.is_host_key(&key) } else { Ok(()) }
            });
            proved.map_err(|why| {
                // What it gave is a key, and not this host's. It may give the right one again.
                if !kms::may_be_away(&*service.kms) {
                    return why;
                }
                kms::away(&format!("{}, or keys/host.json was changed", KmsError::WrongKey))
            })?;
            self.list(key)
        });
        match &opened {
            Ok(()) => self.health.lock().confirmed(at, self.cache),
            Err(why) if why.kind == Kind::KeyService => self.health.lock().failed(at, why.why.clone()),
            Err(why) => self.health.lock().failed(at, why.to_string()),
        }
        opened
    }

    /// Whether `host.db` opens with a key at all.
    fn is_host_key(&self, key: &Key) -> Result<()> {
        match database::open_reader(&self.dir.join("host.db"), key.expose()) {
            Err(why @ database::Error::NotADatabase) => Err(check::host_damaged(&self.dir.join("host.db"), key, why)),
            _ => Ok(()),
        }
    }

    /// Opens `host.db`, and knows its workspaces from then on.
    fn list(&self, key: Key) -> Result<()> {
        let _in_use = database::in_use();
        let kept = || self.upgrades.before_host().map_err(NotOpened::NoCopy);
        let path = self.dir.join("host.db");
        // It is small, and everything depends on it: all of it is looked at before any of it is believed.
        let db = database::open_upgrading(&path, key.expose(), store::HOST, Durability::Full, kept)
            .and_then(|db| Ok(database::check(&db).map(|()| db)?))
            .map_err(|why| match why {
                NotOpened::Database(why) => check::host_damaged(&path, &key, why),
                NotOpened::NoCopy(why) => why,
            })?;
        self.upgrades.host_is_open(&key);
        if let Some(came) = moving::finish(&db, &self.in_use())? {
            tracing::info!(came, "a change of the key service that was broken off is settled");
        }
        if let Err(why) = make::remove_wiped(&db, &self.dir, &self.upgrades) {
            tracing::error!(error = %why, "the folder of a wiped workspace could not be removed");
        }
        self.settle_storage(&db)?;
        let places = {
            let mut rows = db.prepare(
                "SELECT id, name, title, created,
                    wrapped_key, database_key, coming_key, coming_database_key, key_epoch, key_made, uri, key_id, shared
                 FROM workspaces",
            )?;
            let rows = rows.query_map([], |row| {
                let name: String = row.get(1)?;
                let place = Place {
                    id: WorkspaceId::from_bytes(row.get(0)?),
                    path: self.dir.join(&name).join("workspace.db"),
                    name,
                    title: row.get(2)?,
                    created: Timestamp(row.get(3)?),
                    upgrades: self.upgrades.clone(),
                };
                let own: Option<String> = row.get(10)?;
                let guarded: (String, bool) = (row.get(11)?, row.get(12)?);
                Ok((place, Self::keys_of(row, 4)?, own, guarded))
            })?;
            rows.collect::<std::result::Result<Vec<_>, _>>()?
        };
        for (place, keys, own, (key_id, shared)) in places {
            let name = place.name.clone();
            let workspace = Workspace::new(place, keys, self.passwords.clone(), self.figures.clone());
            let own = own.map(|uri| self.own_service(&name, &uri, &key_id).shared(shared).watched(&self.figures));
            workspace.set_own(own);
            self.add(name, workspace);
        }
        self.set_opened(Opened { key, db });
        self.recall_backups()
    }

    /// Asks the key service again for what is due as of `at`; closes what may not be used any longer, and opens what can
    /// be. Answers how long nothing more is due.
    pub async fn check_keys(self: &Arc<Self>, at: Instant) -> Duration {
        if let Some(wait) = self.wait_for_host(at).await {
            return wait;
        }
        let due = self.due(at);
        futures_util::stream::iter(due).for_each_concurrent(AT_ONCE, |workspace| self.check_key(workspace, at)).await;
        self.next_due(at, |_| None)
    }

    /// The same without waiting for the answers: a workspace for which the service is silent holds up no other.
    pub(crate) async fn begin_checking_keys(self: &Arc<Self>, at: Instant) -> Duration {
        if let Some(wait) = self.wait_for_host(at).await {
            return wait;
        }
        for workspace in self.due(at) {
            if !workspace.is_asked_for.swap(true, Ordering::Relaxed) {
                let host = self.clone();
                tokio::spawn(async move {
                    let _done = Asked(workspace.clone());
                    host.check_key(workspace, at).await;
                });
            }
        }
        self.next_due(at, |workspace| workspace.is_asked_for.load(Ordering::Relaxed).then_some(LOOK_AGAIN))
    }

    /// Opens the host when it is closed and its time has come. While it stays closed, how long until the next attempt.
    async fn wait_for_host(self: &Arc<Self>, at: Instant) -> Option<Duration> {
        self.closed()?;
        if self.health.lock().is_due(at, self.cache) {
            self.check_host(at).await;
        }
        self.closed()?;
        let next = self.health.lock().next(self.cache);
        Some(next.map_or(Duration::ZERO, |next| next.saturating_duration_since(at)))
    }

    /// Workspaces whose keys are to be asked for.
    fn due(&self, at: Instant) -> Vec<Arc<Workspace>> {
        let mut due = self.workspaces();
        due.retain(|workspace| {
            workspace.damaged().is_none()
                && workspace.health.lock().unwrap_or_else(PoisonError::into_inner).is_due(at, self.cache)
        });
        due
    }

    /// How long until one is due; `otherwise` tells of those for which something else counts.
    fn next_due(&self, at: Instant, otherwise: impl Fn(&Workspace) -> Option<Duration>) -> Duration {
        let well = self.workspaces().into_iter().filter(|workspace| workspace.damaged().is_none());
        let next = well.map(|workspace| {
            otherwise(&workspace).unwrap_or_else(|| {
                let next = workspace.health.lock().unwrap_or_else(PoisonError::into_inner).next(self.cache);
                next.map_or(Duration::ZERO, |next| next.saturating_duration_since(at))
            })
        });
        next.min().unwrap_or(self.cache / 2)
    }

    async fn check_host(self: &Arc<Self>, at: Instant) {
        let host = self.clone();
        let opened = tokio::task::spawn_blocking(move || host.open_host(at)).await;
        match opened {
            Ok(Ok(())) => {
                tracing::info!("the host is open");
                if let Err(why) = self.remember_base_url() {
                    tracing::error!(error = %why, "the address could not be remembered");
                }
            }
            Ok(Err(why)) => tracing::warn!(error = %why, "the host stays closed"),
            Err(why) => tracing::error!(error = %why, "the host could not be opened"),
        }
    }

    async fn check_key(self: &Arc<Self>, workspace: Arc<Workspace>, at: Instant) {
        let health = || workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts = health().lasts(at, self.cache);
        if workspace.is_open() && lasts.is_zero() {
            health().failed(at, SILENT.to_owned());
            self.shut(&workspace).await;
        }
        let ((kms, keys), asked) = (self.to_ask(&workspace), workspace.clone());
        let of = kms.clone();
        let mut asking = tokio::task::spawn_blocking(move || ask(&*of, &asked, &keys));
        if workspace.is_open() {
            // While the service is slow, the time still runs.
            if let Ok(given) = tokio::time::timeout(lasts, &mut asking).await {
                return self.answered(&workspace, &kms, at, given).await;
            }
            health().failed(at, SILENT.to_owned());
            self.shut(&workspace).await;
        }
        let given = asking.await;
        self.answered(&workspace, &kms, at, given).await;
    }

    async fn answered(
        self: &Arc<Self>,
        workspace: &Arc<Workspace>,
        asked: &Arc<dyn KeyService>,
        at: Instant,
        given: std::result::Result<std::result::Result<Given, KmsError>, tokio::task::JoinError>,
    ) {
        let health = || workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.unwrap_or_else(|why| Err(std::io::Error::other(why).into()));
        let right = given.and_then(|given| match workspace.keyring() {
            Ok(keyring)
                if !keyring.is_under(&given.key) && !given.coming.as_ref().is_some_and(|key| keyring.is_under(key)) =>
            {
                Err(KmsError::WrongKey)
            }
            _ => Ok(given),
        });
        let given = match right {
            Ok(given) => given,
            // It was asked for what another service guards now.
            Err(_) if workspace.is_open() && !Arc::ptr_eq(asked, &self.to_ask(workspace).0) => return,
            Err(why) => {
                tracing::warn!(workspace = %workspace.id, error = %why, "the key service did not give a workspace's key");
                health().failed(at, why.to_string());
                if workspace.is_open() && watch::is_refusal(&why) {
                    self.shut(workspace).await;
                }
                return;
            }
        };
        if let Ok(keyring) = workspace.keyring() {
            keyring.settle(at);
            return health().confirmed(at, self.cache);
        }
        let (own, opening) = (self.clone(), workspace.clone());
        let opened = tokio::task::spawn_blocking(move || {
            // Whoever moves it while it is closed writes what opening may write, too.
            let _rotating = own.rotating.lock();
            own.open_workspace(&opening, &given)
        })
        .await;
        let opened = opened.unwrap_or_else(|why| Err(Error::internal("The workspace did not open", why)));
        if let Err(why) = opened {
            tracing::error!(workspace = %workspace.id, error = %why, "a workspace could not be opened");
            if why.kind == Kind::Corrupt {
                return workspace.close_damaged(why.why);
            }
            let words = if why.kind == Kind::WrongKey { KmsError::WrongKey.to_string() } else { why.to_string() };
            return health().failed(at, words);
        }
        health().confirmed(at, self.cache);
        tracing::info!(workspace = %workspace.id, "a workspace is open");
        if let Err(why) = self.refresh_identities().await {
            tracing::error!(error = %why, "identity documents could not be renewed");
        }
    }

    async fn shut(&self, workspace: &Arc<Workspace>) {
        let why = {
            let mut health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
            health.ended();
            health.last_error()
        };
        tracing::error!(workspace = %workspace.id, why, "a workspace is closed");
        let closing = workspace.clone();
        let _ = tokio::task::spawn_blocking(move || closing.close()).await;
    }

    /// The service that guards a workspace's keys, and what it wrapped: both of one moment.
    pub(super) fn to_ask(&self, workspace: &Workspace) -> (Arc<dyn KeyService>, WrappedKeys) {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let kms = workspace.own().map_or_else(|| in_use.service.kms.clone(), |own| own.kms);
        (kms, workspace.keys())
    }

    /// The key service of its own, and what that wrapped: both of one moment.
    pub(super) fn own_keys(&self, workspace: &Workspace) -> Option<(OwnService, WrappedKeys)> {
        let _in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        Some((workspace.own()?, workspace.keys()))
    }

    /// What is known of a workspace's key: `{provider, key, own, age, epoch, state, cache, last_error, confirmed, resealing,
    /// rotated}`; `own` is whether another key service than the host's guards it, `cache` says how long the key is used after the
    /// service gave it, and how much of that is left; `age`, `cache`, `confirmed` and what stands in `rotated` in seconds.
    ///
    /// # Errors
    /// Bad input when there is no such workspace.
    pub fn key_status(&self, name: &str) -> Result<Value> {
        let of = |kms: &dyn KeyService, keys: Option<&WrappedKeys>, health: &watch::Health, open: bool| {
            let last_error = health.last_error();
            let state = match (open, &last_error) {
                (true, None) => "open",
                (true, Some(_)) => "retrying",
                (false, _) => "closed",
            };
            json!({
                "workspace": name,
                "provider": kms.provider(),
                "key": kms.key_id(),
                "age": keys.map(|keys| (now().0 - keys.made.0) / 1000),
                "epoch": keys.map(|keys| keys.epoch),
                "state": state,
                "cache": {
                    "seconds": self.cache.as_secs(),
                    "left": open.then(|| health.lasts(Instant::now(), self.cache).as_secs()),
                },
                "confirmed": health.last_confirmed().map(|at| at.elapsed().as_secs()),
                "last_error": last_error,
            })
        };
        if self.closed().is_some() && self.dir.join(name).join("workspace.db").exists() {
            return Ok(of(&*self.kms(), None, &self.health.lock(), false));
        }
        let workspace = self.workspace(name)?;
        let rotated: BTreeMap<String, i64> =
            self.rotations(workspace.id)?.into_iter().map(|(what, at)| (what, (now().0 - at.0) / 1000)).collect();
        let resealing = workspace.resealing().map(
            |progress| json!({ "left": progress.left(), "done": progress.done, "error": workspace.not_resealing() }),
        );
        // Before the health is locked: whoever changes the service locks these two in this order.
        let (kms, keys) = self.to_ask(&workspace);
        let health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = of(&*kms, Some(&keys), &health, workspace.is_open());
        if let Value::Object(fields) = &mut status {
            fields.insert("own".to_owned(), json!(workspace.own().is_some()));
            fields.insert("resealing".to_owned(), json!(resealing));
            fields.insert("resealed".to_owned(), json!(workspace.resealed()));
            fields.insert("rotated".to_owned(), json!(rotated));
        }
        Ok(status)
    }
}

pub(super) fn ask(
    kms: &dyn KeyService,
    workspace: &Workspace,
    keys: &WrappedKeys,
) -> std::result::Result<Given, KmsError> {
    let context = WrapContext::new(workspace.id.to_string());
    let key = kms.unwrap(&context, &keys.key)?;
    let coming = keys.coming_key.as_ref().map(|coming| kms.unwrap(&context, coming)).transpose()?;
    Ok(Given { key, coming })
}
