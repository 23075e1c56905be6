//! Short values sealed and opened in memory, and what every sealed thing has: a [`Key`] and a [`Context`].
//!
//! The format is C2SP *chunked encryption* (<https://c2sp.org/chunked-encryption>), Cobblestone-256:
//!
//! ```text
//! salt (24) || commitment (32) || chunk 0 (16,384 + 16) || chunk 1 || ... || last chunk (0..=16,383, + 16)
//! ```
//!
//! Each message has its own key, derived from the input key, a fresh random salt and the context, so a value moved to another
//! row, column or workspace does not open. The commitment binds key, salt and context and is checked, in constant time,
//! before anything is decrypted. The last chunk is always shorter than a full one: that is how the end is known.
//!
//! Refuses: another key or context ([`Error::WrongKey`]), any altered, swapped or appended byte ([`Error::Altered`]),
//! any missing end ([`Error::Truncated`]). Nothing of a value is given out unless all of it is authentic.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Error;
use crate::chunk::{COMMITMENT, Chunks, SALT};

/// Plaintext bytes in each chunk but the last, which has fewer.
pub const CHUNK: usize = 16_384;
/// Bytes of the tag after each chunk.
pub const TAG: usize = 16;
/// Bytes of a sealed chunk, all but the last.
pub const SEALED_CHUNK: usize = CHUNK + TAG;
/// Bytes before the first chunk: salt and commitment.
pub const HEADER: usize = SALT + COMMITMENT;
/// Bytes that sealing adds to a plaintext shorter than one chunk; [`sealed_len`] tells it for any length.
pub const OVERHEAD: usize = HEADER + TAG;

/// A 32-byte key, uniformly random, wiped from memory when dropped. It stays where it was made: moving it leaves no copy behind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key(Box<[u8; 32]>);

impl Key {
    /// A new key from the operating system's random source.
    pub fn random() -> Result<Self, Error> {
        let mut key = Self(Box::new([0; 32]));
        getrandom::fill(key.0.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(key)
    }

    /// A key from its bytes, which must be uniformly random. The caller wipes its own copy.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Box::new(bytes))
    }

    /// The secret bytes, for another primitive (a database key, a wrap). Do not keep a copy.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Key {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        let mut key = Self(Box::new([0; 32]));
        if bytes.len() != key.0.len() {
            return Err(Error::KeyLength(bytes.len()));
        }
        key.0.copy_from_slice(bytes);
        Ok(key)
    }
}

impl PartialEq for Key {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What is sealed and where it belongs: a label and parts, each preceded by its length as a big-endian `u32`, so that
/// no two different lists of parts have the same bytes. Not secret, and not stored: who opens states it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context(Vec<u8>);

impl Context {
    /// A context that says what kind of thing is sealed.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self(Vec::with_capacity(4 + label.len())).part(label.as_bytes())
    }

    /// The same with one more part.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        match u32::try_from(part.len()) {
            Ok(len) if len < u32::MAX => self.0.extend_from_slice(&len.to_be_bytes()),
            // Not met in practice; spelt out so that lengths stay unambiguous at any size.
            _ => {
                self.0.extend_from_slice(&u32::MAX.to_be_bytes());
                self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
            }
        }
        self.0.extend_from_slice(part);
        self
    }

    /// The context of one column of one row of a workspace's database, at one revision of that row.
    #[must_use]
    pub fn field(workspace: &[u8], table: &str, column: &str, row: &[u8], revision: u64) -> Self {
        const LABEL: &str = "field";
        let parts = LABEL.len() + workspace.len() + table.len() + column.len() + row.len() + 8;
        Self(Vec::with_capacity(6 * 4 + parts))
            .part(LABEL.as_bytes())
            .part(workspace)
            .part(table.as_bytes())
            .part(column.as_bytes())
            .part(row)
            .part(&revision.to_be_bytes())
    }

    /// The context of a file's body. Server and device state the same.
    #[must_use]
    pub fn file(workspace: &[u8], file: &[u8]) -> Self {
        Self::new("file").part(workspace).part(file)
    }

    /// The context of the thumbnail that a server makes of a file, under the same key. Neither opens as the other.
    #[must_use]
    pub fn thumbnail(workspace: &[u8], file: &[u8]) -> Self {
        Self::new("thumbnail").part(workspace).part(file)
    }

    /// A context as other implementations may have it, for published vectors.
    #[cfg(test)]
    pub(crate) fn raw(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The encoded label and parts.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The sealed length, in bytes, of `plain` bytes.
#[must_use]
pub const fn sealed_len(plain: u64) -> u64 {
    let tags = (plain / CHUNK as u64 + 1) * TAG as u64;
    plain.saturating_add(HEADER as u64 + tags)
}

/// The plaintext length, in bytes, that `sealed` bytes would hold, if any do; a claim until the last chunk is authenticated.
#[must_use]
pub const fn opened_len(sealed: u64) -> Option<u64> {
    let Some(body) = sealed.checked_sub(HEADER as u64) else {
        return None;
    };
    let (full, last) = (body / SEALED_CHUNK as u64, body % SEALED_CHUNK as u64);
    match last.checked_sub(TAG as u64) {
        Some(last) => Some(full * CHUNK as u64 + last),
        None => None,
    }
}

/// Seals `plaintext` for the place `ctx` names. The result is [`sealed_len`] bytes long.
pub fn seal(key: &Key, ctx: &Context, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    seal_with_salt(key, ctx, &random_salt()?, plaintext)
}

/// Opens what [`seal`] made with the same key and context, whole or not at all.
pub fn open(key: &Key, ctx: &Context, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (salt, rest) = sealed.split_first_chunk::<SALT>().ok_or(Error::Truncated)?;
    let (commitment, body) = rest.split_first_chunk::<COMMITMENT>().ok_or(Error::Truncated)?;
    let chunks = Chunks::check(key, ctx, salt, commitment)?;
    let (full, last) = body.as_chunks::<SEALED_CHUNK>();
    if last.len() < TAG {
        return Err(Error::Truncated);
    }
    // Room for a tag too: a chunk is copied whole, then opened in place. Growing would leave plaintext behind in memory.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(full.len() * CHUNK + last.len()));
    let mut number = 0;
    for chunk in full {
        chunks.open_onto(number, chunk, &mut plaintext)?;
        number += 1;
    }
    chunks.open_onto(number, last, &mut plaintext)?;
    Ok(plaintext)
}

pub(crate) fn random_salt() -> Result<[u8; SALT], Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|_| Error::Random)?;
    Ok(salt)
}

/// [`seal`] with a given salt, which must never repeat under one key: callers draw it at random; golden tests fix it.
pub(crate) fn seal_with_salt(key: &Key, ctx: &Context, salt: &[u8; SALT], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let (chunks, commitment) = Chunks::derive(key, ctx, salt)?;
    let capacity = usize::try_from(sealed_len(plaintext.len() as u64)).map_err(|_| Error::TooLong)?;
    let mut out = Vec::with_capacity(capacity);
    out.extend_from_slice(salt);
    out.extend_from_slice(&commitment);
    let (full, last) = plaintext.as_chunks::<CHUNK>();
    let mut number = 0;
    for chunk in full {
        chunks.seal_onto(number, chunk, &mut out)?;
        number += 1;
    }
    chunks.seal_onto(number, last, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
