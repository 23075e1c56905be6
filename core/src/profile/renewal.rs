//! New keys for the databases. The coming key is on the disk before the file that has it, and the former one goes after that file is
//! in place; broken off in between, the file itself tells which of the two it has.

use super::file::{ProfileFile, Wrapped};
use super::{Profile, slots};
use crate::{Result, WorkspaceId};
use std::path::Path;
use std::sync::PoisonError;
use thechatapp_database::{self as database, Durability};
use thechatapp_seal::Key;

impl Profile {
    /// A coming key of `local.db`.
    ///
    /// # Errors
    /// [`crate::Error::DiskFull`].
    pub(crate) fn prepare_local(&self) -> Result<Key> {
        let key = Key::random().map_err(slots::internal)?;
        let mut file = self.file();
        let wrapped = Wrapped(slots::wrap(&self.profile_key, "local", file.id.as_bytes(), &key)?);
        self.change(&mut file, |file| file.keys.coming_local = Some(wrapped))?;
        Ok(key)
    }

    /// A coming key of a cache.
    ///
    /// # Errors
    /// [`crate::Error::DiskFull`].
    pub(crate) fn prepare_cache(&self, workspace: WorkspaceId) -> Result<Key> {
        let key = Key::random().map_err(slots::internal)?;
        let wrapped = Wrapped(slots::wrap(&self.profile_key, "cache", workspace.as_bytes(), &key)?);
        self.change(&mut self.file(), |file| {
            file.keys.coming_cache.insert(workspace, wrapped);
        })?;
        Ok(key)
    }

    /// Whether a change of keys was begun and not brought to its end.
    pub(crate) fn keys_are_replaced(&self) -> bool {
        self.file().keys.are_replaced()
    }

    /// Finds the key that `local.db` opens with, of two that it may have. Both stay: whether the file is whole shows only later.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] for keys that do not open.
    pub(crate) fn find_keys(&self) -> Result<()> {
        let file = self.file();
        let key = match &file.keys.coming_local {
            Some(coming) => {
                let (former, next) = self.local_pair(&file, coming)?;
                if which(&self.local_path(), &former, &next) == Some(true) { next } else { former }
            }
            None => return Ok(()),
        };
        *self.local_key.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }

    /// Ends what was begun, by now or before this program started: of each two keys the one stays that the file opens with. No such
    /// change may be under way, and `local.db` with its last good copy must be known to be whole.
    ///
    /// # Errors
    /// [`crate::Error::DiskFull`], [`crate::Error::Corrupt`] for keys that do not open.
    pub(crate) fn settle_keys(&self) -> Result<()> {
        let mut file = self.file();
        if !file.keys.are_replaced() {
            return Ok(());
        }
        let mut changed = file.clone();
        let mut renewed = None;
        if let Some(coming) = changed.keys.coming_local.take() {
            let (former, next) = self.local_pair(&file, &coming)?;
            match which(&self.local_path(), &former, &next) {
                Some(true) => (changed.keys.local, renewed) = (coming, Some(next)),
                Some(false) => {}
                None => changed.keys.coming_local = Some(coming),
            }
        }
        for (workspace, coming) in std::mem::take(&mut changed.keys.coming_cache) {
            let Some(former) = changed.keys.cache.get(&workspace) else { continue };
            let unwrap = |key: &Wrapped| slots::unwrap(&self.profile_key, "cache", workspace.as_bytes(), &key.0);
            match which(&self.cache_path(workspace), &unwrap(former)?, &unwrap(&coming)?) {
                Some(true) => drop(changed.keys.cache.insert(workspace, coming)),
                Some(false) => {}
                None => drop(changed.keys.coming_cache.insert(workspace, coming)),
            }
        }
        self.change(&mut file, |file| *file = changed)?;
        if let Some(key) = renewed {
            *self.local_key.lock().unwrap_or_else(PoisonError::into_inner) = key;
        }
        Ok(())
    }

    /// The key that `local.db` had, and the one that is to take its place.
    fn local_pair(&self, file: &ProfileFile, coming: &Wrapped) -> Result<(Key, Key)> {
        let unwrap = |key: &Wrapped| slots::unwrap(&self.profile_key, "local", file.id.as_bytes(), &key.0);
        Ok((unwrap(&file.keys.local)?, unwrap(coming)?))
    }
}

/// Whether a file has the coming key. `None` while neither opens it: then both stay.
fn which(path: &Path, former: &Key, coming: &Key) -> Option<bool> {
    // Whoever closes it last brings in what is right of its log and takes the rest away: that is looked at first.
    database::check_log(path, Durability::Full).ok()?;
    let opens = |key: &Key| database::open_reader(path, key.expose()).is_ok();
    match (opens(coming), opens(former)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}
