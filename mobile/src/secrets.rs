//! A phone's secure storage, brought by the app: Keystore on Android, Keychain on iOS. One 32-byte key per profile is kept
//! in it, so an implementation is a few lines; an entry must stay on this device.
//!
//! Rust's copies of a secret are zeroized. Those that the app's own runtime makes while handing them over are not ours to
//! erase: keep none there.

use std::sync::Arc;
use thechatapp_core as core;
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// What secure storage is called in `profile.json`.
const BACKEND: &str = if cfg!(target_os = "android") {
    "android-keystore"
} else if cfg!(target_os = "ios") {
    "ios-keychain"
} else {
    "foreign"
};

/// Why secure storage did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SecretError {
    /// There is none on this device.
    #[error("there is no secure storage: {why}")]
    NoBackend {
        /// Why.
        why: String,
    },
    /// The device is locked.
    #[error("secure storage is locked: {why}")]
    Locked {
        /// Why.
        why: String,
    },
    /// The person closed its prompt.
    #[error("secure storage was not unlocked: {why}")]
    Dismissed {
        /// Why.
        why: String,
    },
    /// It did not answer, or refused this app.
    #[error("secure storage could not be reached: {why}")]
    Unreachable {
        /// Why.
        why: String,
    },
}

/// An exception that the app's implementation did not declare.
impl From<uniffi::UnexpectedUniFFICallbackError> for SecretError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unreachable { why: error.reason }
    }
}

impl From<SecretError> for core::SecretError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NoBackend { why } => Self::NoBackend(why),
            SecretError::Locked { why } => Self::Locked(why),
            SecretError::Dismissed { why } => Self::Dismissed(why),
            SecretError::Unreachable { why } => Self::Unreachable(why),
        }
    }
}

/// The phone's secure storage. Calls come from a thread of their own and may wait for a person.
#[uniffi::export(with_foreign)]
pub trait SecretStore: Send + Sync {
    /// Reads an entry; nothing when it is not there.
    fn read(&self, entry: String) -> Result<Option<Vec<u8>>, SecretError>;

    /// Writes an entry, replacing an older one.
    fn write(&self, entry: String, secret: Vec<u8>) -> Result<(), SecretError>;

    /// Removes an entry; one that is not there is no error.
    fn remove(&self, entry: String) -> Result<(), SecretError>;
}

/// The app's storage as the core wants it.
pub(crate) struct Bridge(pub(crate) Arc<dyn SecretStore>);

impl core::SecretStore for Bridge {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, core::SecretError> {
        Ok(self.0.read(entry.to_owned())?.map(Zeroizing::new))
    }

    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), core::SecretError> {
        Ok(self.0.write(entry.to_owned(), secret.to_vec())?)
    }

    fn remove(&self, entry: &str) -> Result<(), core::SecretError> {
        Ok(self.0.remove(entry.to_owned())?)
    }
}
