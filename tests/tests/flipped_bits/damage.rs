//! What happens to files.

use crate::world::files;
use std::path::{Path, PathBuf};
use thechatapp_core::testing::Dice;

const PAGE: usize = 4096;
/// The smallest part of a page that a disk writes whole.
const SECTOR: usize = 512;

/// Some damage to one file, by its path in the profile.
#[derive(Debug)]
pub struct Damage {
    file: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A bit is another one.
    Flipped { byte: usize, bit: u8 },
    /// From a sector on a page is as it was earlier, or was never written.
    Torn { page: usize, from: usize },
    /// Only so much of it is there.
    Cut { length: usize },
}

impl Damage {
    pub fn flip(dice: &mut Dice, profile: &Path, file: &Path) -> Self {
        let what = What::Flipped { byte: below(dice, length(profile, file)), bit: dice.below(8) as u8 };
        Self { file: file.to_owned(), what }
    }

    pub fn tear(dice: &mut Dice, profile: &Path, file: &Path) -> Self {
        let page = below(dice, length(profile, file) / PAGE);
        let from = (1 + below(dice, PAGE / SECTOR - 1)) * SECTOR;
        Self { file: file.to_owned(), what: What::Torn { page, from } }
    }

    /// Also to nothing, and to less than the first frame.
    pub fn cut(dice: &mut Dice, profile: &Path, file: &Path, round: usize) -> Self {
        let length = match round / 2 {
            0 => 0,
            1 => 40,
            _ => below(dice, length(profile, file)),
        };
        Self { file: file.to_owned(), what: What::Cut { length } }
    }

    pub fn do_it(&self, profile: &Path, early: &Path) {
        let path = profile.join(&self.file);
        let mut bytes = std::fs::read(&path).unwrap();
        match self.what {
            What::Flipped { byte, bit } => bytes[byte] ^= 1 << bit,
            What::Torn { page, from } => {
                let range = page * PAGE + from..(page + 1) * PAGE;
                let former = std::fs::read(early.join(&self.file)).unwrap_or_default();
                let part = former.get(range.clone()).filter(|part| *part != &bytes[range.clone()]);
                bytes[range].copy_from_slice(part.unwrap_or(&[0; PAGE][from..]));
            }
            What::Cut { length } => bytes.truncate(length),
        }
        std::fs::write(path, bytes).unwrap();
    }

    /// How the file is called when it is told that it is damaged: a log by its database.
    pub fn name(&self) -> String {
        self.file.file_name().unwrap().to_string_lossy().trim_end_matches("-wal").to_owned()
    }

    /// Whether it is nothing that is read as long as all else is sound.
    pub fn is_harmless(&self) -> bool {
        ["good", "-mark", "-shm"].iter().any(|end| self.name().ends_with(end))
    }
}

/// The files of a profile that have something in them.
pub fn groups(profile: &Path) -> Vec<PathBuf> {
    files(profile).into_iter().filter(|file| length(profile, file) > 0).collect()
}

fn length(profile: &Path, file: &Path) -> usize {
    std::fs::metadata(profile.join(file)).unwrap().len() as usize
}

fn below(dice: &mut Dice, end: usize) -> usize {
    dice.below(end as u64) as usize
}
