//! A disk as it may be after a power cut: played from what a program did to its files (`tests/journal` writes that down).
//!
//! What was synced is there. Of what was written to a file since its last sync each sector of 512 bytes may be there or not,
//! whatever the order; of what was changed in folders since their last sync the first part is there, as journals of file
//! systems keep it. A file that was synced in a folder that was not may be without its name.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;

/// Chance that comes again with the same seed (xorshift64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }
}

/// How a disk loses what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    All,
    Nothing,
    SomeSectors,
}

/// One thing that a program did.
#[derive(Clone, Debug)]
struct Done {
    kind: u8,
    inode: u64,
    number: u64,
    first: Vec<u8>,
    second: Vec<u8>,
    /// Where its record ends in the journal.
    end: u64,
}

#[derive(Clone, Default)]
struct Content {
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Clone)]
enum Names {
    Put(PathBuf, usize),
    Move(PathBuf, PathBuf),
    Remove(PathBuf),
    Folder(PathBuf),
}

/// A folder as it was before, and everything that was done to it.
pub struct Played {
    root: PathBuf,
    before: BTreeMap<PathBuf, (u64, Option<Vec<u8>>)>,
    done: Vec<Done>,
}

impl Played {
    /// The folder as it is now, before anything is written down.
    pub fn begin(root: &Path) -> Self {
        let mut before = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let (found, path) = (entry.metadata().unwrap(), entry.path());
                if found.is_dir() {
                    before.insert(path.clone(), (found.ino(), None));
                    folders.push(path);
                } else if found.is_file() {
                    let content = std::fs::read(&path).unwrap();
                    before.insert(path, (found.ino(), Some(content)));
                }
            }
        }
        Self { root: root.to_owned(), before, done: Vec::new() }
    }

    /// Reads what was done since.
    pub fn read(&mut self, journal: &Path) {
        let bytes = std::fs::read(journal).unwrap();
        let mut at = 0;
        while at < bytes.len() {
            let mut take = |count: usize| {
                at += count;
                &bytes[at - count..at]
            };
            let kind = take(1)[0];
            let inode = u64::from_le_bytes(take(8).try_into().unwrap());
            let number = u64::from_le_bytes(take(8).try_into().unwrap());
            let mut part = || {
                let length = u32::from_le_bytes(take(4).try_into().unwrap());
                take(length as usize).to_vec()
            };
            let (first, second) = (part(), part());
            self.done.push(Done { kind, inode, number, first, second, end: at as u64 });
        }
    }

    /// How many things were done.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// How many were done when the journal had this length.
    pub fn count_at(&self, length: u64) -> usize {
        self.done.partition_point(|done| done.end <= length)
    }

    /// Whether this one was a sync or a change of names: the moments just after them are of interest.
    pub fn is_turn(&self, number: usize) -> bool {
        self.done.get(number).is_some_and(|done| b"SDRU".contains(&done.kind))
    }

    /// Makes the folder what the disk may hold when the power goes after so many things were done.
    pub fn cut(&self, after: usize, loss: Loss, chance: &mut Chance) {
        let (contents, names) = self.played(after, loss, chance);
        for entry in std::fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        for (path, content) in names {
            match content {
                None => {
                    std::fs::create_dir_all(&path).unwrap();
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
                }
                Some(content) => {
                    if !path.parent().unwrap().exists() {
                        continue;
                    }
                    std::fs::write(&path, left(&contents[content], loss, chance)).unwrap();
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
    }

    /// The contents of files, and which name leads to which.
    fn played(
        &self,
        after: usize,
        loss: Loss,
        chance: &mut Chance,
    ) -> (Vec<Content>, BTreeMap<PathBuf, Option<usize>>) {
        let (mut contents, mut names) = (Vec::new(), BTreeMap::new());
        let mut of_inode = HashMap::new();
        for (path, (inode, content)) in &self.before {
            let node = content.as_ref().map(|content| {
                contents.push(Content { synced: content.clone(), since: Vec::new() });
                of_inode.insert(*inode, contents.len() - 1);
                contents.len() - 1
            });
            names.insert(path.clone(), node);
        }
        // Each with the folders it concerns, and whether one of them was synced since.
        let mut changes: Vec<(Names, Vec<PathBuf>, bool)> = Vec::new();
        for done in &self.done[..after] {
            let path = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).unwrap());
            let folder = |path: &Path| path.parent().unwrap().to_owned();
            let content = of_inode.get(&done.inode).copied();
            match done.kind {
                b'W' => contents[content.unwrap()].since.push(Change::Write(done.number as usize, done.first.clone())),
                b'T' => contents[content.unwrap()].since.push(Change::Cut(done.number as usize)),
                b'S' => {
                    if let Some(content) = content {
                        contents[content].synced = left(&contents[content], Loss::Nothing, chance);
                        contents[content].since.clear();
                    }
                }
                b'C' => {
                    contents.push(Content::default());
                    of_inode.insert(done.inode, contents.len() - 1);
                    let path = path(&done.first);
                    changes.push((Names::Put(path.clone(), contents.len() - 1), vec![folder(&path)], false));
                }
                b'R' => {
                    let (from, to) = (path(&done.first), path(&done.second));
                    let folders = vec![folder(&from), folder(&to)];
                    changes.push((Names::Move(from, to), folders, false));
                }
                b'U' => {
                    let path = path(&done.first);
                    changes.push((Names::Remove(path.clone()), vec![folder(&path)], false));
                }
                b'M' => {
                    let path = path(&done.first);
                    changes.push((Names::Folder(path.clone()), vec![folder(&path)], false));
                }
                b'D' => {
                    let synced = path(&done.first);
                    changes.iter_mut().filter(|change| change.1.contains(&synced)).for_each(|change| change.2 = true);
                }
                other => panic!("a journal with {other}"),
            }
        }
        let unsynced = changes.iter().filter(|change| !change.2).count();
        let mut kept = match loss {
            Loss::All => 0,
            Loss::Nothing => unsynced,
            Loss::SomeSectors => chance.below(unsynced + 1),
        };
        for (change, _, synced) in changes {
            if !synced && kept == 0 {
                continue;
            }
            kept -= usize::from(!synced);
            match change {
                Names::Put(path, content) => drop(names.insert(path, Some(content))),
                Names::Folder(path) => drop(names.insert(path, None)),
                Names::Remove(path) => drop(names.remove(&path)),
                Names::Move(from, to) => {
                    let moved: Vec<_> = names.keys().filter(|path| path.starts_with(&from)).cloned().collect();
                    for path in moved {
                        let node = names.remove(&path).unwrap();
                        let rest = path.strip_prefix(&from).unwrap();
                        let to = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                        names.insert(to, node);
                    }
                }
            }
        }
        (contents, names)
    }
}

/// What is left of a file.
fn left(content: &Content, loss: Loss, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = content.synced.clone();
    if loss == Loss::All {
        return bytes;
    }
    for change in &content.since {
        match change {
            Change::Cut(length) => {
                if loss == Loss::Nothing || chance.below(2) == 0 {
                    bytes.resize(*length, 0);
                }
            }
            Change::Write(at, data) => {
                let mut place = *at;
                while place < at + data.len() {
                    let end = ((place / SECTOR + 1) * SECTOR).min(at + data.len());
                    if loss == Loss::Nothing || chance.below(2) == 0 {
                        if bytes.len() < end {
                            bytes.resize(end, 0);
                        }
                        bytes[place..end].copy_from_slice(&data[place - at..end - at]);
                    }
                    place = end;
                }
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, inode: u64, number: u64, first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend(inode.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        for part in [first, second] {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// What a disk forgets must be forgotten here, or the test of the server would prove nothing.
    #[test]
    fn only_what_was_synced_is_sure_to_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("old"), "before").unwrap();
        let old = std::fs::metadata(root.join("old")).unwrap().ino();
        let mut played = Played::begin(&root);
        let at = |name: &str| root.join(name).to_str().unwrap().as_bytes().to_vec();
        let journal = [
            record(b'W', old, 6, b", after", b""),
            record(b'S', old, 0, b"", b""),
            record(b'C', 77, 0, &at("new.part"), b""),
            record(b'W', 77, 0, &[7; 1024], b""),
            record(b'S', 77, 0, b"", b""),
            record(b'R', 77, 0, &at("new.part"), &at("new")),
            record(b'D', 1, 0, root.to_str().unwrap().as_bytes(), b""),
            record(b'W', old, 0, b"torn", b""),
        ];
        let path = folder.path().join("journal");
        std::fs::write(&path, journal.concat()).unwrap();
        played.read(&path);
        let mut chance = Chance::new(1);
        let mut state = |after: usize, loss: Loss| {
            played.cut(after, loss, &mut chance);
            let read = |name: &str| std::fs::read(root.join(name)).ok();
            (read("old").unwrap(), read("new.part").is_some(), read("new").map(|new| new.len()))
        };
        assert_eq!(state(1, Loss::All), (b"before".to_vec(), false, None));
        assert_eq!(state(1, Loss::Nothing), (b"before, after".to_vec(), false, None));
        assert_eq!(state(6, Loss::All), (b"before, after".to_vec(), false, None), "no name was synced");
        assert_eq!(state(6, Loss::Nothing), (b"before, after".to_vec(), false, Some(1024)));
        assert_eq!(state(7, Loss::All), (b"before, after".to_vec(), false, Some(1024)));
        assert_eq!(state(8, Loss::All).0, b"before, after");
        let torn: std::collections::BTreeSet<_> = (0..20).map(|_| state(8, Loss::SomeSectors).0).collect();
        assert_eq!(torn.len(), 2, "a sector is there or not");
        assert_eq!(played.count_at(journal[0].len() as u64), 1);
    }
}
