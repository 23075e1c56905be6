//! The ways into an open profile: added, taken away, and moved from one place to another. The keys of the databases stay what they
//! are; nothing is sealed anew. A way in stands on the disk before another one is taken away.

use super::file::ProfileFile;
use super::recovery::Code;
use super::{PASSPHRASE, Profile, SECRET_STORE, Vault, entry, file, random_id, slots};
use crate::view::WaysView;
use crate::{Error, Result};
use std::path::Path;
use thechatapp_seal::Key;
use zeroize::Zeroizing;

impl Profile {
    /// Adds or replaces the passphrase slot.
    ///
    /// # Errors
    /// [`Error::BadInput`] for an empty one, [`Error::DiskFull`].
    pub async fn set_passphrase(&self, passphrase: Zeroizing<String>) -> Result<()> {
        let id = self.file().id.clone();
        let slot = slots::by_passphrase(&id, &passphrase, &self.profile_key).await?;
        self.change(&mut self.file(), |file| file.set_slot(slot))
    }

    /// Makes a recovery code and its slot, in place of an older one.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub async fn make_recovery_code(&self) -> Result<Zeroizing<String>> {
        let code = Code::random()?;
        let id = self.file().id.clone();
        let slot = slots::by_recovery(&id, code.secret(), &self.profile_key).await?;
        self.change(&mut self.file(), |file| file.set_slot(slot))?;
        Ok(code.show())
    }

    /// Takes a way in away: `passphrase` or `recovery`. That by which the profile is opened stays; it is moved instead.
    ///
    /// # Errors
    /// [`Error::BadInput`] for one that is not there, and for the one that is used; [`Error::DiskFull`].
    pub fn drop_slot(&self, kind: &str) -> Result<()> {
        let mut file = self.file();
        if !file.slots.iter().any(|slot| slot.kind() == kind) {
            return Err(Error::bad_input(format!("there is no {kind} to take away"), "this profile has none"));
        }
        let used = if file.backend == PASSPHRASE { PASSPHRASE } else { SECRET_STORE };
        if kind == used || kind == self.opened_by {
            return Err(Error::bad_input(
                "this is how the profile is opened",
                "move it to another place, and this one is taken away",
            ));
        }
        let mut changed = file.clone();
        changed.drop_slot(kind)?;
        self.change(&mut file, |file| *file = changed)
    }

    /// Opens the profile by a new key in secure storage from now on. The slot of a passphrase goes, and so does the entry of an
    /// older key, once the new one is in its place.
    ///
    /// # Errors
    /// What secure storage says; [`Error::DiskFull`]. The profile opens as before then.
    pub async fn move_to_secure_storage(&self, vault: &Vault) -> Result<()> {
        let id = self.file().id.clone();
        let device_key = Key::random().map_err(slots::internal)?;
        let key_id = random_id()?;
        let slot = slots::by_device(&id, &device_key, &self.profile_key)?;
        // A question to the person may take long; what changes meanwhile stays.
        vault.write(entry(&key_id), &device_key).await?;
        let mut old = None;
        let changed = self.change(&mut self.file(), |file| {
            file.set_slot(slot);
            file.slots.retain(|slot| slot.kind() != PASSPHRASE);
            file.backend = vault.backend().into();
            old = file.key_id.replace(key_id.clone());
        });
        if let Err(why) = changed {
            // The file on the disk may be the new one all the same, if only its folder could not be brought there.
            let named = ProfileFile::read(&self.dir).ok().flatten().and_then(|file| file.key_id);
            if named.as_deref() != Some(key_id.as_str()) {
                let _ = vault.remove(entry(&key_id)).await;
            }
            return Err(why);
        }
        self.forget_entry(old).await;
        Ok(())
    }

    /// Opens the profile by a passphrase from now on. The key in secure storage goes once that is so.
    ///
    /// # Errors
    /// [`Error::BadInput`] for an empty one, [`Error::DiskFull`].
    pub async fn move_to_passphrase(&self, passphrase: Zeroizing<String>) -> Result<()> {
        let id = self.file().id.clone();
        let slot = slots::by_passphrase(&id, &passphrase, &self.profile_key).await?;
        let mut old = None;
        self.change(&mut self.file(), |file| {
            file.set_slot(slot);
            file.slots.retain(|slot| slot.kind() != SECRET_STORE);
            file.backend = PASSPHRASE.into();
            old = file.key_id.take();
        })?;
        self.forget_entry(old).await;
        Ok(())
    }

    /// An entry that opens nothing any more; one that cannot be removed is no secret either.
    async fn forget_entry(&self, key_id: Option<String>) {
        if let Some(key_id) = key_id
            && let Err(why) = self.vault.remove(entry(&key_id)).await
        {
            tracing::warn!(%why, "an entry that opens nothing stays in secure storage");
        }
    }

    /// The ways into the profile of a folder, open or not: what `profile.json`, or its copy, says without any key.
    pub fn ways_of(dir: &Path) -> Option<WaysView> {
        let file = ProfileFile::read(dir).ok().flatten().or_else(|| ProfileFile::read_good(dir))?;
        Some(ways(&file))
    }

    /// The ways into this profile.
    pub fn ways(&self) -> WaysView {
        ways(&self.file())
    }

    /// Which ways in there are: `secret-store`, `passphrase`, `recovery`.
    pub fn slots(&self) -> Vec<&'static str> {
        self.file().slots.iter().map(file::Slot::kind).collect()
    }

    /// The secure storage's name, or `passphrase`.
    pub fn backend(&self) -> String {
        self.file().backend.clone()
    }
}

fn ways(file: &ProfileFile) -> WaysView {
    let has = |kind| file.slots.iter().any(|slot| slot.kind() == kind);
    WaysView { backend: file.backend.clone(), passphrase: has(PASSPHRASE), recovery: has("recovery") }
}
