//! Backups by themselves: the next one is due so long after the newest in the folder, also across restarts; and so is their
//! rehearsal after the last one.

use super::{Folder, Keep, Opening, blocking, create, prune, record, record_pruned, rehearse};
use crate::config::BackupSection;
use crate::error::{Error, Kind, Result};
use crate::store::audit::By;
use crate::tenants::{Host, Rehearsed};
use crate::time::now;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::Timestamp;
use thechatapp_seal::{Argon2Params, KeyService};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// How often it is looked whether one is due, and thus how soon after a failure it is tried again.
const LOOK: Duration = Duration::from_secs(5 * 60);

/// How soon after a backup that lacks a workspace there is another.
const AFTER_PARTIAL: Duration = Duration::from_secs(60 * 60);

/// How soon after a rehearsal that failed there is another.
const AFTER_FAILURE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is made, where and when.
#[derive(Clone, Debug)]
pub struct Schedule {
    to: PathBuf,
    passphrase_file: Option<PathBuf>,
    key_service: bool,
    every: Duration,
    rehearse: Option<Duration>,
    keep: Option<Keep>,
}

impl Schedule {
    /// From the configuration; `None` when none is wanted.
    ///
    /// # Errors
    /// Bad input for half a section.
    pub fn new(section: &BackupSection) -> Result<Option<Self>> {
        let keep = section.keep().map(Keep::checked).transpose()?;
        let opens = section.recovery_passphrase_file.is_some() || section.key_service;
        match &section.to {
            None if !opens && keep.is_none() && section.rehearse_days.is_none() => Ok(None),
            Some(to) if opens && section.every_hours > 0 && section.rehearse_days != Some(0) => Ok(Some(Self {
                to: std::path::absolute(to)?,
                passphrase_file: section.recovery_passphrase_file.clone(),
                key_service: section.key_service,
                every: Duration::from_secs(u64::from(section.every_hours) * 3600),
                rehearse: section.rehearse_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 3600)),
                keep,
            })),
            _ => Err(Error::bad_input(
                "Backups cannot be made like this",
                "backup.to, what opens them (backup.recovery_passphrase_file, backup.key_service or both) and a backup.every_hours \
                 above 0 belong together; backup.keep_* and a backup.rehearse_days above 0 need them",
                "see docs/backup.md",
            )),
        }
    }

    /// Whether one is due, when the newest was begun then.
    pub fn is_due(&self, newest: Option<Timestamp>, at: Timestamp) -> bool {
        newest
            .is_none_or(|newest| at.unix_millis().saturating_sub(newest.unix_millis()) >= self.every.as_millis() as u64)
    }

    /// The same where the newest may lack a workspace: then another is due sooner, once the newest complete one is of that age.
    pub fn is_due_after(&self, newest: Option<Timestamp>, complete: Option<Timestamp>, at: Timestamp) -> bool {
        let rested = |newest: Timestamp| {
            at.unix_millis().saturating_sub(newest.unix_millis()) >= AFTER_PARTIAL.as_millis() as u64
        };
        self.is_due(newest, at) || (newest != complete && self.is_due(complete, at) && newest.is_none_or(rested))
    }

    /// Whether a rehearsal is due, when this is what the last one showed. One that failed is soon tried again.
    pub fn is_rehearsal_due(&self, last: Option<&Rehearsed>, at: Timestamp) -> bool {
        let Some(every) = self.rehearse else { return false };
        let Some(last) = last else { return true };
        let every = if last.error.is_some() { every.min(AFTER_FAILURE) } else { every };
        at.unix_millis().saturating_sub(Timestamp(last.at).unix_millis()) >= every.as_millis() as u64
    }

    /// When the newest backup in a folder was begun, and the newest complete one, of those that say whether another is due: once
    /// one is so old that another is due after it, whatever is older changes nothing, and is not opened each time. One that does
    /// not open must not stop the next one.
    fn newest_in(&self, folder: &Folder, at: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
        let mut newest = None;
        for name in folder.snapshots()?.iter().rev() {
            let snapshot = match folder.snapshot(Some(name)) {
                Ok((_, snapshot)) => snapshot,
                Err(why) => {
                    tracing::error!(backup = name, error = %why, "a backup does not open");
                    continue;
                }
            };
            let _ = newest.get_or_insert(snapshot.at);
            if snapshot.is_complete() {
                return Ok((newest, Some(snapshot.at)));
            }
            if self.is_due(Some(snapshot.at), at) {
                break;
            }
        }
        Ok((newest, None))
    }

    async fn make_when_due(&self, host: &Host) -> Result<()> {
        let (own, service) = (self.clone(), self.service(host));
        let found = blocking(move || {
            let passphrase = own.passphrase()?;
            let with = own.opening(passphrase.as_ref(), service.as_deref());
            let folder = Folder::open_or_make(&own.to, with, &Argon2Params::default())?;
            let at = now();
            let (newest, complete) = own.newest_in(&folder, at)?;
            Ok((own.is_due_after(newest, complete, at).then_some(folder), complete))
        })
        .await;
        // From here on whoever makes it counts it.
        let (folder, newest) = found.inspect_err(|_| host.figures().backup(now(), None))?;
        if let Some(newest) = newest {
            host.figures().newest_backup(newest);
        }
        if let Some(folder) = folder {
            let made = create(host, folder).await?;
            record(host, By::SERVER, &made).await?;
            if let Err(why) = made.whole() {
                tracing::error!(backup = made.backup, error = %why, "a backup lacks workspaces");
            }
            tracing::info!(
                backup = made.backup,
                messages = made.messages,
                files = made.files,
                bytes = made.bytes,
                "backup made"
            );
            // The backup is made whatever comes of this: after the next one it is tried again.
            if let Some(keep) = self.keep
                && let Err(why) = self.prune(host, keep).await
            {
                tracing::error!(error = %why, "old backups could not be removed");
            }
        }
        Ok(())
    }

    /// Restores the newest when that is due, and remembers what came of it.
    async fn rehearse_when_due(&self, host: &Host) -> Result<()> {
        if !self.is_rehearsal_due(host.backup_health().rehearsed.as_ref(), now()) {
            return Ok(());
        }
        let scratch = host.dir().join("rehearsal");
        let _ = std::fs::remove_dir_all(&scratch);
        let rehearsed = async { rehearse(self.open(host).await?, None, &scratch).await }.await;
        let at = now().0;
        match rehearsed {
            Ok(report) => {
                tracing::info!(
                    backup = report.backup,
                    messages = report.messages,
                    files = report.files,
                    "a backup was rehearsed"
                );
                let error = report.whole().err().map(|why| why.to_string());
                host.note_rehearsal(Rehearsed { at, backup: Some(report.backup), error })
            }
            // It is in the way for a moment only.
            Err(why) if why.kind == Kind::Busy => Ok(()),
            Err(why) => {
                tracing::error!(error = %why, "the rehearsal of a backup failed");
                host.note_rehearsal(Rehearsed { at, backup: None, error: Some(why.to_string()) })
            }
        }
    }

    fn service(&self, host: &Host) -> Option<Arc<dyn KeyService>> {
        self.key_service.then(|| host.key_service())
    }

    fn opening<'a>(
        &self,
        passphrase: Option<&'a Zeroizing<String>>,
        service: Option<&'a dyn KeyService>,
    ) -> Opening<'a> {
        Opening { passphrase: passphrase.map(|text| text.as_str()), service }
    }

    fn passphrase(&self) -> Result<Option<Zeroizing<String>>> {
        let Some(file) = &self.passphrase_file else { return Ok(None) };
        let text = Zeroizing::new(std::fs::read_to_string(file)?);
        Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
    }

    async fn open(&self, host: &Host) -> Result<Folder> {
        let (own, service, services) = (self.clone(), self.service(host), host.own_services());
        blocking(move || {
            let passphrase = own.passphrase()?;
            let folder = Folder::open(&own.to, own.opening(passphrase.as_ref(), service.as_deref()))?;
            Ok(folder.with_owners(Arc::new(move |name, _| {
                let none = || {
                    Error::bad_input("It is not opened", "the workspace has no such key any longer", "see `key status`")
                };
                services.get(name).cloned().ok_or_else(none)
            })))
        })
        .await
    }

    async fn prune(&self, host: &Host, keep: Keep) -> Result<()> {
        let folder = self.open(host).await?;
        let pruned = blocking(move || prune(folder, keep)).await?;
        let (kept, removed, bytes) = (pruned.kept, pruned.removed, pruned.bytes);
        tracing::info!(kept, removed, bytes, "old backups removed");
        record_pruned(host, By::SERVER, &pruned).await
    }
}

/// Makes backups until it is stopped. A failure is logged, and tried again.
pub async fn run(schedule: Schedule, host: Arc<Host>, stop: CancellationToken) {
    // What a rehearsal left that was broken off.
    let _ = std::fs::remove_dir_all(host.dir().join("rehearsal"));
    loop {
        if let Err(why) = schedule.make_when_due(&host).await {
            tracing::error!(error = %why, "no backup could be made");
        } else if let Err(why) = schedule.rehearse_when_due(&host).await {
            tracing::error!(error = %why, "it is not known when a backup was rehearsed last");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests;
