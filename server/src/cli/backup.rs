//! `backup`.

use super::output::Output;
use super::{KeyArgs, Open, once, read_secret, text};
use crate::admin::{Command, report_json};
use crate::auth::password::Cost;
use crate::backup::{self, Folder, Keep, Missing, Opening, Owners};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::kms::{self, KeySource};
use crate::upgrade::{self, Copied};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_seal::KeyService;
use zeroize::Zeroizing;

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
        /// A file with a passphrase that opens the backup.
        #[arg(long)]
        recovery_passphrase_file: Option<PathBuf>,
        /// The key service of this host opens the backup, too, or alone.
        #[arg(long)]
        key_service: bool,
    },
    /// Proves a backup: every database and every file in it is opened and read to its end. Of a copy from before an upgrade
    /// each file is compared with what was copied.
    #[command(
        after_help = "Example: thechatapp-server backup verify --from /mnt/backup --recovery-passphrase-file ./recovery"
    )]
    Verify {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        key: KeyArgs,
        /// It is also restored, opened as a host, counted and removed again.
        #[arg(long)]
        rehearse: bool,
        /// Where a copy of the largest database has room, sealed; with --rehearse, of everything.
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
        /// A file with the passphrase that opens the backup; without it, the key service does.
        #[arg(long)]
        recovery_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        key: KeyArgs,
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
    /// Makes a host from a backup, or from a copy from before an upgrade, in a folder that has none.
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
        /// The key service that opens the backup, when it is another than the new host's.
        #[arg(long)]
        from_kms: Option<String>,
        /// A file with the passphrase of that one, when it is a local one.
        #[arg(long)]
        from_passphrase_file: Option<PathBuf>,
    },
}

/// Of a copy nothing is opened before the server does it.
const VOID_AT_START: &str =
    "From its start on, invites, reset codes, recovery codes and browsers' sessions of then are void.";

/// Which backup is meant, and what opens it.
#[derive(Debug, Args)]
pub(super) struct From {
    /// The backup's folder.
    #[arg(long)]
    from: PathBuf,
    /// A file with the passphrase that opens the backup; without it, the key service does.
    #[arg(long)]
    recovery_passphrase_file: Option<PathBuf>,
    /// Which backup of the folder; the newest when absent.
    #[arg(long)]
    backup: Option<String>,
    /// The key service of a workspace that only its own opens, as NAME=URI; else the one that it had.
    #[arg(long, value_parser = named)]
    workspace_kms: Vec<(String, String)>,
}

/// `NAME=URI`.
fn named(text: &str) -> std::result::Result<(String, String), String> {
    let (name, uri) = text.split_once('=').ok_or_else(|| "NAME=URI is expected".to_owned())?;
    Ok((name.to_owned(), uri.to_owned()))
}

/// What opens a backup: held here, lent to whoever opens.
struct Opens {
    passphrase: Option<Zeroizing<String>>,
    service: Option<Arc<dyn KeyService>>,
    owners: Option<Owners>,
}

impl Opens {
    /// A recovery passphrase, or else the key service.
    fn by(recovery: Option<&Path>, key: &KeyArgs) -> Result<Self> {
        if let Some(path) = recovery {
            return Ok(Self { passphrase: Some(read_secret(path)?), service: None, owners: None });
        }
        let source = key.source(None)?;
        if matches!(source, KeySource::Local { file: None, .. }) {
            return Err(Error::new(
                Kind::Usage,
                "It is not said what opens the backup",
                "there is no recovery passphrase, and no key file of a local key service was named",
                "give --recovery-passphrase-file, or --kms with the key service: local:/path/to/key.json, vault+https:..",
            ));
        }
        Ok(Self { passphrase: None, service: Some(source.open(Path::new("."))?), owners: None })
    }

    fn open(&self, path: &Path) -> Result<Folder> {
        let passphrase = self.passphrase.as_ref().map(|text| text.as_str());
        let folder = Folder::open(path, Opening { passphrase, service: self.service.as_deref() })?;
        Ok(match &self.owners {
            Some(owners) => folder.with_owners(owners.clone()),
            None => folder,
        })
    }
}

impl From {
    /// A copy from before an upgrade, if that is what the folder holds: nothing needs to open it.
    fn copy(&self) -> Result<Option<PathBuf>> {
        upgrade::find(&self.from, self.backup.as_deref())
    }

    fn opens(&self, key: &KeyArgs) -> Result<Opens> {
        let owners = self.owners(key)?;
        Ok(Opens { owners: Some(owners), ..Opens::by(self.recovery_passphrase_file.as_deref(), key)? })
    }

    /// The key services of single workspaces: as the command names them, else as the backup does. What they want to see is in the
    /// environment.
    fn owners(&self, key: &KeyArgs) -> Result<Owners> {
        let mut section = Config::read(None, |name| std::env::var(name).ok())?.key;
        section.kms = key.kms.clone().or(section.kms);
        let named: BTreeMap<String, String> = self.workspace_kms.iter().cloned().collect();
        Ok(Arc::new(move |name, kept| {
            let uri = named.get(name).unwrap_or(&kept.uri);
            // A key file that was named within the data folder of then is not known by that here.
            let file = uri.strip_prefix("local:");
            if !named.contains_key(name) && file.is_some_and(|file| !Path::new(file).is_absolute()) {
                return Err(Error::bad_input("Its key file is not named", "it lay in the data folder of the host", ""));
            }
            let service = kms::own::source(uri, name, Path::new("."), &section)?;
            service.open(Path::new("."))
        }))
    }
}

pub(super) async fn run(command: Backup, output: &Output) -> Result<()> {
    let done = match command {
        Backup::Create { open, to, recovery_passphrase_file, key_service } => {
            let passphrase = recovery_passphrase_file.map(|path| read_secret(&path)).transpose()?;
            if passphrase.is_none() && !key_service {
                return Err(Error::new(
                    Kind::Usage,
                    "It is not said what is to open the backup",
                    "without that nobody could restore it",
                    "give --recovery-passphrase-file, --key-service, or both",
                ));
            }
            // The server that may do it has another working folder.
            let to = std::path::absolute(to)?;
            let passphrase = passphrase.map(|passphrase| passphrase.to_string());
            once(&open, Command::BackupCreate { to, passphrase, key_service }).await?
        }
        Backup::Verify { from, .. } if from.copy()?.is_some() => {
            let copy = from.copy()?.unwrap_or_default();
            let copied = blocking(move || upgrade::verify(&copy)).await?;
            output.print(&copied_json(&copied)?, copied_words);
            return Ok(());
        }
        Backup::Restore { from, data, .. } if from.copy()?.is_some() => {
            let copy = from.copy()?.unwrap_or_default();
            let copied = blocking(move || upgrade::restore(&copy, &data)).await?;
            output.print(&copied_json(&copied)?, |done| format!("{}\n{VOID_AT_START}", copied_words(done)));
            return Ok(());
        }
        Backup::Verify { from, key, rehearse, scratch } => {
            let scratch = scratch.unwrap_or_else(std::env::temp_dir);
            let scratch = scratch.join(format!("thechatapp-verify-{}", std::process::id()));
            let opens = Arc::new(from.opens(&key)?);
            let (place, again) = (scratch.clone(), opens.clone());
            let (folder, name) = (from.from.clone(), from.backup.clone());
            let proved = blocking(move || {
                let proved = backup::verify(&opens.open(&from.from)?, from.backup.as_deref(), &place);
                let _ = std::fs::remove_dir_all(&place);
                proved
            });
            let mut report = report_json(&proved.await?)?;
            if rehearse {
                let folder = blocking(move || again.open(&folder)).await?;
                backup::rehearse(folder, name.as_deref(), &scratch).await?;
            }
            if let Value::Object(fields) = &mut report
                && rehearse
            {
                fields.insert("rehearsed".to_owned(), Value::Bool(true));
            }
            report
        }
        Backup::Prune { to, recovery_passphrase_file, key, keep_daily, keep_weekly, keep_monthly } => {
            let keep = Keep { daily: keep_daily, weekly: keep_weekly, monthly: keep_monthly }.checked()?;
            let opens = Opens::by(recovery_passphrase_file.as_deref(), &key)?;
            let pruned = blocking(move || backup::prune(opens.open(&to)?, keep)).await?;
            let done = serde_json::to_value(pruned).map_err(|why| Error::internal("A report was not written", why))?;
            output.print(&done, pruned_words);
            return Ok(());
        }
        Backup::Restore { from, data, key, from_kms, from_passphrase_file } => {
            let source = key.source(None)?;
            let former = if from_kms.is_some() || from_passphrase_file.is_some() {
                KeyArgs { kms: from_kms, passphrase_file: from_passphrase_file }
            } else {
                key
            };
            let opens = from.opens(&former)?;
            let report = blocking(move || {
                backup::restore(&opens.open(&from.from)?, from.backup.as_deref(), &data, &source, Cost::PRODUCT)
            });
            report_json(&report.await?)?
        }
    };
    output.print(&done, words);
    whole(&done)
}

/// A backup that lacks a workspace is there, and the command does not end as if nothing were wrong.
fn whole(done: &Value) -> Result<()> {
    let missing = done.get("missing").cloned().map(serde_json::from_value::<Vec<Missing>>);
    match missing {
        Some(Ok(missing)) => Missing::none(&missing),
        _ => Ok(()),
    }
}

fn words(done: &Value) -> String {
    let mut words = format!(
        "{}: {} workspaces, {} messages, {} files, {} bytes",
        text(done, "backup"),
        text(done, "workspaces"),
        text(done, "messages"),
        text(done, "files"),
        text(done, "bytes")
    );
    for missing in done.get("missing").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(words, "\nMissing: {}, {}", text(missing, "workspace"), text(missing, "why"));
    }
    for since in done.get("wiped_since").and_then(Value::as_array).into_iter().flatten() {
        let (name, channels, people) = (text(since, "workspace"), text(since, "channels"), text(since, "people"));
        let _ = match since.get("whole") {
            Some(Value::Bool(true)) => write!(words, "\nNot brought back: {name}, which was wiped since"),
            _ => {
                write!(words, "\nWiped again in {name}: {channels} channels and {people} people, who were wiped since")
            }
        };
        if since.get("invite").is_some() {
            let _ =
                write!(words, "\n{name} has no owner any longer. An invite that makes one: {}", text(since, "invite"));
        }
    }
    if let Some(voided) = done.get("voided") {
        let _ = write!(
            words,
            "\nVoid, because it may have been used since: {} open invites, {} reset codes, the recovery codes of {} people, \
             {} sessions of browsers. Issue again what is still wanted.\nDevices revoked, accounts closed and powers taken since \
             the backup are as they were then: do that again.",
            text(voided, "invites"),
            text(voided, "reset_codes"),
            text(voided, "recovery_codes"),
            text(voided, "browsers")
        );
    }
    words
}

fn copied_json(copied: &Copied) -> Result<Value> {
    serde_json::to_value(copied).map_err(|why| Error::internal("A report was not written", why))
}

fn copied_words(done: &Value) -> String {
    format!(
        "{}, from before an upgrade: {} workspaces, {} bytes",
        text(done, "backup"),
        text(done, "workspaces"),
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
