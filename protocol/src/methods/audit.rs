//! The audit log, for those who may read it: searching it, its checkpoints and proofs, and the whole of it.

use crate::audit::tree::Hash;
use crate::audit::{AuditEntry, Class, Target};
use crate::id::AccountId;
use crate::method::{Access, Scope, methods};
use crate::permission::Power;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Most entries of one answer.
pub const ENTRIES_MAX: u32 = 500;

/// Whose acts are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorFilter {
    /// Somebody's, on whatever device.
    Person(AccountId),
    /// Those of people who were not signed in.
    Stranger,
    /// Those at the host's command line.
    Host,
    /// The server's own.
    Server,
}

/// Which entries are meant: those for which all that is given is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditFilter {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorFilter>,
    /// What was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What kind of act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

/// Parameters of [`ListAudit`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListAuditParams {
    /// Which entries.
    #[serde(default)]
    pub filter: AuditFilter,
    /// Only those with a lower number: the last of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    /// What came with the page before, where this is the next one: reading on is part of the same act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
    /// At most so many, and never more than [`ENTRIES_MAX`].
    pub limit: u32,
}

/// Parameters of [`ExportAudit`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExportAuditParams {
    /// Which entries.
    #[serde(default)]
    pub filter: AuditFilter,
    /// From this number on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// What came with the page before, where this is the next one: reading on is part of the same act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
}

/// A part of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Whether there may be more.
    pub more: bool,
    /// What the next page is asked for with, where there may be one. It is good for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of [`TakeCheckpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakeCheckpointParams {
    /// The size of the log as the asker knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
}

/// The state of the log, signed, and how it goes on from a state that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedCheckpoint {
    /// A signed note (C2SP `tlog-checkpoint`).
    pub note: String,
    /// The proof that the known state is its beginning; empty where there is nothing to prove.
    pub proof: Vec<Hash>,
}

/// Parameters of [`ProveEntry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProveEntryParams {
    /// Which entry.
    pub seq: u64,
}

/// An entry with the proof that it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProvedEntry {
    /// The entry as it is hashed: an [`AuditEntry`] in MessagePack.
    #[serde(with = "serde_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<u8>"))]
    pub encoded: Vec<u8>,
    /// The state of the log in which it stands: a signed note.
    pub note: String,
    /// The hashes from the entry to the root.
    pub proof: Vec<Hash>,
}

methods! {
    /// Entries, newest first. That they were read is an entry itself, one for all pages.
    ListAudit = "audit.list", Access::Power(Power::Audit), ListAuditParams => AuditPage, |_| Scope::Workspace;
    /// The signed state of the log. Who keeps it and asks again with its size notices if the log was changed.
    TakeCheckpoint = "audit.checkpoint", Access::Power(Power::Audit), TakeCheckpointParams => SignedCheckpoint, |_| Scope::Workspace;
    /// One entry, proved. That it was read is an entry itself.
    ProveEntry = "audit.prove", Access::Power(Power::Audit), ProveEntryParams => ProvedEntry, |_| Scope::Workspace;
    /// Entries, oldest first, to be taken away. That it was done is an entry itself, one for all pages.
    ExportAudit = "audit.export" fresh, Access::Power(Power::Audit), ExportAuditParams => AuditPage, |_| Scope::Workspace;
}
