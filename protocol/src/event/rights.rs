//! What one may do, and the groups that people are in.

use crate::id::GroupId;
use crate::permission::{Powers, Rank};
use serde::{Deserialize, Serialize};

/// What somebody may do over the people of a group and over the channels linked to it, by roles within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PowersWithin {
    /// The group.
    pub group: GroupId,
    /// The powers.
    pub powers: Powers,
}

/// What one is in the workspace oneself, and what one may do there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StandingRow {
    /// One's rank.
    pub rank: Rank,
    /// One's powers, by rank, roles and groups.
    pub powers: Powers,
    /// One's powers within groups, besides these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<PowersWithin>,
    /// The change that last touched this row.
    pub change: u64,
}

/// Who sees a group, and who is in it. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Visibility {
    /// Everybody sees the group and who is in it; a guest only those they are in.
    Public = 0,
    /// Everybody sees the group, and those in it see who is in it.
    Private = 1,
    /// Only those in it and those who manage it know of it.
    Hidden = 2,
}

/// A group of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupRow {
    /// The group.
    pub id: GroupId,
    /// What it is mentioned by, without `@`.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// It was deleted, or one may not see it any longer: it leaves the device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// The change that last touched this row.
    pub change: u64,
}

/// Whether one is in a group oneself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InGroupRow {
    /// The group.
    pub group: GroupId,
    /// Whether one is in it, or in a group in it.
    pub inside: bool,
    /// The change that last touched this row.
    pub change: u64,
}
