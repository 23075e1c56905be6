//! A backup's folder: its keys, its pieces, its snapshots. Nothing in it is ever changed; what is written appears whole.
//! Whoever adds or removes something has it locked.

use super::snapshot::{Pieces, Snapshot, VERSION};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::keyring::mac;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use thechatapp_protocol::{Timestamp, wire};
use thechatapp_seal::{
    Argon2Params, Context, Key, KeyService, KmsError, LocalKeyFile, LocalKeyService, WrapContext, open, seal,
};
use zeroize::Zeroizing;

/// The longest piece.
pub const PIECE: usize = 1 << 20;
/// The longest snapshot that is read, sealed.
const SNAPSHOT_MAX: u64 = 256 << 20;
/// The file that is locked.
const LOCK: &str = "backup.lock";

/// `keys.json`
#[derive(Serialize, Deserialize)]
struct Keys {
    version: u32,
    /// A key file that the recovery passphrase opens.
    recovery: Box<RawValue>,
    /// The key that seals, wrapped by it.
    seal: String,
    /// The key that names, wrapped by it.
    name: String,
}

/// An open backup folder.
pub struct Folder {
    path: PathBuf,
    seal: Key,
    name: Key,
    lock: Option<File>,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.path.display())
    }
}

fn damaged(what: &str, why: impl ToString) -> Error {
    Error::new(Kind::Corrupt, format!("{what} of the backup is damaged"), why.to_string(), "use another backup")
}

fn passphrase_fault(why: KmsError) -> Error {
    match why {
        KmsError::BadPassphrase => Error::new(
            Kind::WrongKey,
            "The recovery passphrase does not open this backup",
            "it is another one, or has a typing error",
            "give the one that this backup was made with",
        ),
        other => damaged("The key file", other),
    }
}

impl Folder {
    /// Opens a folder, or makes one where nothing is.
    ///
    /// # Errors
    /// Wrong key for another passphrase; bad input for a folder that holds something else.
    pub fn open_or_make(path: &Path, passphrase: &str, cost: &Argon2Params) -> Result<Self> {
        if path.join("keys.json").exists() {
            return Self::open(path, passphrase);
        }
        let foreign = |entry: io::Result<std::fs::DirEntry>| entry.map_or(true, |entry| entry.file_name() != LOCK);
        if std::fs::read_dir(path).is_ok_and(|mut entries| entries.any(foreign)) {
            return Err(Error::bad_input(
                "No backup is made there",
                format!("{} holds something that is no backup", path.display()),
                "choose an empty folder, or one with backups of this host",
            ));
        }
        if passphrase.is_empty() {
            return Err(Error::bad_input(
                "The recovery passphrase is empty",
                "an empty one protects nothing",
                "choose one",
            ));
        }
        files::private_folder(path)?;
        // Two that make it at once would each have keys of their own.
        let _lock = lock(path)?;
        if path.join("keys.json").exists() {
            return Self::open(path, passphrase);
        }
        for folder in ["pieces", "snapshots"] {
            files::private_folder(&path.join(folder))?;
        }
        let (recovery, service) = LocalKeyFile::create(passphrase.as_bytes(), cost)?;
        let (seal, name) = (Key::random()?, Key::random()?);
        let raw = String::from_utf8(recovery).ok().and_then(|text| RawValue::from_string(text.trim().to_owned()).ok());
        let wrapped = |what, key| Ok::<_, Error>(HEXLOWER.encode(&service.wrap(&WrapContext::new(what), key)?));
        let keys = Keys {
            version: VERSION,
            recovery: raw.ok_or_else(|| Error::internal("A key file could not be written", "it is no JSON"))?,
            seal: wrapped("backup seal", &seal)?,
            name: wrapped("backup name", &name)?,
        };
        let text = serde_json::to_vec(&keys).map_err(|why| Error::internal("A key file could not be written", why))?;
        files::write_private(&path.join("keys.json"), &text)?;
        Ok(Self { path: path.to_owned(), seal, name, lock: None })
    }

    /// Opens a folder that is one.
    ///
    /// # Errors
    /// Bad input where there is none, wrong key, corrupt.
    pub fn open(path: &Path, passphrase: &str) -> Result<Self> {
        let text = std::fs::read(path.join("keys.json")).map_err(|why| {
            Error::bad_input(
                "There is no backup",
                format!("{}: {why}", path.join("keys.json").display()),
                "check the path",
            )
        })?;
        let keys: Keys = serde_json::from_slice(&text).map_err(|why| damaged("The key file", why))?;
        if keys.version != VERSION {
            return Err(Error::new(
                Kind::Newer,
                "A newer release made this backup",
                format!("it has version {}, this release knows {VERSION}", keys.version),
                "use that release",
            ));
        }
        let service =
            LocalKeyFile::open(keys.recovery.get().as_bytes(), passphrase.as_bytes()).map_err(passphrase_fault)?;
        Ok(Self {
            path: path.to_owned(),
            seal: unwrapped(&service, "backup seal", &keys.seal)?,
            name: unwrapped(&service, "backup name", &keys.name)?,
            lock: None,
        })
    }

    /// Has the folder alone, until it is dropped: nobody else adds or removes anything.
    ///
    /// # Errors
    /// Busy while somebody else has it.
    pub fn lock(mut self) -> Result<Self> {
        self.lock = Some(lock(&self.path)?);
        Ok(self)
    }

    fn piece_path(&self, name: &[u8; 32]) -> PathBuf {
        let text = HEXLOWER.encode(name);
        let (first, _) = text.split_at(2);
        self.path.join("pieces").join(first).join(&text)
    }

    /// Keeps what a reader gives, in pieces; those that are here already are not written again.
    ///
    /// # Errors
    /// The reader's, or that of writing.
    pub fn keep(&self, mut from: impl Read) -> Result<Pieces> {
        let mut kept = Pieces::default();
        let mut buffer = Vec::with_capacity(PIECE);
        loop {
            buffer.clear();
            from.by_ref().take(PIECE as u64).read_to_end(&mut buffer)?;
            if buffer.is_empty() {
                return Ok(kept);
            }
            let name = mac(&self.name, &[&buffer]);
            let path = self.piece_path(&name);
            if !path.exists() {
                if let Some(folder) = path.parent() {
                    files::private_folder(folder)?;
                }
                files::write_private(&path, &seal(&self.seal, &piece_context(&name), &buffer)?)?;
            }
            kept.length += buffer.len() as u64;
            kept.pieces.push(name);
        }
    }

    /// A piece, genuine and with the content that its name stands for.
    fn piece(&self, name: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>> {
        let sealed = std::fs::read(self.piece_path(name)).map_err(|why| {
            let what = "A piece";
            damaged(what, format!("{}: {why}", HEXLOWER.encode(name)))
        })?;
        let content = open(&self.seal, &piece_context(name), &sealed)
            .map_err(|why| damaged("A piece", format!("{}: {why}", HEXLOWER.encode(name))))?;
        if mac(&self.name, &[&content]) == *name {
            Ok(content)
        } else {
            Err(damaged("A piece", format!("{} has another content", HEXLOWER.encode(name))))
        }
    }

    /// Writes out what pieces hold, to the disk.
    ///
    /// # Errors
    /// Corrupt when a piece is missing or damaged; that of writing.
    pub fn write_out(&self, pieces: &Pieces, to: &Path) -> Result<()> {
        files::touch_private(to)?;
        let mut file = File::options().write(true).truncate(true).open(to)?;
        let mut length = 0;
        for name in &pieces.pieces {
            let piece = self.piece(name)?;
            file.write_all(&piece)?;
            length += piece.len() as u64;
        }
        if length != pieces.length {
            return Err(damaged("A file", "its length is not that of its pieces"));
        }
        file.sync_all()?;
        files::sync_parent(to)?;
        Ok(())
    }

    /// What pieces hold, to be read once.
    pub fn read(&self, pieces: &Pieces) -> Reader<'_> {
        Reader { folder: self, names: pieces.pieces.clone().into_iter(), piece: Zeroizing::default(), at: 0 }
    }

    /// Writes a snapshot; with it the backup exists. The answer is its name.
    ///
    /// # Errors
    /// That of writing.
    pub fn put_snapshot(&self, snapshot: &Snapshot) -> Result<String> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|why| Error::internal("The system gave no random bytes", why))?;
        let name = format!("{}-{}", when(snapshot.at), HEXLOWER.encode(&random));
        let bytes = wire::encode(snapshot).map_err(|why| Error::internal("A snapshot could not be written", why))?;
        let sealed = seal(&self.seal, &snapshot_context(&name), &Zeroizing::new(bytes))?;
        files::write_private(&self.path.join("snapshots").join(&name), &sealed)?;
        Ok(name)
    }

    /// The snapshots here, oldest first.
    ///
    /// # Errors
    /// The system's.
    pub fn snapshots(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.path.join("snapshots"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // What was being written when a backup ended early has another ending.
            if !name.contains('.') {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes snapshots, for good once this returns.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn remove_snapshots(&self, names: &[&str]) -> Result<()> {
        let folder = self.path.join("snapshots");
        for name in names {
            std::fs::remove_file(folder.join(name))?;
        }
        files::sync_parent(&folder.join(LOCK))?;
        Ok(())
    }

    /// Removes every piece but these, also half written ones. The answer is how many and how many bytes they had.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn remove_pieces_but(&self, needed: &HashSet<[u8; 32]>) -> Result<(u64, u64)> {
        let (mut count, mut bytes) = (0, 0);
        for folder in std::fs::read_dir(self.path.join("pieces"))? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(folder.path())? {
                let entry = entry?;
                let file = entry.file_name().to_string_lossy().into_owned();
                let (text, half) = file.strip_suffix(".new").map_or((file.as_str(), false), |text| (text, true));
                // What is no piece is not ours to remove.
                let Ok(name) = HEXLOWER.decode(text.as_bytes()).unwrap_or_default().try_into() else { continue };
                if half || !needed.contains::<[u8; 32]>(&name) {
                    let length = entry.metadata()?.len();
                    std::fs::remove_file(entry.path())?;
                    count += 1;
                    bytes += length;
                }
            }
        }
        Ok((count, bytes))
    }

    /// A snapshot by its name, or the newest.
    ///
    /// # Errors
    /// Bad input when there is none, corrupt.
    pub fn snapshot(&self, name: Option<&str>) -> Result<(String, Snapshot)> {
        let names = self.snapshots()?;
        let name = match name {
            Some(name) => names.into_iter().find(|one| one == name),
            None => names.into_iter().next_back(),
        };
        let name = name.ok_or_else(|| {
            Error::bad_input("There is no such backup", "the folder does not list it", "look into its snapshots folder")
        })?;
        let mut sealed = Vec::new();
        File::open(self.path.join("snapshots").join(&name))?.take(SNAPSHOT_MAX).read_to_end(&mut sealed)?;
        let bytes = open(&self.seal, &snapshot_context(&name), &sealed).map_err(|why| damaged("A snapshot", why))?;
        let snapshot: Snapshot = wire::decode(&bytes).map_err(|why| damaged("A snapshot", why))?;
        Ok((name, snapshot))
    }
}

fn lock(path: &Path) -> Result<File> {
    let path = path.join(LOCK);
    files::touch_private(&path)?;
    let file = File::options().append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            Kind::Busy,
            "The backup's folder is in use",
            "another backup is being made there, or old ones are being removed",
            "try again when that has ended",
        )),
        Err(TryLockError::Error(why)) => Err(why.into()),
    }
}

fn unwrapped(service: &LocalKeyService, what: &str, hex: &str) -> Result<Key> {
    let wrapped = HEXLOWER.decode(hex.as_bytes()).map_err(|why| damaged("The key file", why))?;
    service.unwrap(&WrapContext::new(what), &wrapped).map_err(|why| damaged("The key file", why))
}

fn piece_context(name: &[u8; 32]) -> Context {
    Context::new("backup piece").part(name)
}

fn snapshot_context(name: &str) -> Context {
    Context::new("backup snapshot").part(name.as_bytes())
}

/// `20261125T031500042Z`, to the millisecond: names in the order of time.
fn when(at: Timestamp) -> String {
    let seconds = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%Y%m%dT%H%M%S");
    format!("{seconds}{:03}Z", at.0.rem_euclid(1000))
}

/// Reads pieces one after the other.
pub struct Reader<'a> {
    folder: &'a Folder,
    names: std::vec::IntoIter<[u8; 32]>,
    piece: Zeroizing<Vec<u8>>,
    at: usize,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("left", &self.names.len()).finish_non_exhaustive()
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Some(name) = self.names.next() else { return Ok(0) };
            self.piece = self.folder.piece(&name).map_err(io::Error::other)?;
            self.at = 0;
        }
        let ready = self.piece.get(self.at..).unwrap_or_default();
        let count = ready.len().min(out.len());
        out.split_at_mut(count).0.copy_from_slice(ready.split_at(count).0);
        self.at += count;
        Ok(count)
    }
}
