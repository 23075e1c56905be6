//! The ways into a profile.

use super::Client;
use crate::error::{Error, Result};
use crate::fault;
use crate::platform::Platform;
use crate::profile::{Profile, Unlock, Vault};
use crate::view::{UnsentView, WaysView};
use std::path::Path;
use std::sync::Arc;
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::Key;
use zeroize::Zeroizing;

fn not_now() -> Error {
    Error::bad_input(
        "keys cannot be renewed now",
        "a damaged file is being rebuilt, and is read by its key until then; wait for that, or let it go",
    )
}

impl Client {
    /// How this profile is opened, and how else it could be.
    pub fn ways(&self) -> WaysView {
        self.0.shared.profile.ways()
    }

    /// The same of a profile that need not be open: what could be asked for where secure storage does not open it. None where no
    /// profile is, or its file cannot be read.
    pub fn ways_of(dir: &Path) -> Option<WaysView> {
        Profile::ways_of(dir)
    }

    /// What setting this profile aside leaves behind: it is on this device and nowhere else.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn unsent(&self) -> Result<UnsentView> {
        let mut unsent = UnsentView { messages: 0, drafts: 0 };
        for workspace in self.all() {
            unsent.messages += workspace.waiting_count().await?;
            unsent.drafts += self.drafts(workspace.id).await?.len() as u64;
        }
        Ok(unsent)
    }

    /// Makes a code that opens this profile when its key is lost, in place of an older one.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn make_recovery_code(&self) -> Result<String> {
        Ok(self.0.shared.profile.make_recovery_code().await?.to_string())
    }

    /// Opens a profile by its recovery code, and gives it a new key in secure storage, or a passphrase: from then on it opens by that.
    ///
    /// # Errors
    /// [`Error::WrongKey`] when the code is another's.
    pub async fn restore_with_code(dir: &Path, code: &str, into: Unlock, platform: Platform) -> Result<Self> {
        let profile = Profile::restore_with_code(dir, code, into, Vault::new(&platform)).await?;
        Self::with(profile, platform, false).await
    }

    /// Adds a passphrase that opens this profile too, in place of an older one.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn set_passphrase(&self, passphrase: Zeroizing<String>) -> Result<()> {
        self.0.shared.profile.set_passphrase(passphrase).await
    }

    /// Takes a way in away, `passphrase` or `recovery`; never the one that is used.
    ///
    /// # Errors
    /// [`Error::BadInput`] where there is none, or it is the one that is used.
    pub fn drop_way(&self, kind: &str) -> Result<()> {
        self.0.shared.profile.drop_slot(kind)
    }

    /// Opens the profile by the system's secure storage from now on, and no longer by a passphrase.
    ///
    /// # Errors
    /// What secure storage says; the profile opens as before then.
    pub async fn move_to_secure_storage(&self) -> Result<()> {
        let shared = &self.0.shared;
        shared.profile.move_to_secure_storage(&Vault::new(&shared.platform)).await
    }

    /// Gives every database here a new key, each by a copy under it that takes the old file's place. Reading and writing go on;
    /// broken off at any moment, what is there opens.
    ///
    /// # Errors
    /// [`Error::DiskFull`]: a copy needs as much room as the file. [`Error::BadInput`] while a damaged file is being rebuilt.
    pub async fn renew_keys(&self) -> Result<()> {
        let shared = &self.0.shared;
        let _renewing = shared.renewing.lock().await;
        let all = self.all();
        if all.iter().any(|workspace| workspace.cache.has_damage()) {
            return Err(not_now());
        }
        let profile = async |act: fn(&Profile, WorkspaceId) -> Result<Key>, ws| {
            let profile = Arc::clone(&shared.profile);
            tokio::task::spawn_blocking(move || act(&profile, ws)).await.map_err(fault::internal)?
        };
        // What an earlier attempt left: a key that a file may have already is not written over.
        self.settle_keys().await?;
        if shared.profile.keys_are_replaced() {
            return Err(fault::internal("an earlier change of keys has not come to its end"));
        }
        for workspace in all {
            // It may have turned out while the one before was copied.
            if workspace.cache.has_damage() {
                return Err(not_now());
            }
            let former = profile(Profile::cache_key, workspace.id).await?;
            let next = profile(Profile::prepare_cache, workspace.id).await?;
            workspace.cache.rekey(former, next).await?;
            self.settle_keys().await?;
        }
        let next = profile(|profile, _| profile.prepare_local(), WorkspaceId::from_bytes([0; 16])).await?;
        shared.local.rekey(next).await?;
        self.settle_keys().await
    }

    async fn settle_keys(&self) -> Result<()> {
        let profile = Arc::clone(&self.0.shared.profile);
        tokio::task::spawn_blocking(move || profile.settle_keys()).await.map_err(fault::internal)?
    }

    /// Opens the profile by a passphrase from now on, and no longer by secure storage.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn move_to_passphrase(&self, passphrase: Zeroizing<String>) -> Result<()> {
        self.0.shared.profile.move_to_passphrase(passphrase).await
    }
}
