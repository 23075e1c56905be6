//! What a shell shows: plain values, made from the sealed cache, the same for every shell. The desktop's TypeScript types
//! are generated from here by `cargo xtask gen`.

mod account;
mod difference;
mod draft;
mod identity;
mod key;
mod network;
mod rights;
mod search;
mod storage;

pub use account::{
    AccountStateView, AccountView, DeviceKindView, DeviceView, FailuresView, InviteView, ResetView, TotpView,
};
pub use difference::{Difference, Keyed, differences};
pub use draft::{DraftStateView, DraftView, EarlierDraftView};
pub use identity::{ContactView, IdentityStepView, IdentityView, ShownIdentityView};
pub use key::{UnsentView, WaysView};
pub use network::{NetworkView, Reason, WaysOutView};
pub use rights::{GrantView, GroupMembersView, GroupView, RankView, RoleView, StandingView, WithinView};
pub use search::{FoundView, HitView, RemoteFound, SearchQuery};
pub use storage::{KeptView, LimitView, StorageView};

use serde::{Deserialize, Serialize};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::sync::Updates;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, MessageId, Timestamp, WorkspaceId};
use ts_rs::TS;

/// A person as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PersonView {
    /// The account.
    #[ts(type = "string")]
    pub id: AccountId,
    /// The name they go by.
    pub name: String,
    /// Only known from imported history.
    pub imported: bool,
    /// What they are in the workspace, as far as this device knows; nothing for who has no account.
    #[serde(default)]
    pub rank: Option<RankView>,
}

impl PersonView {
    /// Somebody of whom this device knows a name alone.
    pub(crate) fn named(id: AccountId, name: String) -> Self {
        Self { id, name, imported: false, rank: None }
    }
}

/// How a workspace is connected right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Connection {
    /// Not connected; reading and writing go on, what is written waits.
    Offline {
        /// Why, in words for people.
        why: String,
        /// Milliseconds until the next attempt.
        #[ts(type = "number")]
        retry_in: u64,
        /// Of which kind that is.
        #[serde(default)]
        reason: Reason,
    },
    /// An attempt is under way.
    Connecting,
    /// Connected, catching up.
    Syncing,
    /// Connected and up to date, the server's identity verified.
    Online,
    /// Full stop: the server shows an identity that was never announced. Nothing is sent.
    IdentityChanged,
    /// This device was signed out or revoked by the server.
    SignedOut {
        /// Why, in words for people.
        why: String,
    },
}

/// One workspace this profile is signed in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WorkspaceView {
    /// The workspace.
    #[ts(type = "string")]
    pub id: WorkspaceId,
    /// Its short name, as in its address.
    pub workspace: String,
    /// Its name as people read it.
    pub name: String,
    /// The server's address, `https://host[:port]`.
    pub url: String,
    /// Oneself.
    pub me: PersonView,
    /// This device.
    #[ts(type = "string")]
    pub device: DeviceId,
    /// The connection.
    pub connection: Connection,
    /// Unread messages in all channels.
    #[ts(type = "number")]
    pub unread: u64,
    /// Messages waiting to be sent.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Which app the workspace asks for, as far as its server has said.
    #[serde(default)]
    pub update: Option<UpdateView>,
    /// What is here is being rebuilt, because it was damaged: so many messages that were here are still to come, as far as is known. What
    /// can be read of the damaged file is shown meanwhile.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub rebuilding: Option<u64>,
}

/// Which app a workspace asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateView {
    /// Whether this one is older than that: it reads and writes still, and is to be updated.
    pub required: bool,
    /// The oldest that is not asked to be updated.
    pub minimum: Option<String>,
    /// Which releases the workspace's apps take: `stable` or `beta`.
    pub channel: String,
}

impl From<Updates> for UpdateView {
    fn from(updates: Updates) -> Self {
        let required = updates.require(env!("CARGO_PKG_VERSION"));
        Self { required, minimum: updates.minimum, channel: updates.channel }
    }
}

/// What kind of conversation a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKindView {
    /// Everyone may read and join.
    Public,
    /// Members only.
    Private,
    /// A fixed set of people.
    Direct,
}

/// A channel in the sidebar and the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChannelView {
    /// The channel.
    #[ts(type = "string")]
    pub id: ChannelId,
    /// Its kind.
    pub kind: ChannelKindView,
    /// Its name without `#`; for a direct conversation the others' names, joined by commas.
    pub name: String,
    /// Its topic, empty for none.
    pub topic: String,
    /// Whether one is a member.
    pub joined: bool,
    /// Messages by others since the read mark.
    #[ts(type = "number")]
    pub unread: u64,
    /// Of those, the ones that name one.
    #[ts(type = "number")]
    pub mentions: u64,
    /// The number of the newest message.
    #[ts(type = "number")]
    pub head: u64,
    /// Everything up to this number is read.
    #[ts(type = "number")]
    pub read: u64,
    /// How many people are in it.
    #[ts(type = "number")]
    pub members: u64,
    /// Whether a draft waits in it.
    pub draft: bool,
    /// Whether it is archived: read, and not written any more.
    pub archived: bool,
    /// For a direct conversation, the others.
    pub people: Vec<PersonView>,
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// On the server's disk.
    Sent,
    /// On this device's disk, waiting for the server.
    Pending,
    /// Refused by the server; see `failure`.
    Failed,
}

/// One emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReactionView {
    /// The emoji.
    pub emoji: String,
    /// Who set it, by name: the first of them, where they are many.
    pub people: Vec<String>,
    /// How many set it.
    #[ts(type = "number")]
    pub count: u64,
    /// Whether oneself did.
    pub mine: bool,
}

/// Who pinned a message, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PinView {
    /// Who.
    pub by: PersonView,
    /// When, Unix milliseconds.
    #[ts(type = "number")]
    pub at: Timestamp,
}

/// One thing to choose in a poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PollOptionView {
    /// What it says.
    pub text: String,
    /// Who chose it, by name.
    pub people: Vec<String>,
    /// Whether oneself did.
    pub mine: bool,
}

/// What a message asks, and how people answered; its text is the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PollView {
    /// Whether one may choose several.
    pub multiple: bool,
    /// When it was closed, Unix milliseconds; absent while one may vote.
    #[ts(type = "number | null")]
    pub closed: Option<Timestamp>,
    /// How many people voted.
    #[ts(type = "number")]
    pub voters: u64,
    /// What there is to choose from.
    pub options: Vec<PollOptionView>,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FileView {
    /// The file.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its size in bytes.
    #[ts(type = "number")]
    pub size: u64,
}

impl From<FileRow> for FileView {
    fn from(row: FileRow) -> Self {
        Self { id: row.id.to_string(), name: row.name, media_type: row.media_type, size: row.size }
    }
}

/// A message in a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MessageView {
    /// The workspace's short name.
    pub workspace: String,
    /// The channel's id.
    #[ts(type = "string")]
    pub channel: ChannelId,
    /// Its number in the channel; absent until the server has it.
    #[ts(type = "number | null")]
    pub seq: Option<u64>,
    /// The message.
    #[ts(type = "string")]
    pub id: MessageId,
    /// Who wrote it.
    pub author: PersonView,
    /// Unix milliseconds; the server's time once sent.
    #[ts(type = "number")]
    pub at: Timestamp,
    /// Markdown; empty once deleted.
    pub text: String,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether only a tombstone is left.
    pub deleted: bool,
    /// The message it answers.
    #[ts(type = "string | null")]
    pub thread: Option<MessageId>,
    /// Reactions, in order.
    pub reactions: Vec<ReactionView>,
    /// How many messages answer it in its thread.
    #[ts(type = "number")]
    pub replies: u64,
    /// When the newest of them was sent, Unix milliseconds.
    #[ts(type = "number | null")]
    pub last_reply: Option<Timestamp>,
    /// Who pinned it in its channel.
    pub pinned: Option<PinView>,
    /// What there is to vote on, when it is a poll.
    pub poll: Option<PollView>,
    /// Files.
    pub files: Vec<FileView>,
    /// Where it is on its way.
    pub state: MessageState,
    /// Whether oneself wrote it.
    pub mine: bool,
    /// Why it failed, when it did.
    pub failure: Option<String>,
}

/// A part of a thread, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ThreadView {
    /// The message it began with.
    pub root: MessageView,
    /// Answers by number, those not sent yet last.
    pub replies: Vec<MessageView>,
    /// Whether older ones exist.
    pub older: bool,
    /// Whether some may be missing, because the server could not be asked.
    pub partial: bool,
}

/// A message that one keeps for oneself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SavedView {
    /// The message.
    pub message: MessageView,
    /// One's own note; empty for none.
    pub note: String,
    /// When it was saved first, Unix milliseconds.
    #[ts(type = "number")]
    pub at: Timestamp,
}

/// A text that a message has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VersionView {
    /// How often the message had been edited then: 0 for the text as first sent.
    #[ts(type = "number")]
    pub revision: u64,
    /// Markdown.
    pub text: String,
    /// Who wrote it.
    pub by: PersonView,
    /// When, Unix milliseconds.
    #[ts(type = "number")]
    pub at: Timestamp,
}

/// Which part of a channel is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Window {
    /// The newest, what waits to be sent included.
    Latest,
    /// Those right before a number.
    Before {
        /// The number.
        #[ts(type = "number")]
        seq: u64,
    },
    /// Those right after a number.
    After {
        /// The number.
        #[ts(type = "number")]
        seq: u64,
    },
    /// Those around a number.
    Around {
        /// The number.
        #[ts(type = "number")]
        seq: u64,
    },
}

/// A part of a channel, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TimelineView {
    /// The messages, by number, those not sent yet last.
    pub messages: Vec<MessageView>,
    /// Whether older ones exist.
    pub older: bool,
    /// Whether newer ones exist beyond the window.
    pub newer: bool,
    /// Whether some are not on this device yet and are being fetched.
    pub fetching: bool,
    /// Everything up to this number was read when the channel was opened.
    #[ts(type = "number")]
    pub read: u64,
}

/// The state of a profile's key (docs: key states). `Ready` means that a client can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// The key was read and opens a slot.
    Ready,
    /// No profile yet.
    Absent,
    /// No secure storage on this system.
    NoBackend,
    /// The storage is locked.
    Locked,
    /// The storage asked for it to be unlocked, and somebody closed the question.
    Dismissed,
    /// The storage answers, the entry is gone, files exist.
    Missing,
    /// The entry opens no slot.
    Wrong,
    /// The storage did not answer in time, or refused this program.
    Unreachable,
    /// Another process has the profile.
    Busy,
    /// The files are of a newer release.
    Newer,
    /// The folder's file system does not lock files, as on some network drives: no profile can be kept there.
    NoLocks,
    /// The key is right, a file is not.
    Corrupt,
    /// A passphrase profile, or one that was locked and has one: it wants its passphrase.
    Passphrase,
    /// It was locked, and opens when a person asks for it.
    AppLocked,
}
