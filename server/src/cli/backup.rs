//! `backup`.

use super::output::Output;
use super::{KeyArgs, Open, once, read_secret, text};
use crate::admin::{Command, report_json};
use crate::auth::password::Cost;
use crate::backup::{self, Folder, Keep};
use crate::error::{Error, Result};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Backup {
    /// Makes a sealed backup of the whole host, also while the server runs; into a folder with earlier ones only what is
    /// new is written.
    #[command(
        after_help = "Example: thechatapp-server backup create --data /srv/chat --to /mnt/backup --recovery-passphrase-file ./recovery"
    )]
    Create {
        #[command(flatten)]
        open: Open,
        /// The backup's folder.
        #[arg(long)]
        to: PathBuf,
        /// A file with the passphrase that opens the backup.
        #[arg(long)]
        recovery_passphrase_file: PathBuf,
    },
    /// Proves a backup: every database and every file in it is opened and read to its end.
    #[command(
        after_help = "Example: thechatapp-server backup verify --from /mnt/backup --recovery-passphrase-file ./recovery"
    )]
    Verify {
        #[command(flatten)]
        from: From,
        /// Where a copy of the largest database has room, sealed.
        #[arg(long)]
        scratch: Option<PathBuf>,
    },
    /// Removes old backups: the newest of each of the last days, weeks and months that have one stays.
    #[command(
        after_help = "Example: thechatapp-server backup prune --to /mnt/backup --recovery-passphrase-file ./recovery --keep-daily 14"
    )]
    Prune {
        /// The backup's folder.
        #[arg(long)]
        to: PathBuf,
        /// A file with the passphrase that opens the backup.
        #[arg(long)]
        recovery_passphrase_file: PathBuf,
        /// Of how many days.
        #[arg(long, default_value_t = Keep::default().daily)]
        keep_daily: u32,
        /// Of how many weeks.
        #[arg(long, default_value_t = Keep::default().weekly)]
        keep_weekly: u32,
        /// Of how many months.
        #[arg(long, default_value_t = Keep::default().monthly)]
        keep_monthly: u32,
    },
    /// Makes a host from a backup, in a folder that has none.
    #[command(
        after_help = "Example: thechatapp-server backup restore --from /mnt/backup --data /srv/chat --recovery-passphrase-file ./recovery --passphrase-file ./passphrase"
    )]
    Restore {
        #[command(flatten)]
        from: From,
        /// The new host's data folder.
        #[arg(long)]
        data: PathBuf,
        #[command(flatten)]
        key: KeyArgs,
    },
}

/// Which backup is meant, and what opens it.
#[derive(Debug, Args)]
pub(super) struct From {
    /// The backup's folder.
    #[arg(long)]
    from: PathBuf,
    /// A file with the passphrase that opens the backup.
    #[arg(long)]
    recovery_passphrase_file: PathBuf,
    /// Which backup of the folder; the newest when absent.
    #[arg(long)]
    backup: Option<String>,
}

impl From {
    fn open(&self) -> Result<Folder> {
        Folder::open(&self.from, &read_secret(&self.recovery_passphrase_file)?)
    }
}

pub(super) async fn run(command: Backup, output: &Output) -> Result<()> {
    let done = match command {
        Backup::Create { open, to, recovery_passphrase_file } => {
            let passphrase = read_secret(&recovery_passphrase_file)?.to_string();
            // The server that may do it has another working folder.
            let to = std::path::absolute(to)?;
            once(&open, Command::BackupCreate { to, passphrase }).await?
        }
        Backup::Verify { from, scratch } => {
            let report = blocking(move || {
                let folder = from.open()?;
                let scratch = scratch.unwrap_or_else(std::env::temp_dir);
                let scratch = scratch.join(format!("thechatapp-verify-{}", std::process::id()));
                let proved = backup::verify(&folder, from.backup.as_deref(), &scratch);
                let _ = std::fs::remove_dir_all(&scratch);
                proved
            });
            report_json(&report.await?)?
        }
        Backup::Prune { to, recovery_passphrase_file, keep_daily, keep_weekly, keep_monthly } => {
            let keep = Keep { daily: keep_daily, weekly: keep_weekly, monthly: keep_monthly }.checked()?;
            let passphrase = read_secret(&recovery_passphrase_file)?;
            let pruned = blocking(move || backup::prune(Folder::open(&to, &passphrase)?, keep)).await?;
            let done = serde_json::to_value(pruned).map_err(|why| Error::internal("A report was not written", why))?;
            output.print(&done, pruned_words);
            return Ok(());
        }
        Backup::Restore { from, data, key } => {
            let source = key.source(None)?;
            let report = blocking(move || {
                let folder = from.open()?;
                backup::restore(&folder, from.backup.as_deref(), &data, &source, Cost::PRODUCT)
            });
            report_json(&report.await?)?
        }
    };
    output.print(&done, words);
    Ok(())
}

fn words(done: &Value) -> String {
    format!(
        "{}: {} workspaces, {} messages, {} files, {} bytes",
        text(done, "backup"),
        text(done, "workspaces"),
        text(done, "messages"),
        text(done, "files"),
        text(done, "bytes")
    )
}

fn pruned_words(done: &Value) -> String {
    format!(
        "{} kept, {} removed, and with them {} pieces of {} bytes",
        text(done, "kept"),
        text(done, "removed"),
        text(done, "pieces"),
        text(done, "bytes")
    )
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|why| Error::internal("It ended early", why))?
}
