//! Destroying a profile: marked first, so that whatever ends the program amid it, the next that comes to the profile goes on.

use super::file::ProfileFile;
use super::mark::Mark;
use super::{LOCK, Profile, Vault, aside, entry};
use crate::Result;
use crate::part_file::PartFile;
use std::path::Path;

impl Profile {
    /// From now on the profile is to be destroyed: should this program end before it is, the next that comes to it does so. Where there
    /// is no room for the mark, it is tried all the same. These parts of files go with it.
    pub(crate) fn begin_wipe(&self, parts: &[PartFile]) {
        let set = || match serde_json::to_vec(parts) {
            Ok(text) if !parts.is_empty() => Mark::Wiping.set_with(&self.dir, &text),
            _ => Mark::Wiping.set(&self.dir),
        };
        if let Err(why) = set().or_else(|_| Mark::Wiping.set(&self.dir)) {
            tracing::warn!(%why, "a wipe could not be marked as begun");
        }
    }

    /// Somebody signed in, and the profile stays.
    pub(crate) fn call_wipe_off(&self) {
        if let Err(why) = Mark::Wiping.clear(&self.dir) {
            tracing::warn!(%why, "a wipe could not be called off");
        }
    }

    /// Destroys the profile. The databases must be closed.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and what secure storage says.
    pub async fn wipe(self) -> Result<()> {
        self.begin_wipe(&[]);
        let key_id = self.file().key_id.clone();
        let removed = destroy(&self.dir, &self.vault, key_id).await.and_then(|removed| removed);
        drop(self.lock);
        let _ = std::fs::remove_file(self.dir.join(LOCK));
        // The folder itself may hold what is not the profile's.
        let _ = std::fs::remove_dir(&self.dir);
        removed
    }
}

/// Destroys what there is of a profile: what lies open outside it, the entry in secure storage, then the files, wrapped keys before what they seal. The files
/// go even when secure storage fails; its error is the inner one.
async fn destroy(dir: &Path, vault: &Vault, key_id: Option<String>) -> Result<Result<()>> {
    let parts: Vec<PartFile> = serde_json::from_slice(&Mark::Wiping.text(dir)).unwrap_or_default();
    for part in parts {
        part.remove();
    }
    let removed = match key_id {
        Some(key_id) => vault.remove(entry(&key_id)).await,
        None => Ok(()),
    };
    aside::destroy(dir)?;
    Mark::Wiping.clear(dir)?;
    Ok(removed)
}

/// Brings a wipe to its end that was broken off.
pub(super) async fn end(dir: &Path, vault: &Vault) -> Result<()> {
    if !Mark::Wiping.stands(dir) {
        return Ok(());
    }
    tracing::warn!("a wipe of this profile was broken off, and goes on");
    let file = ProfileFile::read(dir).ok().flatten().or_else(|| ProfileFile::read_good(dir));
    if let Err(why) = destroy(dir, vault, file.and_then(|file| file.key_id)).await? {
        tracing::warn!(%why, "an entry that opens nothing stays in secure storage");
    }
    Ok(())
}
