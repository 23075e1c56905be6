//! A pool of reading connections. A query runs on the runtime's blocking threads with a connection of its own, so
//! readers wait neither for the writer nor for each other.

use crate::open::open_reader_of;
use crate::{Error, Form, Running, in_use, keep_opened};
use parking_lot::{RwLock, RwLockWriteGuard};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

struct Pool {
    path: PathBuf,
    key: Mutex<Arc<Zeroizing<[u8; 32]>>>,
    /// What the file's is taken for, until one opened.
    form: Mutex<Form>,
    /// Shared by every query; taken whole while another file takes the database's place.
    paused: RwLock<()>,
    /// What runs now; once ended, no query will any more.
    running: Running,
    idle: Mutex<Vec<Connection>>,
    keep: usize,
    /// How much of the file each connection keeps opened, in KiB; SQLite's own measure without.
    cache: Option<u32>,
    /// Nobody writes to it any more.
    is_former: bool,
}

impl Pool {
    fn new(path: PathBuf, key: &[u8; 32], keep: usize, cache: Option<u32>) -> Self {
        Self {
            path,
            key: Mutex::new(Arc::new(Zeroizing::new(*key))),
            form: Mutex::default(),
            paused: RwLock::new(()),
            running: Running::default(),
            idle: Mutex::new(Vec::new()),
            keep,
            cache,
            is_former: false,
        }
    }

    fn close(&self) {
        let _in_use = in_use();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// While it lives, no query runs and no connection is open.
pub(crate) struct Paused<'a> {
    pool: &'a Pool,
    _pause: RwLockWriteGuard<'a, ()>,
}

impl Paused<'_> {
    /// The database is under another key, and in this form, from here on.
    pub(crate) fn go_on_with(self, key: &[u8; 32], form: Form) {
        *self.pool.key.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Zeroizing::new(*key));
        *self.pool.form.lock().unwrap_or_else(PoisonError::into_inner) = form;
    }
}

/// A handle to the readers of one database.
#[derive(Clone)]
pub struct Readers(Arc<Pool>);

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readers(..)")
    }
}

impl Readers {
    /// Readers of a file that a writer has open. At most `keep` idle connections stay open.
    pub fn new(path: PathBuf, key: &[u8; 32], keep: usize) -> Self {
        Self::with_cache(path, key, keep, None)
    }

    /// The same, of a file that has this form. A form that it turns out not to have costs the first query a look.
    pub fn of_form(path: PathBuf, key: &[u8; 32], keep: usize, form: Form) -> Self {
        let mut pool = Pool::new(path, key, keep, None);
        pool.form = Mutex::new(form);
        Self(Arc::new(pool))
    }

    /// The same, each connection keeping so many KiB of the file opened: what it does not keep is deciphered again.
    pub fn with_cache(path: PathBuf, key: &[u8; 32], keep: usize, cache: Option<u32>) -> Self {
        Self(Arc::new(Pool::new(path, key, keep, cache)))
    }

    /// Readers of a file that nobody writes to: whoever closes it last leaves its log as it is, too.
    pub fn of_former(path: PathBuf, key: &[u8; 32], keep: usize) -> Self {
        let mut pool = Pool::new(path, key, keep, None);
        pool.is_former = true;
        Self(Arc::new(pool))
    }

    /// Runs a query on a blocking thread.
    ///
    /// # Errors
    /// The query's own, or that of opening a connection.
    pub async fn read<T, E>(&self, query: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let pool = self.clone();
        tokio::task::spawn_blocking(move || pool.read_here(query)).await.map_err(|why| match why.is_panic() {
            true => Error::Failed("a query ended badly".into()),
            // The runtime ends.
            false => Error::Closed,
        })?
    }

    /// Opens a connection in the background, so that the first query finds one. What fails is told to that query.
    pub fn warm_up(&self) {
        let pool = self.clone();
        tokio::task::spawn_blocking(move || pool.read_here(|_| Ok::<_, Error>(())));
    }

    /// Runs a query on this thread.
    ///
    /// # Errors
    /// The query's own, or that of opening a connection.
    pub fn read_here<T, E: From<Error>>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let _in_use = in_use();
        let _going_on = self.0.paused.read();
        if self.0.running.has_ended() {
            return Err(Error::Closed.into());
        }
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => {
                let key = self.0.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let form = *self.0.form.lock().unwrap_or_else(PoisonError::into_inner);
                let (db, form) = open_reader_of(&self.0.path, &key, form)?;
                *self.0.form.lock().unwrap_or_else(PoisonError::into_inner) = form;
                if self.0.is_former {
                    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(Error::from)?;
                }
                if let Some(kib) = self.0.cache {
                    keep_opened(&db, kib)?;
                }
                db
            }
        };
        let answer = self.0.running.run(&db, query);
        if self.0.running.has_ended() {
            return Err(Error::Closed.into());
        }
        if has_met_damage(&db).map_err(E::from)? {
            return Err(Error::Damaged("a page does not open".to_owned()).into());
        }
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.0.keep {
            idle.push(db);
        }
        answer
    }

    /// What runs, for work of the writer's that is to be broken off with the queries: what is undone by that and done another time.
    pub fn running(&self) -> &Running {
        &self.0.running
    }

    /// Waits until no query runs, lets none begin, and closes all connections. It interrupts none: people asked these, who
    /// would be told that something failed because keys are renewed, and nobody waits for that. Whoever ends the readers
    /// meanwhile interrupts them, and with them this wait.
    pub(crate) fn pause(&self) -> Paused<'_> {
        let pause = self.0.paused.write();
        self.0.close();
        Paused { pool: &self.0, _pause: pause }
    }

    /// Lets no query begin any more, interrupts those that run, waits until they have ended, and closes all connections: another
    /// file may be put in the place of this one. All of these queries get [`Error::Closed`].
    pub fn end(&self) {
        self.0.running.end();
        // Some may be opening a connection.
        let _pause = self.0.paused.write();
        self.0.close();
    }

    /// Closes the idle connections, so that the file can be moved.
    pub fn close(&self) {
        self.0.close();
    }
}

/// Whether a page did not open. SQLCipher gives zeros for it and fails with the next page only; a value that ended there would be
/// zeros to its reader. At once it only marks the database as one that cannot be written, which a reader's never is by itself.
///
/// # Errors
/// See [`Error`].
pub fn has_met_damage(db: &Connection) -> Result<bool, Error> {
    Ok(db.is_readonly(rusqlite::MAIN_DB)?)
}
