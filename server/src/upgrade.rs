//! Before a newer release changes the databases of a host, it keeps a copy of them as they are: the way back.
//!
//! ```text
//! <data>/upgrade/<when>/        one copy, at most three of them
//!   upgrade.json                what is in it; written last, so without it the copy is none
//!   host.db, keys/              sealed as they lie in the data folder
//!   <workspace>/workspace.db
//! ```
//!
//! Nothing is opened for it: databases are sealed by keys that the key service guards, and so is their copy. Files that people
//! shared are not in it; an upgrade does not touch them.

mod back;

pub use back::restore;
pub(crate) use back::{goes_on, was_put_back};

use crate::error::{Error, Kind, Result};
use crate::files;
use crate::time::now;
use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_database as database;
use thechatapp_seal::Key;
use zeroize::Zeroizing;

/// Why a database did not open.
pub(crate) enum NotOpened {
    Database(database::Error),
    /// A newer release's changes wait for a copy of what is there.
    NoCopy(Error),
}

impl From<database::Error> for NotOpened {
    fn from(why: database::Error) -> Self {
        Self::Database(why)
    }
}

/// Copies that stay.
const KEPT: usize = 3;
/// Room that has to be left beside a copy, in bytes: the upgrade itself needs some.
const SPARE: u64 = 16 << 20;
const PIECE: usize = 256 * 1024;
const HOST: &str = "host.db";
const DATABASE: &str = "workspace.db";
const MANIFEST: &str = "upgrade.json";
/// What names of copies look like: when they were made, to the millisecond.
const NAME: &str = "20261125T031500042Z";
/// The version of that file.
const VERSION: u32 = 1;

/// `upgrade.json`
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// When it was made, Unix milliseconds.
    at: i64,
    /// The release that was about to change the databases.
    release: String,
    /// Each file by its path in here, with `/`.
    files: BTreeMap<String, Kept>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    bytes: u64,
    sha256: String,
}

/// What is in a copy.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Its name.
    pub backup: String,
    /// The workspaces.
    pub workspaces: u64,
    /// Files that people shared: those that were put back beside it.
    pub files: u64,
    /// All its bytes.
    pub bytes: u64,
    /// Whether everything is as it must be.
    pub ok: bool,
}

/// The copies of one host, and what has to be known to make one.
pub struct Upgrades {
    data: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Workspaces whose databases are in use: they are what this release made of them.
    open: BTreeSet<String>,
    /// The key of `host.db`, once that is in use.
    host: Option<Key>,
}

impl fmt::Debug for Upgrades {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upgrades({})", self.data.display())
    }
}

/// A file of a copy that is to be made.
enum Source {
    /// As it lies on the disk.
    File(PathBuf),
    /// `host.db`, which is in use.
    Host(Key),
}

impl Upgrades {
    /// Of the host in a data folder.
    pub fn of(data: &Path) -> Arc<Self> {
        Arc::new(Self { data: data.to_owned(), known: Mutex::default() })
    }

    fn folder(&self) -> PathBuf {
        self.data.join("upgrade")
    }

    /// `host.db` is in use from here on.
    pub(crate) fn host_is_open(&self, key: &Key) {
        self.known.lock().host = Some(key.clone());
    }

    /// A workspace's database is in use, or no longer.
    pub(crate) fn workspace_is_open(&self, name: &str, open: bool) {
        let mut known = self.known.lock();
        if open {
            known.open.insert(name.to_owned());
        } else {
            known.open.remove(name);
        }
    }

    /// `host.db` is about to change.
    ///
    /// # Errors
    /// No room, and whatever else stops a copy: then nothing may change.
    pub(crate) fn before_host(&self) -> Result<()> {
        self.before(HOST)
    }

    /// A workspace's database is about to change.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn before_workspace(&self, name: &str) -> Result<()> {
        self.before(&format!("{name}/{DATABASE}"))
    }

    fn before(&self, pending: &str) -> Result<()> {
        // Held to the end: of several that open at once the first makes the copy for all.
        let known = self.known.lock();
        let kept = self.make_if_missing(&known, pending);
        kept.map_err(|why| Error {
            what: "The data is not brought to this release, because no copy of it could be kept".to_owned(),
            ..why
        })
    }

    fn make_if_missing(&self, known: &Known, pending: &str) -> Result<()> {
        let folder = self.folder();
        files::private_folder(&folder)?;
        let (copies, broken) = copies(&folder)?;
        for name in broken {
            std::fs::remove_dir_all(folder.join(name))?;
        }
        let here = look(&self.data.join(pending))?;
        let wal = format!("{pending}-wal");
        let wal_here = look(&self.data.join(&wal)).ok().filter(|wal| wal.bytes > 0);
        for name in copies.iter().rev() {
            let manifest = read(&folder.join(name))?;
            // A start that did not come to its end must not fill the disk.
            if manifest.files.get(pending) == Some(&here) && manifest.files.get(&wal) == wal_here.as_ref() {
                return Ok(());
            }
        }
        let name = free_name(&folder)?;
        let place = folder.join(&name);
        let made = self.make(known, &place);
        if let Err(why) = made {
            let _ = std::fs::remove_dir_all(&place);
            return Err(why);
        }
        tracing::info!(copy = name, "a copy of the databases is kept: this release changes them");
        for old in copies.iter().rev().skip(KEPT - 1) {
            std::fs::remove_dir_all(folder.join(old))?;
        }
        Ok(())
    }

    fn make(&self, known: &Known, place: &Path) -> Result<()> {
        let sources = self.sources(known)?;
        let bytes: u64 = sources
            .values()
            .map(|source| match source {
                Source::File(path) => std::fs::metadata(path).map_or(0, |found| found.len()),
                Source::Host(_) => 0,
            })
            .sum();
        if files::room(&self.folder()).is_some_and(|room| room < bytes.saturating_add(SPARE)) {
            return Err(Error::new(
                Kind::DiskFull,
                "There is no room for a copy",
                format!("{bytes} bytes are needed, and {SPARE} beside them"),
                "make room, or give the data a larger disk; until then the release before goes on",
            ));
        }
        files::private_folder(place)?;
        let mut kept = BTreeMap::new();
        for (path, source) in sources {
            let to = place.join(&path);
            if let Some(parent) = to.parent() {
                files::private_folder(parent)?;
            }
            match source {
                Source::File(from) => copy(&from, &to)?,
                Source::Host(key) => {
                    files::touch_private(&to)?;
                    let db = database::open_reader(&self.data.join(HOST), key.expose())?;
                    database::backup(&db, &to, key.expose())?;
                    make_private(&to)?;
                }
            }
            kept.insert(path, look(&to)?);
        }
        let manifest =
            Manifest { version: VERSION, at: now().0, release: env!("CARGO_PKG_VERSION").to_owned(), files: kept };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|why| Error::internal("A list of what was copied could not be written", why))?;
        files::write_private(&place.join(MANIFEST), &text)?;
        files::sync_parent(place)?;
        Ok(())
    }

    /// Everything that is not in use: a database with its WAL is whole.
    fn sources(&self, known: &Known) -> Result<BTreeMap<String, Source>> {
        let mut sources = BTreeMap::new();
        let mut add = |path: String| {
            let from = self.data.join(&path);
            if std::fs::metadata(&from).is_ok_and(|found| found.is_file() && found.len() > 0) {
                sources.insert(path, Source::File(from));
            }
        };
        for entry in std::fs::read_dir(&self.data)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !known.open.contains(&name) {
                add(format!("{name}/{DATABASE}"));
                add(format!("{name}/{DATABASE}-wal"));
            }
        }
        for entry in std::fs::read_dir(self.data.join("keys"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // The key of TLS lies open where it lies; it is made anew where it is missing.
            if name.ends_with(".json") {
                add(format!("keys/{name}"));
            }
        }
        if let Some(key) = &known.host {
            sources.insert(HOST.to_owned(), Source::Host(key.clone()));
        } else {
            add(HOST.to_owned());
            add(format!("{HOST}-wal"));
        }
        Ok(sources)
    }

    /// Removes all copies: what is wiped must not come back by them. Answers how many there were.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove(&self) -> Result<usize> {
        let _known = self.known.lock();
        let folder = self.folder();
        if !folder.exists() {
            return Ok(0);
        }
        let (copies, broken) = copies(&folder)?;
        for name in copies.iter().chain(&broken) {
            std::fs::remove_dir_all(folder.join(name))?;
        }
        files::sync_parent(&folder.join(MANIFEST))?;
        Ok(copies.len())
    }
}

/// The copies in a folder, oldest first, and what was left of others. What is named otherwise is not ours.
fn copies(folder: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_one = name.len() == NAME.len() && name.ends_with('Z') && name.contains('T');
        if is_one {
            if folder.join(&name).join(MANIFEST).exists() { whole.push(name) } else { broken.push(name) }
        }
    }
    whole.sort();
    Ok((whole, broken))
}

/// A name that is free, in the order of time.
fn free_name(folder: &Path) -> Result<String> {
    let mut at = now().0;
    loop {
        let seconds = jiff::Timestamp::from_millisecond(at)
            .map_err(|why| Error::internal("The clock shows no time", why))?
            .strftime("%Y%m%dT%H%M%S");
        let name = format!("{seconds}{:03}Z", at.rem_euclid(1000));
        if !folder.join(&name).exists() {
            return Ok(name);
        }
        at += 1;
    }
}

fn look(path: &Path) -> io::Result<Kept> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = Zeroizing::new(vec![0; PIECE]);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += read as u64;
    }
    Ok(Kept { bytes, sha256: HEXLOWER.encode(&hash.finalize()) })
}

/// Copies a file to the disk, for its owner alone.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    files::touch_private(to)?;
    let (mut from, mut to) = (File::open(from)?, File::options().write(true).truncate(true).open(to)?);
    let mut buffer = Zeroizing::new(vec![0; PIECE]);
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        to.write_all(part)?;
    }
    to.sync_all()
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    thechatapp_database::sync_file(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    thechatapp_database::sync_file(path)
}

/// Whether a folder is such a copy, and no folder of backups.
pub fn is_one(folder: &Path) -> bool {
    folder.join(MANIFEST).exists()
}

/// The copy that is meant: a folder that is one, or one in a folder of several, by its name or the newest.
///
/// # Errors
/// Bad input when there is none of that name.
pub fn find(folder: &Path, name: Option<&str>) -> Result<Option<PathBuf>> {
    if is_one(folder) {
        return Ok(Some(folder.to_owned()));
    }
    let Ok((copies, _)) = copies(folder) else { return Ok(None) };
    if copies.is_empty() {
        return Ok(None);
    }
    let found = copies.iter().rev().find(|one| name.is_none_or(|name| name == one.as_str()));
    match found {
        Some(found) => Ok(Some(folder.join(found))),
        None => Err(Error::bad_input(
            "There is no such copy",
            format!("there are {}", copies.join(", ")),
            "name one of these",
        )),
    }
}

fn read(copy: &Path) -> Result<Manifest> {
    let damaged = |why: String| {
        Error::new(Kind::Corrupt, "A copy from before an upgrade is damaged", why, "use another one, or a backup")
    };
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(copy.join(MANIFEST))?)
        .map_err(|why| damaged(format!("{}: {why}", copy.join(MANIFEST).display())))?;
    if manifest.version != VERSION {
        return Err(Error::new(
            Kind::Newer,
            "A newer release made this copy",
            format!("it has version {}, this release knows {VERSION}", manifest.version),
            "use that release",
        ));
    }
    // What it names is written below a folder, and nowhere else.
    let inside = |path: &str| {
        path.split('/').all(|part| !part.is_empty() && part != "." && part != "..") && !path.contains('\\')
    };
    if let Some(bad) = manifest.files.keys().find(|path| !inside(path)) {
        return Err(damaged(format!("it names {bad}")));
    }
    Ok(manifest)
}

fn name_of(copy: &Path) -> String {
    copy.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn names_of_workspaces(manifest: &Manifest) -> Vec<&str> {
    let ending = format!("/{DATABASE}");
    manifest.files.keys().filter_map(|path| path.strip_suffix(&ending)).collect()
}

/// Looks whether a copy is as it was made.
///
/// # Errors
/// Corrupt, with what is not.
pub fn verify(copy: &Path) -> Result<Copied> {
    let manifest = read(copy)?;
    for (path, kept) in &manifest.files {
        if look(&copy.join(path)).ok().as_ref() != Some(kept) {
            return Err(Error::new(
                Kind::Corrupt,
                "A copy from before an upgrade is damaged",
                format!("{path} is missing, or not as it was"),
                "use another one, or a backup",
            ));
        }
    }
    Ok(Copied {
        backup: name_of(copy),
        workspaces: names_of_workspaces(&manifest).len() as u64,
        files: 0,
        bytes: manifest.files.values().map(|kept| kept.bytes).sum(),
        ok: true,
    })
}

#[cfg(test)]
mod tests;
