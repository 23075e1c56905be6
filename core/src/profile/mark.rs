//! The mark of the app lock: an empty file beside `profile.json`. While it stands, secure storage alone opens the profile
//! only when a person asks for it. It seals nothing; it says what was wanted, also to the program that has the profile open.

use super::file::{self, disk};
use crate::Result;
use std::fs;
use std::io;
use std::path::Path;

/// The file's name.
pub(super) const NAME: &str = "profile.locked";

/// Whether the profile of a folder was locked.
pub(super) fn stands(dir: &Path) -> bool {
    // What cannot be looked at counts as locked.
    dir.join(NAME).try_exists().unwrap_or(true)
}

/// Locks the profile of a folder, durably.
pub(super) fn set(dir: &Path) -> Result<()> {
    file::private().create(true).truncate(false).write(true).open(dir.join(NAME)).map_err(disk)?;
    file::sync_dir(dir).map_err(disk)
}

/// The profile was unlocked.
pub(super) fn clear(dir: &Path) -> Result<()> {
    match fs::remove_file(dir.join(NAME)) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| file::sync_dir(dir)).map_err(disk),
    }
}
