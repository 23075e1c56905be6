//! A host and its workspaces.
//!
//! ```text
//! <data>/                 0700, files 0600
//!   host.lock             held by the one process that has the data open
//!   admin.sock            while the server runs: where commands reach it
//!   keys/local.json       the local key service's key, sealed by a passphrase
//!   keys/host.json        the key of host.db, wrapped by the key service
//!   keys/workspace-NAME.json   the key file of a workspace that has a local key service of its own
//!   keys/tls.key          where the key service may be away: the TLS key this host made for itself
//!   host.db               workspaces with their wrapped keys; facts
//!   upgrade/              copies of the databases from before a newer release changed them
//!   rehearsal/            while a backup is rehearsed: what it is restored to
//!   <workspace>/workspace.db
//! ```
//!
//! The key of `host.db` cannot lie in it, so it has a small file of its own; every other wrapped key is in a sealed database.

mod backups;
mod check;
mod ending;
mod facts;
mod files;
mod host_key;
mod keep;
mod keys;
mod make;
mod moving;
mod own;
mod rotate;

pub use backups::{Health as BackupHealth, Known, Rehearsed};
pub use check::Checked;
pub use make::Made;
pub(crate) use make::{invite_owner_in, short_name};
pub use moving::Followed;
pub use own::{Ended, To};

use crate::auth::password::{Cost, Passwords};
use crate::blobs;
use crate::config::KeySection;
use crate::error::{Error, Kind, Result};
use crate::kms::watch::Health;
use crate::kms::{self, KeySource, Service};
use crate::metrics::Figures;
use crate::state::Workspace;
use crate::store::files::Limits;
use crate::store::{self, signed};
use crate::upgrade::Upgrades;
use files::Told;
use host_key::HostKey;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use thechatapp_database::{self as database, Durability};
use thechatapp_seal::{Key, KeyService, WrapContext};

/// What a host's own key is wrapped for.
const HOST: &str = "host";
/// What is said before the key service was asked for the first time.
const NOT_YET: &str = "its key has not come yet";
/// How long keys are used after the key service last gave them, unless the configuration says otherwise.
const CACHE: Duration = Duration::from_secs(300);
/// How long a server that starts waits for the key services of single workspaces, for all together.
const AT_START: Duration = Duration::from_secs(5);

/// The key service in use, and what it wrapped for the host itself.
#[derive(Clone)]
struct InUse {
    service: Service,
    wrapped_key: Vec<u8>,
    /// The key that wrapped it, as it was called then.
    key_id: String,
    generation: u64,
}

/// What the server shows to the network, and what identity documents must say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// SHA-256 of the TLS public keys.
    pub tls_keys: Vec<[u8; 32]>,
    /// Whether sessions may come without a binding to TLS.
    pub allow_unbound: bool,
}

/// An open host. One process at a time has it.
pub struct Host {
    dir: PathBuf,
    in_use: RwLock<InUse>,
    /// Held by whatever changes the keys of the host or of a workspace as a whole: one at a time.
    rotating: Mutex<()>,
    health: Mutex<Health>,
    /// What key services of single workspaces want to see.
    section: KeySection,
    cache: Duration,
    opened: Mutex<Option<Opened>>,
    workspaces: RwLock<BTreeMap<String, Arc<Workspace>>>,
    passwords: Arc<Passwords>,
    figures: Arc<Figures>,
    served: Mutex<Option<Served>>,
    limits: Mutex<Limits>,
    /// Where the configuration wants whole files; nothing while it was not asked.
    told: Mutex<Option<Told>>,
    /// The name below which its files are in a bucket, once it is known.
    home: OnceLock<String>,
    index: AtomicBool,
    base: RwLock<Option<String>>,
    backup_health: Mutex<BackupHealth>,
    /// The folders and names of backups that are being made.
    making: Arc<Mutex<Vec<(String, String)>>>,
    upgrades: Arc<Upgrades>,
    _lock: File,
}

/// `host.db` and its key: not there until the key service has given it once.
struct Opened {
    key: Key,
    db: Connection,
}

/// `host.db`, used directly: it is small, and asked rarely.
struct HostDb<'a> {
    opened: MappedMutexGuard<'a, Opened>,
    _in_use: database::InUse,
}

impl Deref for HostDb<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.opened.db
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.dir.display())
    }
}

/// The lock of a data folder, without opening anything in it. `None` when another process has it.
///
/// # Errors
/// When the folder or the file cannot be used.
pub fn lock(dir: &Path) -> Result<Option<File>> {
    let path = dir.join("host.lock");
    crate::files::touch_private(&path)?;
    let file = File::options().append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(why)) => Err(why.into()),
    }
}

impl Host {
    /// Whether there is a host, or a part of one, in a folder.
    pub fn exists(dir: &Path) -> bool {
        dir.join("host.db").exists() || dir.join("keys").exists()
    }

    /// Removes the files of a host that did not come to be. What else is in the folder stays.
    pub(crate) fn unmake(dir: &Path) {
        for file in ["host.db", "host.db-wal", "host.db-shm", "host.db-mark", "host.lock"] {
            let _ = std::fs::remove_file(dir.join(file));
        }
        let _ = std::fs::remove_dir_all(dir.join("keys"));
    }

    /// Makes a host in a folder that has none.
    ///
    /// # Errors
    /// Bad input when there is one already.
    pub fn create(dir: &Path, source: &KeySource, cost: Cost) -> Result<Self> {
        if Self::exists(dir) {
            return Err(Error::bad_input(
                "There is a host in this folder already",
                dir.display().to_string(),
                "choose an empty folder, or add a workspace with `workspace create`",
            ));
        }
        crate::files::private_folder(dir)?;
        let lock = lock(dir)?.ok_or_else(busy)?;
        crate::files::private_folder(&dir.join("keys"))?;
        let service = source.make(dir)?;
        let kms = service.kms.clone();
        let key = Key::random()?;
        let wrapped = kms.wrap(&WrapContext::new(HOST), &key).map_err(|why| kms::failed(&*kms, why))?;
        HostKey::new(&*kms, &key, &wrapped, 0)?.write(dir)?;
        crate::files::touch_private(&dir.join("host.db"))?;
        let db = database::open(&dir.join("host.db"), key.expose(), store::HOST, Durability::Full)?;
        let host = Self::assemble(
            dir,
            InUse { service, wrapped_key: wrapped, key_id: kms.key_id(), generation: 0 },
            cost,
            lock,
        )?;
        host.settle_storage(&db)?;
        host.upgrades.host_is_open(&key);
        host.set_opened(Opened { key, db });
        Ok(host)
    }

    /// Opens a host and all its workspaces. With a key service that may be away, what does not get its key stays closed
    /// until [`Host::check_keys`] gets it.
    ///
    /// # Errors
    /// Bad input when there is none, busy when another process has it, and what keys and databases fail with.
    pub fn open_with(dir: &Path, source: &KeySource, cost: Cost, section: &KeySection) -> Result<Self> {
        Self::open_within(dir, source, cost, section, None)
    }

    /// The same for a server, which serves everybody else while the key service of a single workspace is silent: what has not got its
    /// key after a moment gets it from [`Host::check_keys`].
    ///
    /// # Errors
    /// The same.
    pub fn open_to_serve(dir: &Path, source: &KeySource, cost: Cost, section: &KeySection) -> Result<Self> {
        Self::open_within(dir, source, cost, section, Some(AT_START))
    }

    fn open_within(
        dir: &Path,
        source: &KeySource,
        cost: Cost,
        section: &KeySection,
        patience: Option<Duration>,
    ) -> Result<Self> {
        let path = HostKey::path(dir);
        if !path.exists() || !dir.join("host.db").exists() {
            let (kind, why) = if dir.join("host.db").exists() {
                (Kind::KeyMissing, "keys/host.json is missing")
            } else {
                (Kind::BadInput, "it was not made with `init`")
            };
            return Err(Error::new(kind, "There is no host in this folder", why, "check --data, or restore a backup"));
        }
        let lock = lock(dir)?.ok_or_else(busy)?;
        let file = HostKey::read(dir)?;
        let wrapped = file.wrapped()?;
        if source.provider() != file.provider {
            return Err(Error::bad_input(
                "This is not the key service of this host",
                format!(
                    "its keys are guarded by {} ({}), as keys/host.json says, not by {}",
                    file.provider,
                    file.key_id,
                    source.provider()
                ),
                "give the --kms of the service that guards them now",
            ));
        }
        let service = source.service_of(dir, &file.key_id)?;
        let in_use = InUse { service, wrapped_key: wrapped, key_id: file.key_id, generation: file.generation };
        // What `[key]` says is for this service, wherever that was named.
        let section = KeySection { kms: Some(in_use.service.uri.clone()), ..section.clone() };
        let host = Self { section, ..Self::assemble(dir, in_use, cost, lock)? };
        host.open_all(patience)?;
        Ok(host)
    }

    /// The same where no workspace has a key service of its own, or what it wants to see is in the environment.
    ///
    /// # Errors
    /// The same.
    pub fn open(dir: &Path, source: &KeySource, cost: Cost) -> Result<Self> {
        Self::open_with(dir, source, cost, &KeySection::default())
    }

    fn assemble(dir: &Path, in_use: InUse, cost: Cost, lock: File) -> Result<Self> {
        let figures = Arc::new(Figures::new()?);
        let in_use = InUse { service: in_use.service.watched(&figures), ..in_use };
        Ok(Self {
            dir: dir.to_owned(),
            figures,
            in_use: RwLock::new(in_use),
            rotating: Mutex::new(()),
            health: Mutex::default(),
            section: KeySection::default(),
            cache: CACHE,
            opened: Mutex::new(None),
            workspaces: RwLock::default(),
            passwords: Arc::new(Passwords::new(cost)?),
            served: Mutex::new(None),
            limits: Mutex::new(blobs::LIMITS),
            told: Mutex::new(None),
            home: OnceLock::new(),
            index: AtomicBool::new(true),
            base: RwLock::new(None),
            backup_health: Mutex::default(),
            making: Arc::default(),
            upgrades: Upgrades::of(dir),
            _lock: lock,
        })
    }

    fn add(&self, name: String, workspace: Arc<Workspace>) {
        workspace.blobs.set_limits(*self.limits.lock());
        workspace.set_index(self.index.load(Ordering::Relaxed));
        self.place_files(&workspace);
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(name, workspace);
    }

    fn set_opened(&self, opened: Opened) {
        *self.opened.lock() = Some(opened);
    }

    fn db(&self) -> Result<HostDb<'_>> {
        let in_use = database::in_use();
        // Given back before anything else asks for it.
        let opened = MutexGuard::try_map(self.opened.lock(), Option::as_mut).ok();
        match opened {
            Some(opened) => Ok(HostDb { opened, _in_use: in_use }),
            None => Err(self.closed().unwrap_or_else(|| kms::away(NOT_YET))),
        }
    }

    /// Its figures.
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn in_use(&self) -> InUse {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kms(&self) -> Arc<dyn KeyService> {
        self.in_use().service.kms
    }

    /// The key service in use, for what else it is to guard.
    pub(crate) fn key_service(&self) -> Arc<dyn KeyService> {
        self.kms()
    }

    /// The key service in use.
    pub fn provider(&self) -> &'static str {
        self.kms().provider()
    }

    /// How often everything was wrapped anew.
    pub fn generation(&self) -> u64 {
        self.in_use().generation
    }

    /// A workspace by its short name.
    ///
    /// # Errors
    /// Bad input when there is none.
    pub fn workspace(&self, name: &str) -> Result<Arc<Workspace>> {
        self.find(name).ok_or_else(|| match self.closed() {
            Some(why) => why,
            None => Error::bad_input(
                "No such workspace",
                format!("there is no {name} on this host"),
                "see `workspace list`",
            ),
        })
    }

    /// A workspace by its short name.
    pub fn find(&self, name: &str) -> Option<Arc<Workspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All workspaces, by name.
    pub fn workspaces(&self) -> Vec<Arc<Workspace>> {
        self.workspaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Sets how much each workspace may store, those made later included.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.lock() = limits;
        for workspace in self.workspaces() {
            workspace.blobs.set_limits(limits);
        }
    }

    /// What hashes and checks passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Switches the search index of each workspace on or off, those made later included.
    pub fn set_index(&self, on: bool) {
        self.index.store(on, Ordering::Relaxed);
        for workspace in self.workspaces() {
            workspace.set_index(on);
        }
    }

    /// Makes every identity document say what is served now.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn serve_as(&self, served: Served) -> Result<()> {
        *self.served.lock() = Some(served);
        self.refresh_identities().await
    }

    /// Renews what is due: session keys near their end, documents that no longer say what is served. Of a workspace that is
    /// open for the first time, its audit log has from here on that the server was started.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn refresh_identities(&self) -> Result<()> {
        let Some(served) = self.served.lock().clone() else { return Ok(()) };
        for workspace in self.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
            let served = served.clone();
            let refreshed = async {
                let change = workspace.change_identity(move |identity, db, keyring| {
                    Ok((identity.refreshed(db, keyring, &served.tls_keys, served.allow_unbound)?, ()))
                });
                change.await?;
                Ok::<_, Error>(workspace.note_start().await?)
            };
            match refreshed.await {
                // It turned out to be damaged, as the log says, which its neighbours are not.
                Err(_) if !workspace.is_open() => {}
                done => done?,
            }
        }
        Ok(())
    }

    /// When each workspace was made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn oldest(&self) -> Result<Option<Arc<Workspace>>> {
        let name: Option<String> = self
            .db()?
            .query_row("SELECT name FROM workspaces ORDER BY created LIMIT ?1", [signed(1)], |row| row.get(0))
            .optional()?;
        Ok(name.and_then(|name| self.find(&name)))
    }

    /// Closes every workspace.
    pub fn close(self) {
        let workspaces = std::mem::take(&mut *self.workspaces.write().unwrap_or_else(PoisonError::into_inner));
        for workspace in workspaces.into_values() {
            workspace.close();
        }
    }
}

fn busy() -> Error {
    Error::new(
        Kind::Busy,
        "Another process has this data folder",
        "it runs, and does not answer on admin.sock",
        "stop it, or wait until it has ended",
    )
}
