//! One open workspace: its keys, its writer and readers, its hub, its identity. Handlers reach the database through
//! [`Workspace::write`] and [`Workspace::read`] alone, and thus through the gate.

use crate::auth::password::Passwords;
use crate::blobs::Blobs;
use crate::error::{Fail, Result};
use crate::gate::{self, Caller, Permit};
use crate::hub::{Hub, Note};
use crate::identity_keys::Identity;
use crate::keyring::Keyring;
use crate::store::{self, Counts, Tx, View};
use crate::time::now;
use rusqlite::Connection;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use thechatapp_database::{Durability, Frozen, Readers, Writer};
use thechatapp_protocol::{FileId, Method, Scope, Timestamp, WorkspaceId};
use thechatapp_seal::Key;

/// Idle reading connections kept open.
const READERS: usize = 4;

/// Steps of indexing for one workspace before it is another's turn.
const INDEX_STEPS: usize = 32;

/// An upload that nobody went on with for so long, or a file that no message took, is removed.
const LEFT_ALONE: Duration = Duration::from_secs(24 * 60 * 60);
/// Files removed in one step.
const FILES_AT_ONCE: u32 = 200;

/// One open workspace.
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its short name, as in its address.
    pub name: String,
    /// Its name as people read it.
    pub title: String,
    /// Its database file.
    pub path: PathBuf,
    /// Its keys.
    pub keyring: Arc<Keyring>,
    /// Who listens.
    pub hub: Arc<Hub>,
    /// Checks passwords, a few at a time.
    pub passwords: Arc<Passwords>,
    /// The sealed bytes of its files.
    pub blobs: Blobs,
    writer: Writer<Note>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Readers,
    counts: Arc<Counts>,
    identity: Arc<RwLock<Arc<Identity>>>,
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workspace({})", self.id)
    }
}

/// Where a workspace's database is, and what opens it.
#[derive(Debug)]
pub struct Place {
    /// The workspace.
    pub id: WorkspaceId,
    /// Its short name.
    pub name: String,
    /// Its name as people read it.
    pub title: String,
    /// The database file.
    pub path: PathBuf,
    /// The workspace key.
    pub key: Key,
    /// The database key.
    pub database_key: Key,
}

impl Workspace {
    /// Opens a workspace and starts its writer.
    ///
    /// # Errors
    /// See [`crate::error::Kind`].
    pub fn open(place: Place, passwords: Arc<Passwords>) -> Result<Arc<Self>> {
        let db =
            thechatapp_database::open(&place.path, place.database_key.expose(), store::WORKSPACE, Durability::Full)?;
        let blobs = Blobs::new(place.path.parent().unwrap_or(&place.path))?;
        let keyring = Arc::new(Keyring::load(&db, place.id, place.key)?);
        let identity = Identity::load(&db, &keyring)?;
        let last = store::last_change(&db)?;
        let hub = Arc::new(Hub::new(last));
        let listeners = hub.clone();
        let (writer, thread) = Writer::start(db, move |notes| listeners.publish(notes))?;
        Ok(Arc::new(Self {
            id: place.id,
            name: place.name,
            title: place.title,
            path: place.path.clone(),
            keyring,
            hub,
            passwords,
            blobs,
            writer,
            thread: Mutex::new(Some(thread)),
            readers: Readers::new(place.path, place.database_key.expose(), READERS),
            counts: Arc::new(Counts::new(last)),
            identity: Arc::new(RwLock::new(Arc::new(identity))),
        }))
    }

    /// The identity in force.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
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
        let (keyring, counts) = (self.keyring.clone(), self.counts.clone());
        self.writer.write(move |db, notes| job(&mut Tx::new(db, &keyring, notes, &counts))).await
    }

    /// How many writes were committed, and in how many transactions.
    pub fn committed(&self) -> (u64, u64) {
        self.writer.committed()
    }

    /// Takes messages into the search index, at most so many times some. Returns whether it has all of them now.
    pub(crate) async fn index(&self, steps: usize) -> std::result::Result<bool, Fail> {
        for _ in 0..steps {
            let coming = self.look(store::search::coming).await?;
            if coming.is_empty() {
                return Ok(true);
            }
            self.unguarded(move |tx| store::search::take(tx, &coming)).await?;
        }
        Ok(false)
    }

    /// The same in the background, when there may be something to take in.
    pub(crate) async fn index_what_came(&self) -> std::result::Result<(), Fail> {
        if self.counts.take_unindexed() && !self.index(INDEX_STEPS).await? {
            self.counts.index_again();
        }
        Ok(())
    }

    /// Bytes of files that were removed, or that nobody went on with, leave the disk.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub async fn sweep_files(self: &Arc<Self>) -> std::result::Result<(), Fail> {
        loop {
            let since = Timestamp(now().0 - i64::try_from(LEFT_ALONE.as_millis()).unwrap_or(i64::MAX));
            let left = self.unguarded(move |tx| store::files::left_over(tx, since, FILES_AT_ONCE)).await?;
            let all = left.len() < FILES_AT_ONCE as usize;
            let (own, gone) = (self.clone(), left.clone());
            tokio::task::spawn_blocking(move || own.blobs.delete(&gone))
                .await
                .map_err(|_| Fail::Broken("the removal of files ended"))??;
            self.unguarded(move |tx| store::files::gone(tx, &left)).await?;
            if all {
                return Ok(());
            }
        }
    }

    /// Tokens of what was removed leave the search index, in steps that let others write in between.
    pub(crate) async fn tidy(&self) -> std::result::Result<(), Fail> {
        if self.counts.take_untidy() {
            let mut first = true;
            while self.unguarded(move |tx| store::search::tidy(tx, first)).await? {
                first = false;
            }
        }
        Ok(())
    }

    /// A query of the server itself.
    ///
    /// # Errors
    /// The query's own.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(View<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> std::result::Result<T, Fail> {
        let keyring = self.keyring.clone();
        self.readers
            .read(move |db| {
                // One transaction: a query of several statements sees one moment.
                let moment = db.unchecked_transaction()?;
                let answer = query(View { db: &moment, keyring: &keyring });
                moment.finish()?;
                answer
            })
            .await
    }

    /// Makes the database's file stand still, and tells how many messages it has and which shared files belong to them.
    pub(crate) async fn freeze(&self, key: Key) -> std::result::Result<(Frozen, u64, Vec<FileId>), Fail> {
        let (keyring, path) = (self.keyring.clone(), self.path.clone());
        // On the writer's thread, so that nothing is written between the one and the other.
        self.writer
            .apart(move |db| {
                let frozen = thechatapp_database::freeze(db, &path, key.expose())?;
                let view = View { db, keyring: &keyring };
                Ok((frozen, store::messages::count(view)?, store::files::shared(view)?))
            })
            .await
    }

    /// Changes the identity in one transaction; what `change` answers is served from its commit on.
    ///
    /// # Errors
    /// The change's own, or that of the commit.
    pub(crate) async fn change_identity<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Identity, &Connection, &Keyring) -> Result<(Option<Identity>, T)> + Send + 'static,
    ) -> Result<T> {
        let (identity, keyring) = (self.identity.clone(), self.keyring.clone());
        // Read and replaced on the writer's thread: of two changes at once the second builds on the first.
        self.writer
            .apart(move |db| -> Result<_> {
                let current = identity.read().unwrap_or_else(PoisonError::into_inner).clone();
                let step = db.transaction()?;
                let (next, answer) = change(&current, &step, &keyring)?;
                step.commit()?;
                if let Some(next) = next {
                    *identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                }
                Ok(answer)
            })
            .await
    }

    /// Ends the writer and closes the files. Whoever still holds the workspace gets "closed".
    pub fn close(self: Arc<Self>) {
        self.readers.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The writer ends with its last handle; a session that is still closing may hold one for a moment.
        if let (Some(own), Some(thread)) = (Arc::into_inner(self), thread) {
            drop(own);
            let _ = thread.join();
        }
    }
}
