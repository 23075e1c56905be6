//! What is left of files where nothing is to be left, and what lies where it is not to stay.

use crate::error::Fail;
use crate::state::Workspace;
use crate::store::files;
use crate::time::now;
use std::time::{Duration, SystemTime};
use thechatapp_protocol::{FileId, Timestamp};

/// An upload that nobody went on with for so long, or a file that no message took or that belongs nowhere, is removed.
const LEFT_ALONE: Duration = Duration::from_secs(24 * 60 * 60);
/// Files removed in one step.
const FILES_AT_ONCE: u32 = 200;

impl Workspace {
    /// Bytes of files that were removed, or that nobody went on with, leave the disk, and the bucket. With a bucket, whole
    /// files that lie on the disk still go there.
    ///
    /// # Errors
    /// When the database, the disk or the bucket fails.
    pub async fn sweep_files(&self) -> Result<(), Fail> {
        self.sweep_files_at(now()).await
    }

    /// The same as of a moment.
    ///
    /// # Errors
    /// As for [`Self::sweep_files`].
    pub async fn sweep_files_at(&self, at: Timestamp) -> Result<(), Fail> {
        loop {
            let since = Timestamp(at.0 - i64::try_from(LEFT_ALONE.as_millis()).unwrap_or(i64::MAX));
            let left = self.unguarded(move |tx| files::left_over(tx, since, FILES_AT_ONCE)).await?;
            let gone = self.blobs.delete(&left).await?;
            let all = gone.len() < FILES_AT_ONCE as usize;
            self.unguarded(move |tx| files::gone(tx, &gone)).await?;
            if all {
                break;
            }
        }
        if self.blobs.looks_through(at, LEFT_ALONE) {
            self.sort_out_folder(at).await?;
            self.blobs.looked_through(at);
        }
        Ok(())
    }

    /// What lies in the folder and belongs nowhere goes: what a message had before the database was put back to an earlier state,
    /// or what a server that was killed did not come to remove. An object in the bucket that belongs nowhere stays there: the
    /// database that was put back may be a copy beside the one that has it, and both see the same bucket.
    async fn sort_out_folder(&self, at: Timestamp) -> Result<(), Fail> {
        let lying = self.blobs.lying().await?;
        for some in lying.chunks(FILES_AT_ONCE as usize) {
            let here: Vec<_> = some.iter().map(|one| one.file).collect();
            let (whole, mut nobodys) = self.look(move |view| files::sort_out(view, &here)).await?;
            // One that was just written may be of something that has only begun.
            let may_go = |file: &FileId| {
                some.iter().find(|one| one.file == *file).is_some_and(|one| was_left_alone(one.touched, at))
            };
            nobodys.retain(may_go);
            let mut count = 0_u32;
            for file in nobodys {
                count += u32::from(self.remove_if_nobodys(file).await?);
            }
            if count > 0 {
                tracing::info!(workspace = %self.id, count, "files that belonged nowhere were removed");
            }
            for file in whole {
                self.blobs.move_out(file).await?;
            }
        }
        Ok(())
    }

    /// Removes from the folder what lies there of a file that belongs nowhere. Nobody else writes it meanwhile, and whether it
    /// belongs nowhere is seen only then: an upload of that id may have begun again, and ended, since it was found lying there.
    /// The answer is whether it was removed.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub async fn remove_if_nobodys(&self, file: FileId) -> Result<bool, Fail> {
        let Some(_busy) = self.blobs.claim(file) else { return Ok(false) };
        let (_, nobodys) = self.look(move |view| files::sort_out(view, &[file])).await?;
        if nobodys.is_empty() {
            return Ok(false);
        }
        self.blobs.remove_lying(file).await?;
        Ok(true)
    }
}

fn was_left_alone(touched: SystemTime, at: Timestamp) -> bool {
    let touched = touched.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u128::try_from(at.0).is_ok_and(|at| at >= touched + LEFT_ALONE.as_millis())
}

#[cfg(test)]
mod tests;
