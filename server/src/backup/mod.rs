//! Backups: a folder of sealed pieces, named by what is in them, and of snapshots that list them. A second backup into the
//! same folder writes only what is new.
//!
//! ```text
//! <backup>/
//!   keys.json                 the backup's two keys, wrapped for a recovery passphrase, key services, or both
//!   pieces/ab/abcdef...       a piece of a file of the host, at most 1 MiB, sealed; its name is a keyed hash of its content
//!   backup.lock               locked by whoever adds or removes something
//!   reading.lock              locked by whoever reads, together, and by whoever removes something
//!   snapshots/<when>-<id>     what one backup holds, sealed: workspaces with their keys, and the pieces of their files
//! ```
//!
//! A snapshot holds the keys of the workspaces, so whoever opens it has everything, and whoever does not has nothing; but where
//! only key services open it, it holds the key of a workspace with a service of its own as that one wrapped it. Databases are
//! copied as they lie on the disk, sealed already; so are files.

mod create;
mod folder;
mod gone;
mod prune;
mod rehearse;
mod restore;
pub mod schedule;
mod seals;
mod snapshot;
pub(crate) mod wrapped;

pub use create::create;
pub use folder::{Folder, Owners};
pub use prune::{Keep, Pruned, prune};
pub use rehearse::rehearse;
pub use restore::{restore, verify};
pub use seals::{Guard, Opening, SealedFor};
pub use snapshot::{Kept, Missing, OwnKept, Pieces, Snapshot, WorkspaceKept};

use crate::error::{Error, Result};
use crate::rotation::record_everywhere;
use crate::store::audit::{Act, By};
use crate::store::voided::Voided;
use crate::tenants::Host;
use serde::Serialize;
use thechatapp_protocol::audit::{Class, Target};

/// What a command about backups answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The snapshot.
    pub backup: String,
    /// How many workspaces it holds.
    pub workspaces: u64,
    /// How many messages.
    pub messages: u64,
    /// How many files that people shared.
    pub files: u64,
    /// How many bytes, pieces that several snapshots share included.
    pub bytes: u64,
    /// Whether everything is as it must be.
    pub ok: bool,
    /// The workspaces that are not in it, or do not open.
    pub missing: Vec<Missing>,
    /// After a restore: what has to be given anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voided: Option<Voided>,
    /// After a restore: what later backups in the folder say was wiped, and was not brought back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wiped_since: Vec<WipedSince>,
}

/// What of a workspace was wiped after a backup of it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WipedSince {
    /// Its short name.
    pub workspace: String,
    /// Whether all of it was.
    pub whole: bool,
    /// How many channels and conversations.
    pub channels: u64,
    /// How many people.
    pub people: u64,
    /// An owner's invite, where the last owner was among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

impl Report {
    /// What a command ends with when something is missing.
    ///
    /// # Errors
    /// Then: key service where one gave no key, else what was wrong with the first of them.
    pub fn whole(&self) -> Result<()> {
        Missing::none(&self.missing)
    }
}

/// Writes down in each workspace's audit log that a backup was made.
///
/// # Errors
/// When a database fails.
pub async fn record(host: &Host, by: By, made: &Report) -> Result<()> {
    let act = || Act::new(Class::Backup, "backup.created", Target::Workspace).after(&made.backup);
    record_everywhere(host, by, act).await
}

/// Writes down in each workspace's audit log that old backups were removed, where some were.
///
/// # Errors
/// When a database fails.
pub async fn record_pruned(host: &Host, by: By, pruned: &Pruned) -> Result<()> {
    if pruned.removed == 0 {
        return Ok(());
    }
    let much = format!("{} removed, {} kept", pruned.removed, pruned.kept);
    record_everywhere(host, by, || Act::new(Class::Backup, "backup.pruned", Target::Workspace).after(&much)).await
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|why| Error::internal("Work on a backup ended early", why))?
}
