//! Key services: what guards a workspace's topmost key, and does nothing else.
//!
//! A service wraps and unwraps 32-byte keys for a named workspace; it never sees data. Calls block (a remote service, a
//! token, a person's passphrase): callers put them on a thread of their own, keep the unwrapped key for a bounded time, and
//! read [`KmsError`] to say what is wrong while they retry. What a service wraps is opaque to everyone else.

use std::io;

use crate::{Context, Error, Key};

pub mod local;

/// What a wrapped key is bound to. Unwrapping with another context fails.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WrapContext {
    /// The workspace's id, as text.
    pub workspace: String,
}

impl WrapContext {
    /// For one workspace.
    pub fn new(workspace: impl Into<String>) -> Self {
        Self { workspace: workspace.into() }
    }

    /// The same as the context of a sealed field, for services that seal by themselves.
    #[must_use]
    pub fn to_context(&self) -> Context {
        Context::new("workspace key").part(self.workspace.as_bytes())
    }
}

/// Why a key service did not answer with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// It cannot be reached, or did not answer in time.
    #[error("the key service cannot be reached")]
    Unavailable,
    /// It asks for fewer calls.
    #[error("the key service asks to slow down")]
    Throttled,
    /// It answers, and does not allow this.
    #[error("the key service denies access to the key")]
    Denied,
    /// Its key is disabled or waits for deletion.
    #[error("the key is disabled in the key service")]
    Disabled,
    /// What was given was wrapped by another key, or for another workspace.
    #[error("wrapped by another key or for another workspace")]
    WrongKey,
    /// What was given is not a wrapped key, a key file, or no longer whole.
    #[error("the wrapped key or key file is damaged")]
    Garbage,
    /// A file that never was a local key file: another one was named.
    #[error("this is not a local key file")]
    NotAKeyFile,
    /// The passphrase does not open the key file (or the file's header was altered, which looks the same). Empty ones are refused too.
    #[error("the passphrase does not open the key file")]
    BadPassphrase,
    /// No such key or key file.
    #[error("no such key")]
    NotFound,
    /// Reading, writing or the system's random source failed; `AlreadyExists` if a key file is in the way of a new one.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Error> for KmsError {
    fn from(error: Error) -> Self {
        match error {
            Error::WrongKey => Self::WrongKey,
            Error::Io(inner) => Self::Io(inner),
            Error::Random | Error::Memory | Error::Primitive => Self::Io(io::Error::other(error)),
            _ => Self::Garbage,
        }
    }
}

/// Wraps and unwraps workspace keys. Blocking.
pub trait KeyService: Send + Sync {
    /// Wraps a workspace's key.
    fn wrap(&self, context: &WrapContext, key: &Key) -> Result<Vec<u8>, KmsError>;
    /// Opens what [`KeyService::wrap`] made for the same workspace.
    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> Result<Key, KmsError>;
    /// The provider's short name, as in the settings: "local".
    fn provider(&self) -> &'static str;
    /// Which of the provider's keys is used; not secret. Stored beside each wrapped key.
    fn key_id(&self) -> String;
}
