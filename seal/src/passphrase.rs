//! A passphrase stretched into a key, for the local key file, a profile's passphrase slot and recovery passphrases.
//!
//! Argon2id, version 0x13 (RFC 9106). Bytes in, bytes out: who asks a person for a passphrase normalises it first.
//! Refuses parameters that a hostile file could use to exhaust memory or time.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, Key};

/// What stretching costs. Reading it from a file checks its bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Argon2Params {
    /// Memory in KiB.
    pub m_kib: u32,
    /// Passes over the memory.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

impl Default for Argon2Params {
    /// 64 MiB, 3 passes, 1 lane.
    fn default() -> Self {
        Self { m_kib: 64 * 1024, t: 3, p: 1 }
    }
}

impl Argon2Params {
    /// The most memory accepted: 1 GiB.
    pub const MAX_M_KIB: u32 = 1024 * 1024;
    /// The most passes accepted.
    pub const MAX_T: u32 = 16;
    /// The most lanes accepted.
    pub const MAX_P: u32 = 16;

    /// [`Error::Parameters`] unless within the bounds above and at least Argon2's own minimum (8 KiB for each lane).
    pub fn check(&self) -> Result<(), Error> {
        let passes = 1..=Self::MAX_T;
        let lanes = 1..=Self::MAX_P;
        let memory = self.p.saturating_mul(8)..=Self::MAX_M_KIB;
        if passes.contains(&self.t) && lanes.contains(&self.p) && memory.contains(&self.m_kib) {
            Ok(())
        } else {
            Err(Error::Parameters)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    m_kib: u32,
    t: u32,
    p: u32,
}

impl TryFrom<Unchecked> for Argon2Params {
    type Error = Error;

    fn try_from(Unchecked { m_kib, t, p }: Unchecked) -> Result<Self, Error> {
        let params = Self { m_kib, t, p };
        params.check()?;
        Ok(params)
    }
}

impl fmt::Display for Argon2Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.m_kib, self.t, self.p)
    }
}

/// The key of `passphrase` with `salt`. Slow on purpose, and blocking: about a tenth of a second with the default parameters.
pub fn stretch(passphrase: &[u8], salt: &[u8; 16], params: &Argon2Params) -> Result<Key, Error> {
    params.check()?;
    let params = Params::new(params.m_kib, params.t, params.p, Some(32)).map_err(|_| Error::Parameters)?;
    // Reserved here, not by the library, so that too little memory is an error and not an abort.
    let mut memory = Zeroizing::new(Vec::new());
    memory.try_reserve_exact(params.block_count()).map_err(|_| Error::Memory)?;
    memory.resize(params.block_count(), Block::default());
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, out.as_mut_slice(), memory.as_mut_slice())
        .map_err(|_| Error::Primitive)?;
    Key::try_from(out.as_slice())
}

#[cfg(test)]
mod tests;
