//! What the audit log says of an act: who did what to what, from where, and what was so before and after. Never content.

pub mod checkpoint;
pub mod tree;

use crate::id::{AccountId, ChannelId, DeviceId, FileId, GroupId, MessageId, ReportId, RoleId};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What kind of act it is. The number is how it is stored and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Class {
            $($(#[$doc])* $name = $number,)*
        }

        impl Class {
            /// All of them.
            pub const EACH: [Self; 13] = [$(Self::$name),*];

            /// Its name, as on the wire and at the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

classes! {
    /// Signing in and out, failures, lockouts, fresh sign-ins.
    Access = 0, "access";
    /// Accounts: made, suspended, deleted, passwords and factors changed.
    Account = 1, "account";
    /// Devices and sessions.
    Device = 2, "device";
    /// Roles, and who has them.
    Role = 3, "role";
    /// Groups, and who is in them.
    Group = 4, "group";
    /// Channels, and who is in them.
    Channel = 5, "channel";
    /// Reports, and what moderators do.
    Moderation = 6, "moderation";
    /// Settings.
    Setting = 7, "setting";
    /// Keys: rotated, moved.
    Key = 8, "key";
    /// Backups and restores.
    Backup = 9, "backup";
    /// Data: exported, wiped.
    Data = 10, "data";
    /// The audit log itself: read, exported.
    Audit = 11, "audit";
    /// The server: started, upgraded.
    Server = 12, "server";
}

/// A class of this name there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no class {0:?}")]
pub struct UnknownClass(String);

impl FromStr for Class {
    type Err = UnknownClass;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::EACH.into_iter().find(|class| class.name() == text).ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// `kind:id`, as people and programs are shown it and as [`Target::from_str`] reads it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => f.write_str("workspace"),
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::Channel(id) => write!(f, "channel:{id}"),
            Self::Message(channel, id) => write!(f, "message:{channel}/{id}"),
            Self::File(id) => write!(f, "file:{id}"),
            Self::Role(id) => write!(f, "role:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
            Self::Report(id) => write!(f, "report:{id}"),
            Self::Setting(name) => write!(f, "setting:{name}"),
            Self::Address(address) => write!(f, "address:{address}"),
        }
    }
}

/// A text that names nothing that can be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not written as channel:ID, person:ID, setting:NAME and the like")]
pub struct UnknownTarget(String);

impl FromStr for Target {
    type Err = UnknownTarget;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownTarget(text.to_owned());
        if text == "workspace" {
            return Ok(Self::Workspace);
        }
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        let target = match kind {
            "person" => name.parse().map(Self::Person),
            "device" => name.parse().map(Self::Device),
            "channel" => name.parse().map(Self::Channel),
            "message" => {
                let (channel, id) = name.split_once('/').ok_or_else(unknown)?;
                channel.parse().and_then(|channel| Ok(Self::Message(channel, id.parse()?)))
            }
            "file" => name.parse().map(Self::File),
            "role" => name.parse().map(Self::Role),
            "group" => name.parse().map(Self::Group),
            "report" => name.parse().map(Self::Report),
            "setting" => Ok(Self::Setting(name.to_owned())),
            "address" => Ok(Self::Address(name.to_owned())),
            _ => return Err(unknown()),
        };
        target.map_err(|_| unknown())
    }
}

/// One entry of the log. Its encoding is a leaf of the log's tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_classes_and_are_those_of_the_wire() {
        for (number, class) in (0_u8..).zip(Class::EACH) {
            assert_eq!(class as u8, number);
            assert_eq!(class.name().parse(), Ok(class));
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.name()));
        }
        assert!("everything".parse::<Class>().is_err());
    }

    #[test]
    fn targets_are_read_as_they_are_shown() {
        let id = uuid::Uuid::from_bytes([7; 16]);
        for target in [
            Target::Workspace,
            Target::Person(AccountId(id)),
            Target::Device(DeviceId(id)),
            Target::Channel(ChannelId(id)),
            Target::Message(ChannelId(id), MessageId(id)),
            Target::File(FileId(id)),
            Target::Role(RoleId(id)),
            Target::Group(GroupId(id)),
            Target::Report(ReportId(id)),
            Target::Setting("web.chat".into()),
            Target::Address("2001:db8::1".into()),
        ] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for bad in ["", "person", "person:", "person:x", "nobody:x", "message:x", "workspace:x"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }
}
