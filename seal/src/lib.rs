//! Sealing: the one encrypted format, the keys above it, and the services that guard the topmost key.
//!
//! - [`record`]: short values (*fields*) sealed and opened in memory.
//! - [`stream`]: the same format for files, written and read in chunks, with random access.
//! - [`keys`]: keys wrapped by keys, and search tokens.
//! - [`kms`]: the key service that wraps a workspace key, and the local one, a file sealed by a passphrase.
//! - [`passphrase`]: a passphrase stretched into a key (Argon2id).
//!
//! The format is C2SP *chunked encryption* (<https://c2sp.org/chunked-encryption>), instance Cobblestone-256: HKDF-Expand with
//! SHA-512 and AES-256-GCM. There is no other, and nothing here falls back to a weaker one. Apart from [`kms::local`] nothing
//! in this crate touches the file system, and nothing in it the network.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod chunk;
mod error;
pub mod keys;
pub mod kms;
pub mod passphrase;
pub mod record;
pub mod stream;

#[cfg(test)]
mod vectors;

pub use error::Error;
pub use keys::{SearchKey, unwrap, wrap};
pub use kms::local::{LocalKeyFile, LocalKeyService};
pub use kms::{KeyService, KmsError, WrapContext};
pub use passphrase::{Argon2Params, stretch};
pub use record::{CHUNK, Context, HEADER, Key, OVERHEAD, SEALED_CHUNK, TAG, open, opened_len, seal, sealed_len};
pub use stream::{OpenReader, OpenSeek, Proofs, SealWriter};
