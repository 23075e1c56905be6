//! What is stored of a file, from where it lies to whoever wants it.

use super::storage::Shelf;
use super::{Asked, PIECE};
use crate::error::Fail;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use tokio::io::AsyncReadExt;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

/// What is wanted of a whole file, on its way.
pub struct Reading {
    /// The file's sealed bytes.
    pub size: u64,
    /// What is to be answered.
    pub wanted: Asked,
    /// The bytes that are, as they come.
    pub pieces: BoxStream<'static, io::Result<Bytes>>,
}

impl Reading {
    /// Of something of this size, so much has been read already; the rest is to come from where the file stands.
    pub(super) fn begun(size: u64, wanted: Asked, beginning: Vec<u8>, from: File) -> Self {
        let (_, length) = wanted.bytes(size);
        let rest = tokio::fs::File::from_std(from).take(length.saturating_sub(beginning.len() as u64));
        let first = futures_util::stream::iter((!beginning.is_empty()).then(|| Ok(Bytes::from(beginning))));
        Self { size, wanted, pieces: first.chain(ReaderStream::with_capacity(rest, PIECE)).boxed() }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("size", &self.size).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

/// A whole file, ready to be read.
#[derive(Debug)]
pub struct Stored {
    /// Its sealed bytes.
    pub size: u64,
    pub(super) from: Place,
}

#[derive(Debug)]
pub(super) enum Place {
    Folder(File),
    Bucket(Shelf, String),
}

impl Stored {
    /// What `want` makes of its size, as it comes.
    ///
    /// # Errors
    /// Not found; the system's, or the bucket's.
    pub async fn reading(self, want: impl FnOnce(u64) -> Asked) -> Result<Reading, Fail> {
        let (size, wanted) = (self.size, want(self.size));
        let (first, length) = wanted.bytes(size);
        let pieces =
            if length == 0 { futures_util::stream::empty().boxed() } else { self.pieces(first, length).await? };
        Ok(Reading { size, wanted, pieces })
    }

    /// The bytes from a place on, so many, as they come.
    ///
    /// # Errors
    /// Not found; the system's, or the bucket's.
    pub async fn pieces(self, first: u64, length: u64) -> Result<BoxStream<'static, io::Result<Bytes>>, Fail> {
        match self.from {
            Place::Folder(mut file) => {
                file.seek(SeekFrom::Start(first))?;
                let file = tokio::fs::File::from_std(file).take(length);
                Ok(ReaderStream::with_capacity(file, PIECE).boxed())
            }
            Place::Bucket(shelf, name) => shelf.pieces(&name, first, length).await,
        }
    }

    /// The same bytes, for whoever may block.
    ///
    /// # Errors
    /// Not found; the system's, or the bucket's.
    pub async fn read(self, first: u64, length: u64) -> Result<Box<dyn Read + Send>, Fail> {
        match self.from {
            Place::Folder(mut file) => {
                file.seek(SeekFrom::Start(first))?;
                Ok(Box::new(file.take(length)))
            }
            Place::Bucket(shelf, name) => {
                let pieces = shelf.pieces(&name, first, length).await?;
                Ok(Box::new(SyncIoBridge::new(StreamReader::new(pieces))))
            }
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn reader(self) -> Result<Box<dyn Read + Send>, Fail> {
        let size = self.size;
        self.read(0, size).await
    }
}
