//! What an administrator does on the host, the same whether the server runs (through the socket) or not (on the opened
//! data): a command goes in, a JSON object comes out.

mod account;
mod keys;
pub mod socket;
mod wipe;

pub use keys::{MoveOne, MoveTo};

use crate::backup::{self, Folder, Opening};
use crate::error::{Error, Result};
use crate::identity_keys::Successor;
use crate::import;
use crate::rotation::{self, What};
use crate::store::audit::{self, Act, By};
use crate::tenants::Host;
use crate::time::now;
use crate::wipe::Named;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::identity::Pin;
use thechatapp_seal::Argon2Params;
use zeroize::Zeroizing;

/// Most people that one invite is for.
const USES_MAX: u32 = 10_000;
/// Longest time an invite is good for: a year.
const LASTS_MAX: u64 = 366 * 24 * 60 * 60;

/// A command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A new invite.
    Invite {
        /// For which workspace.
        workspace: String,
        /// For how many people.
        uses: u32,
        /// For how many seconds.
        lasts: u64,
    },
    /// The beginning of an import into a channel, made when there is none.
    ImportChannel {
        /// Into which workspace.
        workspace: String,
        /// Into which channel.
        channel: String,
    },
    /// A part of imported history.
    ImportBatch {
        /// Into which workspace.
        workspace: String,
        /// Into which channel.
        channel: String,
        /// The messages, oldest first.
        messages: Vec<import::Message>,
    },
    /// All workspaces.
    WorkspaceList,
    /// One more workspace.
    WorkspaceCreate {
        /// Its name.
        workspace: String,
    },
    /// The end of a workspace, or of a channel or a person in it.
    WorkspaceWipe {
        /// Which.
        workspace: String,
        /// Only this channel of it.
        #[serde(default)]
        channel: Option<String>,
        /// Only this person of it.
        #[serde(default)]
        person: Option<String>,
        /// A key of its own in another service ends with it; where that keeps deleted keys for a while, for so many days.
        #[serde(default)]
        destroy_remote_key: Option<u16>,
    },
    /// A workspace whose root is lost goes on with its successor.
    WorkspaceRestoreRoot {
        /// Which.
        workspace: String,
        /// The successor's secret.
        successor: String,
    },
    /// New keys.
    KeyRotate {
        /// Of which workspace; with `kms` of the whole host, unless this has a key service of its own.
        workspace: Option<String>,
        /// `session`, `identity`, `channels`, `workspace`, `kms` or `database`.
        what: String,
        /// With `kms`: what is to open the local key file from then on.
        new_passphrase: Option<String>,
    },
    /// Another key service for the whole host.
    KeyMove(MoveTo),
    /// Another key service for one workspace.
    KeyMoveWorkspace(MoveOne),
    /// A sealed backup of every workspace.
    BackupCreate {
        /// Into which folder.
        to: PathBuf,
        /// A passphrase that opens it.
        passphrase: Option<String>,
        /// Whether the key service opens it.
        #[serde(default)]
        key_service: bool,
    },
    /// Failed attempts to sign in to an account are forgotten.
    AccountUnlock {
        /// In which workspace.
        workspace: String,
        /// Whose, by name or id.
        name: String,
    },
    /// A code by which a person chooses a new password.
    AccountReset {
        /// In which workspace.
        workspace: String,
        /// Whose, by name or id.
        name: String,
        /// Whether their second factor goes, too.
        #[serde(default)]
        totp: bool,
        /// Whether their devices and browsers are signed out, too.
        #[serde(default)]
        devices: bool,
    },
    /// What is known of a workspace's key.
    KeyStatus {
        /// Of which workspace.
        workspace: String,
    },
    /// Looks whether a workspace's audit log is whole.
    AuditVerify {
        /// Of which workspace.
        workspace: String,
        /// Checkpoints that were kept elsewhere, one note after the other.
        witness: Option<String>,
        /// The pin that the workspace has to have.
        #[serde(default)]
        pin: Option<Pin>,
    },
    /// Checks everything: pages, every sealed value, every file.
    Doctor,
    /// Checks pages and their structure.
    DoctorQuick,
}

/// Does what a command says.
///
/// # Errors
/// See [`crate::error::Kind`].
pub async fn run(host: &Host, command: Command) -> Result<Value> {
    match command {
        Command::Invite { workspace, uses, lasts } => {
            if uses == 0 || uses > USES_MAX || lasts == 0 || lasts > LASTS_MAX {
                return Err(Error::bad_input(
                    "This invite cannot be made",
                    "it is for 1 to 10000 people and lasts at most a year",
                    "give other --uses or --expires",
                ));
            }
            let invite = host.invite(&workspace, uses, Duration::from_secs(lasts)).await?;
            Ok(json!({ "invite": invite }))
        }
        Command::ImportChannel { workspace, channel } => {
            let made = import::ensure_channel(&*host.workspace(&workspace)?, &channel).await?;
            Ok(json!({ "channels": u64::from(made) }))
        }
        Command::ImportBatch { workspace, channel, messages } => {
            let done = import::batch(&host.workspace(&workspace)?, &channel, messages).await?;
            Ok(json!({ "messages": done.messages, "people": done.people }))
        }
        Command::WorkspaceList => {
            if let Some(why) = host.closed() {
                return Err(why);
            }
            let rows: Vec<_> = host
                .workspaces()
                .iter()
                .map(|workspace| {
                    let face = workspace.face().ok();
                    json!({
                        "workspace": workspace.name,
                        "name": workspace.title,
                        "id": workspace.id,
                        "pin": face.as_ref().map(|face| face.pin()),
                        "epoch": face.as_ref().map(|face| face.document().epoch),
                        "open": workspace.is_open(),
                        "sessions": workspace.hub.sessions(),
                    })
                })
                .collect();
            Ok(json!({ "workspaces": rows }))
        }
        Command::WorkspaceCreate { workspace } => {
            // The key service may take its time.
            let made = tokio::task::block_in_place(|| host.create_workspace(&workspace, Vec::new()))?;
            host.refresh_identities().await?;
            Ok(made_json(&made))
        }
        Command::WorkspaceWipe { workspace, channel: None, person: None, destroy_remote_key } => {
            wipe::workspace(host, workspace, destroy_remote_key).await
        }
        Command::WorkspaceWipe { workspace, channel: Some(channel), person: None, destroy_remote_key: None } => {
            wipe::within(host, workspace, Named::Channel(channel)).await
        }
        Command::WorkspaceWipe { workspace, channel: None, person: Some(person), destroy_remote_key: None } => {
            wipe::within(host, workspace, Named::Person(person)).await
        }
        Command::WorkspaceWipe { .. } => Err(Error::bad_input(
            "Nothing was wiped",
            "more than one thing was named",
            "wipe a channel, a person or a workspace, one after the other; only a workspace has a key of its own",
        )),
        Command::WorkspaceRestoreRoot { workspace, successor } => {
            let successor = Successor::parse(&successor)?;
            let workspace = host.workspace(&workspace)?;
            let (pin, follower) = workspace
                .change_identity(move |identity, db, keyring| {
                    let (next, follower) = identity.succeeded(db, keyring, successor)?;
                    let act = Act::new(Class::Key, "key.root_restored", Target::Workspace);
                    audit::record_in(db, keyring, By::HOST, act)?;
                    let pin = next.pin();
                    Ok((Some(next), (pin, follower)))
                })
                .await?;
            Ok(json!({ "workspace": workspace.name, "pin": pin, "successor": follower.reveal() }))
        }
        Command::KeyRotate { workspace, what, new_passphrase } => {
            let passphrase = new_passphrase.map(Zeroizing::new);
            rotation::rotate(host, workspace.as_deref(), What::named(&what)?, passphrase.as_ref(), now(), By::HOST)
                .await
        }
        Command::KeyMove(wanted) => keys::move_to(host, wanted).await,
        Command::KeyMoveWorkspace(wanted) => keys::move_one(host, wanted).await,
        Command::BackupCreate { to, passphrase, key_service } => {
            let service = key_service.then(|| host.key_service());
            let folder = tokio::task::spawn_blocking(move || {
                let passphrase = passphrase.map(Zeroizing::new);
                let with =
                    Opening { passphrase: passphrase.as_ref().map(|text| text.as_str()), service: service.as_deref() };
                Folder::open_or_make(&to, with, &Argon2Params::default())
            })
            .await
            .map_err(|why| Error::internal("A backup ended early", why))??;
            let report = backup::create(host, folder).await?;
            backup::record(host, By::HOST, &report).await?;
            report_json(&report)
        }
        Command::AccountUnlock { workspace, name } => account::unlock(host, workspace, name).await,
        Command::AccountReset { workspace, name, totp, devices } => {
            account::reset(host, workspace, name, totp, devices).await
        }
        Command::KeyStatus { workspace } => host.key_status(&workspace),
        Command::AuditVerify { workspace, witness, pin } => {
            let report = host.workspace(&workspace)?.verify_audit(witness, pin).await?;
            serde_json::to_value(report).map_err(|why| Error::internal("A report could not be written", why))
        }
        Command::Doctor => doctor(host, false).await,
        Command::DoctorQuick => doctor(host, true).await,
    }
}

/// What commands about backups print.
///
/// # Errors
/// Internal, which cannot happen.
pub fn report_json(report: &backup::Report) -> Result<Value> {
    serde_json::to_value(report).map_err(|why| Error::internal("A report could not be written", why))
}

/// What `init` and `workspace create` print.
pub fn made_json(made: &crate::tenants::Made) -> Value {
    json!({
        "workspace": made.workspace,
        "pin": made.pin,
        "invite": made.invite,
        "successor": made.successor.reveal(),
    })
}

async fn doctor(host: &Host, quick: bool) -> Result<Value> {
    let mut sound = true;
    let mut databases = Vec::new();
    for checked in host.check(quick).await? {
        sound &= checked.damaged == 0;
        databases.push(json!({
            "name": checked.name,
            "ok": checked.damaged == 0,
            "messages": checked.messages,
            "values": checked.values,
            "files": checked.files,
            "damaged": checked.damaged,
            "problems": checked.problems,
            "error": checked.problems.first(),
        }));
    }
    let open = files_open_to_others(host.dir())?;
    sound &= open.is_empty();
    let bucket = host.check_storage().await;
    let wrong = bucket.as_ref().and_then(|(_, wrong)| wrong.as_ref().map(ToString::to_string));
    sound &= wrong.is_none();
    let files = json!({ "bucket": bucket.map(|(name, _)| name), "ok": wrong.is_none(), "error": wrong });
    Ok(json!({
        "ok": sound,
        "files": files,
        "version": env!("CARGO_PKG_VERSION"),
        "sqlite": rusqlite::version(),
        "key_service": host.provider(),
        "databases": databases,
        "open_to_others": open,
        "backup": backup_json(host),
        "url": host.base_url()?,
    }))
}

/// `{made, rehearsed}`: when the last backup was made, and what the last rehearsal showed.
fn backup_json(host: &Host) -> Value {
    let when = |at: i64| jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string();
    let health = host.backup_health();
    let rehearsed = health
        .rehearsed
        .map(|one| json!({ "at": when(one.at), "backup": one.backup, "ok": one.error.is_none(), "error": one.error }));
    json!({ "made": health.made.map(|at| when(at.0)), "rehearsed": rehearsed })
}

/// Files in the data folder that somebody else than their owner may read.
fn files_open_to_others(dir: &std::path::Path) -> Result<Vec<String>> {
    let mut open = Vec::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                // Files of a database come and go while it is used.
                let Ok(known) = entry.metadata() else { continue };
                if known.permissions().mode() & 0o077 != 0 {
                    open.push(entry.path().display().to_string());
                }
                if known.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
    }
    #[cfg(not(unix))]
    let _ = dir;
    Ok(open)
}
