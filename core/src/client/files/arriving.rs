//! A file that is opened while it comes. Its sealed bytes are kept on this device until the last is here, so that a transfer
//! goes on where it broke off, also in another run of the program; what was opened stands beside the place it is meant for,
//! and gets there once the end has proved genuine.

use super::sealing::{Beside, full, unopened};
use super::{Place, closed};
use crate::error::{Error, Result};
use bytes::{Buf, Bytes};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use thechatapp_protocol::event::FileRow;
use thechatapp_seal::{Context, Key, OpenReader, sealed_len};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Pieces from the network that may wait to be opened.
const WAITING: usize = 4;

/// A file on its way.
pub(super) struct Arriving {
    pieces: mpsc::Sender<Bytes>,
    keep: mpsc::Sender<Bytes>,
    opening: JoinHandle<Result<()>>,
    keeping: JoinHandle<io::Result<()>>,
    here: u64,
    total: u64,
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
        let (opened, all_opened) = oneshot::channel();
        let keeping = tokio::task::spawn_blocking(move || keep_pieces(kept, keeping, all_opened, &path));
        let opening = tokio::task::spawn_blocking(move || {
            let coming = Pieces { coming, now: Bytes::new(), missing: total - here };
            let out = open(before.chain(coming), (&key, &context), to);
            // What is not genuine is fetched anew next time; what broke off, or could not be written, goes on from here.
            if matches!(out, Ok(_) | Err(Error::Corrupt { .. })) {
                let _ = opened.send(());
            }
            out?.place()
        });
        Ok(Self { pieces, keep, opening, keeping, here, total })
    }

    /// How many sealed bytes are here.
    pub(super) fn here(&self) -> u64 {
        self.here
    }

    /// How many there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Takes the next bytes.
    pub(super) async fn take(&mut self, piece: Bytes) -> Result<()> {
        let length = piece.len() as u64;
        if self.keep.send(piece.clone()).await.is_err() {
            (&mut self.keeping).await.map_err(|_| closed())?.map_err(full)?;
            return Err(closed());
        }
        if self.pieces.send(piece).await.is_err() {
            // It has ended early, and says why.
            (&mut self.opening).await.map_err(|_| closed())??;
            return Err(closed());
        }
        self.here += length;
        Ok(())
    }

    /// Everything is here: opens the rest, and puts it in its place.
    pub(super) async fn end(self) -> Result<()> {
        drop((self.pieces, self.keep));
        let opened = self.opening.await.map_err(|_| closed())?;
        let kept = self.keeping.await.map_err(|_| closed())?;
        opened?;
        kept.map_err(full)
    }
}

/// Keeps sealed bytes until they were opened. Apart from the opening: neither waits for the other's disk.
fn keep_pieces(
    mut kept: File,
    mut pieces: mpsc::Receiver<Bytes>,
    all_opened: oneshot::Receiver<()>,
    path: &Path,
) -> io::Result<()> {
    while let Some(piece) = pieces.blocking_recv() {
        kept.write_all(&piece)?;
    }
    if all_opened.blocking_recv().is_err() {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        // Another transfer of the same file was done first.
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
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
