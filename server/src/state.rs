//! One workspace: its keys, its writer and readers, its hub, its identity. Handlers reach the database through
//! [`Workspace::write`] and [`Workspace::read`] alone, and thus through the gate.
//!
//! It is open only while the key service stands by its key. Closed, it holds nothing that came from the key but what is
//! needed to tell people so ([`Face`]), and every call is refused.

mod audit;
mod damage;
mod identity;
mod index;
#[cfg(feature = "test-support")]
mod passing;
mod rotate;
mod wiping;

pub(crate) use damage::pages;
pub(crate) use rotate::wrap_database_key;

use crate::auth::password::Passwords;
use crate::blobs::Blobs;
use crate::error::{Error, Fail, Kind, Result};
use crate::gate::{self, Caller, Permit};
use crate::hub::{Hub, Note};
use crate::identity_keys::{Face, Identity};
use crate::keyring::Keyring;
use crate::kms::own::OwnService;
use crate::kms::watch::Health;
use crate::metrics::Figures;
use crate::store::audit::{self as log, Act, By};
use crate::store::reseal::{self, Progress};
use crate::store::wipes::past::{self, Past};
use crate::store::{self, Counts, Tx, View};
use crate::time::now;
use crate::upgrade::{self, Upgrades};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use thechatapp_database::{Frozen, Readers, Writer};
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::{Code, ErrorBody, FileId, Method, Scope, Timestamp, WorkspaceId};
use thechatapp_seal::Key;

/// Idle reading connections kept open.
const READERS: usize = 4;
/// What each of them, and the writer, keeps opened of the database, in KiB. Every call asks the gate, which looks here and there:
/// with 10,000 people in 5,000 channels at 20 MiB.
const KEPT_OPEN: u32 = 32 * 1024;

/// One workspace, open or closed.
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its short name, as in its address.
    pub name: String,
    /// Its name as people read it.
    pub title: String,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// Checks passwords, a few at a time.
    pub passwords: Arc<Passwords>,
    /// The host's figures.
    pub figures: Arc<Figures>,
    /// The sealed bytes of its files.
    pub blobs: Arc<Blobs>,
    /// What is known of its key.
    pub(crate) health: Mutex<Health>,
    /// Whether its messages are indexed for searching.
    index: Arc<AtomicBool>,
    place: Place,
    /// The wrapped keys that open it.
    keys: Mutex<WrappedKeys>,
    /// What guards them, where that is not the host's key service.
    own: RwLock<Option<OwnService>>,
    /// How far the re-sealing of older values is, while there are some.
    resealing: Mutex<Option<Progress>>,
    resealed: AtomicU64,
    /// Why it does not go on, while it does not.
    not_resealing: Mutex<Option<String>>,
    /// Held by whoever wipes something: one at a time.
    pub(crate) wiping: tokio::sync::Mutex<()>,
    unfinished_wipe: AtomicBool,
    /// Whether the key service is being asked for its key.
    pub(crate) is_asked_for: AtomicBool,
    /// Values that stay under older keys, because they do not open.
    unopened: AtomicU64,
    /// Whether its audit log has that this server was started.
    start_noted: AtomicBool,
    /// What of its data is damaged: then it is closed until the server starts again.
    damaged: OnceLock<String>,
    /// Shared by whoever reads the database's file as it is; taken whole while another takes its place.
    still: Arc<tokio::sync::RwLock<()>>,
    parts: RwLock<Option<Arc<Parts>>>,
    face: Arc<RwLock<Option<Arc<Face>>>>,
    /// The writer's thread, and the lock that lets one open or close at a time.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What is there only while the workspace is open: all that came from its key.
struct Parts {
    keyring: Arc<Keyring>,
    writer: Writer<Note>,
    readers: Readers,
    database_key: RwLock<Key>,
    counts: Arc<Counts>,
    identity: Arc<RwLock<Arc<Identity>>>,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workspace({})", self.id)
    }
}

/// Where a workspace's database is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The workspace.
    pub id: WorkspaceId,
    /// Its short name.
    pub name: String,
    /// Its name as people read it.
    pub title: String,
    /// The database file.
    pub path: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// Who keeps a copy of it before a newer release changes it.
    pub upgrades: Arc<Upgrades>,
}

/// The wrapped keys that open a workspace, as the host keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKeys {
    /// The workspace key, wrapped by the key service.
    pub key: Vec<u8>,
    /// The database key, wrapped by the workspace key.
    pub database_key: Vec<u8>,
    /// The workspace key that is about to follow: which of the two is in use, only the database tells.
    pub coming_key: Option<Vec<u8>>,
    /// The database key, wrapped by the coming workspace key; without such a one, the coming database key.
    pub coming_database_key: Option<Vec<u8>>,
    /// The workspace key's epoch, and when it was made.
    pub epoch: u64,
    /// When it was made.
    pub made: Timestamp,
}

/// What the key service gave for a workspace.
#[derive(Debug)]
pub struct Given {
    /// Its key.
    pub key: Key,
    /// The one that is about to follow, while it is not certain which is in use.
    pub coming: Option<Key>,
}

/// What a backup of the database needs, all of one moment.
#[derive(Debug)]
pub(crate) struct Still {
    /// The workspace key.
    pub key: Key,
    /// The database key.
    pub database_key: Key,
    /// How many messages there are.
    pub messages: u64,
    /// The files that belong to them, and how many sealed bytes each has.
    pub shared: Vec<(FileId, u64)>,
    /// Those of them that have a thumbnail, and how many sealed bytes it has.
    pub thumbnails: Vec<(FileId, u64)>,
    /// What was wiped in it.
    pub wiped: Past,
    /// While it lives, the file stands still.
    pub guard: (Frozen, tokio::sync::OwnedRwLockReadGuard<()>),
}

impl Workspace {
    /// A workspace that is closed still.
    pub fn new(place: Place, keys: WrappedKeys, passwords: Arc<Passwords>, figures: Arc<Figures>) -> Arc<Self> {
        Arc::new(Self {
            id: place.id,
            name: place.name.clone(),
            title: place.title.clone(),
            hub: Arc::new(Hub::new(0)),
            passwords,
            figures,
            blobs: Arc::new(Blobs::of(place.path.parent().unwrap_or(&place.path))),
            health: Mutex::default(),
            index: Arc::new(true.into()),
            place,
            keys: Mutex::new(keys),
            own: RwLock::default(),
            resealing: Mutex::default(),
            resealed: AtomicU64::default(),
            not_resealing: Mutex::default(),
            wiping: tokio::sync::Mutex::default(),
            unfinished_wipe: AtomicBool::default(),
            is_asked_for: AtomicBool::default(),
            unopened: AtomicU64::default(),
            start_noted: AtomicBool::default(),
            damaged: OnceLock::new(),
            still: Arc::default(),
            parts: RwLock::default(),
            face: Arc::default(),
            thread: Mutex::default(),
        })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The wrapped keys that open it.
    pub fn keys(&self) -> WrappedKeys {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_keys(&self, keys: WrappedKeys) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// The key service of its own, where it has one.
    pub(crate) fn own(&self) -> Option<OwnService> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_own(&self, own: Option<OwnService>) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    /// Opens it with its key and starts its writer. Where a rotation was broken off, it shows which key is in use: then
    /// [`Self::keys`] says so from here on, and the host has to store that.
    ///
    /// # Errors
    /// See [`crate::error::Kind`].
    pub fn open(&self, given: &Given) -> Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_open() {
            return Ok(());
        }
        if thread.as_ref().is_some_and(|old| !old.is_finished()) {
            return Err(Error::new(
                Kind::Busy,
                "The workspace does not open yet",
                "calls from before it was closed are still under way",
                "it is tried again by itself",
            ));
        }
        let path = &self.place.path;
        if !path.exists() {
            return Err(Error::new(
                Kind::Corrupt,
                "A workspace's database is missing",
                path.display().to_string(),
                "restore it from a backup",
            ));
        }
        let rotate::Opened { mut db, keyring, database_key, keys, upgraded } =
            rotate::open(&self.place, self.keys(), given)?;
        thechatapp_database::keep_opened(&db, KEPT_OPEN)?;
        let keyring = Arc::new(keyring);
        let mut identity =
            Identity::load(&db, &keyring).map_err(|why| Self::of_its_file(&self.place, &database_key, why))?;
        if upgrade::was_put_back(path) {
            let step = db.transaction()?;
            identity = identity.restored(&step)?;
            let act = Act::new(Class::Backup, log::RESTORED, Target::Workspace).after("before upgrade");
            log::record_in(&step, &keyring, By::HOST, act)?;
            let voided = store::voided::void(&step, now())?;
            tracing::info!(workspace = %self.id, ?voided, "it goes on from a copy: what may have been used since is void");
            step.commit()?;
            upgrade::goes_on(path)?;
        }
        if upgraded {
            let step = db.transaction()?;
            let act = Act::new(Class::Server, "server.upgraded", Target::Workspace).after(env!("CARGO_PKG_VERSION"));
            log::record_in(&step, &keyring, By::SERVER, act)?;
            step.commit()?;
        }
        let read = || Ok::<_, Error>((store::last_change(&db)?, reseal::progress(&db)?, store::wipes::any(&db)?));
        let (last, resealing, wiping) = read().map_err(|why| Self::of_its_file(&self.place, &database_key, why))?;
        self.set_unfinished_wipe(wiping);
        self.hub.go_on(last);
        let (listeners, figures) = (self.hub.clone(), self.figures.clone());
        let (writer, started) = Writer::start_watched(
            db,
            move |notes| listeners.publish(notes),
            move |committed| figures.committed(committed),
        )?;
        *thread = Some(started);
        *self.face.write().unwrap_or_else(PoisonError::into_inner) = Some(identity.face());
        self.set_keys(keys);
        *self.resealing.lock().unwrap_or_else(PoisonError::into_inner) = resealing;
        let parts = Parts {
            keyring,
            writer,
            readers: Readers::with_cache(path.clone(), database_key.expose(), READERS, Some(KEPT_OPEN)),
            database_key: RwLock::new(database_key),
            counts: Arc::new(Counts::new(last, self.index.clone())),
            identity: Arc::new(RwLock::new(Arc::new(identity))),
        };
        *self.parts.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(parts));
        self.place.upgrades.workspace_is_open(&self.name, true);
        Ok(())
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn parts(&self) -> std::result::Result<Arc<Parts>, Fail> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner).clone();
        parts.ok_or_else(|| Fail::Refused(self.closed()))
    }

    /// What a closed workspace answers.
    pub fn closed(&self) -> ErrorBody {
        if let Some(why) = self.damaged() {
            return damage::closed(why);
        }
        let why = self.health.lock().unwrap_or_else(PoisonError::into_inner).last_error();
        closed(&why.unwrap_or_else(|| "its key has not come yet".to_owned()))
    }

    /// Its keys.
    ///
    /// # Errors
    /// When it is closed.
    pub fn keyring(&self) -> std::result::Result<Arc<Keyring>, Fail> {
        Ok(self.parts()?.keyring.clone())
    }

    /// What the network sees of the identity in force, or of the last one before it was closed.
    ///
    /// # Errors
    /// When it was never open since the server started.
    pub fn face(&self) -> std::result::Result<Arc<Face>, Fail> {
        let face = self.face.read().unwrap_or_else(PoisonError::into_inner).clone();
        face.ok_or_else(|| Fail::Refused(self.closed()))
    }

    /// Runs a job of a method's handler in the next transaction, with the gate's permit; answers after the commit.
    ///
    /// # Errors
    /// The gate's refusal, the job's own, or that of the commit.
    pub async fn write<M: Method, T: Send + 'static>(
        &self,
        caller: Caller,
        scope: Scope,
        job: impl FnOnce(&mut Tx<'_>, Permit<M>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        self.unguarded(move |tx| {
            let permit = gate::permit::<M>(tx.view(), caller, scope)?;
            job(tx, permit)
        })
        .await
    }

    /// Runs a query of a method's handler on a reader, with the gate's permit.
    ///
    /// # Errors
    /// The gate's refusal, or the query's own.
    pub async fn read<M: Method, T: Send + 'static>(
        &self,
        caller: Caller,
        scope: Scope,
        query: impl FnOnce(View<'_>, Permit<M>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        self.look(move |view| {
            let permit = gate::permit::<M>(view, caller, scope)?;
            query(view, permit)
        })
        .await
    }

    /// A job of the server itself or of whoever administers its host: no person calls, so no gate decides.
    ///
    /// # Errors
    /// The job's own, or that of the commit.
    pub(crate) async fn unguarded<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let parts = self.parts()?;
        let (keyring, counts) = (parts.keyring.clone(), parts.counts.clone());
        self.noticed(parts.writer.write(move |db, notes| job(&mut Tx::new(db, &keyring, notes, &counts))).await)
    }

    /// How many writes were committed, and in how many transactions.
    pub fn committed(&self) -> (u64, u64) {
        self.parts().map_or((0, 0), |parts| parts.writer.committed())
    }

    /// How many writes wait.
    pub fn waiting(&self) -> u64 {
        self.parts().map_or(0, |parts| parts.writer.waiting())
    }

    /// A query of the server itself.
    ///
    /// # Errors
    /// The query's own.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(View<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let parts = self.parts()?;
        let keyring = parts.keyring.clone();
        let answer = parts
            .readers
            .read(move |db| {
                // One transaction: a query of several statements sees one moment.
                let moment = db.unchecked_transaction()?;
                let answer = query(View { db: &moment, keyring: &keyring });
                moment.finish()?;
                answer
            })
            .await;
        self.noticed(answer)
    }

    /// Makes the database's file stand still, and tells what belongs to it at that moment.
    pub(crate) async fn freeze(&self) -> std::result::Result<Still, Fail> {
        let guard = self.still.clone().read_owned().await;
        let parts = self.parts()?;
        let (own, path) = (parts.clone(), self.place.path.clone());
        // On the writer's thread, so that nothing is written between the one and the other, and no key changes.
        let still = parts
            .writer
            .apart(move |db| {
                let keyring = &own.keyring;
                let database_key = own.database_key.read().unwrap_or_else(PoisonError::into_inner).clone();
                let frozen = thechatapp_database::freeze(db, &path, database_key.expose())?;
                let view = View { db, keyring };
                let (messages, shared) = (store::messages::count(view)?, store::files::shared(view)?);
                let thumbnails = store::files::thumbs::shared(view)?;
                let key = keyring.top();
                let wiped = past::of(view)?;
                Ok(Still { key, database_key, messages, shared, thumbnails, wiped, guard: (frozen, guard) })
            })
            .await;
        self.noticed(still)
    }

    /// Closes it: ends the writer, closes the files. From here on every call is refused, and once those under way are
    /// answered its keys are out of memory.
    pub fn close(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(parts) = self.take_parts() else { return };
        // The writer ends with its last handle; a session that is still closing may hold one for a moment.
        if let (Some(own), Some(thread)) = (Arc::into_inner(parts), thread.take()) {
            drop(own);
            let _ = thread.join();
            self.place.upgrades.workspace_is_open(&self.name, false);
        }
    }
}

/// What is answered while the key service gives no key.
pub fn closed(why: &str) -> ErrorBody {
    ErrorBody::new(
        Code::KeyService,
        "This workspace is closed for now",
        why,
        "it opens by itself once the key service gives its key; tell whoever runs the server",
    )
}
