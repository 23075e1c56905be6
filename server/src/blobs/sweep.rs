//! What is left of files where nothing is to be left, and what lies where it is not to stay.

use crate::error::Fail;
use crate::state::Workspace;
use crate::store::files;
use crate::time::now;
use std::time::Duration;
use thechatapp_protocol::Timestamp;

/// An upload that nobody went on with for so long, or a file that no message took, is removed.
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
        let here = self.blobs.leftovers().await?;
        let (whole, nobodys) = self.look(move |view| files::sort_out(view, &here)).await?;
        self.blobs.delete(&nobodys).await?;
        for file in whole {
            self.blobs.move_out(file).await?;
        }
        Ok(())
    }
}
