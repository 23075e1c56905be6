//! A file too large to stay on this device is written once, opened, beside the place it is for. What it takes to go on with it is
//! kept apart: the header of its sealed bytes and the tag of each chunk, a thousandth of the file. Whatever lies there is
//! believed as far as each chunk has its tag, so nothing that was changed meanwhile, or never reached the disk, is built upon.

use super::sealing::{Beside, full, gone, unopened};
use crate::error::{Error, Result};
use crate::part_file::PartFile;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use thechatapp_seal::{CHUNK, Context, HEADER, Key, OpenReader, Proofs, SEALED_CHUNK, TAG};
use zeroize::Zeroizing;

/// The tags of a file on its way. Whoever has them writes it; nobody else does, in another program neither.
pub(super) struct Tags {
    file: File,
    path: PathBuf,
}

impl Tags {
    /// `None` while another transfer of the same file has them.
    pub(super) fn take(path: PathBuf) -> Result<Option<Self>> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(full)?;
        match file.try_lock() {
            // Whoever had them may have come to the end just now, and removed them.
            Ok(()) => Ok(path.exists().then_some(Self { file, path })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(full(why)),
        }
    }

    /// They are not needed any more.
    fn remove(self) -> io::Result<()> {
        gone(&self.path)
    }
}

/// A file that is written once, as far as it is here.
pub(super) struct Once {
    tags: Tags,
    out: Beside,
    header: [u8; HEADER],
    chunks: u64,
}

impl Once {
    /// Goes on with what lies beside the place, as far as it proves genuine, or with what lay beside another one.
    pub(super) fn begin(
        mut tags: Tags,
        before: Option<&PartFile>,
        (key, context): (&Key, &Context),
        to: PathBuf,
    ) -> Result<Self> {
        let mut out = Beside::go_on(to, before)?;
        let mut header = [0; HEADER];
        let chunks = match tags.file.read_exact(&mut header) {
            Ok(()) => proved(&mut tags.file, out.file(), &header, key, context).map_err(full)?,
            Err(_) => 0,
        };
        out.cut(chunks * CHUNK as u64).map_err(full)?;
        let known = if chunks == 0 { 0 } else { HEADER as u64 + chunks * TAG as u64 };
        tags.file.set_len(known).and_then(|()| tags.file.seek(SeekFrom::End(0))).map_err(full)?;
        Ok(Self { tags, out, header, chunks })
    }

    /// Where it is written, and which file it is there.
    pub(super) fn part(&self) -> io::Result<PartFile> {
        self.out.part()
    }

    /// That is noted: from now on what breaks off can be gone on with.
    pub(super) fn noted(&mut self) {
        self.out.stay();
    }

    /// How many sealed bytes need not come any more.
    pub(super) fn here(&self) -> u64 {
        if self.chunks == 0 { 0 } else { HEADER as u64 + self.chunks * SEALED_CHUNK as u64 }
    }

    /// Opens what comes, from [`Self::here`] on, and puts the file in its place. What is not genuine leaves nothing; what broke off stays.
    pub(super) fn open(self, coming: impl Read, (key, context): (&Key, &Context)) -> Result<()> {
        let Self { tags, mut out, mut header, chunks } = self;
        match write(coming, &tags, &mut out, (&mut header, chunks), (key, context)) {
            Ok(()) => {
                out.place()?;
                tags.remove().map_err(full)
            }
            Err(why) => {
                if matches!(why, Error::NotGenuine { .. }) {
                    out.leave_nothing();
                    tags.remove().map_err(full)?;
                }
                Err(why)
            }
        }
    }
}

fn write(
    mut coming: impl Read,
    tags: &Tags,
    out: &mut Beside,
    (header, chunks): (&mut [u8; HEADER], u64),
    (key, context): (&Key, &Context),
) -> Result<()> {
    // Those of whole chunks alone: the last one is asked for again, and says where the end is.
    let mut noted = BufWriter::new(&tags.file);
    if chunks == 0 {
        coming.read_exact(header).map_err(|why| unopened(why.into()))?;
        noted.write_all(header.as_slice()).map_err(full)?;
    }
    let mut opened = OpenReader::at_chunk(coming, header, chunks, key, context).map_err(unopened)?;
    loop {
        let ready = opened.fill_buf().map_err(|why| unopened(why.into()))?;
        let count = ready.len();
        if count == 0 {
            return noted.flush().map_err(full);
        }
        out.write_all(ready).map_err(full)?;
        if count == CHUNK {
            noted.write_all(opened.tag()).map_err(full)?;
        }
        opened.consume(count);
    }
}

/// How many chunks from the first on are what they were.
fn proved(tags: &mut File, open: &File, header: &[u8; HEADER], key: &Key, context: &Context) -> io::Result<u64> {
    let Ok(mut proofs) = Proofs::new(header, key, context) else { return Ok(0) };
    let (mut tags, mut open) = (io::BufReader::new(tags), open);
    let (mut tag, mut chunk, mut chunks) = ([0; TAG], Zeroizing::new(vec![0; CHUNK]), 0);
    let mut next = || -> io::Result<bool> {
        for (from, to) in [(&mut tags as &mut dyn Read, tag.as_mut_slice()), (&mut open, chunk.as_mut_slice())] {
            match from.read_exact(to) {
                Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
        }
        proofs.holds(chunks, &chunk, &tag).map_err(io::Error::other).inspect(|holds| chunks += u64::from(*holds))
    };
    while next()? {}
    Ok(chunks)
}

/// Whether no transfer has these tags.
pub(super) fn is_free(tags: &Path) -> bool {
    File::open(tags).is_ok_and(|tags| tags.try_lock().is_ok())
}

/// Removes what nobody went on with, unless somebody does at this moment. Whether it is gone: what is on a disk that is not here is not.
pub(super) fn give_up(tags: &Path, part: &PartFile) -> bool {
    let held = match File::open(tags) {
        Ok(held) if held.try_lock().is_ok() => Some(held),
        // Without them nobody can go on with it.
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        _ => return false,
    };
    let gone = part.remove();
    if gone && held.is_some() {
        let _ = std::fs::remove_file(tags);
    }
    gone
}

#[cfg(test)]
mod tests;
