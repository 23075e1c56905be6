//! Room on the disk, before anything is built: a build that runs out of it half way says little of why, so what an
//! earlier one left is given up first, least missed first.

use crate::places::Places;
use crate::step::{Failure, Outcome, Result};
use std::fs;
use std::path::Path;

const GIB: u64 = 1 << 30;

/// What everything that `cargo xtask test` builds takes, without what the compiler keeps for the next build.
const WHOLE: u64 = 20 * GIB;

/// What a build and the tests take even where all of it is there already: new versions of files, and databases.
const AGAIN: u64 = 6 * GIB;

/// What can be given up: folders in the build folder, each rebuilt by whoever needs it.
const GIVEN_UP: &[&str] = &["debug/incremental", "release/incremental", "release", "debug"];

pub fn make(places: &Places) -> Result<Outcome> {
    fs::create_dir_all(&places.target)?;
    let mut given_up = Vec::new();
    let mut left = GIVEN_UP.iter();
    loop {
        let Some(free) = free(&places.target) else {
            return Ok(Outcome::Skipped("this system is not asked how much room there is".to_owned()));
        };
        let there = ["deps", "build"].iter().map(|folder| size(&places.binaries().join(folder))).sum();
        let wanted = WHOLE.saturating_sub(there).max(AGAIN);
        println!("free: {} GiB, wanted: {} GiB, built before: {} GiB", free / GIB, wanted / GIB, there / GIB);
        if free >= wanted {
            break;
        }
        let Some(folder) = left.next() else {
            return Err(Failure::new(format!(
                "the disk of {} has {} GiB free, and building everything takes {}: free some, or set CARGO_TARGET_DIR \
                 to a folder on another disk",
                places.target.display(),
                free / GIB,
                wanted / GIB
            )));
        };
        let path = places.target.join(folder);
        if path.exists() {
            println!("given up: {folder}, {} GiB", size(&path) / GIB);
            fs::remove_dir_all(&path)?;
            given_up.push(*folder);
        }
    }
    if given_up.is_empty() {
        Ok(Outcome::Done)
    } else {
        Ok(Outcome::Warned(format!("{} given up for room on the disk", given_up.join(", "))))
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// The bytes of a folder's files; one that cannot be read counts as nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let data = entry.metadata().ok()?;
            Some(if data.is_dir() { size(&entry.path()) } else { data.len() })
        })
        .sum()
}
