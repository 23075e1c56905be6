//! `[backup]`.

use crate::backup::Keep;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `[backup]`: made while the server runs, when a folder is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupSection {
    /// The folder; none are made by itself when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<PathBuf>,
    /// A file with the passphrase that opens them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_passphrase_file: Option<PathBuf>,
    /// Whether the key service opens them, too, or alone when there is no such file.
    pub key_service: bool,
    /// Hours from one to the next.
    pub every_hours: u32,
    /// After how many days the newest is restored for a rehearsal; never when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearse_days: Option<u32>,
    /// Of how many days the newest backup stays. Without this and the next two nothing is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_daily: Option<u32>,
    /// Of how many weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_weekly: Option<u32>,
    /// Of how many months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_monthly: Option<u32>,
}

impl BackupSection {
    /// What stays; `None` when everything does. Where one is given, the others are as on the command line.
    pub fn keep(&self) -> Option<Keep> {
        let usual = Keep::default();
        let given = [self.keep_daily, self.keep_weekly, self.keep_monthly].iter().any(Option::is_some);
        given.then(|| Keep {
            daily: self.keep_daily.unwrap_or(usual.daily),
            weekly: self.keep_weekly.unwrap_or(usual.weekly),
            monthly: self.keep_monthly.unwrap_or(usual.monthly),
        })
    }
}

impl Default for BackupSection {
    fn default() -> Self {
        Self {
            to: None,
            recovery_passphrase_file: None,
            key_service: false,
            every_hours: 24,
            rehearse_days: None,
            keep_daily: None,
            keep_weekly: None,
            keep_monthly: None,
        }
    }
}
