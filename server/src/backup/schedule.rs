//! Backups by themselves: the next one is due so long after the newest in the folder, also across restarts.

use super::{Folder, Keep, create, prune};
use crate::config::BackupSection;
use crate::error::{Error, Result};
use crate::tenants::Host;
use crate::time::now;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::Timestamp;
use thechatapp_seal::Argon2Params;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How often it is looked whether one is due, and thus how soon after a failure it is tried again.
const LOOK: Duration = Duration::from_secs(5 * 60);

/// What is made, where and when.
#[derive(Clone, Debug)]
pub struct Schedule {
    to: PathBuf,
    passphrase_file: PathBuf,
    every: Duration,
    keep: Option<Keep>,
}

impl Schedule {
    /// From the configuration; `None` when none is wanted.
    ///
    /// # Errors
    /// Bad input for half a section.
    pub fn new(section: &BackupSection) -> Result<Option<Self>> {
        let keep = section.keep().map(Keep::checked).transpose()?;
        match (&section.to, &section.recovery_passphrase_file) {
            (None, None) if keep.is_none() => Ok(None),
            (Some(to), Some(file)) if section.every_hours > 0 => Ok(Some(Self {
                to: std::path::absolute(to)?,
                passphrase_file: file.clone(),
                every: Duration::from_secs(u64::from(section.every_hours) * 3600),
                keep,
            })),
            _ => Err(Error::bad_input(
                "Backups cannot be made like this",
                "backup.to, backup.recovery_passphrase_file and a backup.every_hours above 0 belong together; backup.keep_* need them",
                "see docs/backup.md",
            )),
        }
    }

    /// Whether one is due, when the newest was begun then.
    pub fn is_due(&self, newest: Option<Timestamp>, at: Timestamp) -> bool {
        newest
            .is_none_or(|newest| at.unix_millis().saturating_sub(newest.unix_millis()) >= self.every.as_millis() as u64)
    }

    async fn make_when_due(&self, host: &Host) -> Result<()> {
        let own = self.clone();
        let found = tokio::task::spawn_blocking(move || {
            let folder = Folder::open_or_make(&own.to, &own.passphrase()?, &Argon2Params::default())?;
            let newest = match folder.snapshots()?.last() {
                Some(name) => Some(folder.snapshot(Some(name))?.1.at),
                None => None,
            };
            Ok::<_, Error>((own.is_due(newest, now()).then_some(folder), newest))
        })
        .await
        .map_err(|why| Error::internal("A backup ended early", why))
        .flatten();
        // From here on whoever makes it counts it.
        let (folder, newest) = found.inspect_err(|_| host.figures().backup(None))?;
        if let Some(newest) = newest {
            host.figures().newest_backup(newest);
        }
        if let Some(folder) = folder {
            let made = create(host, folder).await?;
            tracing::info!(
                backup = made.backup,
                messages = made.messages,
                files = made.files,
                bytes = made.bytes,
                "backup made"
            );
            // The backup is made whatever comes of this: after the next one it is tried again.
            if let Some(keep) = self.keep
                && let Err(why) = self.prune(keep).await
            {
                tracing::error!(error = %why, "old backups could not be removed");
            }
        }
        Ok(())
    }

    fn passphrase(&self) -> Result<Zeroizing<String>> {
        let text = Zeroizing::new(std::fs::read_to_string(&self.passphrase_file)?);
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }

    async fn prune(&self, keep: Keep) -> Result<()> {
        let own = self.clone();
        let pruned = tokio::task::spawn_blocking(move || prune(Folder::open(&own.to, &own.passphrase()?)?, keep))
            .await
            .map_err(|why| Error::internal("Pruning ended early", why))??;
        let (kept, removed, bytes) = (pruned.kept, pruned.removed, pruned.bytes);
        tracing::info!(kept, removed, bytes, "old backups removed");
        Ok(())
    }
}

/// Makes backups until it is stopped. A failure is logged, and tried again.
pub async fn run(schedule: Schedule, host: Arc<Host>, stop: CancellationToken) {
    loop {
        if let Err(why) = schedule.make_when_due(&host).await {
            tracing::error!(error = %why, "no backup could be made");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests;
