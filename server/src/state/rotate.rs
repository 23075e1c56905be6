//! How the keys of a workspace change while it is open, and how it opens after a change that was broken off.

use super::{Given, KEPT_OPEN, Place, Workspace, WrappedKeys};
use crate::crash;
use crate::error::{Error, Fail, Kind, Result};
use crate::keyring::Keyring;
use crate::store;
use crate::store::reseal::{self, Progress};
use crate::time::now;
use crate::upgrade::NotOpened;
use rusqlite::Connection;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use thechatapp_database::{self as database, Durability};
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::{Error as SealError, Key, unwrap, wrap};

/// What opening found.
pub(super) struct Opened {
    pub db: Connection,
    pub keyring: Keyring,
    pub database_key: Key,
    /// The keys in use, and no others.
    pub keys: WrappedKeys,
    /// Whether it was an older release's.
    pub upgraded: bool,
}

/// What is told of it.
fn unopened(place: &Place, key: &Key, why: NotOpened) -> Error {
    match why {
        NotOpened::Database(why) => Workspace::unopened(place, key, why),
        NotOpened::NoCopy(why) => why,
    }
}

/// Opens a workspace's database and its keys, with whichever of the keys given is in use.
pub(super) fn open(place: &Place, mut keys: WrappedKeys, given: &Given) -> Result<Opened> {
    let upgraded = Cell::new(false);
    let unwrapped = |top: &Key, wrapped: &[u8]| unwrap(top, "database", place.id.as_bytes(), 0, wrapped);
    let opened = |key: &Key| {
        let kept = || {
            place.upgrades.before_workspace(&place.name).map_err(NotOpened::NoCopy)?;
            upgraded.set(true);
            Ok(())
        };
        database::open_upgrading(&place.path, key.expose(), store::WORKSPACE, Durability::Full, kept)
    };
    remove_fresh(place);
    let mut database_key = unwrapped(&given.key, &keys.database_key)?;
    let db = match (opened(&database_key), &keys.coming_key, keys.coming_database_key.take()) {
        (Err(NotOpened::Database(database::Error::NotADatabase)), None, Some(coming)) => {
            database_key = unwrapped(&given.key, &coming)?;
            let db = opened(&database_key).map_err(|why| unopened(place, &database_key, why))?;
            keys.database_key = coming;
            db
        }
        (opened, _, coming) => {
            keys.coming_database_key = coming;
            opened.map_err(|why| unopened(place, &database_key, why))?
        }
    };
    let (coming_key, coming_database_key) = (keys.coming_key.take(), keys.coming_database_key.take());
    let keyring = match (Keyring::load(&db, place.id, given.key.clone()), &given.coming) {
        (Err(Fail::Seal(SealError::WrongKey)), Some(coming)) => {
            let keyring = Keyring::load(&db, place.id, coming.clone())?;
            let lost = || Fail::Broken("a coming key without its database key");
            keys.key = coming_key.ok_or_else(lost)?;
            keys.database_key = coming_database_key.ok_or_else(lost)?;
            (keys.epoch, keys.made) = (keys.epoch + 1, now());
            keyring
        }
        (loaded, _) => loaded.map_err(|why| Workspace::of_its_file(place, &database_key, why.into()))?,
    };
    Ok(Opened { db, keyring, database_key, keys, upgraded: upgraded.get() })
}

/// Removes what a rotation made that did not come to its end.
fn remove_fresh(place: &Place) {
    let fresh = fresh_file(place);
    for ending in ["", "-wal", "-shm", "-journal", "-mark"] {
        let mut path = fresh.as_os_str().to_owned();
        path.push(ending);
        let _ = std::fs::remove_file(PathBuf::from(path));
    }
}

fn fresh_file(place: &Place) -> PathBuf {
    place.path.with_extension("fresh.db")
}

fn empty_wal(db: &Connection) {
    if let Err(why) = database::empty_wal(db) {
        tracing::warn!(error = %why, "what lay under former keys leaves the WAL later");
    }
}

/// The database key, wrapped by the workspace key.
pub(crate) fn wrap_database_key(id: WorkspaceId, top: &Key, key: &Key) -> std::result::Result<Vec<u8>, SealError> {
    wrap(top, "database", id.as_bytes(), 0, key)
}

impl Workspace {
    /// The wrapped keys that are in use, and no others.
    ///
    /// # Errors
    /// When it is closed.
    pub(crate) fn settled_keys(&self) -> Result<WrappedKeys> {
        let (mut keys, top) = (self.keys(), self.keyring()?.top());
        let opens = |wrapped: &[u8]| -> Result<bool> {
            Ok(unwrap(&top, "database", self.id.as_bytes(), 0, wrapped).ok() == Some(self.database_key()?))
        };
        let (coming_key, coming_database_key) = (keys.coming_key.take(), keys.coming_database_key.take());
        if let Some(database_key) = coming_database_key
            && !opens(&keys.database_key)?
        {
            keys.database_key = database_key;
            if let Some(key) = coming_key {
                keys.key = key;
                (keys.epoch, keys.made) = (keys.epoch + 1, now());
            }
        }
        Ok(keys)
    }

    /// The key of its database.
    ///
    /// # Errors
    /// When it is closed.
    pub(crate) fn database_key(&self) -> Result<Key> {
        Ok(self.parts()?.database_key.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// How far the re-sealing of older values is; `None` when there are none.
    pub fn resealing(&self) -> Option<Progress> {
        *self.resealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many values were sealed again when that last came to its end since the server started.
    pub fn resealed(&self) -> u64 {
        self.resealed.load(Ordering::Relaxed)
    }

    /// How many values, and keys of channels, are of an older epoch than the newest.
    ///
    /// # Errors
    /// When the database fails.
    #[cfg(feature = "test-support")]
    pub async fn of_older_epochs(&self) -> Result<(u64, u64)> {
        Ok(self.look(reseal::of_older_epochs).await?)
    }

    /// Why older values are not sealed again at present.
    pub fn not_resealing(&self) -> Option<String> {
        self.not_resealing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many values do not open under any key, where nothing else is left to be sealed again.
    pub fn unopened_values(&self) -> u64 {
        self.unopened.load(Ordering::Relaxed)
    }

    /// It goes on, or it does not for this reason.
    pub(crate) fn set_not_resealing(&self, why: Option<String>) {
        *self.not_resealing.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn set_resealing(&self, progress: Option<Progress>) {
        *self.resealing.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// New keys for all channels. What lies under older ones is sealed again by [`Self::reseal`]. Answers their epoch.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn rotate_channels(&self) -> std::result::Result<u64, Fail> {
        let parts = self.parts()?;
        let keyring = parts.keyring.clone();
        let progress = parts
            .writer
            .apart(move |db| -> std::result::Result<_, Fail> {
                let step = db.transaction()?;
                let fresh = keyring.store_epoch(&step)?;
                let progress = reseal::begin(&step, fresh.epoch())?;
                step.commit()?;
                crash::point("channels: stored");
                keyring.use_epoch(fresh);
                Ok(progress)
            })
            .await?;
        self.set_resealing(Some(progress));
        Ok(progress.epoch)
    }

    /// One step of sealing again what lies under older keys. Answers whether there is more to do.
    ///
    /// # Errors
    /// When the database fails, or something does not open.
    pub(crate) async fn reseal(&self) -> std::result::Result<bool, Fail> {
        let keyring = self.keyring()?;
        let Some(step) = self.look(reseal::coming).await? else {
            self.set_resealing(None);
            return Ok(false);
        };
        if let Some(unopened) = step.unopened() {
            self.unopened.store(unopened.count, Ordering::Relaxed);
            return Err(Fail::Unopened(unopened.clone()));
        }
        let progress = self.unguarded(move |tx| reseal::take(tx, &step)).await?;
        crash::point("channels: a step");
        if let (None, Some(last)) = (progress, self.resealing()) {
            self.resealed.store(last.done, Ordering::Relaxed);
            keyring.retire_epochs(Instant::now());
            // The older keys, and what lay under them.
            let emptied = |db: &mut Connection| {
                empty_wal(db);
                Ok::<_, Fail>(())
            };
            self.parts()?.writer.apart(emptied).await?;
        }
        self.set_resealing(progress);
        self.unopened.store(0, Ordering::Relaxed);
        Ok(progress.is_some())
    }

    /// Puts another workspace key in the place of the present one: everything that it wraps and seals changes in one commit.
    ///
    /// # Errors
    /// When the database fails; then nothing has changed.
    pub(crate) async fn rewrap(&self, next: Key) -> std::result::Result<(), Fail> {
        let parts = self.parts()?;
        let keyring = parts.keyring.clone();
        parts
            .writer
            .apart(move |db| {
                keyring.announce_top(&next);
                let done = (|| {
                    let step = db.transaction()?;
                    keyring.rewrap(&step, &next)?;
                    crash::point("workspace: not committed");
                    step.commit()?;
                    Ok(())
                })();
                match done {
                    Ok(()) => keyring.use_top(next, Instant::now()),
                    Err(_) => keyring.withdraw_top(),
                }
                if done.is_ok() {
                    empty_wal(db);
                }
                done
            })
            .await
    }

    /// Puts a copy of the database under another key in its place. Answers how long writers waited.
    ///
    /// # Errors
    /// When the disk or the database fails. Which of the two files is in place then, opening tells.
    pub(crate) async fn rekey(&self, next: Key) -> Result<Duration> {
        let Ok(_whole) = self.still.clone().try_write_owned() else {
            return Err(Error::new(
                Kind::Busy,
                "The database's key cannot be replaced now",
                "its file is being copied for a backup",
                "try again when the backup is made",
            ));
        };
        let parts = self.parts()?;
        let (former, changed) = (self.database_key()?, parts.clone());
        let (fresh, path) = (fresh_file(&self.place), self.place.path.clone());
        remove_fresh(&self.place);
        crate::files::touch_private(&fresh)?;
        let done = parts
            .writer
            .apart(move |db| -> Result<_> {
                let begun = Instant::now();
                let change = database::Rekey {
                    path: &path,
                    fresh: &fresh,
                    former: former.expose(),
                    next: next.expose(),
                    form: database::Form::default(),
                    schema: store::WORKSPACE,
                    durability: Durability::Full,
                };
                database::rekey(db, &changed.readers, &change)?;
                *changed.database_key.write().unwrap_or_else(PoisonError::into_inner) = next;
                // The connection is another one. Without this it is slower, and nothing worse.
                let _ = database::keep_opened(db, KEPT_OPEN);
                Ok(begun.elapsed())
            })
            .await;
        remove_fresh(&self.place);
        done
    }
}
