//! Passwords that are known from elsewhere: a file of SHA-1 hashes in the form of Have I Been Pwned's download, one `HASH:COUNT` a
//! line, in the order of the hashes. It is searched where it lies, by halves, so it may have any size and costs no memory.

use crate::error::{Error, Fail, Result};
use sha1::{Digest, Sha1};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line: a hash in hexadecimal, a colon, a count, a line end.
const LINE: u64 = 128;
/// Bytes of a hash in hexadecimal.
const HASH: usize = 40;

/// A list on the disk.
#[derive(Debug)]
pub struct Breached(PathBuf);

impl Breached {
    /// The list of this file.
    ///
    /// # Errors
    /// Bad input when it cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self> {
        let bad = |why: String| {
            let why = format!("{}: {why}", path.display());
            Error::bad_input("The list of known passwords cannot be used", why, "give one as Have I Been Pwned has it")
        };
        let list = Self(path.to_owned());
        let first = File::open(path).and_then(|file| line_at(&mut BufReader::new(file), 0));
        match first.map_err(|why| bad(why.to_string()))? {
            Some((_, hash)) if hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && hash.len() == HASH => Ok(list),
            _ => Err(bad("its first line is no SHA-1 hash".into())),
        }
    }

    /// Whether a password is on it.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn has(&self, password: &str) -> std::result::Result<bool, Fail> {
        let wanted = data_encoding::HEXUPPER.encode(&Sha1::digest(password.as_bytes()));
        let file = File::open(&self.0)?;
        let mut end = file.metadata()?.len();
        let mut file = BufReader::with_capacity(512, file);
        let mut begin = 0;
        // Some line that begins in [begin, end) is the one, if any is.
        while begin < end {
            let middle = begin + (end - begin) / 2;
            match line_at(&mut file, middle)? {
                Some((at, hash)) if at < end => match hash.cmp(&wanted) {
                    std::cmp::Ordering::Equal => return Ok(true),
                    std::cmp::Ordering::Less => begin = at + 1,
                    std::cmp::Ordering::Greater => end = middle,
                },
                _ => end = middle,
            }
        }
        Ok(false)
    }
}

/// The first line that begins here or later, and where it does.
fn line_at(file: &mut BufReader<File>, from: u64) -> io::Result<Option<(u64, String)>> {
    let mut at = from;
    if from > 0 {
        // A line begins after a line end: the one before `from` may be just there.
        file.seek(SeekFrom::Start(from - 1))?;
        let mut rest = Vec::new();
        at = from - 1 + io::Read::take(&mut *file, LINE).read_until(b'\n', &mut rest)? as u64;
    } else {
        file.seek(SeekFrom::Start(0))?;
    }
    let mut line = Vec::new();
    if io::Read::take(&mut *file, LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    let hash = text.split(':').next().unwrap_or_default().trim().to_ascii_uppercase();
    Ok(Some((at, hash)))
}

#[cfg(test)]
mod tests;
