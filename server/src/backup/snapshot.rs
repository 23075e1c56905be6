//! What one backup holds.

use super::Report;
use crate::error::{Error, Kind, Result};
use crate::store::wipes::past::Past;
use serde::{Deserialize, Serialize};
use std::fmt;
use thechatapp_protocol::{FileId, Timestamp, WorkspaceId};
use thechatapp_seal::Key;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The version of this form.
pub const VERSION: u32 = 1;
/// That of a snapshot with a workspace whose keys only a key service of its own opens: releases that know nothing of that refuse it.
pub const WITH_OWN: u32 = 2;

/// A file of the host, in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Its length in bytes.
    pub length: u64,
    /// The names of its pieces, in order.
    pub pieces: Vec<[u8; 32]>,
}

/// A key as it is kept in a snapshot, which is sealed itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Kept(#[serde(with = "serde_bytes")] Vec<u8>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}

impl From<&Key> for Kept {
    fn from(key: &Key) -> Self {
        Self(key.expose().to_vec())
    }
}

impl Kept {
    /// None: it is kept elsewhere.
    pub(super) fn elsewhere() -> Self {
        Self(Vec::new())
    }

    /// The key.
    ///
    /// # Errors
    /// When it has not the length of one.
    pub fn key(&self) -> std::result::Result<Key, thechatapp_seal::Error> {
        Key::try_from(self.0.as_slice())
    }
}

/// The keys of a workspace as only a key service of its own opens them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKept {
    /// The service, as in `--kms`.
    pub uri: String,
    /// The provider's name.
    pub provider: String,
    /// Its key's name.
    pub key_id: String,
    /// The workspace key, wrapped by the service.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// The database key, wrapped by the workspace key.
    #[serde(with = "serde_bytes")]
    pub database_key: Vec<u8>,
}

/// A workspace that is not in a backup, or does not come out of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its short name.
    pub workspace: String,
    /// Why.
    pub why: String,
    /// The exit code of that (`docs/command-line.md`).
    pub code: u8,
}

impl Missing {
    /// For this reason.
    pub(super) fn of(workspace: &str, why: &Error) -> Self {
        Self { workspace: workspace.to_owned(), why: why.why.clone(), code: why.kind.exit_code() }
    }

    /// Nothing is missing.
    ///
    /// # Errors
    /// Else: key service where one gave no key, or what was wrong with the first of them.
    pub fn none(missing: &[Self]) -> Result<()> {
        let Some(first) = missing.first() else { return Ok(()) };
        let away = Kind::KeyService.exit_code();
        let code = if missing.iter().any(|one| one.code == away) { away } else { first.code };
        let all: Vec<_> = missing.iter().map(|one| format!("{} ({})", one.workspace, one.why)).collect();
        Err(Error::new(
            Kind::from_exit_code(code),
            "The backup is not complete",
            all.join(", "),
            "see to these workspaces, and do it again; the others are as they must be",
        ))
    }

    /// Whether others go on without a workspace that fails like this.
    pub(super) fn is_one_s_own(why: &Error) -> bool {
        matches!(why.kind, Kind::KeyService | Kind::Corrupt | Kind::WrongKey)
    }
}

/// A workspace in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceKept {
    /// Its id.
    pub id: WorkspaceId,
    /// Its short name.
    pub name: String,
    /// Its name as people read it.
    pub title: String,
    /// When it was made.
    pub created: Timestamp,
    /// The workspace key; empty where `own` has it.
    pub key: Kept,
    /// The database key; empty where `own` has it.
    pub database_key: Kept,
    /// Both, for a workspace with a key service of its own, where no recovery passphrase opens the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnKept>,
    /// Its database.
    pub database: Pieces,
    /// Its shared files.
    pub files: Vec<(FileId, Pieces)>,
    /// The thumbnails of some of them. Earlier backups have none.
    #[serde(default)]
    pub thumbnails: Vec<(FileId, Pieces)>,
    /// How many messages there are.
    pub messages: u64,
    /// What was wiped in it by then. Earlier backups say nothing of that.
    #[serde(default, skip_serializing_if = "Past::is_empty")]
    pub wiped: Past,
}

/// What one backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of the form that it is written in.
    pub version: u32,
    /// When it was begun.
    pub at: Timestamp,
    /// The address in invites.
    pub base_url: String,
    /// The workspaces.
    pub workspaces: Vec<WorkspaceKept>,
    /// Those that could not be kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
    /// The workspaces that were wiped by then, as far as the host knew: of all others the newest backup stays. Earlier backups
    /// name none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wiped: Vec<WorkspaceId>,
}

impl Snapshot {
    /// Whether every workspace of the host is in it.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// What there is to say of it, when these do not come out of it either.
    pub fn report(&self, backup: String, shut: Vec<Missing>) -> Report {
        let is_out = |one: &&WorkspaceKept| !shut.iter().any(|shut| shut.workspace == one.name);
        let sum = |of: fn(&WorkspaceKept) -> u64| self.workspaces.iter().filter(is_out).map(of).sum();
        let missing: Vec<_> = self.missing.iter().chain(&shut).cloned().collect();
        Report {
            backup,
            workspaces: sum(|_| 1),
            messages: sum(|one| one.messages),
            files: sum(|one| one.files.len() as u64),
            bytes: sum(|one| {
                let files = one.files.iter().chain(&one.thumbnails).map(|(_, file)| file.length);
                one.database.length + files.sum::<u64>()
            }),
            ok: missing.is_empty(),
            missing,
            voided: None,
            wiped_since: Vec::new(),
        }
    }
}
