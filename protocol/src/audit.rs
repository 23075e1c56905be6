//! What the audit log says of an act: who did what to what, from where, and what was so before and after. Never content.

pub mod checkpoint;
pub mod tree;

use crate::id::{AccountId, ChannelId, DeviceId, FileId, GroupId, MessageId, ReportId, RoleId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of act it is. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Class {
    /// Signing in and out, failures, lockouts, fresh sign-ins.
    Access = 0,
    /// Accounts: made, suspended, deleted, passwords and factors changed.
    Account = 1,
    /// Devices and sessions.
    Device = 2,
    /// Roles, and who has them.
    Role = 3,
    /// Groups, and who is in them.
    Group = 4,
    /// Channels, and who is in them.
    Channel = 5,
    /// Reports, and what moderators do.
    Moderation = 6,
    /// Settings.
    Setting = 7,
    /// Keys: rotated, moved.
    Key = 8,
    /// Backups and restores.
    Backup = 9,
    /// Data: exported, wiped.
    Data = 10,
    /// The audit log itself: read, exported.
    Audit = 11,
    /// The server: started, upgraded.
    Server = 12,
}

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody, on a device or in a browser's session.
    Person(AccountId, DeviceId),
    /// Somebody who is not signed in yet.
    Stranger,
    /// Whoever administers the host, at its command line.
    Host,
    /// The server by itself.
    Server,
}

/// What was acted on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The workspace as a whole.
    Workspace,
    /// A person.
    Person(AccountId),
    /// A device, or a browser's session.
    Device(DeviceId),
    /// A channel.
    Channel(ChannelId),
    /// A message.
    Message(ChannelId, MessageId),
    /// A file.
    File(FileId),
    /// A custom role.
    Role(RoleId),
    /// A group of people.
    Group(GroupId),
    /// A report.
    Report(ReportId),
    /// A setting, by its name.
    Setting(String),
    /// An address of the network.
    Address(String),
}

/// One entry of the log. Its encoding is a leaf of the log's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number: 0, 1, 2 ... without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What kind of act.
    pub class: Class,
    /// Which act, `noun.verb`, stable.
    pub act: String,
    /// Who.
    pub actor: Actor,
    /// On what.
    pub target: Target,
    /// From which address; none for acts at the host itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What was so before, where that says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is so now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
