//! How much of the past this device keeps.

use super::Client;
use crate::cache::{Bounds, Used};
use crate::error::{Error, Result};
use crate::sync::history::Wanted;
use crate::view::{KeptView, StorageView};
use std::sync::atomic::Ordering;
use thechatapp_protocol::Timestamp;

const DAYS: &str = "keep_days";
const BYTES: &str = "keep_bytes";
/// The least that can be chosen: what always stays needs some room.
const DAYS_MIN: u64 = 1;
const BYTES_MIN: u64 = 16 << 20;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Client {
    /// How much is kept, and how much may be.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn storage(&self) -> Result<StorageView> {
        let local = &self.0.shared.local;
        let mut kept = Vec::new();
        for workspace in self.all() {
            let Used { bytes, messages } = workspace.cache.used().await?;
            kept.push(KeptView { workspace: workspace.account().short, bytes, messages });
        }
        Ok(StorageView { days: local.choice(DAYS).await?, bytes: local.choice(BYTES).await?, workspaces: kept })
    }

    /// Chooses how much of the past is kept on this device: messages of so many days, so many bytes for each workspace, or with
    /// `None` as much as there is. What is beyond that leaves at once, the least valuable first; drafts and what waits to be
    /// sent are never meant.
    ///
    /// # Errors
    /// [`Error::BadInput`] for less than what always stays needs; when it cannot be stored.
    pub async fn keep(&self, days: Option<u64>, bytes: Option<u64>) -> Result<()> {
        if days.is_some_and(|days| days < DAYS_MIN) || bytes.is_some_and(|bytes| bytes < BYTES_MIN) {
            return Err(Error::bad_input(
                "so little cannot be kept",
                format!("at least {DAYS_MIN} day and {} MiB are needed", BYTES_MIN >> 20),
            ));
        }
        let local = &self.0.shared.local;
        local.choose(DAYS, days).await?;
        local.choose(BYTES, bytes).await?;
        // What was kept out until now may be wanted.
        for workspace in self.all() {
            workspace.cache.forget_horizons().await?;
        }
        self.keep_within().await?;
        for workspace in self.all() {
            if self.0.started.load(Ordering::SeqCst) {
                workspace.want(Wanted::Everything);
            }
        }
        Ok(())
    }

    /// Brings every cache within what was chosen.
    pub(super) async fn keep_within(&self) -> Result<()> {
        let local = &self.0.shared.local;
        let since = local.choice(DAYS).await?.map(|days| {
            let back = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MILLIS);
            Timestamp(self.now().0.saturating_sub(back).max(0))
        });
        let bounds = Bounds { since, bytes: local.choice(BYTES).await? };
        if bounds == Bounds::default() {
            return Ok(());
        }
        let mut done = Ok(());
        for workspace in self.all() {
            // What one workspace's file does not do does not keep it from the others.
            let gone = workspace.cache.keep_within(bounds).await;
            if let Ok(gone @ 1..) = gone {
                tracing::info!(messages = gone, "what is beyond the chosen bounds left this device");
            }
            done = done.and(gone.map(drop));
        }
        done
    }
}
