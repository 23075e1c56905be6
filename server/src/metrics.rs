//! Figures for Prometheus, in its text format 0.0.4. Counts only: no names, no ids.

use crate::state::Workspace;
use crate::tenants::BackupHealth;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Something that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Something that comes and goes.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The server's figures.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Live sessions of enrolled devices.
    pub sessions: Gauge,
    /// Calls in sessions.
    pub calls: Counter,
}

impl Metrics {
    /// The page that Prometheus reads.
    pub fn page(&self, half_open: usize, workspaces: &[Arc<Workspace>], backups: &BackupHealth) -> String {
        let (mut writes, mut commits) = (0, 0);
        for workspace in workspaces {
            let committed = workspace.committed();
            writes += committed.0;
            commits += committed.1;
        }
        let left =
            workspaces.iter().filter_map(|workspace| workspace.resealing()).filter_map(|progress| progress.left());
        let left = left.fold(0, u64::saturating_add);
        let open = workspaces.iter().filter(|workspace| workspace.is_open()).count();
        let rows = [
            (
                "thechatapp_sessions",
                "gauge",
                "Live sessions of enrolled devices",
                self.sessions.0.load(Ordering::Relaxed),
            ),
            ("thechatapp_calls_total", "counter", "Calls in sessions", total(self.calls.0.load(Ordering::Relaxed))),
            ("thechatapp_writes_total", "counter", "Writes that were committed", total(writes)),
            ("thechatapp_commits_total", "counter", "Transactions in which they were", total(commits)),
            ("thechatapp_resealing_left", "gauge", "Values still under older keys of channels", total(left)),
            ("thechatapp_half_open", "gauge", "Connections that have proved nothing yet", to_signed(half_open)),
            ("thechatapp_workspaces", "gauge", "Open workspaces", to_signed(open)),
            (
                "thechatapp_workspaces_closed",
                "gauge",
                "Workspaces whose key the key service does not give",
                to_signed(workspaces.len() - open),
            ),
        ];
        let seconds = |at: i64| at / 1000;
        let rehearsed = backups.rehearsed.as_ref();
        let of_backups = [
            (
                "thechatapp_backup_made_seconds",
                "gauge",
                "When the last backup was made, Unix time",
                backups.made.map(|at| seconds(at.0)),
            ),
            (
                "thechatapp_backup_rehearsed_seconds",
                "gauge",
                "When a backup was rehearsed last, Unix time",
                rehearsed.map(|last| seconds(last.at)),
            ),
            (
                "thechatapp_backup_rehearsal_failed",
                "gauge",
                "Whether that failed",
                rehearsed.map(|last| i64::from(last.error.is_some())),
            ),
        ];
        // What never was has no figure: a zero would be a moment.
        let of_backups =
            of_backups.into_iter().filter_map(|(name, kind, help, value)| Some((name, kind, help, value?)));
        let rows = rows.into_iter().chain(of_backups);
        let mut page = String::new();
        for (name, kind, help, value) in rows {
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        page
    }
}

fn total(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn to_signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
