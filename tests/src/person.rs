//! A client in this process: the core itself, with a secret store in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use thechatapp_core::platform::{PlainNetwork, SECRET_WAIT, SystemClock};
use thechatapp_core::{Client, Platform, SecretError, SecretStore, Unlock, WorkspaceId};
use zeroize::Zeroizing;

/// A secret store that forgets when the test ends.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<String, Vec<u8>>>);

impl SecretStore for Memory {
    fn backend(&self) -> &'static str {
        "memory"
    }

    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        Ok(self.0.lock().unwrap().get(entry).cloned().map(Zeroizing::new))
    }

    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), SecretError> {
        self.0.lock().unwrap().insert(entry.to_owned(), secret.to_vec());
        Ok(())
    }

    fn remove(&self, entry: &str) -> Result<(), SecretError> {
        self.0.lock().unwrap().remove(entry);
        Ok(())
    }
}

/// What a test's client runs on.
pub fn platform(secrets: Arc<Memory>) -> Platform {
    Platform {
        secrets,
        secret_wait: SECRET_WAIT,
        clock: Arc::new(SystemClock),
        device_name: "test".into(),
        device_platform: "linux".into(),
        extra_roots: Vec::new(),
        network: Arc::new(PlainNetwork),
    }
}

/// A new client that joined by this invite.
pub async fn person(folder: &Path, secrets: &Arc<Memory>, invite: &str, name: &str) -> (Client, WorkspaceId) {
    let client = Client::open_or_create(folder, Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
    let workspace = client.join(invite, name, "correct horse battery", None).await.unwrap();
    (client, workspace.id)
}
