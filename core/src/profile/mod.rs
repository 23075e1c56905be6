//! A profile on disk: its lock, its keys, and the states they can be in.
//!
//! One random device key in secure storage (or a passphrase) opens a slot in `profile.json`; the slot holds the profile
//! key, which wraps the keys of the databases. Whatever is wrong is told as one of the states of [`KeyState`]; nothing is
//! deleted, made anew or written in plain text because of it.

mod aside;
mod changes;
mod file;
mod mark;
#[cfg(any(test, feature = "test-support"))]
pub mod memory;
mod recovery;
mod renewal;
mod slots;
mod vault;
mod wiping;

pub use file::PinCopy;
pub use vault::Vault;

use crate::fault;
use crate::view::KeyState;
use crate::{Error, Result, Timestamp, WorkspaceId};
use data_encoding::HEXLOWER;
use file::{ProfileFile, Wrapped, disk};
use mark::Mark;
use recovery::Code;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thechatapp_protocol::identity::Pin;
use thechatapp_seal::Key;
use zeroize::Zeroizing;

const LOCK: &str = "profile.lock";
/// The backend of a profile without secure storage.
const PASSPHRASE: &str = "passphrase";
/// The slot that the key in secure storage opens.
const SECRET_STORE: &str = "secret-store";

/// What opens a profile.
#[derive(Clone)]
pub enum Unlock {
    /// The device key in the system's secure storage. A profile that was locked does not open by itself.
    SecureStorage,
    /// The same because a person asked for it just now, which unlocks the profile.
    OnPurpose,
    /// A passphrase.
    Passphrase(Zeroizing<String>),
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecureStorage => "SecureStorage",
            Self::OnPurpose => "OnPurpose",
            Self::Passphrase(_) => "Passphrase(..)",
        })
    }
}

/// An open profile. Its lock is held until it is dropped.
pub struct Profile {
    dir: PathBuf,
    vault: Vault,
    file: Mutex<ProfileFile>,
    profile_key: Key,
    local_key: Mutex<Key>,
    /// The kind of the slot that opened it.
    opened_by: &'static str,
    lock: File,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Profile {
    /// The state of the profile in a folder, as far as its keys go; it opens no database. Changes nothing.
    ///
    /// # Errors
    /// What keeps it from being opened: [`Error::key_state`] says which state that is.
    pub async fn state(dir: &Path, vault: &Vault) -> Result<KeyState> {
        // What is being destroyed is gone: whoever makes or opens one brings that to its end.
        let gone = Mark::Wiping.stands(dir) || (!dir.join(file::NAME).exists() && !aside::occupied(dir)?);
        if gone {
            return Ok(KeyState::Absent);
        }
        let _lock = match File::open(dir.join(LOCK)) {
            Ok(lock) => Some(try_lock(lock)?),
            // Nobody has it open if there is no lock.
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(file::corrupt(why)),
        };
        let file = ProfileFile::read(dir)?.ok_or_else(lost)?;
        if file.backend == PASSPHRASE {
            return Ok(KeyState::Passphrase);
        }
        if let Some(state) = locked(dir, &file) {
            return Ok(state);
        }
        let profile_key = by_secure_storage(&file, vault).await?;
        slots::unwrap(&profile_key, "local", file.id.as_bytes(), &file.keys.local.0)?;
        Ok(KeyState::Ready)
    }

    /// Makes a new profile.
    ///
    /// # Errors
    /// [`Error::BadInput`] when files of one are there already; what secure storage says; [`Error::Busy`],
    /// [`Error::DiskFull`].
    pub async fn create(dir: &Path, unlock: Unlock, vault: Vault) -> Result<Self> {
        file::make_dir(dir).map_err(disk)?;
        let lock = take_lock(dir).await?;
        wiping::end(dir, &vault).await?;
        if aside::occupied(dir)? {
            return Err(Error::bad_input("there is a profile already", "a new one is never made over another"));
        }
        let id = random_id()?;
        let profile_key = Key::random().map_err(slots::internal)?;
        let local_key = Key::random().map_err(slots::internal)?;
        let local = slots::wrap(&profile_key, "local", id.as_bytes(), &local_key)?;
        let file = match unlock {
            Unlock::Passphrase(passphrase) => {
                let slot = slots::by_passphrase(&id, &passphrase, &profile_key).await?;
                let mut file = ProfileFile::new(id, PASSPHRASE.into(), None, slot, local);
                file.pins = aside::pins(dir);
                file.write(dir)?;
                file
            }
            Unlock::SecureStorage | Unlock::OnPurpose => {
                let device_key = Key::random().map_err(slots::internal)?;
                let key_id = random_id()?;
                let slot = slots::by_device(&id, &device_key, &profile_key)?;
                let mut file = ProfileFile::new(id, vault.backend().into(), Some(key_id.clone()), slot, local);
                file.pins = aside::pins(dir);
                adopt(&vault, &key_id, &device_key, &mut file, dir).await?;
                file
            }
        };
        Mark::Locked.clear(dir)?;
        let opened_by = if file.backend == PASSPHRASE { PASSPHRASE } else { SECRET_STORE };
        Ok(Self {
            dir: dir.to_owned(),
            vault,
            file: Mutex::new(file),
            profile_key,
            local_key: Mutex::new(local_key),
            opened_by,
            lock,
        })
    }

    /// Opens an existing profile.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none; else the states of its key.
    pub async fn open(dir: &Path, unlock: Unlock, vault: Vault) -> Result<Self> {
        let Some((file, lock)) = claim(dir, &vault).await? else {
            return Err(Error::bad_input("there is no profile", "none was made in this folder yet"));
        };
        match (locked(dir, &file), &unlock) {
            (None, _) | (_, Unlock::Passphrase(_)) | (Some(KeyState::AppLocked), Unlock::OnPurpose) => {}
            (Some(KeyState::AppLocked), _) => {
                return Err(Error::Locked { why: "it was locked; `unlock` opens it".into() });
            }
            (Some(_), _) => return Err(Error::Locked { why: "it was locked; its passphrase unlocks it".into() }),
        }
        let (profile_key, by) = match unlock {
            Unlock::SecureStorage | Unlock::OnPurpose => (by_secure_storage(&file, &vault).await?, SECRET_STORE),
            Unlock::Passphrase(passphrase) => (slots::open_by_passphrase(&file, &passphrase).await?, PASSPHRASE),
        };
        let profile = Self::opened(dir, vault, file, (profile_key, by), lock)?;
        Mark::Locked.clear(dir)?;
        Ok(profile)
    }

    /// Opens an existing profile by its recovery code, and gives it a new way in: a new device key in secure storage, or a
    /// passphrase, which wants no secure storage. The entry of the old one, should it exist, is left as it is.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a code that is none, or an empty passphrase; [`Error::WrongKey`] for another's code; what secure
    /// storage says, where it is asked.
    pub async fn restore_with_code(dir: &Path, code: &str, into: Unlock, vault: Vault) -> Result<Self> {
        let code = Code::read(code)?;
        let Some((mut file, lock)) = claim(dir, &vault).await? else {
            return Err(Error::bad_input("there is no profile", "none was made in this folder yet"));
        };
        let profile_key = slots::open_by_recovery(&file, code.secret()).await?;
        let by = match into {
            Unlock::Passphrase(passphrase) => {
                file.set_slot(slots::by_passphrase(&file.id, &passphrase, &profile_key).await?);
                file.slots.retain(|slot| slot.kind() != SECRET_STORE);
                file.backend = PASSPHRASE.into();
                file.key_id = None;
                file.write(dir)?;
                PASSPHRASE
            }
            Unlock::SecureStorage | Unlock::OnPurpose => {
                let device_key = Key::random().map_err(slots::internal)?;
                let key_id = random_id()?;
                file.set_slot(slots::by_device(&file.id, &device_key, &profile_key)?);
                file.backend = vault.backend().into();
                file.key_id = Some(key_id.clone());
                adopt(&vault, &key_id, &device_key, &mut file, dir).await?;
                SECRET_STORE
            }
        };
        let profile = Self::opened(dir, vault, file, (profile_key, by), lock)?;
        Mark::Locked.clear(dir)?;
        Ok(profile)
    }

    fn opened(
        dir: &Path,
        vault: Vault,
        file: ProfileFile,
        (profile_key, opened_by): (Key, &'static str),
        lock: File,
    ) -> Result<Self> {
        let local_key = slots::unwrap(&profile_key, "local", file.id.as_bytes(), &file.keys.local.0)?;
        ProfileFile::settle_good(dir);
        Ok(Self {
            dir: dir.to_owned(),
            vault,
            file: Mutex::new(file),
            profile_key,
            local_key: Mutex::new(local_key),
            opened_by,
            lock,
        })
    }

    /// Puts the last good copy of `profile.json` in the place of one that is damaged, and that one into another folder.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::DiskFull`].
    pub(crate) async fn mend(dir: &Path, aside: &Path) -> Result<()> {
        if Mark::Wiping.stands(dir) || !aside::occupied(dir)? {
            return Ok(());
        }
        let _lock = take_lock(dir).await?;
        ProfileFile::mend(dir, aside)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `local.db`.
    pub fn local_path(&self) -> PathBuf {
        self.dir.join(aside::LOCAL)
    }

    /// `accounts/<workspace>/cache.db`. Its folder is there once [`Self::cache_key`] was asked for.
    pub fn cache_path(&self, workspace: WorkspaceId) -> PathBuf {
        self.dir.join(aside::ACCOUNTS).join(workspace.to_string()).join("cache.db")
    }

    /// The key of `local.db`.
    pub fn local_key(&self) -> Key {
        self.local_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key under which all others are wrapped.
    pub(crate) fn profile_key(&self) -> &Key {
        &self.profile_key
    }

    /// The key of a cache, and the folder it goes to; both are made when there are none.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Corrupt`].
    pub fn cache_key(&self, workspace: WorkspaceId) -> Result<Key> {
        let mut file = self.file();
        if let Some(Wrapped(wrapped)) = file.keys.cache.get(&workspace) {
            return slots::unwrap(&self.profile_key, "cache", workspace.as_bytes(), wrapped);
        }
        let folder = self.dir.join(aside::ACCOUNTS).join(workspace.to_string());
        file::make_dir(&folder).map_err(disk)?;
        let key = Key::random().map_err(slots::internal)?;
        let wrapped = Wrapped(slots::wrap(&self.profile_key, "cache", workspace.as_bytes(), &key)?);
        self.change(&mut file, |file| {
            file.keys.cache.insert(workspace, wrapped);
        })?;
        Ok(key)
    }

    /// Forgets the key of a cache, which can then never be opened again.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub fn drop_cache_key(&self, workspace: WorkspaceId) -> Result<()> {
        self.change(&mut self.file(), |file| {
            file.keys.cache.remove(&workspace);
            file.keys.coming_cache.remove(&workspace);
        })
    }

    /// Keeps releases away that would take a database of this one for a damaged one. None may be made before.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub(crate) fn raise(&self) -> Result<()> {
        let mut file = self.file();
        if file.is_of_this_release() { Ok(()) } else { self.change(&mut file, |_| {}) }
    }

    /// The pins that `profile.json` remembers, those of profiles set aside before it was made included.
    pub fn pin_copies(&self) -> BTreeMap<WorkspaceId, PinCopy> {
        self.file().pins.clone()
    }

    /// The pin remembered for a workspace, by its id or else by its address.
    pub fn pin_copy(&self, workspace_id: WorkspaceId, url: &str, workspace: &str) -> Option<Pin> {
        let file = self.file();
        let by_address = || file.pins.values().find(|copy| copy.url == url && copy.workspace == workspace);
        file.pins.get(&workspace_id).or_else(by_address).map(|copy| copy.pin)
    }

    /// Remembers a pin. Another workspace that was at the same address is forgotten: a person decided.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub fn store_pin_copy(&self, workspace_id: WorkspaceId, copy: PinCopy) -> Result<()> {
        let mut file = self.file();
        if file.pins.get(&workspace_id) == Some(&copy) {
            return Ok(());
        }
        self.change(&mut file, |file| {
            file.pins.retain(|_, other| other.url != copy.url || other.workspace != copy.workspace);
            file.pins.insert(workspace_id, copy);
        })
    }

    /// Moves the files of a profile that is not open into `set-aside/<date>/`. Its pins stay known to the next profile
    /// made here.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::DiskFull`], [`Error::BadInput`] when there is nothing.
    pub async fn set_aside(dir: &Path, now: Timestamp) -> Result<PathBuf> {
        if !aside::occupied(dir)? {
            return Err(Error::bad_input("there is nothing to set aside", "no profile is in this folder"));
        }
        let lock = take_lock(dir).await?;
        let target = aside::set_aside(dir, now)?;
        drop(lock);
        Ok(target)
    }

    /// Locks the profile of a folder: from now on it opens only on purpose, and whoever has it open closes it soon.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none, [`Error::DiskFull`].
    pub fn lock(dir: &Path) -> Result<()> {
        if !aside::occupied(dir)? {
            return Err(Error::bad_input("there is nothing to lock", "no profile is in this folder"));
        }
        Mark::Locked.set(dir)
    }

    /// Whether the profile of a folder was locked and not unlocked since.
    pub fn is_locked(dir: &Path) -> bool {
        Mark::Locked.stands(dir)
    }

    /// The keys themselves, for tests that look where they are.
    #[cfg(any(test, feature = "test-support"))]
    pub(crate) fn key_material(&self) -> Vec<(String, Zeroizing<Vec<u8>>)> {
        let copy = |key: &Key| key.expose().to_vec().into();
        vec![("profile".into(), copy(&self.profile_key)), ("local".into(), copy(&self.local_key()))]
    }

    fn file(&self) -> MutexGuard<'_, ProfileFile> {
        // A change is made on a copy, so that what a panic leaves behind is whole.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On disk first, then in memory: after an error nothing has changed.
    fn change(&self, file: &mut ProfileFile, change: impl FnOnce(&mut ProfileFile)) -> Result<()> {
        let mut changed = file.clone();
        change(&mut changed);
        changed.write(&self.dir)?;
        *file = changed;
        Ok(())
    }
}

/// What a profile that was locked waits for: its passphrase where it has one, else a person who asks for it.
fn locked(dir: &Path, file: &ProfileFile) -> Option<KeyState> {
    let passphrase = file.slots.iter().any(|slot| slot.kind() == PASSPHRASE);
    Mark::Locked.stands(dir).then_some(if passphrase { KeyState::Passphrase } else { KeyState::AppLocked })
}

/// The file and the lock of an existing profile.
async fn claim(dir: &Path, vault: &Vault) -> Result<Option<(ProfileFile, File)>> {
    if Mark::Wiping.stands(dir) {
        let _lock = take_lock(dir).await?;
        wiping::end(dir, vault).await?;
    }
    if !aside::occupied(dir)? {
        return Ok(None);
    }
    // A file of a newer release is told even where the lock cannot be taken.
    if let Err(newer @ Error::Newer { .. }) = ProfileFile::read(dir) {
        return Err(newer);
    }
    let lock = take_lock(dir).await?;
    let file = ProfileFile::read(dir)?.ok_or_else(lost)?;
    Ok(Some((file, lock)))
}

fn lost() -> Error {
    file::corrupt("it is gone, but other files of the profile are there")
}

async fn by_secure_storage(file: &ProfileFile, vault: &Vault) -> Result<Key> {
    let Some(key_id) = &file.key_id else {
        return Err(Error::Locked { why: "this profile is opened by a passphrase".into() });
    };
    let device_key = vault.read(entry(key_id)).await?.ok_or(Error::KeyMissing)?;
    slots::open_by_device(file, &device_key)
}

/// Makes a device key a profile's: the entry first, then the file that needs it. When the file cannot be written, the
/// entry, which nobody else knows, goes again.
async fn adopt(vault: &Vault, key_id: &str, device_key: &Key, file: &mut ProfileFile, dir: &Path) -> Result<()> {
    vault.write(entry(key_id), device_key).await?;
    if let Err(error) = file.write(dir) {
        let _ = vault.remove(entry(key_id)).await;
        return Err(error);
    }
    Ok(())
}

/// An entry's name. Each device key has its own, so that a restored profile never writes over another's.
fn entry(key_id: &str) -> String {
    format!("device-key-{key_id}")
}

fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|why| Error::Internal { id: "random".into(), why: why.to_string() })?;
    Ok(HEXLOWER.encode(&bytes))
}

async fn take_lock(dir: &Path) -> Result<File> {
    // Somebody who only looks at the state holds the lock for a moment.
    for _ in 0..4 {
        match try_lock(open_lock(dir)?) {
            Err(Error::Busy) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => return other,
        }
    }
    try_lock(open_lock(dir)?)
}

fn open_lock(dir: &Path) -> Result<File> {
    file::private().create(true).truncate(false).write(true).open(dir.join(LOCK)).map_err(disk)
}

fn try_lock(lock: File) -> Result<File> {
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Busy),
        Err(TryLockError::Error(why)) => Err(fault::no_locks(why)),
    }
}

#[cfg(test)]
mod tests;
