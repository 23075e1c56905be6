//! What exists on this device only and can be fetched from nowhere: accounts with their device keys, the identities that
//! are trusted, what waits to be sent, drafts, read marks on their way. And which channels one is in, should a damaged cache not tell.
//!
//! Every commit is on the disk before anything is answered; the whole file is checked when it is opened; and a last good
//! copy, sealed under the same key, stands beside it. A damaged file is never replaced without being asked to.

mod accounts;
mod audit;
mod downloads;
mod drafts;
mod listed;
mod network;
mod outbox;
mod schema;
mod uploads;

use crate::error::{Error, Result};
use crate::fault::{self, first_damage, note_damage};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use thechatapp_database::{self as database, Durability, Form, Readers, Rekey, Writer};
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::Key;
use tokio::sync::watch;

pub(crate) use accounts::Account;
pub(crate) use drafts::{DraftPlace, DraftState, Earlier, Saved};
pub(crate) use listed::Listed;
pub(crate) use outbox::Waiting;
pub(crate) use uploads::{Source, Upload};

const READERS: usize = 2;

/// The open `local.db`.
pub(crate) struct Local {
    writer: Writer<()>,
    thread: JoinHandle<()>,
    readers: Readers,
    path: PathBuf,
    key: Arc<RwLock<Key>>,
    /// Seals the keys of accounts once more.
    parent: Key,
    changed: Arc<AtomicBool>,
    /// The first sign that the file is damaged.
    damage: watch::Sender<Option<Error>>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The choice that says that the server has to tell a workspace's drafts once more.
pub(crate) fn drafts_behind(workspace: WorkspaceId) -> String {
    format!("drafts_behind {workspace}")
}

/// Where the last good copy of a `local.db` stands.
pub(crate) fn good_path(path: &Path) -> PathBuf {
    path.with_extension("db.good")
}

impl Local {
    /// Opens the file and checks all of it. `fresh` says that this profile has just been made, so that a missing file
    /// is no loss; otherwise it is [`Error::Corrupt`]. `parent` seals the keys inside it.
    pub(crate) async fn open(path: &Path, key: Key, parent: Key, fresh: bool) -> Result<Self> {
        let path = path.to_owned();
        if !fresh && !path.exists() {
            return Err(Error::Corrupt { file: file_name(&path), why: "it is missing".into() });
        }
        let opened = tokio::task::spawn_blocking(move || {
            let open = || {
                let db = database::open_formed(&path, key.expose(), schema::LOCAL, Durability::Full, Form::quickest())?;
                database::check(&db)?;
                let readers = Readers::of_form(path.clone(), key.expose(), READERS, Form::of(&db)?);
                Ok((Writer::start(db, |_| {})?, readers))
            };
            match open() {
                Ok(((writer, thread), readers)) => {
                    let key = Arc::new(RwLock::new(key));
                    let (changed, damage) = (Arc::new(AtomicBool::new(true)), watch::Sender::new(None));
                    Ok(Self { writer, thread, readers, path, key, parent, changed, damage })
                }
                Err(why) => Err((path, why)),
            }
        })
        .await
        .map_err(fault::internal)?;
        let local = opened.map_err(|(path, why)| fault::database(&path, why))?;
        // While the caches open.
        local.readers.warm_up();
        Ok(local)
    }

    /// Puts the last good copy in the place of a file that was set aside.
    pub(crate) async fn restore_good(path: &Path) -> Result<bool> {
        let (from, to) = (good_path(path), path.to_owned());
        tokio::task::spawn_blocking(move || {
            if !from.exists() {
                return Ok(false);
            }
            let full = |why: std::io::Error| Error::DiskFull { why: why.to_string() };
            // Copied under another name first: a name that stands must stand for a whole file.
            let fresh = to.with_extension("db.restored");
            std::fs::copy(&from, &fresh).map_err(full)?;
            database::sync_file(&fresh).map_err(full)?;
            std::fs::rename(&fresh, &to).map_err(full)?;
            Ok(true)
        })
        .await
        .map_err(fault::internal)?
    }

    /// Makes the last good copy anew, when something changed since the last one.
    pub(crate) async fn keep_good(&self) -> Result<()> {
        let (to, key, changed) = (good_path(&self.path), Arc::clone(&self.key), Arc::clone(&self.changed));
        self.apart(move |db| {
            if changed.load(Ordering::SeqCst) {
                let key = key.read().unwrap_or_else(PoisonError::into_inner).clone();
                database::backup(db, &to, key.expose())?;
                changed.store(false, Ordering::SeqCst);
            }
            Ok(())
        })
        .await
    }

    /// Puts a copy under another key in the file's place, and makes the last good copy anew.
    pub(crate) async fn rekey(&self, next: Key) -> Result<()> {
        let (path, key, readers) = (self.path.clone(), Arc::clone(&self.key), self.readers.clone());
        let changed = Arc::clone(&self.changed);
        self.apart(move |db| {
            let former = key.read().unwrap_or_else(PoisonError::into_inner).clone();
            database::rekey(
                db,
                &readers,
                &Rekey {
                    path: &path,
                    fresh: &path.with_extension("db.rekeyed"),
                    former: former.expose(),
                    next: next.expose(),
                    form: Form::quickest(),
                    schema: schema::LOCAL,
                    durability: Durability::Full,
                },
            )?;
            *key.write().unwrap_or_else(PoisonError::into_inner) = next;
            changed.store(true, Ordering::SeqCst);
            Ok(())
        })
        .await?;
        self.keep_good().await
    }

    /// Writes the log into the file.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.apart(|db| {
            database::flush(db)?;
            Ok(())
        })
        .await
    }

    /// Keeps a good copy, writes everything out, closes the file.
    pub(crate) async fn close(self) -> Result<()> {
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || readers.end()).await.map_err(fault::internal)?;
        let kept = self.keep_good().await;
        let flushed = self.flush().await;
        drop(self.writer);
        let thread = self.thread;
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .map_err(fault::internal)?
            .map_err(|_| fault::internal("a database thread ended badly"))?;
        kept.and(flushed)
    }

    /// Every page of the file, every row, and every index with its rows.
    pub(crate) async fn check(&self) -> Result<()> {
        self.read(database::check_whole).await
    }

    /// How the file turned out to be damaged since it was opened, if it did.
    pub(crate) fn damage(&self) -> Option<Error> {
        self.damage.borrow().clone()
    }

    /// Waits until anything that reads or writes finds the file damaged.
    pub(crate) fn damaged(&self) -> impl Future<Output = Error> + Send + use<> {
        first_damage(&self.damage)
    }

    fn fault(&self, why: database::Error) -> Error {
        let error = fault::database(&self.path, why);
        note_damage(&self.damage, &error);
        error
    }

    /// What SQLCipher says of itself.
    pub(crate) async fn cipher(&self) -> Result<String> {
        self.read(|db| Ok(db.query_row("PRAGMA cipher_version", [], |row| row.get(0))?)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(query).await.map_err(|why| self.fault(why))
    }

    /// Reads here and now: for what is small and on the way of everything shown, where another thread costs more than the question.
    fn peek<T>(&self, query: impl FnOnce(&Connection) -> Result<T, database::Error>) -> Result<T> {
        self.readers.read_here(query).map_err(|why| self.fault(why))
    }

    /// Reads by the writer's connection, which is open anyway: for what is small and asked when a profile is opened.
    async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        self.apart(move |db| query(db)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        // Marked on the writer's thread: a copy that is made before this job is not taken for one that has it.
        let changed = Arc::clone(&self.changed);
        let job = move |db: &Connection| {
            changed.store(true, Ordering::SeqCst);
            job(db)
        };
        self.writer.write(move |db, _| job(db)).await.map_err(|why| self.fault(why))
    }

    async fn apart<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        self.writer.apart(job).await.map_err(|why| self.fault(why))
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Local {
    /// As a newer release leaves it.
    pub(crate) async fn make_newer(&self) -> Result<()> {
        self.apart(|db| Ok(db.pragma_update(None, "user_version", schema::LOCAL.len() as i64 + 1)?)).await
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
pub(crate) mod tests;
