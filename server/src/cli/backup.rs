//! `backup`.

use super::output::Output;
use super::{KeyArgs, Open, once, read_secret, text};
use crate::admin::{Command, report_json};
use crate::auth::password::Cost;
use crate::backup::{self, Folder, Report};
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

async fn blocking(job: impl FnOnce() -> Result<Report> + Send + 'static) -> Result<Report> {
    tokio::task::spawn_blocking(job).await.map_err(|why| Error::internal("It ended early", why))?
}
