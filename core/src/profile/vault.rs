//! Secure storage with a time-out: each call on a thread of its own, because a prompt may wait for a person, and a store
//! that hangs must not hold up anything else.

use crate::platform::{Platform, SecretError, SecretStore};
use crate::{Error, Result};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_database::scrub_stack;
use thechatapp_seal::Key;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Secure storage and how long to wait for it.
#[derive(Clone)]
pub struct Vault {
    secrets: Arc<dyn SecretStore>,
    wait: Duration,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("backend", &self.backend()).field("wait", &self.wait).finish()
    }
}

impl Vault {
    /// The system's storage, and how long each call to it may take.
    pub fn new(platform: &Platform) -> Self {
        Self { secrets: Arc::clone(&platform.secrets), wait: platform.secret_wait }
    }

    /// The storage's name.
    pub fn backend(&self) -> &'static str {
        self.secrets.backend()
    }

    /// The device key of an entry; `None` when there is no entry.
    pub(super) async fn read(&self, entry: String) -> Result<Option<Key>> {
        let Some(secret) = self.call(move |secrets| secrets.read(&entry)).await? else { return Ok(None) };
        let key = Key::try_from(secret.as_slice());
        key.map(Some).map_err(|why| Error::WrongKey { why: format!("its entry in secure storage is not a key: {why}") })
    }

    /// Writes a device key and makes sure that it can be read back.
    pub(super) async fn write(&self, entry: String, key: &Key) -> Result<()> {
        let secret = Zeroizing::new(key.expose().to_vec());
        let name = entry.clone();
        self.call(move |secrets| secrets.write(&name, &secret)).await?;
        if self.read(entry).await?.as_ref() == Some(key) {
            Ok(())
        } else {
            Err(Error::Unreachable { why: "it did not keep what was written to it".into() })
        }
    }

    pub(super) async fn remove(&self, entry: String) -> Result<()> {
        self.call(move |secrets| secrets.remove(&entry)).await
    }

    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn SecretStore) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let secrets = Arc::clone(&self.secrets);
        std::thread::Builder::new()
            .name("secure-storage".into())
            .spawn(move || {
                // Whoever asked may have stopped waiting; a secret nobody takes is wiped where it is dropped.
                let _ = answer.send(call(&*secrets));
                scrub_stack();
            })
            .map_err(|why| Error::Internal { id: "secure-storage-thread".into(), why: why.to_string() })?;
        match tokio::time::timeout(self.wait, answered).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(Error::Unreachable { why: "the call into it failed".into() }),
            Err(_) => Err(Error::Unreachable { why: format!("no answer within {} s", self.wait.as_secs_f32()) }),
        }
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::NoBackend(why) => Self::NoBackend { why },
            SecretError::Locked(why) => Self::Locked { why },
            SecretError::Dismissed(why) => Self::Dismissed { why },
            SecretError::Unreachable(why) => Self::Unreachable { why },
        }
    }
}
