//! What one backup holds.

use super::Report;
use serde::{Deserialize, Serialize};
use std::fmt;
use thechatapp_protocol::{FileId, Timestamp, WorkspaceId};
use thechatapp_seal::Key;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The version of this form.
pub const VERSION: u32 = 1;

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
    /// The key.
    ///
    /// # Errors
    /// When it has not the length of one.
    pub fn key(&self) -> Result<Key, thechatapp_seal::Error> {
        Key::try_from(self.0.as_slice())
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
    /// The workspace key.
    pub key: Kept,
    /// The database key.
    pub database_key: Kept,
    /// Its database.
    pub database: Pieces,
    /// Its shared files.
    pub files: Vec<(FileId, Pieces)>,
    /// The thumbnails of some of them. Earlier backups have none.
    #[serde(default)]
    pub thumbnails: Vec<(FileId, Pieces)>,
    /// How many messages there are.
    pub messages: u64,
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
}

impl Snapshot {
    /// What there is to say of it.
    pub fn report(&self, backup: String, ok: bool) -> Report {
        let sum = |of: fn(&WorkspaceKept) -> u64| self.workspaces.iter().map(of).sum();
        Report {
            backup,
            workspaces: self.workspaces.len() as u64,
            messages: sum(|one| one.messages),
            files: sum(|one| one.files.len() as u64),
            bytes: sum(|one| {
                let files = one.files.iter().chain(&one.thumbnails).map(|(_, file)| file.length);
                one.database.length + files.sum::<u64>()
            }),
            ok,
            voided: None,
        }
    }
}
