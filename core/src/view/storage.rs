//! What is kept on this device.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How much of the past this device keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StorageView {
    /// Messages of so many days; without a number, of all.
    #[ts(type = "number | null")]
    pub days: Option<u64>,
    /// At most so many bytes for each workspace; without a number, as many as there are.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// What is there.
    pub workspaces: Vec<KeptView>,
}

/// What is kept of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeptView {
    /// Its short name.
    pub workspace: String,
    /// Bytes of the sealed file that are in use.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Messages.
    #[ts(type = "number")]
    pub messages: u64,
    /// Bytes of sealed files beside it: kept ones, and those on their way.
    #[serde(default)]
    #[ts(type = "number")]
    pub files: u64,
    /// What its server lets devices keep, whatever was chosen here.
    #[serde(default)]
    pub limit: Option<LimitView>,
}

/// How much a workspace lets its devices keep: of this and of what was chosen, the lower counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LimitView {
    /// Messages of so many days.
    #[ts(type = "number | null")]
    pub days: Option<u64>,
    /// So many bytes.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
}
