//! What a shell hears. Events carry ids only; the shell asks again for what it shows.

use serde::{Deserialize, Serialize};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};
use ts_rs::TS;

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ClientEvent {
    /// A workspace's connection changed.
    Connection {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
    },
    /// Channels, memberships, names or unread counts changed.
    Channels {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
    },
    /// One's own rank or powers changed, or groups did.
    Standing {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
    },
    /// Messages of a channel changed.
    Messages {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
        /// Which channel.
        #[ts(type = "string")]
        channel: ChannelId,
        /// The lowest number that changed; 0 when only what waits to be sent did.
        #[ts(type = "number")]
        from: u64,
    },
    /// A draft is another one now, because of another device.
    Draft {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
        /// Which channel.
        #[ts(type = "string")]
        channel: ChannelId,
        /// Which thread, by its first message; none for the conversation's own.
        #[ts(type = "string | null")]
        thread: Option<MessageId>,
    },
    /// Something was found wrong with the audit log, or somebody decided to go on.
    Audit {
        /// Which workspace.
        #[ts(type = "string")]
        workspace: WorkspaceId,
    },
    /// What exists on this device only turned out to be damaged while it was in use: it is to be repaired before anything more is
    /// written.
    Damaged {
        /// The file.
        file: String,
        /// How it shows.
        why: String,
    },
    /// Workspaces were added or removed.
    Workspaces,
    /// Too much happened to list: ask again for everything shown.
    Resync,
}
