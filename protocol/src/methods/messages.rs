//! Messages: send, edit and read former texts, delete, react, pin, page through, threads, search, mark as read.

use crate::event::{MessageRow, ReadRow};
use crate::id::{AccountId, ChannelId, FileId, MessageId};
use crate::method::{Access, Scope, methods};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest message, in bytes of UTF-8.
pub const TEXT_MAX: usize = 64 * 1024;
/// Longest reaction, in bytes of UTF-8: an emoji with its modifiers, or a short name.
pub const EMOJI_MAX: usize = 64;
/// Most files of one message.
pub const FILES_MAX: usize = 20;
/// Most messages in one answer to a search.
pub const HITS_MAX: u32 = 200;
/// Most messages in one page of history, or of a thread.
pub const PAGE_MAX: u32 = 2000;
/// Most pinned messages in a channel.
pub const PINS_MAX: u32 = 200;

/// Parameters of [`SendMessage`]. The same id with the same content gets the first answer again; another content under
/// it is [`Code::Conflict`](crate::Code::Conflict).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendMessageParams {
    /// The message's id (UUID version 7), unique per author.
    pub id: MessageId,
    /// Where it goes.
    pub channel: ChannelId,
    /// Markdown; may be empty where there are files.
    pub text: String,
    /// Files that its author uploaded to this channel, each attached once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileId>,
    /// The message it answers in a thread: one of the same channel that answers none itself.
    #[serde(default)]
    pub thread: Option<MessageId>,
    /// The sender's message before this one in the channel, when it is not acknowledged yet. Without it the server takes
    /// this one only later ([`Code::Busy`](crate::Code::Busy)), so that what one person writes keeps its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MessageId>,
}

/// A durable acknowledgement: the message exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sent {
    /// Its number in its channel.
    pub seq: u64,
    /// When the server took it.
    pub at: Timestamp,
    /// The change it made.
    pub change: u64,
}

/// Parameters of [`EditMessage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditMessageParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// The new text.
    pub text: String,
}

/// Parameters of [`DeleteMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OneMessage {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
}

/// Parameters of [`Edits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EditsParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// The first revision that is wanted; 0 for the text as first sent.
    #[serde(default)]
    pub from: u64,
}

/// A text that a message has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Version {
    /// How often the message had been edited when it had this text: 0 for the text as first sent.
    pub revision: u64,
    /// The text.
    pub text: String,
    /// Who wrote it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Reply of [`Edits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Versions {
    /// Oldest first; the last one of the last page is the text as it is now.
    pub versions: Vec<Version>,
    /// Whether there are more, to fit a message.
    #[serde(default)]
    pub more: bool,
}

/// Parameters of [`React`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReactParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// The emoji.
    pub emoji: String,
    /// Set or take back.
    pub on: bool,
}

/// Parameters of [`History`]: the newest messages before a number, or the oldest after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryParams {
    /// The channel.
    pub channel: ChannelId,
    /// Only messages with a lower number.
    #[serde(default)]
    pub before: Option<u64>,
    /// Only messages with a higher number; the page then begins right after it.
    #[serde(default)]
    pub after: Option<u64>,
    /// At most this many, and never over [`PAGE_MAX`]. A page may be shorter to fit a frame.
    pub limit: u32,
}

/// A page of messages, without gaps between its first and its last number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page {
    /// By number, ascending.
    pub messages: Vec<MessageRow>,
    /// The channel's newest number when the page was read.
    pub head: u64,
}

/// Parameters of [`Thread`]: the newest answers before a number, or the oldest after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadParams {
    /// The channel.
    pub channel: ChannelId,
    /// The message that the thread began with.
    pub id: MessageId,
    /// Only answers with a lower number.
    #[serde(default)]
    pub before: Option<u64>,
    /// Only answers with a higher number.
    #[serde(default)]
    pub after: Option<u64>,
    /// At most this many, and never over [`PAGE_MAX`]. A page may be shorter to fit a frame.
    pub limit: u32,
}

/// A page of a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThreadPage {
    /// The message that it began with.
    pub root: MessageRow,
    /// Answers by number, ascending.
    pub messages: Vec<MessageRow>,
    /// Whether there are more in the direction that was asked for.
    #[serde(default)]
    pub more: bool,
}

/// Parameters of [`Pins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PinsParams {
    /// The channel.
    pub channel: ChannelId,
    /// Only messages with a higher number.
    #[serde(default)]
    pub after: u64,
}

/// A page of a channel's pinned messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PinsPage {
    /// By number, ascending.
    pub messages: Vec<MessageRow>,
    /// Whether there are more, to fit a message.
    #[serde(default)]
    pub more: bool,
}

/// Parameters of [`MarkRead`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MarkReadParams {
    /// The channel.
    pub channel: ChannelId,
    /// Everything up to this number is read.
    pub seq: u64,
}

/// Parameters of [`Search`] on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchParams {
    /// What must occur, as in [`terms`](crate::search::terms).
    pub words: String,
    /// Only in this channel.
    #[serde(default)]
    pub channel: Option<ChannelId>,
    /// Only by this person.
    #[serde(default)]
    pub author: Option<AccountId>,
    /// Only before this time.
    #[serde(default)]
    pub before: Option<Timestamp>,
    /// Only at or after this time.
    #[serde(default)]
    pub after: Option<Timestamp>,
    /// Only with a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_file: bool,
    /// At most this many, and never over [`HITS_MAX`]. There may be fewer to fit a message.
    pub limit: u32,
}

/// Reply of [`Search`], newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// The messages.
    pub messages: Vec<MessageRow>,
    /// When the server ended its search before it had as many as were asked for: everything at or after this time was looked
    /// at, and what is before it was not. [`SearchParams::before`] with this time goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaches_back_to: Option<Timestamp>,
    /// Whether the index lacked messages still, as after a long import.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
}

methods! {
    /// Sends a message; the answer means that it is on disk.
    SendMessage = "messages.send", Access::Member, SendMessageParams => Sent, |p| Scope::Channel(p.channel);
    /// Changes the text of one's own message.
    EditMessage = "messages.edit", Access::Author, EditMessageParams => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Every text a message had. They go when it is deleted.
    Edits = "messages.edits", Access::Member, EditsParams => Versions, |p| Scope::Message(p.channel, p.id);
    /// Deletes one's own message; a tombstone stays.
    DeleteMessage = "messages.delete", Access::Author, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Sets or takes back a reaction.
    React = "messages.react", Access::Member, ReactParams => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Pins a message in its channel, for everybody.
    Pin = "messages.pin", Access::Member, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Takes a pin off, whoever set it.
    Unpin = "messages.unpin", Access::Member, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// The pinned messages of a channel.
    Pins = "messages.pins", Access::Reader, PinsParams => PinsPage, |p| Scope::Channel(p.channel);
    /// A page of a thread.
    Thread = "messages.thread", Access::Reader, ThreadParams => ThreadPage, |p| Scope::Message(p.channel, p.id);
    /// A page of a channel.
    History = "messages.history", Access::Reader, HistoryParams => Page, |p| Scope::Channel(p.channel);
    /// Moves one's own read mark forward; it never goes back.
    MarkRead = "messages.mark_read", Access::Member, MarkReadParams => ReadRow, |p| Scope::Channel(p.channel);
    /// Finds messages by the server's blind index, only those the asker may read.
    Search = "messages.search", Access::SignedIn, SearchParams => Found,
        |p| p.channel.map_or(Scope::Workspace, Scope::Channel);
}
