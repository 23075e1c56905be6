//! The sealed format for files: written in one pass, read in one pass or by ranges, in the memory of one chunk.
//!
//! Same bytes as [`crate::record`], so what one seals the other opens. Plaintext byte `i` is in chunk `i / 16,384`; chunk `k`
//! starts at byte `56 + k * 16,400`. Source: C2SP chunked encryption, "Implementation notes".
//!
//! - [`SealWriter`] seals while writing; without [`SealWriter::finish`] the file opens as truncated, never as a shorter file.
//! - [`OpenReader`] gives each chunk once it is authentic. Bytes given before an error are genuine, but not known to be all:
//!   only an end of file without error says so. It can begin at a later chunk, where the header is known from elsewhere.
//! - [`OpenSeek`] answers ranges, decrypting the chunks they touch. It believes a total length only after the last chunk is
//!   authenticated.
//! - [`Proofs`] tell whether a chunk that was opened earlier, and lay somewhere since, is still what it was.
//!
//! Each refuses to go on after an error: a writer that retried could seal two texts under one nonce.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Error;
use crate::chunk::{COMMITMENT, Chunks, SALT};
use crate::record::{CHUNK, Context, HEADER, Key, SEALED_CHUNK, TAG, random_salt};

/// Seals what is written to it into `W`.
pub struct SealWriter<W: Write> {
    inner: W,
    chunks: Chunks,
    number: u64,
    buffer: Zeroizing<Vec<u8>>,
    failed: bool,
}

impl<W: Write> SealWriter<W> {
    /// Starts a sealed file and writes its header.
    pub fn new(inner: W, key: &Key, ctx: &Context) -> Result<Self, Error> {
        Self::with_salt(inner, key, ctx, &random_salt()?)
    }

    pub(crate) fn with_salt(mut inner: W, key: &Key, ctx: &Context, salt: &[u8; SALT]) -> Result<Self, Error> {
        let (chunks, commitment) = Chunks::derive(key, ctx, salt)?;
        inner.write_all(salt)?;
        inner.write_all(&commitment)?;
        let buffer = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK));
        Ok(Self { inner, chunks, number: 0, buffer, failed: false })
    }

    /// Seals the last chunk, flushes, and gives `W` back. Syncing to disk is the caller's.
    pub fn finish(mut self) -> Result<W, Error> {
        self.write_chunk()?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn write_chunk(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        // Until it has gone well: a chunk half written must not be sealed again with other contents.
        self.failed = true;
        self.chunks.seal_tail(self.number, 0, &mut self.buffer)?;
        self.inner.write_all(&self.buffer)?;
        self.buffer.clear();
        self.number += 1;
        self.failed = false;
        Ok(())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(Error::Failed.into());
        }
        let (now, _) = data.split_at(data.len().min(CHUNK - self.buffer.len()));
        self.buffer.extend_from_slice(now);
        // A full chunk goes out at once: at the end the buffer then always holds a short one, perhaps empty.
        if self.buffer.len() == CHUNK {
            self.write_chunk()?;
        }
        Ok(now.len())
    }

    /// Flushes the whole chunks; the rest stays here until the chunk is full or [`SealWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealWriter").field("number", &self.number).field("failed", &self.failed).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    More,
    Ended,
    Failed,
}

/// Opens a sealed file from its start to its end.
pub struct OpenReader<R: Read> {
    inner: R,
    chunks: Chunks,
    number: u64,
    buffer: Zeroizing<Vec<u8>>,
    position: usize,
    tag: [u8; TAG],
    state: State,
}

impl<R: Read> OpenReader<R> {
    /// Reads the header and checks the commitment.
    pub fn new(mut inner: R, key: &Key, ctx: &Context) -> Result<Self, Error> {
        let chunks = read_header(&mut inner, key, ctx)?;
        Ok(Self::from(inner, chunks, 0))
    }

    /// Goes on from chunk `number`: `inner` stands at its first sealed byte. The header is checked as ever.
    pub fn at_chunk(inner: R, header: &[u8; HEADER], number: u64, key: &Key, ctx: &Context) -> Result<Self, Error> {
        let chunks = read_header(&mut header.as_slice(), key, ctx)?;
        Ok(Self::from(inner, chunks, number))
    }

    fn from(inner: R, chunks: Chunks, number: u64) -> Self {
        let buffer = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK));
        Self { inner, chunks, number, buffer, position: 0, tag: [0; TAG], state: State::More }
    }

    /// The tag of the chunk that was opened last: what [`Proofs`] want to know it again by.
    pub fn tag(&self) -> &[u8; TAG] {
        &self.tag
    }

    /// Replaces the buffer by the next chunk, authenticated.
    fn next_chunk(&mut self) -> Result<(), Error> {
        let ended = match self.state {
            State::More => {
                self.state = State::Failed;
                self.position = 0;
                self.buffer.resize(SEALED_CHUNK, 0);
                let read = read_up_to(&mut self.inner, &mut self.buffer).inspect_err(|_| self.buffer.clear())?;
                self.buffer.truncate(read);
                if let Some(tag) = self.buffer.last_chunk() {
                    self.tag = *tag;
                }
                let opened = self.chunks.open_tail(self.number, 0, &mut self.buffer);
                opened.inspect_err(|_| self.buffer.clear())?;
                self.number += 1;
                read < SEALED_CHUNK
            }
            State::Ended => true,
            State::Failed => return Err(Error::Failed),
        };
        self.state = if ended { State::Ended } else { State::More };
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let ready = self.fill_buf()?;
        let count = ready.len().min(out.len());
        out.split_at_mut(count).0.copy_from_slice(ready.split_at(count).0);
        self.consume(count);
        Ok(count)
    }
}

/// What is left of the chunk that was opened last, without a copy.
impl<R: Read> BufRead for OpenReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.buffer.len() && self.state != State::Ended {
            self.next_chunk()?;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.position = self.buffer.len().min(self.position + count);
    }
}

impl<R: Read> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenReader").field("number", &self.number).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Tells chunks that were opened before from what was changed since, by the tags they came with: only what a chunk held has its tag
/// under its key. What is asked about is sealed for that and thrown away; no tag but those that came ever leaves, because two texts
/// under one nonce would give away more than themselves.
pub struct Proofs {
    chunks: Chunks,
    buffer: Zeroizing<Vec<u8>>,
}

impl Proofs {
    /// For the sealed file with this header, whose commitment is checked.
    pub fn new(header: &[u8; HEADER], key: &Key, ctx: &Context) -> Result<Self, Error> {
        let chunks = read_header(&mut header.as_slice(), key, ctx)?;
        Ok(Self { chunks, buffer: Zeroizing::new(Vec::with_capacity(SEALED_CHUNK)) })
    }

    /// Whether this is what chunk `number` holds, by its tag. More than a chunk is no chunk.
    pub fn holds(&mut self, number: u64, plaintext: &[u8], tag: &[u8; TAG]) -> Result<bool, Error> {
        if plaintext.len() > CHUNK {
            return Ok(false);
        }
        self.buffer.clear();
        self.chunks.seal_onto(number, plaintext, &mut self.buffer)?;
        Ok(self.buffer.last_chunk::<TAG>().is_some_and(|made| made.ct_eq(tag).into()))
    }
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").finish_non_exhaustive()
    }
}

/// Opens ranges of a sealed file. `R` starts with the header at offset 0 and ends where the sealed file does.
pub struct OpenSeek<R: Read + Seek> {
    inner: R,
    chunks: Chunks,
    /// Plaintext length, once the last chunk was authenticated.
    length: Option<u64>,
    /// The chunk whose plaintext `buffer` holds.
    held: Option<u64>,
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read + Seek> OpenSeek<R> {
    /// Reads the header and checks the commitment.
    pub fn new(mut inner: R, key: &Key, ctx: &Context) -> Result<Self, Error> {
        inner.seek(SeekFrom::Start(0))?;
        let chunks = read_header(&mut inner, key, ctx)?;
        let buffer = Zeroizing::new(Vec::with_capacity(SEALED_CHUNK));
        Ok(Self { inner, chunks, length: None, held: None, buffer })
    }

    /// Plaintext length in bytes. The first call decrypts the last chunk; a length that it does not confirm is an error.
    pub fn length(&mut self) -> Result<u64, Error> {
        if let Some(length) = self.length {
            return Ok(length);
        }
        let sealed = self.inner.seek(SeekFrom::End(0))?;
        let length = crate::record::opened_len(sealed).ok_or(Error::Truncated)?;
        self.hold(length / CHUNK as u64, last_chunk_len(length) + TAG)?;
        self.length = Some(length);
        Ok(length)
    }

    /// Plaintext bytes `start..end`, from authenticated chunks only. [`Error::Range`] unless `start <= end <= length`.
    /// Takes the range's size in memory; [`OpenSeek::copy_range`] does not.
    pub fn read_range(&mut self, start: u64, end: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
        let size = self.range_size(start, end)?;
        // Allocated once: growing would leave plaintext behind in memory.
        let mut out = Zeroizing::new(Vec::with_capacity(usize::try_from(size).map_err(|_| Error::TooLong)?));
        self.copy_range(start, end, &mut *out)?;
        Ok(out)
    }

    /// Writes plaintext bytes `start..end` to `out`, chunk by chunk; after an error what was written is genuine but not all.
    pub fn copy_range(&mut self, start: u64, end: u64, out: &mut impl Write) -> Result<(), Error> {
        self.range_size(start, end)?;
        let length = self.length()?;
        let mut at = start;
        while at < end {
            let number = at / CHUNK as u64;
            let is_last = number == length / CHUNK as u64;
            self.hold(number, if is_last { last_chunk_len(length) + TAG } else { SEALED_CHUNK })?;
            let chunk_start = number * CHUNK as u64;
            let from = usize::try_from(at - chunk_start).map_err(|_| Error::Range)?;
            let to = usize::try_from((end - chunk_start).min(CHUNK as u64)).map_err(|_| Error::Range)?;
            let wanted = self.buffer.get(from..to).ok_or(Error::Range)?;
            out.write_all(wanted)?;
            at += wanted.len() as u64;
        }
        Ok(())
    }

    fn range_size(&mut self, start: u64, end: u64) -> Result<u64, Error> {
        if end > self.length()? {
            return Err(Error::Range);
        }
        end.checked_sub(start).ok_or(Error::Range)
    }

    /// Makes `buffer` hold the plaintext of chunk `number`, which has `size` bytes sealed.
    fn hold(&mut self, number: u64, size: usize) -> Result<(), Error> {
        if self.held == Some(number) {
            return Ok(());
        }
        self.held = None;
        let opened = self.load(number, size);
        if opened.is_err() {
            self.buffer.clear();
        }
        opened?;
        self.held = Some(number);
        Ok(())
    }

    fn load(&mut self, number: u64, size: usize) -> Result<(), Error> {
        let offset = number.checked_mul(SEALED_CHUNK as u64).and_then(|o| o.checked_add(HEADER as u64));
        self.inner.seek(SeekFrom::Start(offset.ok_or(Error::TooLong)?))?;
        self.buffer.resize(size, 0);
        if read_up_to(&mut self.inner, &mut self.buffer)? < size {
            return Err(Error::Truncated);
        }
        self.chunks.open_tail(number, 0, &mut self.buffer)
    }
}

impl<R: Read + Seek> fmt::Debug for OpenSeek<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSeek").field("length", &self.length).finish_non_exhaustive()
    }
}

const fn last_chunk_len(length: u64) -> usize {
    // Below 16,384, so it fits any usize.
    (length % CHUNK as u64) as usize
}

fn read_header(inner: &mut impl Read, key: &Key, ctx: &Context) -> Result<Chunks, Error> {
    let mut salt = [0; SALT];
    let mut commitment = [0; COMMITMENT];
    if read_up_to(inner, &mut salt)? < SALT || read_up_to(inner, &mut commitment)? < COMMITMENT {
        return Err(Error::Truncated);
    }
    Chunks::check(key, ctx, &salt, &commitment)
}

/// Fills `buffer` as far as there is data; less than its length means the end.
fn read_up_to(inner: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match inner.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
