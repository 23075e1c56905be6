//! What an app shows: the core's views, with ids as text and times as Unix milliseconds.

use crate::error::ChatError;
use crate::network::Reason;
use thechatapp_core::{Timestamp, view};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Person {
    /// The account.
    pub id: String,
    /// The name they go by.
    pub name: String,
    /// Only known from imported history.
    pub imported: bool,
}

impl From<view::PersonView> for Person {
    fn from(from: view::PersonView) -> Self {
        Self { id: from.id.to_string(), name: from.name, imported: from.imported }
    }
}

/// How a workspace is connected.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Connection {
    /// Not connected; reading and writing go on, what is written waits.
    Offline {
        /// Why, in words for people.
        why: String,
        /// Milliseconds until the next attempt.
        retry_in: u64,
        /// Of which kind that is: what an app has its own words for.
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

impl From<view::Connection> for Connection {
    fn from(from: view::Connection) -> Self {
        match from {
            view::Connection::Offline { why, retry_in, reason } => {
                Self::Offline { why, retry_in, reason: reason.into() }
            }
            view::Connection::Connecting => Self::Connecting,
            view::Connection::Syncing => Self::Syncing,
            view::Connection::Online => Self::Online,
            view::Connection::IdentityChanged => Self::IdentityChanged,
            view::Connection::SignedOut { why } => Self::SignedOut { why },
        }
    }
}

/// A workspace this profile is signed in to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Workspace {
    /// The workspace.
    pub id: String,
    /// Its short name, as in its address.
    pub workspace: String,
    /// Its name as people read it.
    pub name: String,
    /// The server's address.
    pub url: String,
    /// Oneself.
    pub me: Person,
    /// This device.
    pub device: String,
    /// The connection.
    pub connection: Connection,
    /// Unread messages in all channels.
    pub unread: u64,
    /// Messages waiting to be sent.
    pub waiting: u64,
    /// What is here is being rebuilt, because it was damaged: so many messages that were here are still to come, as far as is known.
    pub rebuilding: Option<u64>,
}

impl From<view::WorkspaceView> for Workspace {
    fn from(from: view::WorkspaceView) -> Self {
        Self {
            id: from.id.to_string(),
            workspace: from.workspace,
            name: from.name,
            url: from.url,
            me: from.me.into(),
            device: from.device.to_string(),
            connection: from.connection.into(),
            unread: from.unread,
            waiting: from.waiting,
            rebuilding: from.rebuilding,
        }
    }
}

/// What kind of conversation a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ChannelKind {
    /// Everyone may read and join.
    Public,
    /// Members only.
    Private,
    /// A fixed set of people.
    Direct,
}

impl From<view::ChannelKindView> for ChannelKind {
    fn from(from: view::ChannelKindView) -> Self {
        match from {
            view::ChannelKindView::Public => Self::Public,
            view::ChannelKindView::Private => Self::Private,
            view::ChannelKindView::Direct => Self::Direct,
        }
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Channel {
    /// The channel.
    pub id: String,
    /// Its kind.
    pub kind: ChannelKind,
    /// Its name without `#`; for a direct conversation the others' names.
    pub name: String,
    /// Its topic, empty for none.
    pub topic: String,
    /// Whether one is a member.
    pub joined: bool,
    /// Messages by others since the read mark.
    pub unread: u64,
    /// Of those, the ones that name one.
    pub mentions: u64,
    /// The number of the newest message.
    pub head: u64,
    /// Everything up to this number is read.
    pub read: u64,
    /// How many people are in it.
    pub members: u64,
    /// Whether a draft waits in it.
    pub draft: bool,
    /// For a direct conversation, the others.
    pub people: Vec<Person>,
}

impl From<view::ChannelView> for Channel {
    fn from(from: view::ChannelView) -> Self {
        Self {
            id: from.id.to_string(),
            kind: from.kind.into(),
            name: from.name,
            topic: from.topic,
            joined: from.joined,
            unread: from.unread,
            mentions: from.mentions,
            head: from.head,
            read: from.read,
            members: from.members,
            draft: from.draft,
            people: from.people.into_iter().map(Into::into).collect(),
        }
    }
}

/// Where a message is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum MessageState {
    /// On the server's disk.
    Sent,
    /// On this device's disk, waiting for the server.
    Pending,
    /// Refused by the server; see `failure`.
    Failed,
}

impl From<view::MessageState> for MessageState {
    fn from(from: view::MessageState) -> Self {
        match from {
            view::MessageState::Sent => Self::Sent,
            view::MessageState::Pending => Self::Pending,
            view::MessageState::Failed => Self::Failed,
        }
    }
}

/// One emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who set it, by name: the first of them, where they are many.
    pub people: Vec<String>,
    /// How many set it.
    pub count: u64,
    /// Whether oneself did.
    pub mine: bool,
}

impl From<view::ReactionView> for Reaction {
    fn from(from: view::ReactionView) -> Self {
        Self { emoji: from.emoji, people: from.people, count: from.count, mine: from.mine }
    }
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct FileInfo {
    /// The file.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

impl From<view::FileView> for FileInfo {
    fn from(from: view::FileView) -> Self {
        Self { id: from.id, name: from.name, media_type: from.media_type, size: from.size }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Message {
    /// The workspace's short name.
    pub workspace: String,
    /// The channel's id.
    pub channel: String,
    /// Its number in the channel; absent until the server has it.
    pub seq: Option<u64>,
    /// The message.
    pub id: String,
    /// Who wrote it.
    pub author: Person,
    /// Unix milliseconds; the server's time once sent.
    pub at: i64,
    /// Markdown; empty once deleted.
    pub text: String,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether only a tombstone is left.
    pub deleted: bool,
    /// The message it answers.
    pub thread: Option<String>,
    /// Reactions, in order.
    pub reactions: Vec<Reaction>,
    /// Files.
    pub files: Vec<FileInfo>,
    /// Where it is on its way.
    pub state: MessageState,
    /// Whether oneself wrote it.
    pub mine: bool,
    /// Why it failed, when it did.
    pub failure: Option<String>,
}

impl From<view::MessageView> for Message {
    fn from(from: view::MessageView) -> Self {
        Self {
            workspace: from.workspace,
            channel: from.channel.to_string(),
            seq: from.seq,
            id: from.id.to_string(),
            author: from.author.into(),
            at: from.at.0,
            text: from.text,
            edited: from.edited,
            deleted: from.deleted,
            thread: from.thread.map(|id| id.to_string()),
            reactions: from.reactions.into_iter().map(Into::into).collect(),
            files: from.files.into_iter().map(Into::into).collect(),
            state: from.state.into(),
            mine: from.mine,
            failure: from.failure,
        }
    }
}

/// Which part of a channel is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Window {
    /// The newest, what waits to be sent included.
    Latest,
    /// Those right before a number.
    Before {
        /// The number.
        seq: u64,
    },
    /// Those right after a number.
    After {
        /// The number.
        seq: u64,
    },
    /// Those around a number.
    Around {
        /// The number.
        seq: u64,
    },
}

impl From<Window> for view::Window {
    fn from(from: Window) -> Self {
        match from {
            Window::Latest => Self::Latest,
            Window::Before { seq } => Self::Before { seq },
            Window::After { seq } => Self::After { seq },
            Window::Around { seq } => Self::Around { seq },
        }
    }
}

/// A part of a channel, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Timeline {
    /// The messages, by number, those not sent yet last.
    pub messages: Vec<Message>,
    /// Whether older ones exist.
    pub older: bool,
    /// Whether newer ones exist beyond the window.
    pub newer: bool,
    /// Whether some are not on this device yet and are being fetched.
    pub fetching: bool,
    /// Everything up to this number was read when the channel was opened.
    pub read: u64,
}

impl From<view::TimelineView> for Timeline {
    fn from(from: view::TimelineView) -> Self {
        Self {
            messages: from.messages.into_iter().map(Into::into).collect(),
            older: from.older,
            newer: from.newer,
            fetching: from.fetching,
            read: from.read,
        }
    }
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Query {
    /// Words, all of which must occur.
    pub words: String,
    /// Only in this channel.
    #[uniffi(default = None)]
    pub channel: Option<String>,
    /// Only by this person.
    #[uniffi(default = None)]
    pub author: Option<String>,
    /// Only before this time, Unix milliseconds.
    #[uniffi(default = None)]
    pub before: Option<i64>,
    /// Only at or after this time, Unix milliseconds.
    #[uniffi(default = None)]
    pub after: Option<i64>,
    /// Only with a file.
    #[uniffi(default = false)]
    pub has_file: bool,
    /// Of the newest hits the fittest first, in place of the newest first.
    #[uniffi(default = false)]
    pub relevance: bool,
    /// At most this many; 0 means 20.
    #[uniffi(default = 20)]
    pub limit: u32,
}

impl TryFrom<Query> for view::SearchQuery {
    type Error = ChatError;

    fn try_from(from: Query) -> Result<Self, ChatError> {
        Ok(Self {
            words: from.words,
            channel: from.channel.as_deref().map(id).transpose()?,
            author: from.author.as_deref().map(id).transpose()?,
            before: from.before.map(Timestamp),
            after: from.after.map(Timestamp),
            has_file: from.has_file,
            relevance: from.relevance,
            limit: from.limit,
        })
    }
}

impl From<view::SearchQuery> for Query {
    fn from(from: view::SearchQuery) -> Self {
        Self {
            words: from.words,
            channel: from.channel.map(|id| id.to_string()),
            author: from.author.map(|id| id.to_string()),
            before: from.before.map(|at| at.0),
            after: from.after.map(|at| at.0),
            has_file: from.has_file,
            relevance: from.relevance,
            limit: from.limit,
        }
    }
}

/// An id as it comes from an app.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> Result<T, ChatError> {
    text.parse().map_err(|_| ChatError::bad_input("this is no id", "ids are those that came with what is shown"))
}

/// Where something stands in a text, in bytes of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Range {
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// A message found.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Hit {
    /// The message.
    pub message: Message,
    /// The channel's name.
    pub channel_name: String,
    /// Where the words stand in its text.
    pub highlights: Vec<Range>,
}

impl From<view::HitView> for Hit {
    fn from(from: view::HitView) -> Self {
        Self {
            message: from.message.into(),
            channel_name: from.channel_name,
            highlights: from.highlights.into_iter().map(|(start, end)| Range { start, end }).collect(),
        }
    }
}
