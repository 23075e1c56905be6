//! The sealed bytes of a workspace's files: `<workspace>/files/<id>`, while being uploaded `<id>.part`.
//!
//! They are sealed before they come and stay so; the server opens a file once, when its upload ends, to see that it is what
//! it says. What may be asked of them over HTTPS was decided in a session: see [`Tokens`].

mod check;
mod danger;
mod http;
mod tokens;

pub use check::{UNKNOWN, check_name, is_hidden, look_at};
pub use danger::{Verdict, judge, refusal};
pub use http::router;
pub use tokens::{Allowed, Tokens};

use crate::error::Fail;
use crate::files;
use crate::store::files::Limits;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use thechatapp_protocol::FileId;
use thechatapp_seal::HEADER;

/// What a workspace that was told nothing else may store.
pub const LIMITS: Limits = Limits { file: 2 << 30, person: u64::MAX, workspace: u64::MAX };

/// One workspace's blobs.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    /// Permissions for requests.
    pub tokens: Tokens,
    limits: RwLock<Limits>,
    busy: Arc<Mutex<HashSet<FileId>>>,
}

/// While it is held nobody else writes this upload.
#[derive(Debug)]
pub struct Busy {
    file: FileId,
    all: Arc<Mutex<HashSet<FileId>>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.file);
    }
}

impl Blobs {
    /// In a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let folder = workspace.join("files");
        Self { folder, tokens: Tokens::default(), limits: RwLock::new(LIMITS), busy: Arc::default() }
    }

    /// How much may be stored.
    pub fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how much may be stored from now on.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Where a whole file is.
    pub fn whole(&self, file: FileId) -> PathBuf {
        self.folder.join(file.to_string())
    }

    fn part(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.part"))
    }

    /// How many bytes of an upload are here.
    ///
    /// # Errors
    /// The system's.
    pub fn uploaded(&self, file: FileId) -> io::Result<u64> {
        for path in [self.part(file), self.whole(file)] {
            match std::fs::metadata(path) {
                Ok(found) => return Ok(found.len()),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        Ok(0)
    }

    /// Takes an upload for oneself.
    pub fn claim(&self, file: FileId) -> Option<Busy> {
        let free = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
        free.then(|| Busy { file, all: self.busy.clone() })
    }

    /// An upload's file, to be written on at its end.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&self, file: FileId) -> io::Result<File> {
        let path = self.part(file);
        files::private_folder(&self.folder)?;
        files::touch_private(&path)?;
        OpenOptions::new().append(true).open(path)
    }

    /// An upload as it is now, or a whole file whose end was not noted in the database.
    ///
    /// # Errors
    /// The system's.
    pub fn read_upload(&self, file: FileId) -> io::Result<File> {
        File::open(self.part(file)).or_else(|_| File::open(self.whole(file)))
    }

    /// The header of a whole file: what any part of it is opened with.
    ///
    /// # Errors
    /// The system's.
    pub fn header(&self, file: FileId) -> io::Result<[u8; HEADER]> {
        let mut header = [0; HEADER];
        File::open(self.whole(file))?.read_exact(&mut header)?;
        Ok(header)
    }

    /// Makes an upload a whole file: on the disk, under its name. A second time changes nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(&self, file: FileId) -> io::Result<()> {
        let (part, whole) = (self.part(file), self.whole(file));
        match OpenOptions::new().append(true).open(&part) {
            Ok(open) => open.sync_all()?,
            Err(why) if why.kind() == io::ErrorKind::NotFound && whole.exists() => return Ok(()),
            Err(why) => return Err(why),
        }
        std::fs::rename(&part, &whole)?;
        files::sync_parent(&whole)
    }

    /// Deletes what is here of files. What is not here is no error.
    ///
    /// # Errors
    /// The system's.
    pub fn delete(&self, gone: &[FileId]) -> Result<(), Fail> {
        for file in gone {
            for path in [self.part(*file), self.whole(*file)] {
                match std::fs::remove_file(path) {
                    Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
