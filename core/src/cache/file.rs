//! The file of a cache: opened, closed, and put aside when it is damaged.
//!
//! A damaged one stays beside the fresh one as `cache.db.damaged`, to be read as far as it can be, until the fresh one has what it had
//! (see [`Former`]). Whatever happens in between, what is found at the next opening tells where to go on.

use super::former::Former;
use super::{PAGES, READERS, schema};
use rusqlite::Connection;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use thechatapp_database::{self as database, Durability, Error, Form, Readers, Writer};

/// What belongs to a database, in the order in which it goes: the log before the file that needs it, and last the mark by which a file
/// whose log went is told from a whole one.
const PARTS: [&str; 4] = ["-wal", "-shm", "", "-mark"];

/// An open file.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) writer: Writer<()>,
    pub(super) readers: Readers,
    thread: JoinHandle<()>,
}

impl Open {
    fn new(path: &Path, key: &[u8; 32], former: Option<&Former>) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(full)?;
        }
        let db = database::open_formed(path, key, schema::CACHE, Durability::Normal, Form::quickest())?;
        set_pages(&db)?;
        if let Some(former) = former {
            former.seed_new(&db)?;
        }
        let readers = Readers::of_form(path.to_owned(), key, READERS, Form::of(&db)?);
        let (writer, thread) = Writer::start(db, |_| {})?;
        Ok(Self { writer, readers, thread })
    }

    /// Opens a file. One that is damaged is set aside, and an empty one takes its place; what stands aside, by now or from an earlier
    /// time, comes along.
    pub(super) fn whole(path: &Path, key: &[u8; 32]) -> Result<(Self, Option<Arc<Former>>), Error> {
        let opened =
            Former::beside(path, key).and_then(|former| Ok((Self::new(path, key, former.as_deref())?, former)));
        match opened {
            Err(why @ (Error::NotADatabase | Error::Plain | Error::Damaged(_))) => {
                tracing::error!(%why, "a cache is damaged: it is set aside and rebuilt");
                if let Some(former) = Former::beside(path, key)? {
                    let readers = Readers::of_former(path.to_owned(), key, 1);
                    let is_read = database::check_log(path, Durability::Normal).is_ok();
                    let gives_way = is_read && former.has_fewer_than(&readers);
                    readers.end();
                    former.close_or_end(gives_way);
                }
                set_aside(path)?;
                let former = Former::beside(path, key)?;
                Ok((Self::new(path, key, former.as_deref())?, former))
            }
            opened => opened,
        }
    }

    /// Closes the file. What runs ends first, and nothing begins any more.
    pub(super) fn close(self) -> Result<(), Error> {
        self.readers.end();
        drop(self.writer);
        self.thread.join().map_err(|_| Error::Failed("a database thread ended badly".into()))
    }
}

/// How much of the file the writer keeps in memory.
pub(super) fn set_pages(db: &Connection) -> Result<(), Error> {
    Ok(db.pragma_update(None, "cache_size", PAGES)?)
}

/// Where a damaged file stands.
pub(crate) fn former_path(path: &Path) -> PathBuf {
    path.with_extension("db.damaged")
}

/// Sets a file that nobody has open aside. Where one stands there already this one goes: see
/// [`Former::has_fewer_than`].
pub(crate) fn set_aside(path: &Path) -> Result<(), Error> {
    let former = former_path(path);
    if former.exists() {
        return remove(path);
    }
    for part in PARTS {
        gone(fs::rename(beside(path, part), beside(&former, part)))?;
    }
    Ok(())
}

/// Removes a database and what belongs to it.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    PARTS.into_iter().try_for_each(|part| gone(fs::remove_file(beside(path, part))))
}

/// Bytes of a database and what belongs to it.
pub(super) fn bytes(path: &Path) -> u64 {
    PARTS.into_iter().filter_map(|part| Some(fs::metadata(beside(path, part)).ok()?.len())).sum()
}

fn gone(done: io::Result<()>) -> Result<(), Error> {
    match done {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(full(why)),
        _ => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn full(why: io::Error) -> Error {
    Error::Full(why.to_string())
}
