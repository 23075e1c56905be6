//! The facade: everything a shell can ask for. Each method is a few calls to the parts below.
//!
//! A [`Client`] is a cheap handle to one open profile. Reading answers from the device at once; writing a message is
//! durable before it is answered; whatever needs the server says [`Error::Offline`] when it is not there.

mod access;
mod account;
mod audit;
mod care;
mod channels;
#[cfg(test)]
pub(crate) mod desk;
mod drafts;
pub(crate) mod events;
pub(crate) mod files;
#[cfg(any(test, feature = "test-support"))]
mod fill;
mod groups;
mod identity;
mod keys;
mod lock;
mod messages;
mod moderation;
mod network;
mod polls;
pub(crate) mod roles;
mod saved;
mod search;
mod settings;
mod storage;
mod threads;
mod timeline;
mod watch;
pub(crate) mod wipe;

pub use access::SignIn;
pub use files::Progress;
pub use lock::Due;
pub use watch::{Around, Changed, Looked, Unread, Watched};

use crate::cache::{Cache, Me};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault::{self, closed};
use crate::local::{Account, Local, good_path};
use crate::platform::Platform;
use crate::profile::{Profile, Unlock, Vault};
use crate::sync::{Running, Shared, Workspace};
use crate::view::{Connection, KeyState};
use events::Events;
use futures_util::future::join_all;
use lock::Seat;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use thechatapp_protocol::identity::{Pin, SignedDocument, Unverified};
use thechatapp_protocol::{Timestamp, WorkspaceId};
use tokio::task::JoinHandle;

/// How often the index is tidied and the last good copy of what cannot be fetched again is renewed.
const CARE_EVERY: Duration = Duration::from_secs(5 * 60);

/// How long closing waits for calls that are still under way.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// How long a server that showed another identity has to show the known one, when it is asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// An open profile.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    workspaces: RwLock<BTreeMap<WorkspaceId, Running>>,
    /// Whether workspaces connect by themselves.
    started: AtomicBool,
    /// What looks after the profile, what destroys as it is told, and what tells of damage.
    tasks: [JoinHandle<()>; 3],
    seat: Seat,
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Client {
    /// The state of a profile's key, without side effects.
    pub async fn state(dir: &Path, platform: &Platform) -> KeyState {
        Self::key_standing(dir, platform).await.unwrap_or_else(|why| why.key_state())
    }

    /// The same with the reason, where something keeps the profile from being opened.
    ///
    /// # Errors
    /// That reason; [`Error::key_state`] says which state it is.
    pub async fn key_standing(dir: &Path, platform: &Platform) -> Result<KeyState> {
        Profile::state(dir, &Vault::new(platform)).await
    }

    /// Makes a new profile.
    ///
    /// # Errors
    /// When files exist there, or secure storage does not do what it must.
    pub async fn create(dir: &Path, unlock: Unlock, platform: Platform) -> Result<Self> {
        let profile = Profile::create(dir, unlock, Vault::new(&platform)).await?;
        Self::with(profile, platform, true).await
    }

    /// Opens an existing profile.
    ///
    /// # Errors
    /// The states of the profile's key, and [`Error::Corrupt`] for its files.
    pub async fn open(dir: &Path, unlock: Unlock, platform: Platform) -> Result<Self> {
        let profile = Profile::open(dir, unlock, Vault::new(&platform)).await?;
        Self::with(profile, platform, false).await
    }

    /// Opens the profile, or makes one where there is none.
    ///
    /// # Errors
    /// Those of [`Self::open`] and [`Self::create`].
    pub async fn open_or_create(dir: &Path, unlock: Unlock, platform: Platform) -> Result<Self> {
        if Self::state(dir, &platform).await == KeyState::Absent {
            return Self::create(dir, unlock, platform).await;
        }
        Self::open(dir, unlock, platform).await
    }

    async fn with(profile: Profile, platform: Platform, fresh: bool) -> Result<Self> {
        let path = profile.local_path();
        // A profile that was made a moment ago, and nothing after it, has lost nothing.
        let fresh = fresh
            || (!path.exists()
                && !good_path(&path).exists()
                && !profile.dir().join("accounts").exists()
                && profile.pin_copies().is_empty());
        let profile = apart(profile, |profile| profile.raise().and_then(|()| profile.find_keys())).await?;
        let local = Arc::new(Local::open(&path, profile.local_key(), profile.profile_key().clone(), fresh).await?);
        // Until the file is known to be whole, and its last good copy to have its key, the other key stays.
        let profile = if profile.keys_are_replaced() {
            local.keep_good().await?;
            apart(profile, Profile::settle_keys).await?
        } else {
            profile
        };
        let accounts = local.accounts().await?;
        let seat = Seat::new(&local).await?;
        let router = network::router(&platform, &local).await?;
        let shared = Shared {
            router,
            local: Arc::clone(&local),
            profile: Arc::new(profile),
            platform,
            events: Arc::new(Events::default()),
            wipes: Arc::default(),
            renewing: Arc::default(),
        };
        // All at once. Where one does not open, the others have been opened when that is told.
        let caches = join_all(accounts.iter().map(|account| open_cache(&shared.profile, &local, account))).await;
        let mut workspaces = BTreeMap::new();
        for (account, cache) in accounts.into_iter().zip(caches) {
            workspaces.insert(account.workspace, Workspace::run(cache?, account, shared.clone()));
        }
        let wipes = Arc::clone(&shared.wipes);
        let damage = care::tell_damage(shared.local.damaged(), Arc::clone(&shared.events));
        Ok(Self(Arc::new_cyclic(|inner| Inner {
            shared,
            workspaces: RwLock::new(workspaces),
            started: AtomicBool::new(false),
            tasks: [
                tokio::spawn(care::run(inner.clone(), CARE_EVERY)),
                tokio::spawn(wipe::run(inner.clone(), wipes)),
                tokio::spawn(damage),
            ],
            seat,
        })))
    }

    /// Connects every workspace, now and whenever a connection is lost, and fetches all history in the background.
    pub fn start(&self) {
        self.0.started.store(true, Ordering::SeqCst);
        for workspace in self.all() {
            workspace.start(true);
        }
    }

    /// Tries to connect one workspace at once instead of after the wait.
    pub fn reconnect(&self, ws: WorkspaceId) {
        if let Ok(workspace) = self.workspace(ws) {
            workspace.start(false);
        }
    }

    /// Connects one workspace and waits until it is up to date.
    ///
    /// # Errors
    /// [`Error::Offline`] after the time-out; [`Error::PinMismatch`] and [`Error::Refused`] at once.
    pub async fn connect(&self, ws: WorkspaceId, timeout: Duration) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let mut connections = workspace.connections();
        // What was said before this attempt is no answer to it.
        connections.mark_unchanged();
        if workspace.connection() == Connection::Online {
            return Ok(());
        }
        // A server that goes on showing another identity is not reported twice.
        let timeout = match workspace.connection() {
            Connection::IdentityChanged => timeout.min(LOOK_AGAIN),
            _ => timeout,
        };
        workspace.start(false);
        let online = async {
            loop {
                if connections.changed().await.is_err() {
                    // It is not here any more, which has its reason.
                    return Err(self.workspace(ws).err().unwrap_or_else(closed));
                }
                match &*connections.borrow_and_update() {
                    Connection::Online => return Ok(()),
                    Connection::IdentityChanged | Connection::SignedOut { .. } => {}
                    // It does not pass by itself.
                    Connection::Offline { .. } if workspace.closed().is_some() => {}
                    _ => continue,
                }
                return Err(workspace.why_not());
            }
        };
        tokio::time::timeout(timeout, online).await.unwrap_or_else(|_| Err(workspace.why_not()))
    }

    /// Writes everything out, closes the files and releases the profile. Whoever waits for events hears that there are no
    /// more. Other handles that are held for longer than a moment keep the files open until they are dropped.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn close(self) -> Result<()> {
        let wiped = self.carry_out_wipes().await;
        let doomed = self.0.shared.wipes.is_doomed();
        let (profile, closed) = self.shut_down(doomed).await;
        match profile {
            // What cannot be written out is no reason to keep it.
            Some(profile) if doomed => profile.wipe().await.and(wiped),
            None if doomed => Err(Error::Busy),
            _ => closed.and(wiped),
        }
    }

    /// Stops everything; gives the profile back when no other handle has it, and what could not be written out. Of one that goes, parts
    /// of files go first, also of downloads that began after the mark of the wipe was made, which names the others.
    async fn shut_down(self, goes: bool) -> (Option<Profile>, Result<()>) {
        for task in &self.0.tasks {
            task.abort();
            while !task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
        self.0.shared.events.close();
        until_alone(&self.0).await;
        let running = std::mem::take(&mut *self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner));
        let mut done = Ok(());
        for (_, workspace) in running {
            done = done.and(workspace.stop().await);
        }
        // What asked for longer has been broken off.
        until_alone(&self.0).await;
        let shared = self.0.shared.clone();
        drop(self);
        let Shared { local, profile, .. } = shared;
        if goes {
            files::here::remove_parts(local.all_downloads().await.unwrap_or_default()).await;
        }
        match Arc::try_unwrap(local) {
            Ok(local) => done = done.and(local.close().await),
            Err(local) => {
                done = done.and(local.keep_good().await);
                done = done.and(local.flush().await);
            }
        }
        (Arc::try_unwrap(profile).ok(), done)
    }

    /// Waits for something to happen, and takes all of it; empty once the profile is closed.
    pub async fn next_events(&self) -> Vec<ClientEvent> {
        self.0.shared.events.next().await
    }

    /// How what exists on this device only turned out to be damaged since the profile was opened, if it did.
    pub fn damage(&self) -> Option<Error> {
        self.0.shared.local.damage()
    }

    /// Lets go of what could be read of a damaged file, whose place another one takes: what has not come yet comes from the server alone.
    /// Returns whether there was anything.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn let_damaged_go(&self, ws: WorkspaceId) -> Result<bool> {
        self.workspace(ws)?.let_damaged_go().await
    }

    fn workspace(&self, ws: WorkspaceId) -> Result<Arc<Workspace>> {
        self.0
            .workspaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&ws)
            .map(|running| Arc::clone(&running.workspace))
            .ok_or_else(|| self.0.shared.wipes.why_not(ws))
    }

    fn all(&self) -> Vec<Arc<Workspace>> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.values().map(|running| Arc::clone(&running.workspace)).collect()
    }

    /// Opens an account that was just added, and connects it where the others are.
    async fn add(&self, account: Account) -> Result<Arc<Workspace>> {
        let shared = &self.0.shared;
        let cache = open_cache(&shared.profile, &shared.local, &account).await?;
        shared.wipes.forget(account.workspace);
        shared.profile.call_wipe_off();
        let running = Workspace::run(cache, account, shared.clone());
        let workspace = Arc::clone(&running.workspace);
        self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(workspace.id, running);
        if self.0.started.load(Ordering::SeqCst) {
            workspace.start(true);
        }
        shared.events.push(ClientEvent::Workspaces);
        Ok(workspace)
    }

    /// Stops a workspace and closes its cache.
    async fn remove(&self, ws: WorkspaceId) -> Result<()> {
        let running = self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner).remove(&ws);
        match running {
            Some(running) => running.stop().await,
            None => Ok(()),
        }
    }
}

async fn open_cache(profile: &Arc<Profile>, local: &Local, account: &Account) -> Result<Cache> {
    let (profile, ws) = (Arc::clone(profile), account.workspace);
    let (path, key) =
        tokio::task::spawn_blocking(move || profile.cache_key(ws).map(|key| (profile.cache_path(ws), key)))
            .await
            .map_err(fault::internal)??;
    let me = Me { id: account.person, name: account.person_name.clone(), workspace: account.short.clone() };
    let cache = Cache::open(&path, key.expose(), me).await?;
    // Damage that shows here is found again, and is no reason not to open.
    if matches!(cache.is_begun().await, Ok(false)) {
        cache.begin_with(local.listed(ws).await?).await?;
    }
    Ok(cache)
}

/// Waits until nobody else has it any more, but not for long.
pub(crate) async fn until_alone<T>(held: &Arc<T>) {
    let last = async {
        while Arc::strong_count(held) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(LAST_CALLS, last).await;
}

/// Does something with a profile that waits for the disk.
async fn apart(profile: Profile, act: fn(&Profile) -> Result<()>) -> Result<Profile> {
    let done = tokio::task::spawn_blocking(move || act(&profile).map(|()| profile));
    done.await.map_err(fault::internal)?
}

/// What a cache answers; where it turns out to be damaged, what the one answers that takes its place.
async fn asked<T, F: Future<Output = Result<T>>>(workspace: &Workspace, ask: impl Fn() -> F) -> Result<T> {
    match ask().await {
        Err(Error::Corrupt { .. }) if workspace.cache.recovered().await => ask().await,
        answer => answer,
    }
}

/// The pin of a signed document that nobody has vouched for, as it was when it was shown.
pub(crate) fn pin_of(document: &[u8], at: Timestamp) -> Option<Pin> {
    let signed = SignedDocument::decode(document).ok()?;
    Some(Unverified::new(signed).verify_self(at.unix_seconds()).ok()?.pin())
}
