//! Files made to harm whoever opens them: archives that unpack to far more than they are or outside their folder, pictures
//! that fill the memory. They are told by what their headers declare; nothing is unpacked or decoded here.
//!
//! The headers are read here and not by a library for archives or pictures: those take a directory into memory before its size
//! can be judged, keep one of two entries of the same name, and take a wrong marker for a picture's size.

mod archive;
mod picture;

use crate::error::Fail;
use crate::store::files::Danger;
use std::io::{Read, Seek};
use thechatapp_seal::{Context, Key, OpenSeek};

/// What a look at a file's headers came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it.
    Fine,
    /// Its headers cannot be followed, so that one program may find what another does not: it gets no type.
    Unclear,
    /// It is not kept: for what, and in words.
    Dangerous(Danger, String),
}

/// Why a look ended early.
enum Ended {
    Unclear,
    Dangerous(Danger, String),
    Failed(thechatapp_seal::Error),
}

impl From<thechatapp_seal::Error> for Ended {
    fn from(why: thechatapp_seal::Error) -> Self {
        Self::Failed(why)
    }
}

/// Looks at the headers of a sealed file that opens (see [`super::look_at`]), holding one chunk of it in memory, and of an
/// archive the last 64 KiB and sixteen bytes for each entry.
///
/// # Errors
/// The file cannot be read, or does not open.
pub fn judge(sealed: impl Read + Seek, key: &Key, context: &Context) -> Result<Verdict, Fail> {
    let mut file = Opened(OpenSeek::new(sealed, key, context)?);
    match archive::check(&mut file).and_then(|()| picture::check(&mut file)) {
        Ok(()) => Ok(Verdict::Fine),
        Err(Ended::Unclear) => Ok(Verdict::Unclear),
        Err(Ended::Dangerous(danger, why)) => Ok(Verdict::Dangerous(danger, why)),
        Err(Ended::Failed(why)) => Err(why.into()),
    }
}

/// What a person is told whose file is not kept.
#[must_use]
pub fn refusal(why: String) -> Fail {
    Fail::bad_input("This file is not kept", why, "share what is in it in another form")
}

struct Opened<R: Read + Seek>(OpenSeek<R>);

impl<R: Read + Seek> Opened<R> {
    fn length(&mut self) -> Result<u64, Ended> {
        Ok(self.0.length()?)
    }

    /// `N` bytes from a place; past the file's end there is nothing to follow.
    fn take<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Ended> {
        let bytes = self.bytes(at, N as u64)?;
        bytes.as_slice().try_into().map_err(|_| Ended::Unclear)
    }

    fn bytes(&mut self, at: u64, count: u64) -> Result<zeroize::Zeroizing<Vec<u8>>, Ended> {
        let end = at.checked_add(count).ok_or(Ended::Unclear)?;
        if end > self.length()? {
            return Err(Ended::Unclear);
        }
        Ok(self.0.read_range(at, end)?)
    }

    /// The first bytes, as many of `most` as there are.
    fn beginning(&mut self, most: u64) -> Result<zeroize::Zeroizing<Vec<u8>>, Ended> {
        let count = self.length()?.min(most);
        self.bytes(0, count)
    }
}

#[cfg(test)]
mod tests;
