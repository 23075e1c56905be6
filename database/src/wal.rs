//! What a write-ahead log may be trusted with after a process ended without closing its database.
//!
//! SQLite reads a WAL up to the first frame whose checksum is wrong and takes that for its end, because this is how a write
//! looks that was broken off. A frame that was damaged later looks the same: everything behind it, acknowledged long ago,
//! would be gone without a word, and where a checkpoint had brought some of it into the file already, pages of two moments
//! would be read as one database. So the log is looked at before SQLite may use it (its format: sqlite.org/fileformat2.html,
//! section 4), and refused when something committed lies behind a frame that is not right.
//!
//! Where the damage is in the last transaction, the log itself cannot tell it from one that was broken off. Therefore each
//! commit leaves a mark beside the database, `<file>-mark`: the log's salts and its number of frames. It is written after the
//! commit is on the disk and is not synchronised itself, so it may be of an earlier commit, and never claims too much. Before the log
//! is emptied, the mark is.
//!
//! What can be fetched again may lose the end of its log, and only that: its commits do not wait for the disk. Its mark says how much of
//! the log a checkpoint has brought into the file, or is about to: less of the log must not be read over that, and the file alone neither,
//! for of a page that is further on in the log a checkpoint brings nothing.

use crate::{Durability, Error};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Frames after which the log is brought into the file: SQLite's own default.
const CHECKPOINT: u32 = 1000;

const HEADER: usize = 32;
const FRAME: usize = 24;
const MAGIC: u32 = 0x377f_0682;
/// Salts and number of frames.
const MARKED: usize = 12;
const SEAL: u8 = 0xa5;

/// The path of a file that belongs to a database.
fn beside(db: &Path, ending: &str) -> PathBuf {
    let mut path = db.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// The state of a log after a commit. On the disk its bytes are followed by themselves, changed by [`SEAL`]: a mark of which a bit has
/// changed is none. Releases that emptied a log and left the mark had their complements there: theirs are none, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    salts: [u8; 8],
    frames: u32,
}

impl Mark {
    fn read(db: &Path) -> Option<Self> {
        let mut bytes = [0; 2 * MARKED];
        File::open(beside(db, "-mark")).and_then(|mut file| file.read_exact(&mut bytes)).ok()?;
        let (said, seals) = bytes.split_at(MARKED);
        let whole = said.iter().zip(seals).all(|(byte, seal)| byte ^ SEAL == *seal);
        let (salts, frames) = said.split_first_chunk::<8>()?;
        whole.then(|| Some(Self { salts: *salts, frames: word(frames, 0)? })).flatten()
    }

    fn bytes(self) -> [u8; 2 * MARKED] {
        let mut bytes = [0; 2 * MARKED];
        let said = self.salts.into_iter().chain(self.frames.to_be_bytes());
        let seals = said.clone().map(|byte| byte ^ SEAL);
        for (to, from) in bytes.iter_mut().zip(said.chain(seals)) {
            *to = from;
        }
        bytes
    }
}

/// Leaves a mark after each commit of a connection, or where commits do not wait for the disk, after each checkpoint; and brings the
/// log into the file now and then, as SQLite would by itself.
///
/// # Errors
/// See [`Error`].
pub(crate) fn follow(db: &mut Connection, path: &Path, durability: Durability) -> Result<(), Error> {
    // By a path that is no text nobody who empties the log could find the mark.
    if path.to_str().is_none() {
        return Ok(());
    }
    let mut marks = Marks { path: path.to_owned(), files: None };
    let mut in_file = 0;
    db.wal_hook(Some(move |wal: &mut Wal, frames: std::ffi::c_int| {
        let frames = u32::try_from(frames).unwrap_or(0);
        if durability == Durability::Full {
            marks.leave(frames);
        }
        if frames >= CHECKPOINT {
            if durability == Durability::Normal {
                // Beforehand: a checkpoint that is broken off has brought some of it.
                marks.leave(frames);
            }
            // When it cannot be done now, the next commit tries again. Where a reader is in the way, it ends early.
            let done = wal.checkpoint_v2(Default::default()).ok().and_then(|(_, done)| u32::try_from(done).ok());
            if durability == Durability::Normal {
                in_file = done.unwrap_or(in_file);
                marks.leave(in_file);
            }
        }
        Ok(())
    }))?;
    Ok(())
}

/// Leaves marks. Without one less damage is noticed, and that is no reason to fail what is committed.
struct Marks {
    path: PathBuf,
    files: Option<Files>,
}

impl Marks {
    fn leave(&mut self, frames: u32) {
        if self.files.is_none() {
            self.files = Files::open(&self.path).ok();
        }
        if self.files.as_mut().is_some_and(|files| files.mark(frames).is_err()) {
            self.files = None;
        }
    }
}

/// Brings everything from the log into the file and empties it, as far as nobody is in the way. Answers whether it is empty.
///
/// # Errors
/// See [`Error`].
pub fn flush(writer: &Connection) -> Result<bool, Error> {
    let path = writer.path().map(PathBuf::from);
    path.as_deref().map_or(Ok(()), forget)?;
    let (busy, frames, done): (bool, i64, i64) =
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if busy && let Some(path) = path {
        let waited_for = writer.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))? >= 2;
        let marked = u32::try_from(if waited_for { frames } else { done }).unwrap_or(0);
        Marks { path, files: None }.leave(marked);
    }
    Ok(!busy)
}

/// Empties the mark, durably: a log that is emptied afterwards was not cut off.
fn forget(db: &Path) -> Result<(), Error> {
    match File::options().write(true).open(beside(db, "-mark")) {
        Ok(mark) if mark.metadata().is_ok_and(|mark| mark.len() == 0) => Ok(()),
        Ok(mark) => mark.set_len(0).and_then(|()| mark.sync_all()).map_err(|why| Error::Full(why.to_string())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(Error::Full(why.to_string())),
    }
}

struct Files {
    log: File,
    mark: File,
}

impl Files {
    fn open(db: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // SQLite holds no locks on its log, so opening and closing it once more takes none away.
        Ok(Self { log: File::open(beside(db, "-wal"))?, mark: options.open(beside(db, "-mark"))? })
    }

    fn mark(&mut self, frames: u32) -> io::Result<()> {
        let mut salts = [0; 8];
        // Each time: whether the log has begun anew its length does not tell.
        read_at(&mut self.log, 16, &mut salts)?;
        write_at(&mut self.mark, &Mark { salts, frames }.bytes())
    }
}

/// One call of the system each, as every commit waits for them.
#[cfg(unix)]
fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_at(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    io::Seek::seek(file, io::SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(not(unix))]
fn write_at(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    io::Seek::seek(file, io::SeekFrom::Start(0))?;
    io::Write::write_all(file, bytes)
}

/// The big-endian word at a place.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

/// The running checksum of a log, in the order of bytes that its header says.
#[derive(Clone, Copy, Debug)]
struct Sum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<4>();
        let read = |word: &[u8; 4]| if self.big_endian { u32::from_be_bytes(*word) } else { u32::from_le_bytes(*word) };
        for pair in words.as_chunks::<2>().0 {
            let [first, second] = pair;
            self.sums.0 = self.sums.0.wrapping_add(read(first)).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(read(second)).wrapping_add(self.sums.0);
        }
    }
}

struct Header {
    page: usize,
    salts: [u8; 8],
    sum: Sum,
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let magic = word(bytes, 0)?;
        if magic & !1 != MAGIC {
            return None;
        }
        let mut sum = Sum { big_endian: magic & 1 == 1, sums: (0, 0) };
        sum.add(bytes.get(..24)?);
        let salts = *bytes.get(16..)?.first_chunk::<8>()?;
        let page = usize::try_from(word(bytes, 8)?).ok()?;
        let right = sum.sums == (word(bytes, 24)?, word(bytes, 28)?) && (512..=65_536).contains(&page);
        right.then_some(Self { page, salts, sum })
    }
}

/// What a frame says of itself.
struct Frame {
    /// Its salts are those of the log as it is now: it is none of those that were there before it began anew.
    present: bool,
    /// A transaction ends with it.
    commits: bool,
    /// Its checksum follows from everything before it.
    right: bool,
}

/// Looks at the log of a database that nobody has open.
///
/// # Errors
/// [`Error::Damaged`] when something that was committed would be lost.
pub(crate) fn check(db: &Path, durability: Durability) -> Result<(), Error> {
    match File::open(beside(db, "-wal")) {
        Ok(file) => look(file, Mark::read(db), durability),
        // Whoever closed it last brought all of it into the file.
        Err(why) if why.kind() == io::ErrorKind::NotFound => forget(db),
        Err(why) => Err(unreadable(&why)),
    }
}

fn unreadable(why: &io::Error) -> Error {
    Error::Damaged(format!("its write-ahead log cannot be read: {why}"))
}

fn no_header() -> Error {
    Error::Damaged("the header of its write-ahead log is not right".into())
}

fn look(file: File, mark: Option<Mark>, durability: Durability) -> Result<(), Error> {
    let waited_for = durability == Durability::Full;
    let length = file.metadata().map_err(|why| unreadable(&why))?.len();
    let mut from = BufReader::with_capacity(1 << 18, file);
    let mut header = [0; HEADER];
    // The header is on the disk before the first frame is written.
    if length < (HEADER + FRAME) as u64 {
        return match mark {
            Some(Mark { frames: 1.., .. }) => {
                Err(Error::Damaged("its write-ahead log was cut off, and what was committed there is lost".into()))
            }
            _ => Ok(()),
        };
    }
    from.read_exact(&mut header).map_err(|why| unreadable(&why))?;
    let Some(Header { page, salts, mut sum }) = Header::read(&header) else {
        // Nothing of the log is read then. Where none of it came into the file, the file alone is of one moment.
        return match mark {
            Some(Mark { frames: 1.., .. }) => Err(no_header()),
            _ if waited_for => Err(no_header()),
            _ => Ok(()),
        };
    };
    let frames = (length - HEADER as u64) / (FRAME + page) as u64;
    let mark = mark.filter(|mark| mark.salts == salts).map(|mark| u64::from(mark.frames));
    let mut bytes = vec![0; FRAME + page];
    let mut next = |sum: &mut Sum| -> Result<Frame, Error> {
        from.read_exact(&mut bytes).map_err(|why| unreadable(&why))?;
        Ok(frame(&bytes, &salts, sum))
    };
    let (mut number, mut committed, mut broken) = (0, 0, None);
    while number < frames && broken.is_none() {
        let frame = next(&mut sum)?;
        number += 1;
        match frame {
            Frame { right: true, commits: true, .. } => committed = number,
            Frame { right: true, .. } => {}
            frame => broken = Some(frame),
        }
    }
    let lost = |at: u64| {
        Err(Error::Damaged(format!(
            "frame {at} of its write-ahead log is not right, and what was committed there would be lost"
        )))
    };
    if !waited_for {
        return match mark {
            Some(marked) if marked > committed => lost(committed + 1),
            _ => Ok(()),
        };
    }
    match mark {
        Some(marked) if marked > committed => return lost(committed + 1),
        // Everything that was ever committed is there; what follows is of something that was broken off.
        Some(marked) if marked == committed => return Ok(()),
        // No mark, or one of an earlier commit.
        _ => {}
    }
    // A transaction begins only after the one before it is on the disk. So where frames follow the end of one, it was.
    let (at, mut ended) = (number, false);
    let mut frame = broken;
    while let Some(Frame { present, commits, .. }) = frame {
        if present && ended {
            return lost(at);
        }
        ended |= present && commits;
        frame = if number < frames { Some(next(&mut sum)?) } else { None };
        number += 1;
    }
    Ok(())
}

fn frame(bytes: &[u8], salts: &[u8; 8], sum: &mut Sum) -> Frame {
    let (head, page) = bytes.split_at(FRAME);
    let present = head.get(8..16) == Some(salts.as_slice());
    let mut said = *sum;
    said.add(head.get(..8).unwrap_or_default());
    said.add(page);
    let right = present
        && word(head, 0).is_some_and(|number| number != 0)
        && Some(said.sums.0) == word(head, 16)
        && Some(said.sums.1) == word(head, 20);
    *sum = said;
    Frame { present, commits: word(head, 4).is_some_and(|pages| pages != 0), right }
}

#[cfg(test)]
mod tests;
