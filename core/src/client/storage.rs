//! How much of the past this device keeps.

use super::Client;
use super::files::here;
use crate::cache::{Bounds, Used};
use crate::error::{Error, Result};
use crate::sync::Workspace;
use crate::sync::history::Wanted;
use crate::view::{KeptView, LimitView, StorageView};
use std::sync::atomic::Ordering;
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::methods::sync::DeviceBounds;

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
            let Used { bytes, messages, .. } = workspace.cache.used().await?;
            // One that is damaged takes room until what it had has come again.
            let bytes = bytes + workspace.cache.former_bytes().await;
            let files = here::bytes(&workspace).await?;
            let limit = limit_of(&workspace).await?;
            kept.push(KeptView { workspace: workspace.account().short, bytes, messages, files, limit });
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

    /// Brings every cache within what was chosen, and within what its server lets devices keep.
    pub(super) async fn keep_within(&self) -> Result<()> {
        let local = &self.0.shared.local;
        let (days, bytes) = (local.choice(DAYS).await?, local.choice(BYTES).await?);
        let mut done = Ok(());
        for workspace in self.all() {
            // What one workspace's file does not do does not keep it from the others.
            done = done.and(self.keep_one_within(&workspace, days, bytes).await);
        }
        done
    }

    async fn keep_one_within(&self, workspace: &Workspace, days: Option<u64>, bytes: Option<u64>) -> Result<()> {
        let limit = limit_of(workspace).await?;
        let days = lower(days, limit.and_then(|limit| limit.days));
        let bounds = Bounds {
            since: days.map(|days| {
                let back = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MILLIS);
                Timestamp(self.now().0.saturating_sub(back).max(0))
            }),
            bytes: lower(bytes, limit.and_then(|limit| limit.bytes)),
        };
        let gone = workspace.cache.keep_within(bounds).await?;
        if gone > 0 {
            tracing::info!(messages = gone, "what is beyond the bounds left this device");
        }
        here::sweep(workspace).await
    }
}

/// What a server lets devices keep, never less than what always stays needs.
async fn limit_of(workspace: &Workspace) -> Result<Option<LimitView>> {
    let bounds = workspace.cache.device_bounds().await?;
    Ok(bounds.map(|DeviceBounds { days, megabytes }| LimitView {
        days: days.map(|days| days.max(DAYS_MIN)),
        bytes: megabytes.map(|megabytes| megabytes.saturating_mul(1 << 20).max(BYTES_MIN)),
    }))
}

/// The lower of two bounds, should there be any.
fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
