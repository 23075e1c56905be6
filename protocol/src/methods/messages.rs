//! Messages: send, edit, delete, react, page through, search, mark as read.

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
/// Most messages in one page of history.
pub const PAGE_MAX: u32 = 2000;

/// Parameters of [`SendMessage`]. The same id with the same content gets the first answer again; another content under
/// it is [`Code::Conflict`](crate::Code::Conflict).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The message it answers in a thread.
    #[serde(default)]
    pub thread: Option<MessageId>,
    /// The sender's message before this one in the channel, when it is not acknowledged yet. Without it the server takes
    /// this one only later ([`Code::Busy`](crate::Code::Busy)), so that what one person writes keeps its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<MessageId>,
}

/// A durable acknowledgement: the message exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct OneMessage {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
}

/// Parameters of [`React`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Page {
    /// By number, ascending.
    pub messages: Vec<MessageRow>,
    /// The channel's newest number when the page was read.
    pub head: u64,
}

/// Parameters of [`MarkRead`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkReadParams {
    /// The channel.
    pub channel: ChannelId,
    /// Everything up to this number is read.
    pub seq: u64,
}

/// Parameters of [`Search`] on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// At most this many, and never over [`HITS_MAX`]. There may be fewer to fit a message.
    pub limit: u32,
}

/// Reply of [`Search`], newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The messages.
    pub messages: Vec<MessageRow>,
}

methods! {
    /// Sends a message; the answer means that it is on disk.
    SendMessage = "messages.send", Access::Member, SendMessageParams => Sent, |p| Scope::Channel(p.channel);
    /// Changes the text of one's own message.
    EditMessage = "messages.edit", Access::Author, EditMessageParams => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Deletes one's own message; a tombstone stays.
    DeleteMessage = "messages.delete", Access::Author, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Sets or takes back a reaction.
    React = "messages.react", Access::Member, ReactParams => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// A page of a channel.
    History = "messages.history", Access::Reader, HistoryParams => Page, |p| Scope::Channel(p.channel);
    /// Moves one's own read mark forward; it never goes back.
    MarkRead = "messages.mark_read", Access::Member, MarkReadParams => ReadRow, |p| Scope::Channel(p.channel);
    /// Finds messages by the server's blind index, only those the asker may read.
    Search = "messages.search", Access::SignedIn, SearchParams => Found,
        |p| p.channel.map_or(Scope::Workspace, Scope::Channel);
}
