//! What is written open beside the place it is for, in a folder that is the person's: where it lies, and which file it is there. What
//! has its name by now and is another file is never touched.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// A part on this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartFile {
    pub(crate) path: PathBuf,
    pub(crate) stamp: i64,
}

impl PartFile {
    /// Which file this is: when it was made, or its number where the file system does not tell. The number of the disk says nothing:
    /// it may be another one the next time.
    pub(crate) fn stamp(of: &Metadata) -> Option<i64> {
        let made = of.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        made.and_then(|since| i64::try_from(since.as_nanos()).ok()).filter(|nanos| *nanos != 0).or_else(|| number(of))
    }

    /// Whether this is the file, and nothing else leads to it.
    pub(crate) fn is(&self, found: &Metadata) -> bool {
        found.is_file() && has_one_name(found) && Self::stamp(found) == Some(self.stamp)
    }

    /// Whether it lies there, itself and not a link to it.
    pub(crate) fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|found| self.is(&found))
    }

    /// Removes it. Whether it is known to be gone: a disk that is not here has it still.
    pub(crate) fn remove(&self) -> bool {
        let removed = match std::fs::symlink_metadata(&self.path) {
            Ok(found) if self.is(&found) => std::fs::remove_file(&self.path),
            Ok(_) => return true,
            Err(why) => Err(why),
        };
        match removed {
            Ok(()) => true,
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                self.path.parent().is_some_and(std::path::Path::is_dir)
            }
            Err(why) => {
                tracing::warn!(%why, path = %self.path.display(), "a part of a file that is to go is still here");
                false
            }
        }
    }
}

#[cfg(unix)]
fn number(of: &Metadata) -> Option<i64> {
    Some(std::os::unix::fs::MetadataExt::ino(of).cast_signed())
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> Option<i64> {
    None
}

#[cfg(unix)]
fn has_one_name(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) == 1
}

#[cfg(not(unix))]
fn has_one_name(_: &Metadata) -> bool {
    true
}
