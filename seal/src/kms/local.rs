//! The local key service: one key in one file, sealed by a passphrase (or by a secret that the service manager hands over).
//!
//! ```json
//! {"version":1,"kdf":{"m_kib":65536,"t":3,"p":1},"salt":"<hex, 16 bytes>","key_id":"<hex, 8 bytes>","sealed":"<hex, 104 bytes>"}
//! ```
//!
//! `sealed` is the service's random key, a field under the stretched passphrase whose context holds everything else in the
//! file, so none of it can be exchanged. [`LocalKeyFile`] works on bytes; [`LocalKeyService::create`] and
//! [`LocalKeyService::open`] are the only file access in this crate.
//!
//! Refuses to overwrite a key file, to make one readable by others (mode 0600), and to read one that is not exactly this.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{KeyService, KmsError, WrapContext};
use crate::chunk::SALT;
use crate::record::{open, random_salt, seal, seal_with_salt};
use crate::{Argon2Params, Context, Error, Key, stretch};

const VERSION: u32 = 1;
/// A key file has about 400 bytes; whatever is longer is none.
const MAX_FILE: u64 = 4096;

/// The encoded form of a local key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalKeyFile {
    version: u32,
    kdf: Argon2Params,
    salt: String,
    key_id: String,
    sealed: String,
}

impl LocalKeyFile {
    /// A new random key, and the bytes of the file that holds it. Takes as long as stretching the passphrase does.
    pub fn create(passphrase: &[u8], params: &Argon2Params) -> Result<(Vec<u8>, LocalKeyService), KmsError> {
        let chosen = Chosen {
            key: Key::random()?,
            key_id: random_bytes()?,
            stretch_salt: random_bytes()?,
            seal_salt: random_salt()?,
        };
        Self::encode(passphrase, params, chosen)
    }

    /// The key in a file's bytes.
    pub fn open(file: &[u8], passphrase: &[u8]) -> Result<LocalKeyService, KmsError> {
        let Self { version, kdf, salt, key_id, sealed } =
            serde_json::from_slice(file).map_err(|_| KmsError::Garbage)?;
        let salt = decode(&salt)?;
        let id = decode(&key_id)?;
        if version != VERSION {
            return Err(KmsError::Garbage);
        }
        let sealed = HEXLOWER.decode(sealed.as_bytes()).map_err(|_| KmsError::Garbage)?;
        let lock = Lock { stretched: stretch(passphrase, &salt, &kdf)?, kdf, salt };
        let plaintext =
            open(&lock.stretched, &file_context(&kdf, &salt, &id), &sealed).map_err(|error| match error {
                Error::WrongKey => KmsError::BadPassphrase,
                other => other.into(),
            })?;
        let key = Key::try_from(plaintext.as_slice())?;
        Ok(LocalKeyService { key, key_id, lock })
    }

    fn encode(
        passphrase: &[u8],
        params: &Argon2Params,
        chosen: Chosen,
    ) -> Result<(Vec<u8>, LocalKeyService), KmsError> {
        if passphrase.is_empty() {
            return Err(KmsError::BadPassphrase);
        }
        let Chosen { key, key_id, stretch_salt, seal_salt } = chosen;
        let stretched = stretch(passphrase, &stretch_salt, params)?;
        Self::locked(Lock { stretched, kdf: *params, salt: stretch_salt }, key, key_id, &seal_salt)
    }

    fn locked(
        lock: Lock,
        key: Key,
        key_id: [u8; 8],
        seal_salt: &[u8; SALT],
    ) -> Result<(Vec<u8>, LocalKeyService), KmsError> {
        let context = file_context(&lock.kdf, &lock.salt, &key_id);
        let sealed = seal_with_salt(&lock.stretched, &context, seal_salt, key.expose())?;
        let key_id = HEXLOWER.encode(&key_id);
        let file = Self {
            version: VERSION,
            kdf: lock.kdf,
            salt: HEXLOWER.encode(&lock.salt),
            key_id: key_id.clone(),
            sealed: HEXLOWER.encode(&sealed),
        };
        let mut bytes = serde_json::to_vec(&file).map_err(|error| KmsError::Io(error.into()))?;
        bytes.push(b'\n');
        Ok((bytes, LocalKeyService { key, key_id, lock }))
    }
}

impl fmt::Debug for LocalKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeyFile").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What is random in a key file, apart so that golden tests can fix it.
struct Chosen {
    key: Key,
    key_id: [u8; 8],
    stretch_salt: [u8; 16],
    seal_salt: [u8; SALT],
}

/// What a key file is sealed under: the passphrase is not kept, what it was stretched to is.
#[derive(Clone)]
struct Lock {
    stretched: Key,
    kdf: Argon2Params,
    salt: [u8; 16],
}

fn file_context(kdf: &Argon2Params, salt: &[u8; 16], key_id: &[u8; 8]) -> Context {
    Context::new("local key file").part(&VERSION.to_be_bytes()).part(kdf.to_string().as_bytes()).part(salt).part(key_id)
}

/// Whether bytes that are no key file may have been one: cut short, overwritten with nothing, or changed in a place or two.
fn was_a_key_file(bytes: &[u8]) -> bool {
    const START: &[u8] = br#"{"version":1,"kdf":{"#;
    const NAMES: [&str; 4] = ["kdf", "salt", "key_id", "sealed"];
    if bytes.len() as u64 > MAX_FILE {
        return false;
    }
    let names = match serde_json::from_slice::<serde_json::Value>(bytes) {
        // Other files may hold a key file as a part of them.
        Ok(json) => NAMES.iter().filter(|name| json.get(name).is_some()).count(),
        Err(_) => {
            let has = |name: &str| bytes.windows(name.len()).any(|part| part == name.as_bytes());
            NAMES.iter().filter(|name| has(&format!("\"{name}\""))).count()
        }
    };
    bytes.iter().all(|byte| *byte == 0) || START.starts_with(bytes) || bytes.starts_with(START) || names >= 3
}

fn decode<const N: usize>(hex: &str) -> Result<[u8; N], KmsError> {
    let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| KmsError::Garbage)?;
    bytes.try_into().map_err(|_| KmsError::Garbage)
}

fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// The local provider: its key is in memory, wiped when dropped.
pub struct LocalKeyService {
    key: Key,
    key_id: String,
    lock: Lock,
}

impl LocalKeyService {
    /// Another random key, and the bytes of a file that holds it under the same passphrase.
    pub fn renewed(&self) -> Result<(Vec<u8>, Self), KmsError> {
        LocalKeyFile::locked(self.lock.clone(), Key::random()?, random_bytes()?, &random_salt()?)
    }

    /// The same key, and the bytes of a file that holds it under another passphrase. Takes as long as stretching it does.
    pub fn under(&self, passphrase: &[u8], params: &Argon2Params) -> Result<(Vec<u8>, Self), KmsError> {
        let (key_id, stretch_salt) = (decode(&self.key_id)?, random_bytes()?);
        let chosen = Chosen { key: self.key.clone(), key_id, stretch_salt, seal_salt: random_salt()? };
        LocalKeyFile::encode(passphrase, params, chosen)
    }

    /// Makes a key file with the default cost. [`KmsError::Io`] with `AlreadyExists` if there is one.
    pub fn create(path: &Path, passphrase: &[u8]) -> Result<Self, KmsError> {
        Self::create_with(path, passphrase, &Argon2Params::default())
    }

    /// Makes a key file with a chosen cost.
    pub fn create_with(path: &Path, passphrase: &[u8], params: &Argon2Params) -> Result<Self, KmsError> {
        // Asked first so that nobody waits for Argon2 in vain; decided by `publish`.
        if path.try_exists()? {
            return Err(KmsError::Io(io::ErrorKind::AlreadyExists.into()));
        }
        let (bytes, service) = LocalKeyFile::create(passphrase, params)?;
        publish(path, &bytes)?;
        Ok(service)
    }

    /// Opens a key file. [`KmsError::NotAKeyFile`] for a file of another kind, [`KmsError::Garbage`] for a key file that is not whole.
    pub fn open(path: &Path, passphrase: &[u8]) -> Result<Self, KmsError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KmsError::NotFound,
            _ => KmsError::Io(error),
        })?;
        if file.metadata()?.is_dir() {
            return Err(KmsError::NotAKeyFile);
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        match LocalKeyFile::open(&bytes, passphrase) {
            Err(KmsError::Garbage) if !was_a_key_file(&bytes) => Err(KmsError::NotAKeyFile),
            opened => opened,
        }
    }
}

impl KeyService for LocalKeyService {
    fn wrap(&self, context: &WrapContext, key: &Key) -> Result<Vec<u8>, KmsError> {
        Ok(seal(&self.key, &context.to_context(), key.expose())?)
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> Result<Key, KmsError> {
        let plaintext = open(&self.key, &context.to_context(), wrapped)?;
        Ok(Key::try_from(plaintext.as_slice())?)
    }

    fn provider(&self) -> &'static str {
        "local"
    }

    fn key_id(&self) -> String {
        self.key_id.clone()
    }
}

impl fmt::Debug for LocalKeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeyService").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Puts `bytes` at `path`, whole and on disk, or not at all, and never over another file.
fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = temporary_beside(path)?;
    let placed = write_synced(&temporary, bytes).and_then(|()| place(&temporary, path));
    // Gone already if it was renamed; otherwise a second name, or what is left of a failure.
    let _ = fs::remove_file(&temporary);
    placed?;
    sync_folder(folder)
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    let unique: [u8; 8] = random_bytes()?;
    name.push(format!(".{}", HEXLOWER.encode(&unique)));
    Ok(path.with_file_name(name))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename would replace a file made meanwhile; a second name for the same file does not.
fn place(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        // File systems without links say one of these.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            claim(temporary, path)
        }
        other => other,
    }
}

/// Claims the name with an empty file, which only one can, then renames over one's own claim.
fn claim(temporary: &Path, path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?;
    fs::rename(temporary, path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; the file system orders its own metadata.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
