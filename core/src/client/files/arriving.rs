//! A file that is opened while it comes. Its sealed bytes stay on this device, so that a transfer goes on where it broke off, also in
//! another run of the program, and so that it is opened from here the next time; those of a range are not kept, and those of a file
//! too large to stay neither: that one is written once ([`super::once`]). What was opened stands beside the place it is meant for, and
//! gets there once everything that was wanted has proved genuine.

use super::once::{Once, Tags};
use super::sealing::{Beside, full, gone, unopened};
use super::{Place, blocking, closed};
use crate::error::{Error, Result};
use crate::local::Local;
use bytes::{Buf, Bytes};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thechatapp_protocol::event::FileRow;
use thechatapp_seal::{CHUNK, Context, HEADER, Key, OpenReader, SEALED_CHUNK, sealed_len};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Pieces from the network that may wait to be opened.
const WAITING: usize = 4;
/// How often, and after what time, it is looked whether an earlier attempt has let go.
const LETS_GO: u32 = 20;
const MOMENT: Duration = Duration::from_millis(10);

/// A file on its way.
pub(super) struct Arriving {
    pieces: mpsc::Sender<Bytes>,
    opening: JoinHandle<Result<()>>,
    keeping: Option<Keeping>,
    /// The sealed bytes that are wanted, and how far they are here, by their places in the whole.
    wanted: (u64, u64),
    here: u64,
}

/// Who keeps what came.
struct Keeping {
    pieces: mpsc::Sender<Bytes>,
    done: JoinHandle<io::Result<()>>,
}

impl Arriving {
    /// Begins with what an earlier attempt left on this device.
    pub(super) async fn begin(place: &Place, row: &FileRow, key: Key, to: PathBuf) -> Result<Self> {
        let (path, context, total) = (place.fetched(row.id), place.context(row.id), sealed_len(row.size));
        let here = match tokio::fs::metadata(&path).await {
            Ok(found) if found.len() <= total => found.len(),
            Ok(_) => {
                tokio::fs::remove_file(&path).await.map_err(full)?;
                0
            }
            Err(_) => 0,
        };
        let kept = OpenOptions::new().append(true).create(true).open(&path).map_err(full)?;
        let before = File::open(&path).map_err(full)?.take(here);
        let (pieces, coming) = mpsc::channel(WAITING);
        let (keep, keeping) = mpsc::channel(WAITING);
        let (spoil, spoiled) = oneshot::channel();
        let done = tokio::task::spawn_blocking(move || keep_pieces(kept, keeping, spoiled, &path));
        let opening = tokio::task::spawn_blocking(move || {
            let coming = Pieces { coming, now: Bytes::new(), missing: total - here };
            let out = open(before.chain(coming), (&key, &context), to);
            // What is not genuine is fetched anew next time; what broke off, or could not be written, goes on from here.
            if matches!(out, Err(Error::NotGenuine { .. })) {
                let _ = spoil.send(());
            }
            out?.place()
        });
        Ok(Self { pieces, opening, keeping: Some(Keeping { pieces: keep, done }), wanted: (0, total), here })
    }

    /// Begins with a file that is written once, with what an earlier attempt left beside this place or another. `None` where that
    /// cannot be: another transfer of it is under way, or the place has no name that can be noted.
    pub(super) async fn once(
        local: &Local,
        place: &Place,
        row: &FileRow,
        key: Key,
        to: PathBuf,
    ) -> Result<Option<Self>> {
        let to = std::path::absolute(&to).unwrap_or(to);
        if to.to_str().is_none() {
            return Ok(None);
        }
        let Some(tags) = tags_of(place, row).await? else { return Ok(None) };
        let before = local.download(place.workspace, row.id).await?;
        let context = place.context(row.id);
        let begun = blocking(move || {
            let once = Once::begin(tags, before.as_ref(), (&key, &context), to)?;
            let Ok(part) = once.part() else { return Ok(None) };
            Ok(part.path.to_str().map(|path| (once, key, (path.to_owned(), part.stamp))))
        });
        let Some((mut once, key, part)) = begun.await? else { return Ok(None) };
        local.writes_to(place.workspace, row.id, part).await?;
        once.noted();
        let (context, total, here) = (place.context(row.id), sealed_len(row.size), once.here());
        let (pieces, coming) = mpsc::channel(WAITING);
        let opening = tokio::task::spawn_blocking(move || {
            once.open(Pieces { coming, now: Bytes::new(), missing: total - here }, (&key, &context))
        });
        Ok(Some(Self { pieces, opening, keeping: None, wanted: (0, total), here }))
    }

    /// Begins with a range: the bytes from one to another, both included, as far as the file goes.
    pub(super) fn part(
        place: &Place,
        row: &FileRow,
        (key, header): (Key, Option<Vec<u8>>),
        range: (u64, u64),
        to: PathBuf,
    ) -> Result<Self> {
        let context = place.context(row.id);
        let header = header.unwrap_or_default().try_into().map_err(|_| unopened(thechatapp_seal::Error::Truncated))?;
        let wanted = sealed_range(range, row.size)?;
        let size = row.size;
        let (pieces, coming) = mpsc::channel(WAITING);
        let opening = tokio::task::spawn_blocking(move || {
            let coming = Pieces { coming, now: Bytes::new(), missing: wanted.1 - wanted.0 };
            open_part(coming, (&key, &context, &header), range, size, to)?.place()
        });
        Ok(Self { pieces, opening, keeping: None, wanted, here: wanted.0 })
    }

    /// How far the sealed bytes are here.
    pub(super) fn here(&self) -> u64 {
        self.here
    }

    /// Which are wanted: from the first to the end, not included.
    pub(super) fn wanted(&self) -> (u64, u64) {
        self.wanted
    }

    /// Takes the next bytes.
    pub(super) async fn take(&mut self, piece: Bytes) -> Result<()> {
        let length = piece.len() as u64;
        if let Some(keeping) = &mut self.keeping
            && keeping.pieces.send(piece.clone()).await.is_err()
        {
            (&mut keeping.done).await.map_err(|_| closed())?.map_err(full)?;
            return Err(closed());
        }
        if self.pieces.send(piece).await.is_err() {
            // It has ended early, and says why. The next attempt must not begin with what is on its way out.
            let opened = (&mut self.opening).await.map_err(|_| closed())?;
            if let Some(Keeping { pieces, done }) = self.keeping.take() {
                drop(pieces);
                let _ = done.await;
            }
            opened?;
            return Err(closed());
        }
        self.here += length;
        Ok(())
    }

    /// Everything is here: opens the rest, and puts it in its place.
    pub(super) async fn end(self) -> Result<()> {
        drop(self.pieces);
        let kept = self.keeping.map(|keeping| keeping.done);
        let opened = self.opening.await.map_err(|_| closed())?;
        let kept = match kept {
            Some(kept) => kept.await.map_err(|_| closed())?,
            None => Ok(()),
        };
        opened?;
        kept.map_err(full)
    }
}

/// An attempt that was given up just now lets go of them in a moment.
async fn tags_of(place: &Place, row: &FileRow) -> Result<Option<Tags>> {
    for _ in 0..LETS_GO {
        let path = place.tags(row.id);
        if let Some(tags) = blocking(move || Tags::take(path)).await? {
            return Ok(Some(tags));
        }
        tokio::time::sleep(MOMENT).await;
    }
    Ok(None)
}

/// The places of the sealed bytes that a range needs beside the header: its chunks, and to the end of the file when that is
/// asked for, since the last chunk alone proves where the end is.
pub(super) fn sealed_range((first, last): (u64, u64), size: u64) -> Result<(u64, u64)> {
    if first > last || first >= size {
        return Err(Error::bad_input("this range is not in the file", format!("it has {size} bytes, the first is 0")));
    }
    let at = |chunk: u64| HEADER as u64 + chunk * SEALED_CHUNK as u64;
    let begin = at(first / CHUNK as u64);
    let end = if last >= size - 1 { sealed_len(size) } else { at(last / CHUNK as u64 + 1).min(sealed_len(size)) };
    Ok((begin, end))
}

/// Keeps sealed bytes, unless they turn out not to be genuine. Apart from the opening: neither waits for the other's disk.
fn keep_pieces(
    mut kept: File,
    mut pieces: mpsc::Receiver<Bytes>,
    spoiled: oneshot::Receiver<()>,
    path: &Path,
) -> io::Result<()> {
    while let Some(piece) = pieces.blocking_recv() {
        kept.write_all(&piece)?;
    }
    if spoiled.blocking_recv().is_err() {
        return Ok(());
    }
    // Another transfer of the same file may have been done first.
    gone(path)
}

/// Opens a file whose sealed bytes are here, all of it or a range.
pub(super) fn open_here(
    mut sealed: File,
    (key, context): (&Key, &Context),
    range: Option<(u64, u64)>,
    size: u64,
    to: PathBuf,
) -> Result<()> {
    let Some(range) = range else { return open(sealed, (key, context), to)?.place() };
    let (begin, end) = sealed_range(range, size)?;
    let mut header = [0; HEADER];
    sealed.read_exact(&mut header).map_err(full)?;
    sealed.seek(SeekFrom::Start(begin)).map_err(full)?;
    open_part(sealed.take(end - begin), (key, context, &header), range, size, to)?.place()
}

/// Opens what comes, beside the place it is for.
fn open(sealed: impl Read, (key, context): (&Key, &Context), to: PathBuf) -> Result<Beside> {
    let mut out = Beside::new(to)?;
    let mut opened = OpenReader::new(sealed, key, context).map_err(unopened)?;
    loop {
        let ready = opened.fill_buf().map_err(|why| unopened(why.into()))?;
        let count = ready.len();
        if count == 0 {
            return Ok(out);
        }
        out.write_all(ready).map_err(full)?;
        opened.consume(count);
    }
}

/// Opens the chunks of a range as they come.
fn open_part(
    sealed: impl Read,
    (key, context, header): (&Key, &Context, &[u8; HEADER]),
    (first, last): (u64, u64),
    size: u64,
    to: PathBuf,
) -> Result<Beside> {
    let chunk = first / CHUNK as u64;
    let mut out = Beside::new(to)?;
    let mut opened = OpenReader::at_chunk(sealed, header, chunk, key, context).map_err(unopened)?;
    let (mut before, mut left) = (first - chunk * CHUNK as u64, last.min(size - 1) - first + 1);
    while left > 0 {
        let ready = opened.fill_buf().map_err(|why| unopened(why.into()))?;
        let count = ready.len();
        if count == 0 {
            return Err(unopened(thechatapp_seal::Error::Truncated));
        }
        let skipped = usize::try_from(before).unwrap_or(usize::MAX).min(count);
        let ready = ready.split_at(skipped).1;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(ready.len());
        out.write_all(ready.split_at(wanted).0).map_err(full)?;
        opened.consume(skipped + wanted);
        before -= skipped as u64;
        left -= wanted as u64;
    }
    // Up to the end of the file: the last chunk proves that this is the end.
    if last >= size - 1 && !opened.fill_buf().map_err(|why| unopened(why.into()))?.is_empty() {
        return Err(unopened(thechatapp_seal::Error::Truncated));
    }
    Ok(out)
}

/// Pieces as they come.
struct Pieces {
    coming: mpsc::Receiver<Bytes>,
    now: Bytes,
    missing: u64,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.coming.blocking_recv() {
                Some(piece) => {
                    self.missing = self.missing.saturating_sub(piece.len() as u64);
                    self.now = piece;
                }
                None if self.missing == 0 => return Ok(0),
                // Nobody waits for it any more. That is no end of the file.
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let count = self.now.len().min(out.len());
        self.now.split_to(count).copy_to_slice(out.split_at_mut(count).0);
        Ok(count)
    }
}
