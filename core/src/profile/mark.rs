//! Marks: files beside `profile.json`, which seal nothing and say what was wanted. They are empty but for what a wipe is to remove
//! outside the profile, which is known to nothing else once its keys are gone.
//!
//! While that of the app lock stands, secure storage alone opens the profile only when a person asks for it; the program that has the
//! profile open sees it, too. That of a wipe says that the profile is being destroyed: whoever comes next brings that to its end.

use super::file::{self, disk};
use crate::Result;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The profile was locked.
    Locked,
    /// The profile is being destroyed.
    Wiping,
}

impl Mark {
    /// The file's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Locked => "profile.locked",
            Self::Wiping => "profile.wiping",
        }
    }

    /// Whether it stands in a folder.
    pub(super) fn stands(self, dir: &Path) -> bool {
        // A lock that cannot be looked at counts, and a wipe that cannot be does not: neither opens or destroys anything unasked.
        dir.join(self.name()).try_exists().unwrap_or(self == Self::Locked)
    }

    /// Sets it, durably.
    pub(super) fn set(self, dir: &Path) -> Result<()> {
        file::private().create(true).truncate(false).write(true).open(dir.join(self.name())).map_err(disk)?;
        file::sync_dir(dir).map_err(disk)
    }

    /// Sets it, durably, with what is to be known by whoever finds it.
    pub(super) fn set_with(self, dir: &Path, text: &[u8]) -> Result<()> {
        let (fresh, path) = (dir.join(format!("{}.new", self.name())), dir.join(self.name()));
        let written = || {
            let mut file = file::private().create(true).truncate(true).write(true).open(&fresh)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        written().inspect_err(|_| drop(fs::remove_file(&fresh))).map_err(disk)?;
        file::sync_dir(dir).map_err(disk)
    }

    /// What it was set with.
    pub(super) fn text(self, dir: &Path) -> Vec<u8> {
        fs::read(dir.join(self.name())).unwrap_or_default()
    }

    /// Takes it away.
    pub(super) fn clear(self, dir: &Path) -> Result<()> {
        match fs::remove_file(dir.join(self.name())) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| file::sync_dir(dir)).map_err(disk),
        }
    }
}
