//! A host and its workspaces.
//!
//! ```text
//! <data>/                 0700, files 0600
//!   host.lock             held by the one process that has the data open
//!   admin.sock            while the server runs: where commands reach it
//!   keys/local.json       the local key service's key, sealed by a passphrase
//!   keys/host.json        the key of host.db, wrapped by the key service
//!   host.db               workspaces with their wrapped keys; facts
//!   <workspace>/workspace.db
//! ```
//!
//! The key of `host.db` cannot lie in it, so it has a small file of its own; every other wrapped key is in a sealed database.

use crate::auth::password::{Cost, Passwords};
use crate::error::{Error, Fail, Kind, Result};
use crate::files;
use crate::identity_keys::{Identity, Successor};
use crate::keyring::Keyring;
use crate::state::{Place, Workspace};
use crate::store::{self, Counts, Tx, invites, signed};
use crate::time::now;
use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use thechatapp_database::{self as database, Durability};
use thechatapp_protocol::identity::{Invite, Pin, make_code};
use thechatapp_protocol::permission::Powers;
use thechatapp_protocol::{ChannelId, Timestamp, WorkspaceId};
use thechatapp_seal::{Context, Key, KeyService, LocalKeyService, WrapContext, open, seal, unwrap, wrap};
use zeroize::Zeroizing;

/// What a host's own key is wrapped for.
const HOST: &str = "host";
/// The channel that everybody is in.
const GENERAL: &str = "general";
/// How long the first owner's invite is good for.
const OWNER_INVITE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What opens a host's keys.
pub enum KeySource {
    /// The local key service: a key file, by default the host's own, and its passphrase.
    Local {
        /// Another key file than `keys/local.json`.
        file: Option<PathBuf>,
        /// Its passphrase.
        passphrase: Zeroizing<String>,
    },
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource::Local")
    }
}

impl KeySource {
    fn path(&self, data: &Path) -> PathBuf {
        let Self::Local { file, .. } = self;
        file.clone().unwrap_or_else(|| data.join("keys").join("local.json"))
    }

    fn create(&self, data: &Path) -> Result<Box<dyn KeyService>> {
        let Self::Local { passphrase, .. } = self;
        Ok(Box::new(LocalKeyService::create(&self.path(data), passphrase.as_bytes())?))
    }

    fn open(&self, data: &Path) -> Result<Box<dyn KeyService>> {
        let Self::Local { passphrase, .. } = self;
        Ok(Box::new(LocalKeyService::open(&self.path(data), passphrase.as_bytes())?))
    }
}

#[derive(Serialize, Deserialize)]
struct HostKey {
    provider: String,
    key_id: String,
    wrapped: String,
}

/// What the server shows to the network, and what identity documents must say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// SHA-256 of the TLS public keys.
    pub tls_keys: Vec<[u8; 32]>,
    /// Whether sessions may come without a binding to TLS.
    pub allow_unbound: bool,
}

/// What is known of a new workspace.
#[derive(Debug)]
pub struct Made {
    /// Its short name.
    pub workspace: String,
    /// Its root's fingerprint.
    pub pin: Pin,
    /// The owner's invite.
    pub invite: String,
    /// The root that may follow, to be kept offline.
    pub successor: Successor,
}

/// An open host. One process at a time has it.
pub struct Host {
    dir: PathBuf,
    kms: Box<dyn KeyService>,
    key: Key,
    db: Mutex<Connection>,
    workspaces: RwLock<BTreeMap<String, Arc<Workspace>>>,
    passwords: Arc<Passwords>,
    served: Mutex<Option<Served>>,
    base: RwLock<Option<String>>,
    _lock: File,
}

/// `host.db`, used directly: it is small, and asked rarely.
struct HostDb<'a> {
    db: MutexGuard<'a, Connection>,
    _in_use: database::InUse,
}

impl Deref for HostDb<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
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
    files::touch_private(&path)?;
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
        for file in ["host.db", "host.db-wal", "host.db-shm", "host.lock"] {
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
        files::private_folder(dir)?;
        let lock = lock(dir)?.ok_or_else(busy)?;
        files::private_folder(&dir.join("keys"))?;
        let kms = source.create(dir)?;
        let key = Key::random()?;
        let file = HostKey {
            provider: kms.provider().to_owned(),
            key_id: kms.key_id(),
            wrapped: HEXLOWER.encode(&kms.wrap(&WrapContext::new(HOST), &key)?),
        };
        let text = serde_json::to_vec(&file).map_err(|why| Error::internal("A key file could not be written", why))?;
        files::write_private(&dir.join("keys").join("host.json"), &text)?;
        files::touch_private(&dir.join("host.db"))?;
        let db = database::open(&dir.join("host.db"), key.expose(), store::HOST, Durability::Full)?;
        Self::assemble(dir, kms, key, db, cost, lock)
    }

    /// Opens a host and all its workspaces.
    ///
    /// # Errors
    /// Bad input when there is none, busy when another process has it, and what keys and databases fail with.
    pub fn open(dir: &Path, source: &KeySource, cost: Cost) -> Result<Self> {
        let path = dir.join("keys").join("host.json");
        if !path.exists() || !dir.join("host.db").exists() {
            let (kind, why) = if dir.join("host.db").exists() {
                (Kind::KeyMissing, "keys/host.json is missing")
            } else {
                (Kind::BadInput, "it was not made with `init`")
            };
            return Err(Error::new(kind, "There is no host in this folder", why, "check --data, or restore a backup"));
        }
        let lock = lock(dir)?.ok_or_else(busy)?;
        let damaged =
            || Error::new(Kind::Corrupt, "A key file is damaged", "keys/host.json", "restore it from a backup");
        let file: HostKey = serde_json::from_slice(&std::fs::read(&path)?).map_err(|_| damaged())?;
        let wrapped = HEXLOWER.decode(file.wrapped.as_bytes()).map_err(|_| damaged())?;
        let kms = source.open(dir)?;
        let key = kms.unwrap(&WrapContext::new(HOST), &wrapped)?;
        let db = database::open(&dir.join("host.db"), key.expose(), store::HOST, Durability::Full)?;
        let host = Self::assemble(dir, kms, key, db, cost, lock)?;
        host.open_workspaces()?;
        Ok(host)
    }

    fn assemble(
        dir: &Path,
        kms: Box<dyn KeyService>,
        key: Key,
        db: Connection,
        cost: Cost,
        lock: File,
    ) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            kms,
            key,
            db: Mutex::new(db),
            workspaces: RwLock::default(),
            passwords: Arc::new(Passwords::new(cost)?),
            served: Mutex::new(None),
            base: RwLock::new(None),
            _lock: lock,
        })
    }

    fn open_workspaces(&self) -> Result<()> {
        let places = {
            let db = self.db();
            let mut statement = db.prepare("SELECT id, name, title, wrapped_key, database_key FROM workspaces")?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            rows.collect::<std::result::Result<Vec<(_, String, String, Vec<u8>, Vec<u8>)>, _>>()?
        };
        for (id, name, title, wrapped, wrapped_database) in places {
            let id = WorkspaceId::from_bytes(id);
            let key = self.kms.unwrap(&WrapContext::new(id.to_string()), &wrapped)?;
            let database_key = unwrap(&key, "database", id.as_bytes(), 0, &wrapped_database)?;
            let path = self.dir.join(&name).join("workspace.db");
            if !path.exists() {
                return Err(Error::new(
                    Kind::Corrupt,
                    "A workspace's database is missing",
                    path.display().to_string(),
                    "restore it from a backup",
                ));
            }
            let workspace = Workspace::open(
                Place { id, name: name.clone(), title, path, key, database_key },
                self.passwords.clone(),
            )?;
            self.add(name, workspace);
        }
        Ok(())
    }

    fn add(&self, name: String, workspace: Arc<Workspace>) {
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).insert(name, workspace);
    }

    fn db(&self) -> HostDb<'_> {
        let in_use = database::in_use();
        HostDb { db: self.db.lock().unwrap_or_else(PoisonError::into_inner), _in_use: in_use }
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The key service in use.
    pub fn provider(&self) -> &'static str {
        self.kms.provider()
    }

    /// A workspace by its short name.
    ///
    /// # Errors
    /// Bad input when there is none.
    pub fn workspace(&self, name: &str) -> Result<Arc<Workspace>> {
        self.find(name).ok_or_else(|| {
            Error::bad_input("No such workspace", format!("there is no {name} on this host"), "see `workspace list`")
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

    /// Makes a workspace with its channel for everybody, and an owner's invite.
    ///
    /// # Errors
    /// Bad input for a name that is taken or cannot stand in an address.
    pub fn create_workspace(&self, title: &str, tls_keys: Vec<[u8; 32]>) -> Result<Made> {
        let title = title.trim();
        let name = short_name(title)?;
        if self.find(&name).is_some() || self.dir.join(&name).exists() {
            return Err(Error::bad_input("This workspace exists", format!("{name} is taken"), "choose another name"));
        }
        let (top, database_key) = (Key::random()?, Key::random()?);
        let id = WorkspaceId::from_parts(now().unix_millis(), &random()?);
        let wrapped = self.kms.wrap(&WrapContext::new(id.to_string()), &top)?;
        let wrapped_database = wrap(&top, "database", id.as_bytes(), 0, &database_key)?;
        let folder = self.dir.join(&name);
        files::private_folder(&folder)?;
        let path = folder.join("workspace.db");
        files::touch_private(&path)?;
        let code = make_code()?;
        let (pin, successor) = {
            let _in_use = database::in_use();
            let mut db = database::open(&path, database_key.expose(), store::WORKSPACE, Durability::Full)?;
            let step = db.transaction()?;
            Keyring::create(&step, id, &top)?;
            let keyring = Keyring::load(&step, id, top.clone())?;
            let tls_keys = match &*self.served.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(served) => served.tls_keys.clone(),
                None => tls_keys,
            };
            let (identity, successor) = Identity::create(&step, &keyring, (&name, title), tls_keys)?;
            let counts = Counts::new(0);
            let mut notes = Vec::new();
            let mut tx = Tx::new(&step, &keyring, &mut notes, &counts);
            let general = ChannelId::from_parts(now().unix_millis(), &random()?);
            store::channels::create(
                &mut tx,
                general,
                GENERAL,
                thechatapp_protocol::event::ChannelKind::Public,
                None,
                true,
            )?;
            let expires = Timestamp(now().0 + i64::try_from(OWNER_INVITE.as_millis()).unwrap_or(0));
            invites::insert(&step, &code, Powers::ALL, 1, expires)?;
            step.commit()?;
            (identity.pin(), successor)
        };
        // Only with this row does the workspace exist.
        self.db().execute(
            "INSERT INTO workspaces (id, name, title, provider, key_id, wrapped_key, database_key, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (id.as_bytes(), &name, title, self.kms.provider(), self.kms.key_id(), wrapped, wrapped_database, now().0),
        )?;
        let place = Place { id, name: name.clone(), title: title.to_owned(), path, key: top, database_key };
        self.add(name.clone(), Workspace::open(place, self.passwords.clone())?);
        let invite = Invite { base: self.base_url()?, workspace: name.clone(), pin, code }.to_string();
        Ok(Made { workspace: name, pin, invite, successor })
    }

    /// Destroys a workspace: its wrapped keys first, then its files.
    ///
    /// # Errors
    /// Bad input when there is none.
    pub fn wipe_workspace(&self, name: &str) -> Result<()> {
        let workspace = self.workspace(name)?;
        {
            let db = self.db();
            db.execute("DELETE FROM workspaces WHERE name = ?1", [name])?;
            // The keys are gone from the file only once the WAL is.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        workspace.close();
        std::fs::remove_dir_all(self.dir.join(name))?;
        Ok(())
    }

    /// A new invite.
    ///
    /// # Errors
    /// Bad input when there is no such workspace.
    pub async fn invite(&self, name: &str, uses: u32, lasts: Duration) -> Result<String> {
        let workspace = self.workspace(name)?;
        let code = make_code()?;
        let expires = Timestamp(now().0.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)));
        let kept = code.clone();
        workspace.unguarded(move |tx| invites::insert(tx.db, &kept, Powers::NONE, uses, expires)).await?;
        let pin = workspace.identity().pin();
        Ok(Invite { base: self.base_url()?, workspace: name.to_owned(), pin, code }.to_string())
    }

    /// The address in invites: the one configured or served now, else the one last served.
    ///
    /// # Errors
    /// When the database fails.
    pub fn base_url(&self) -> Result<String> {
        if let Some(base) = self.base.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(base);
        }
        let last = self.fact("base_url")?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(last.unwrap_or_else(|| "https://localhost:8443".to_owned()))
    }

    /// Sets the address, and remembers it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_base_url(&self, base: &str) -> Result<()> {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Some(base.to_owned());
        self.set_fact("base_url", base.as_bytes())
    }

    /// Makes every identity document say what is served now.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn serve_as(&self, served: Served) -> Result<()> {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
        self.refresh_identities().await
    }

    /// Renews what is due: session keys near their end, documents that no longer say what is served.
    ///
    /// # Errors
    /// When a database fails.
    pub async fn refresh_identities(&self) -> Result<()> {
        let Some(served) = self.served.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        for workspace in self.workspaces() {
            let served = served.clone();
            workspace
                .change_identity(move |identity, db, keyring| {
                    Ok((identity.refreshed(db, keyring, &served.tls_keys, served.allow_unbound)?, ()))
                })
                .await?;
        }
        Ok(())
    }

    /// The TLS key this host made for itself, PKCS #8; made when there is none.
    ///
    /// # Errors
    /// When the database fails, or the key does not open.
    pub fn tls_key(&self) -> Result<Zeroizing<Vec<u8>>> {
        let context = Context::new("host").part(b"tls key");
        if let Some(sealed) = self.fact("tls_key")? {
            return Ok(open(&self.key, &context, &sealed)?);
        }
        let made = rcgen::KeyPair::generate().map_err(|why| Error::internal("No TLS key could be made", why))?;
        let der = Zeroizing::new(made.serialize_der());
        self.set_fact("tls_key", &seal(&self.key, &context, &der)?)?;
        Ok(der)
    }

    /// Forgets the TLS key this host made for itself, so that the next start makes another.
    ///
    /// # Errors
    /// When the database fails.
    pub fn drop_tls_key(&self) -> Result<()> {
        self.db().execute("DELETE FROM facts WHERE name = 'tls_key'", [])?;
        Ok(())
    }

    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.db().query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0)).optional()?)
    }

    fn set_fact(&self, name: &str, value: &[u8]) -> Result<()> {
        if self.fact(name)?.as_deref() != Some(value) {
            self.db().execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                (name, value),
            )?;
        }
        Ok(())
    }

    /// Checks every page of the host database and of each workspace; what is wrong, if anything.
    ///
    /// # Errors
    /// When a check cannot run.
    pub async fn check(&self) -> Result<Vec<(String, std::result::Result<u64, String>)>> {
        let mut report =
            vec![("host".to_owned(), database::check(&self.db()).map(|()| 0).map_err(|why| why.to_string()))];
        for workspace in self.workspaces() {
            let checked = workspace
                .look(|view| {
                    database::check(view.db)?;
                    Ok(view.db.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0))?)
                })
                .await;
            let checked = match checked {
                Ok(messages) => Ok(store::unsigned(messages)),
                Err(Fail::Database(why)) => Err(why.to_string()),
                Err(other) => return Err(other.into()),
            };
            report.push((workspace.name.clone(), checked));
        }
        Ok(report)
    }

    /// When each workspace was made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn oldest(&self) -> Result<Option<Arc<Workspace>>> {
        let name: Option<String> = self
            .db()
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

/// A workspace's name as it stands in addresses: lower-case letters, digits and inner hyphens, at most 40.
pub(crate) fn short_name(title: &str) -> Result<String> {
    let name = title.to_lowercase();
    let fits = !name.is_empty()
        && name.len() <= 40
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    // Names of this host's own files.
    if !fits || name == "keys" {
        return Err(Error::bad_input(
            "This name cannot be a workspace's",
            "it stands in addresses: letters, digits and hyphens, at most 40",
            "choose another name",
        ));
    }
    Ok(name)
}

fn random() -> Result<[u8; 10]> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    Ok(bytes)
}
