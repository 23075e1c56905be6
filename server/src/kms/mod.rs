//! Which key service guards a host's keys.
//!
//! A service behind a network or in a device may be away for a while and come back, so whatever it fails with closes a
//! workspace and no more. The local one is a file and a passphrase: what is wrong with it stays wrong until somebody acts.

#[cfg(feature = "aws-kms")]
mod aws;
mod pkcs11;
mod remote;
mod uri;
mod vault;
pub(crate) mod watch;

pub(crate) use uri::credential;

use crate::error::{Error, Kind, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_seal::{KeyService, KmsError, LocalKeyService, WrapContext};
use zeroize::Zeroizing;

/// The provider's name of the local key service.
const LOCAL: &str = "local";

/// What opens a host's keys.
pub enum KeySource {
    /// The local key service: a key file, by default the host's own, and its passphrase.
    Local {
        /// Another key file than `keys/local.json`.
        file: Option<PathBuf>,
        /// Its passphrase.
        passphrase: Zeroizing<String>,
    },
    /// One that may be away.
    Remote(Remote),
}

/// Where a key service is that may be away, and what it wants to see.
pub struct Remote {
    place: Where,
    patience: Duration,
}

enum Where {
    Vault(vault::Address),
    Pkcs11(pkcs11::Address),
    #[cfg(feature = "aws-kms")]
    Aws(aws::Address),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local { .. } => "KeySource::Local",
            Self::Remote(_) => "KeySource::Remote",
        })
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote(..)")
    }
}

impl Remote {
    /// Nothing is asked yet: whether the service answers shows with its first key.
    fn connect(&self) -> Result<Arc<dyn KeyService>> {
        let patience = self.patience;
        Ok(match &self.place {
            Where::Vault(address) => Arc::new(vault::Vault::new(address.clone(), patience)?),
            Where::Pkcs11(address) => Arc::new(pkcs11::Pkcs11::new(address.clone(), patience)?),
            #[cfg(feature = "aws-kms")]
            Where::Aws(address) => Arc::new(aws::Aws::new(address.clone(), patience)?),
        })
    }
}

impl KeySource {
    fn path(file: Option<&PathBuf>, data: &Path) -> PathBuf {
        file.cloned().unwrap_or_else(|| data.join("keys").join("local.json"))
    }

    pub(crate) fn create(&self, data: &Path) -> Result<Arc<dyn KeyService>> {
        match self {
            Self::Local { file, passphrase } => {
                Ok(Arc::new(LocalKeyService::create(&Self::path(file.as_ref(), data), passphrase.as_bytes())?))
            }
            Self::Remote(remote) => remote.connect(),
        }
    }

    /// The service. One behind a network is not asked yet.
    ///
    /// # Errors
    /// When a key file does not open, or a module is not there.
    pub fn open(&self, data: &Path) -> Result<Arc<dyn KeyService>> {
        match self {
            Self::Local { file, passphrase } => {
                Ok(Arc::new(LocalKeyService::open(&Self::path(file.as_ref(), data), passphrase.as_bytes())?))
            }
            Self::Remote(remote) => remote.connect(),
        }
    }
}

/// Whether a service may be away and come back.
pub(crate) fn may_be_away(service: &dyn KeyService) -> bool {
    service.provider() != LOCAL
}

/// What a service's failure means for a host.
pub(crate) fn failed(service: &dyn KeyService, why: KmsError) -> Error {
    if may_be_away(service) { away(&why.to_string()) } else { why.into() }
}

/// The key service gives no key, for this reason.
pub(crate) fn away(why: &str) -> Error {
    Error::new(
        Kind::KeyService,
        "The key service gives no key",
        why,
        "it is tried again by itself; see whether the service runs and allows this host",
    )
}

/// A secret that a service wants to see.
#[derive(Clone)]
pub(crate) enum Secret {
    /// As it is.
    Text(Zeroizing<String>),
    /// The first line of a file, read anew each time: an agent may renew it.
    File(PathBuf),
}

impl Secret {
    fn read(&self) -> std::result::Result<Zeroizing<String>, KmsError> {
        let path = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::File(path) => path,
        };
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|why| std::io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().trim_end().to_owned()))
    }
}

/// What a wrapped key is bound to, as bytes.
fn associated(context: &WrapContext) -> Vec<u8> {
    context.to_context().as_bytes().to_vec()
}
