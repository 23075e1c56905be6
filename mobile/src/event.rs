//! What an app hears.

use thechatapp_core::ClientEvent;

/// Something changed; ask again for what is shown.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ChatEvent {
    /// A workspace's connection changed.
    Connection {
        /// Which workspace.
        workspace: String,
    },
    /// Channels, memberships, names or unread counts changed.
    Channels {
        /// Which workspace.
        workspace: String,
    },
    /// One's own rank or powers changed, or groups did.
    Standing {
        /// Which workspace.
        workspace: String,
    },
    /// Messages of a channel changed.
    Messages {
        /// Which workspace.
        workspace: String,
        /// Which channel.
        channel: String,
        /// The lowest number that changed; 0 when only what waits to be sent did.
        from_seq: u64,
    },
    /// A draft is another one now, because of another device.
    Draft {
        /// Which workspace.
        workspace: String,
        /// Which channel.
        channel: String,
        /// Which thread, by its first message; none for the conversation's own.
        thread: Option<String>,
    },
    /// Something was found wrong with the audit log, or somebody decided to go on.
    Audit {
        /// Which workspace.
        workspace: String,
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

impl From<ClientEvent> for ChatEvent {
    fn from(event: ClientEvent) -> Self {
        match event {
            ClientEvent::Connection { workspace } => Self::Connection { workspace: workspace.to_string() },
            ClientEvent::Channels { workspace } => Self::Channels { workspace: workspace.to_string() },
            ClientEvent::Standing { workspace } => Self::Standing { workspace: workspace.to_string() },
            ClientEvent::Messages { workspace, channel, from } => {
                Self::Messages { workspace: workspace.to_string(), channel: channel.to_string(), from_seq: from }
            }
            ClientEvent::Draft { workspace, channel, thread } => Self::Draft {
                workspace: workspace.to_string(),
                channel: channel.to_string(),
                thread: thread.map(|id| id.to_string()),
            },
            ClientEvent::Audit { workspace } => Self::Audit { workspace: workspace.to_string() },
            ClientEvent::Damaged { file, why } => Self::Damaged { file, why },
            ClientEvent::Workspaces => Self::Workspaces,
            ClientEvent::Resync => Self::Resync,
        }
    }
}
