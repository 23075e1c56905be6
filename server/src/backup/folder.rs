//! A backup's folder: its keys, its pieces, its snapshots. What is written appears whole and is not changed, but for
//! `keys.json` when another key service follows. Whoever adds something has the folder locked against others who do; whoever
//! removes something, also against those who read.

mod reader;

pub use reader::Reader;

use super::seals::{Guard, Keys, Opening, Pair, SealedFor, damaged};
use super::snapshot::{Missing, OwnKept, Pieces, Snapshot, WITH_OWN, WorkspaceKept};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::keyring::mac;
use data_encoding::HEXLOWER;
use std::collections::HashSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_protocol::{Timestamp, wire};
use thechatapp_seal::{Argon2Params, Context, Key, KeyService, WrapContext, open, seal, unwrap};
use zeroize::Zeroizing;

/// The longest piece.
pub const PIECE: usize = 1 << 20;
/// The longest snapshot that is read, sealed.
const SNAPSHOT_MAX: u64 = 256 << 20;
/// The file that is locked by whoever adds or removes something.
const LOCK: &str = "backup.lock";
/// The file that is locked by whoever reads, together with others, and by whoever removes something, alone.
const READING: &str = "reading.lock";
const LOCKS: [&str; 2] = [LOCK, READING];
const KEYS: &str = "keys.json";

/// An open backup folder.
pub struct Folder {
    path: PathBuf,
    seal: Key,
    name: Key,
    sealed_for: SealedFor,
    lock: Option<File>,
    /// Nothing goes away while something is read.
    reading: Option<File>,
    owners: Option<Owners>,
}

/// What opens the keys of a workspace that only a key service of its own opens: by the workspace's short name, and what is kept
/// of it.
pub type Owners = Arc<dyn Fn(&str, &OwnKept) -> Result<Arc<dyn KeyService>> + Send + Sync>;

/// The workspaces of a snapshot that open, with their keys and their databases' keys, and those that do not.
#[derive(Default)]
pub(super) struct Opened<'a> {
    pub(super) workspaces: Vec<(&'a WorkspaceKept, (Key, Key))>,
    pub(super) shut: Vec<Missing>,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.path.display())
    }
}

impl Folder {
    /// Whether there is one at this place.
    pub fn is_there(path: &Path) -> bool {
        path.join(KEYS).exists()
    }

    /// Opens a folder for another backup that these open, or makes one where nothing is. Blocks.
    ///
    /// # Errors
    /// Wrong key for another passphrase or service; bad input for a folder that holds something else, or that is sealed for
    /// something else.
    pub fn open_or_make<'a>(path: &Path, with: impl Into<Opening<'a>>, cost: &Argon2Params) -> Result<Self> {
        let with = with.into();
        if path.join(KEYS).exists() {
            return Self::open_for_more(path, with);
        }
        let foreign = |entry: io::Result<std::fs::DirEntry>| {
            entry.map_or(true, |entry| !LOCKS.map(Some).contains(&entry.file_name().to_str()))
        };
        if std::fs::read_dir(path).is_ok_and(|mut entries| entries.any(foreign)) {
            return Err(Error::bad_input(
                "No backup is made there",
                format!("{} holds something that is no backup", path.display()),
                "choose an empty folder, or one with backups of this host",
            ));
        }
        let (keys, pair) = Keys::make(with, cost)?;
        files::private_folder(path)?;
        // Two that make it at once would each have keys of their own.
        let _lock = alone(&path.join(LOCK))?;
        if path.join(KEYS).exists() {
            return Self::open_for_more(path, with);
        }
        for folder in ["pieces", "snapshots"] {
            files::private_folder(&path.join(folder))?;
        }
        files::write_private(&path.join(KEYS), &keys.bytes()?)?;
        Ok(Self::with(path, pair, keys.sealed_for()))
    }

    fn with(path: &Path, pair: Pair, sealed_for: SealedFor) -> Self {
        Self {
            path: path.to_owned(),
            seal: pair.seal,
            name: pair.name,
            sealed_for,
            lock: None,
            reading: None,
            owners: None,
        }
    }

    pub(super) fn keys(path: &Path) -> Result<Keys> {
        let text = std::fs::read(path.join(KEYS)).map_err(|why| {
            Error::bad_input("There is no backup", format!("{}: {why}", path.join(KEYS).display()), "check the path")
        })?;
        Keys::parse(&text)
    }

    fn open_for_more(path: &Path, with: Opening<'_>) -> Result<Self> {
        let mut keys = Self::keys(path)?;
        let (pair, added) = keys.open_for_more(with)?;
        if added {
            let _lock = alone(&path.join(LOCK))?;
            files::write_private(&path.join(KEYS), &keys.bytes()?)?;
        }
        Ok(Self::with(path, pair, keys.sealed_for()))
    }

    /// Opens a folder that is one, with whatever of this does. Blocks.
    ///
    /// # Errors
    /// Bad input where there is none, wrong key, corrupt.
    pub fn open<'a>(path: &Path, with: impl Into<Opening<'a>>) -> Result<Self> {
        let keys = Self::keys(path)?;
        Ok(Self::with(path, keys.open(with.into())?, keys.sealed_for()))
    }

    /// The same, with what opens workspaces that have a key service of their own.
    #[must_use]
    pub fn with_owners(self, owners: Owners) -> Self {
        Self { owners: Some(owners), ..self }
    }

    /// The key of a workspace, and of its database.
    ///
    /// # Errors
    /// Key service where it has one of its own that does not give it, wrong key, corrupt.
    pub(super) fn keys_of(&self, kept: &WorkspaceKept) -> Result<(Key, Key)> {
        let Some(own) = &kept.own else { return Ok((kept.key.key()?, kept.database_key.key()?)) };
        let shut = |why: String| {
            Error::new(
                Kind::KeyService,
                "A workspace of this backup stays shut",
                format!("only the key {} of {} opens it: {why}", own.key_id, own.provider),
                format!("name its key service: --workspace-kms {}=URI", kept.name),
            )
        };
        let owners = self.owners.as_ref().ok_or_else(|| shut("it was not named".to_owned()))?;
        let service = owners(&kept.name, own).map_err(|why| shut(format!("{} ({})", why.why, why.advice)))?;
        let key =
            service.unwrap(&WrapContext::new(kept.id.to_string()), &own.key).map_err(|why| shut(why.to_string()))?;
        let database_key = unwrap(&key, "database", kept.id.as_bytes(), 0, &own.database_key)
            .map_err(|why| shut(format!("it gave a key that is not the workspace's ({why})")))?;
        Ok((key, database_key))
    }

    /// The workspaces of a snapshot with their keys. One whose own key service does not give them holds up no other.
    ///
    /// # Errors
    /// Corrupt, and where no workspace opens.
    pub(super) fn open_workspaces<'a>(&self, snapshot: &'a Snapshot) -> Result<Opened<'a>> {
        let (mut opened, mut last) = (Opened::default(), None);
        for kept in &snapshot.workspaces {
            match self.keys_of(kept) {
                Ok(keys) => opened.workspaces.push((kept, keys)),
                Err(why) if kept.own.is_some() => {
                    opened.shut.push(Missing::of(&kept.name, &why));
                    last = Some(why);
                }
                Err(why) => return Err(why),
            }
        }
        match last {
            Some(why) if opened.workspaces.is_empty() => Err(why),
            _ => Ok(opened),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What opens the backups in it.
    pub fn sealed_for(&self) -> &SealedFor {
        &self.sealed_for
    }

    /// Has the folder alone, until it is dropped: nobody else adds anything.
    ///
    /// # Errors
    /// Busy while somebody else has it.
    pub fn lock(mut self) -> Result<Self> {
        self.lock = Some(alone(&self.path.join(LOCK))?);
        Ok(self)
    }

    /// The same, and nobody reads in it, so that something may go.
    ///
    /// # Errors
    /// Busy while somebody else has it, or reads.
    pub(super) fn lock_for_removing(self) -> Result<Self> {
        let mut locked = self.lock()?;
        locked.reading = Some(alone(&locked.path.join(READING))?);
        Ok(locked)
    }

    /// While it is held nothing goes away; others may read, too. Where nothing can be written, nothing can go away either.
    ///
    /// # Errors
    /// Busy while old backups are removed.
    pub(super) fn reading(&self) -> Result<Option<File>> {
        let path = self.path.join(READING);
        let read_only =
            |why: &io::Error| matches!(why.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
        match files::touch_private(&path) {
            Err(why) if read_only(&why) && !path.exists() => return Ok(None),
            Err(why) if !read_only(&why) => return Err(why.into()),
            _ => {}
        }
        let file = File::open(path)?;
        file.try_lock_shared().map_err(locked)?;
        Ok(Some(file))
    }

    /// Backups in a folder that one key service opens are opened by another one, too, from here on. Blocks.
    ///
    /// # Errors
    /// The same as [`Self::open`], and busy.
    pub(crate) fn add_service(path: &Path, present: &dyn KeyService, coming: &dyn KeyService) -> Result<()> {
        let mut keys = Self::keys(path)?;
        let _lock = alone(&path.join(LOCK))?;
        let pair = keys.open(Opening { passphrase: None, service: Some(present) })?;
        keys.add_service(coming, &pair)?;
        Ok(files::write_private(&path.join(KEYS), &keys.bytes()?)?)
    }

    /// Of the key services only this one opens them from here on.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn keep_service(path: &Path, kept: &Guard) -> Result<()> {
        let mut keys = Self::keys(path)?;
        let _lock = alone(&path.join(LOCK))?;
        keys.keep_service(kept);
        Ok(files::write_private(&path.join(KEYS), &keys.bytes()?)?)
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
        let name = Self::name_of(snapshot.at)?;
        self.put_snapshot_as(&name, snapshot)?;
        Ok(name)
    }

    /// A name for a snapshot of this time.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn name_of(at: Timestamp) -> Result<String> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|why| Error::internal("The system gave no random bytes", why))?;
        Ok(format!("{}-{}", when(at), HEXLOWER.encode(&random)))
    }

    /// The same under a name that [`Self::name_of`] gave.
    ///
    /// # Errors
    /// That of writing.
    pub(super) fn put_snapshot_as(&self, name: &str, snapshot: &Snapshot) -> Result<()> {
        let bytes = wire::encode(snapshot).map_err(|why| Error::internal("A snapshot could not be written", why))?;
        let sealed = seal(&self.seal, &snapshot_context(name), &Zeroizing::new(bytes))?;
        Ok(files::write_private(&self.path.join("snapshots").join(name), &sealed)?)
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
        if snapshot.version > WITH_OWN {
            return Err(Error::new(
                Kind::Newer,
                "A newer release made this backup",
                format!("{name} has version {}, this release knows {WITH_OWN}", snapshot.version),
                "use that release",
            ));
        }
        Ok((name, snapshot))
    }
}

/// A lock file, and nobody else has it in any way.
fn alone(path: &Path) -> Result<File> {
    files::touch_private(path)?;
    let file = File::options().append(true).open(path)?;
    file.try_lock().map_err(locked)?;
    Ok(file)
}

fn locked(why: TryLockError) -> Error {
    match why {
        TryLockError::WouldBlock => Error::new(
            Kind::Busy,
            "The backup's folder is in use",
            "another backup is being made or read there, or old ones are being removed",
            "try again when that has ended",
        ),
        TryLockError::Error(why) => why.into(),
    }
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
