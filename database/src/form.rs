//! How the pages of a file are authenticated.
//!
//! SQLCipher leaves the choice, and a file keeps the one that it was made with. Nothing in the file says which: only with the right one
//! the code of its first page fits. The b-tree leaves 80 bytes of each page alone in both forms, so that pages can be copied from
//! either to the other; SHA-256 does not use 32 of them.

use crate::Error;
use rusqlite::Connection;

/// The code that each page of a file carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// HMAC-SHA-512: what SQLCipher 4 does unless told otherwise.
    #[default]
    Sha512,
    /// HMAC-SHA-256, which most processors of today have instructions for.
    Sha256,
}

impl Form {
    /// The one that this processor is quicker with.
    pub fn quickest() -> Self {
        if has_sha256() { Self::Sha256 } else { Self::Sha512 }
    }

    /// The form of an open file.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn of(db: &Connection) -> Result<Self, Error> {
        let name: String = db.query_row("PRAGMA cipher_hmac_algorithm", [], |row| row.get(0))?;
        Ok(if name == Self::Sha256.name() { Self::Sha256 } else { Self::Sha512 })
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Sha512 => Self::Sha256,
            Self::Sha256 => Self::Sha512,
        }
    }

    /// For a connection that has its key, and has read nothing yet.
    pub(crate) fn choose(self, db: &Connection) -> Result<(), Error> {
        if self == Self::default() {
            return Ok(());
        }
        Ok(db.pragma_update(None, "cipher_hmac_algorithm", self.name())?)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "HMAC_SHA512",
            Self::Sha256 => "HMAC_SHA256",
        }
    }
}

/// Without instructions of its own a 64-bit processor does SHA-512 in two thirds of the time.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_sha256() -> bool {
    std::arch::is_x86_feature_detected!("sha")
}

#[cfg(target_arch = "aarch64")]
fn has_sha256() -> bool {
    std::arch::is_aarch64_feature_detected!("sha2")
}

/// Those of 32 bits have to put SHA-512 together from halves.
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_sha256() -> bool {
    cfg!(target_pointer_width = "32")
}

#[cfg(test)]
mod tests;
