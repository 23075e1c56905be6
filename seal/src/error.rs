//! What can go wrong when sealing or opening. No variant carries plaintext, keys or contexts.

use std::io;

/// Why something was not sealed or not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no randomness.
    #[error("the system's random source failed")]
    Random,
    /// The commitment does not match: another key, another context (the value was moved), or an altered header.
    #[error("sealed with another key or for another place")]
    WrongKey,
    /// A chunk is not what was sealed: altered, reordered, or followed by other data.
    #[error("sealed data was altered")]
    Altered,
    /// The end is missing.
    #[error("sealed data is cut short")]
    Truncated,
    /// More than the 2^38 chunks (4 PiB) of one message.
    #[error("too long for one sealed message")]
    TooLong,
    /// A range that is backwards or goes past the authenticated end.
    #[error("range lies outside the sealed data")]
    Range,
    /// A key has 32 bytes.
    #[error("a key has 32 bytes, this one has {0}")]
    KeyLength(usize),
    /// Argon2id parameters outside what this program accepts.
    #[error("passphrase parameters are out of bounds")]
    Parameters,
    /// Not enough memory to stretch a passphrase.
    #[error("not enough memory to stretch the passphrase")]
    Memory,
    /// A primitive refused its input. The lengths used here are fixed, so this tells of a defect.
    #[error("a cryptographic primitive refused its input")]
    Primitive,
    /// An earlier error ended this stream; whatever it gave or took since must not be used.
    #[error("the stream ended in an earlier error")]
    Failed,
    /// Reading or writing underneath failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Error> for io::Error {
    /// For `Read` and `Write`: everything but an input/output error becomes `InvalidData` with the cause inside.
    fn from(error: Error) -> Self {
        match error {
            Error::Io(inner) => inner,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}
