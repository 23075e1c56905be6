//! The key hierarchy: random keys wrapped by keys, and tokens for the search index.
//!
//! A wrapped key is a sealed 32-byte field whose context says what the key is for, whose it is, and its epoch, so that one
//! wrapped key put in another's place does not open. Every level is a random key: nothing is derived, so a key can be
//! replaced, or destroyed, on its own.

use std::fmt;

use hmac::digest::KeyInit;
use hmac::digest::generic_array::GenericArray;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::chunk::SALT;
use crate::record::{open, random_salt, seal_with_salt};
use crate::{Context, Error, Key};

/// Wraps `child` under `parent`. `what` names its use ("channel", "database"), `id` its owner, `epoch` counts rotations.
/// The result has 104 bytes. Fails only if the system has no randomness.
pub fn wrap(parent: &Key, what: &str, id: &[u8], epoch: u64, child: &Key) -> Result<Vec<u8>, Error> {
    wrap_with_salt(parent, what, id, epoch, child, &random_salt()?)
}

pub(crate) fn wrap_with_salt(
    parent: &Key,
    what: &str,
    id: &[u8],
    epoch: u64,
    child: &Key,
    salt: &[u8; SALT],
) -> Result<Vec<u8>, Error> {
    seal_with_salt(parent, &wrap_context(what, id, epoch), salt, child.expose())
}

/// Opens what [`wrap`] made with the same parent, use, owner and epoch; any other gives [`Error::WrongKey`].
pub fn unwrap(parent: &Key, what: &str, id: &[u8], epoch: u64, wrapped: &[u8]) -> Result<Key, Error> {
    let plaintext = open(parent, &wrap_context(what, id, epoch), wrapped)?;
    Key::try_from(plaintext.as_slice())
}

fn wrap_context(what: &str, id: &[u8], epoch: u64) -> Context {
    Context::new("wrap").part(what.as_bytes()).part(id).part(&epoch.to_be_bytes())
}

/// The key under which words become search tokens. Equal words give equal tokens: the index shows that much, and no more.
#[derive(Clone)]
pub struct SearchKey(Key);

impl SearchKey {
    /// From a workspace's search key, used for nothing else.
    pub const fn new(key: Key) -> Self {
        Self(key)
    }

    /// The token of one word, already folded: the first 8 bytes of its HMAC-SHA-256 (RFC 2104).
    #[must_use]
    pub fn token(&self, word: &str) -> [u8; 8] {
        // Keyed anew for each word: the prepared state would not be wiped from memory when dropped, the key is.
        let block = Zeroizing::new([*self.0.expose(), [0; 32]]);
        // HMAC pads its key with zeros to a whole block (RFC 2104, section 2); done here, the length is right by its type.
        let mut mac = <Hmac<Sha256> as KeyInit>::new(GenericArray::from_slice(block.as_flattened()));
        mac.update(word.as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(mac.finalize().into_bytes());
        [a, b, c, d, e, f, g, h]
    }
}

impl From<Key> for SearchKey {
    fn from(key: Key) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SearchKey(..)")
    }
}

#[cfg(test)]
mod tests;
