//! Which key service guards a host's keys.

use crate::error::Result;
use std::fmt;
use std::path::{Path, PathBuf};
use thechatapp_seal::{KeyService, LocalKeyService};
use zeroize::Zeroizing;

/// What opens a host's keys.
pub enum KeySource {
    /// The local key service: a key file, by default the host's own, and its passphrase.
    Local {
        /// Another key file than `keys/local.json`.
        file: Option<PathBuf>,
        /// Its passphrase.
        passphrase: Zeroizing<String>,
    },
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource::Local")
    }
}

impl KeySource {
    fn path(&self, data: &Path) -> PathBuf {
        let Self::Local { file, .. } = self;
        file.clone().unwrap_or_else(|| data.join("keys").join("local.json"))
    }

    pub(crate) fn create(&self, data: &Path) -> Result<Box<dyn KeyService>> {
        let Self::Local { passphrase, .. } = self;
        Ok(Box::new(LocalKeyService::create(&self.path(data), passphrase.as_bytes())?))
    }

    pub(crate) fn open(&self, data: &Path) -> Result<Box<dyn KeyService>> {
        let Self::Local { passphrase, .. } = self;
        Ok(Box::new(LocalKeyService::open(&self.path(data), passphrase.as_bytes())?))
    }
}
