//! Ids. Each is a UUID with a type of its own, so that a channel's cannot be passed where a person's is meant.
//!
//! In MessagePack an id is 16 bytes, in JSON its hyphenated text (RFC 9562). Ids made by clients are version 7, whose
//! order follows time.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id from a time in Unix milliseconds and ten random bytes (UUID version 7).
            pub fn from_parts(unix_millis: u64, random: &[u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, random).into_uuid())
            }

            /// The id as its 16 bytes.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// An id read back from 16 stored bytes.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// A workspace: one organisation's (or one team's) isolated world on a host.
    WorkspaceId
    /// A person's account, or an imported person who cannot sign in.
    AccountId
    /// A channel, a group conversation or a direct message conversation.
    ChannelId
    /// A message. Made by its author's client, unique per author.
    MessageId
    /// A device that was enrolled.
    DeviceId
    /// A file. Made by its uploader's client.
    FileId
    /// A custom role.
    RoleId
    /// A group of people.
    GroupId
    /// A report of a message or a person.
    ReportId
}
