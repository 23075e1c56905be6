//! Setting a profile's files aside, and destroying them. Nothing else in the program removes a profile's files, and
//! setting aside only ever moves them.

use super::file::{self, PinCopy, ProfileFile, disk};
use super::mark::Mark;
use crate::{Error, Result, Timestamp, WorkspaceId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(super) const ASIDE: &str = "set-aside";
pub(super) const ACCOUNTS: &str = "accounts";
pub(super) const LOCAL: &str = "local.db";

/// Whether anything of a profile is in a folder.
pub(super) fn occupied(dir: &Path) -> Result<bool> {
    // A copy alone is what a release left behind that knew of none.
    Ok(parts(dir)?.iter().any(|part| part != Mark::Locked.name() && part != file::GOOD))
}

/// Moves what there is of a profile into `set-aside/<date>/`.
pub(super) fn set_aside(dir: &Path, now: Timestamp) -> Result<PathBuf> {
    let parts = parts(dir)?;
    if parts.is_empty() {
        return Err(Error::bad_input("there is nothing to set aside", "no profile is in this folder"));
    }
    let date = now.to_string().replace(':', "-");
    let mut target = dir.join(ASIDE).join(&date);
    for number in 2.. {
        if !target.exists() {
            break;
        }
        target = dir.join(ASIDE).join(format!("{date}-{number}"));
    }
    file::make_dir(&target).map_err(disk)?;
    // profile.json goes first: should this be interrupted, what is left behind is a damaged profile and not one that
    // looks whole but lacks its drafts.
    for part in parts {
        fs::rename(dir.join(&part), target.join(&part)).map_err(disk)?;
    }
    file::sync_dir(&target).and_then(|()| file::sync_dir(dir)).map_err(disk)?;
    Ok(target)
}

/// The pins of all profiles set aside here; of two for one workspace the newer.
pub(super) fn pins(dir: &Path) -> BTreeMap<WorkspaceId, PinCopy> {
    let mut folders: Vec<PathBuf> = fs::read_dir(dir.join(ASIDE))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    folders.sort();
    let mut pins = BTreeMap::new();
    for folder in folders {
        if let Some(file) = ProfileFile::read(&folder).ok().flatten().or_else(|| ProfileFile::read_good(&folder)) {
            pins.extend(file.pins);
        }
    }
    pins
}

/// Removes every file of a profile, those set aside included, the wrapped keys first.
pub(super) fn destroy(dir: &Path) -> Result<()> {
    for part in parts(dir)? {
        remove(&dir.join(part)).map_err(disk)?;
    }
    remove(&dir.join(ASIDE)).map_err(disk)?;
    file::sync_dir(dir).map_err(disk)
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What belongs to a profile in a folder: `profile.json` with its copy, `local.db` with what goes with it, the accounts, the lock's mark.
fn parts(dir: &Path) -> Result<Vec<OsString>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(disk(why)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(disk)?.file_name();
        let text = name.to_string_lossy();
        if text == file::NAME
            || text == file::GOOD
            || text.starts_with(LOCAL)
            || text == ACCOUNTS
            || text == Mark::Locked.name()
        {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name != file::NAME, name != file::GOOD, name.clone()));
    Ok(names)
}
