//! What a server tells without being asked: rows that changed. A row is always whole, so applying one twice is harmless.

mod rights;

pub use rights::{GroupRow, InGroupRow, PowersWithin, StandingRow, Visibility};

use crate::id::{AccountId, ChannelId, FileId, MessageId};
use crate::permission::Rank;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A person as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonRow {
    /// The account.
    pub id: AccountId,
    /// The name they go by, unique in the workspace.
    pub name: String,
    /// Whether they only exist because history was imported.
    #[serde(default)]
    pub imported: bool,
    /// Whether they can still sign in.
    pub active: bool,
    /// What they are in the workspace.
    #[serde(default, skip_serializing_if = "Rank::is_member")]
    pub rank: Rank,
    /// The change that last touched this row.
    pub change: u64,
}

/// What kind of conversation a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Everyone in the workspace may read and join.
    Public,
    /// Members only; nobody else learns that it exists.
    Private,
    /// A fixed set of people, without a name.
    Direct,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelRow {
    /// The channel.
    pub id: ChannelId,
    /// Its kind.
    pub kind: ChannelKind,
    /// Its name without `#`; empty for a direct conversation.
    pub name: String,
    /// Its topic; empty for none.
    #[serde(default)]
    pub topic: String,
    /// The number of its newest message when this row was read; 0 for none.
    pub head: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is archived: read, and not written any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// It was made private and one is not in it: everything of it leaves the device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// The change that last touched this row.
    pub change: u64,
}

/// What somebody is in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelRole {
    /// Reads and writes.
    #[default]
    Member,
    /// Also looks after the channel.
    Moderator,
}

impl ChannelRole {
    fn is_member(&self) -> bool {
        *self == Self::Member
    }
}

/// Somebody in a channel, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberRow {
    /// The channel.
    pub channel: ChannelId,
    /// Who.
    pub person: AccountId,
    /// Whether they are in it now. When one's own row says no and the channel is not public, everything of it goes.
    pub joined: bool,
    /// What they are in it.
    #[serde(default, skip_serializing_if = "ChannelRole::is_member")]
    pub role: ChannelRole,
    /// The change that last touched this row.
    pub change: u64,
}

/// One emoji and who set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who, in the order they did.
    pub people: Vec<AccountId>,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileRow {
    /// The file.
    pub id: FileId,
    /// Its name, as the uploader gave it.
    pub name: String,
    /// Its media type, by its content where that tells.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Who pinned a message, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// Who.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// How somebody answered a poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vote {
    /// Who.
    pub person: AccountId,
    /// What they chose: places in [`Poll::options`], ascending, at least one.
    pub choices: Vec<u32>,
}

/// A question with options to choose from; the message's text is the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Poll {
    /// Whether one may choose several.
    pub multiple: bool,
    /// When it was closed; nobody votes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// What there is to choose from.
    pub options: Vec<String>,
    /// One entry a person, in the order they voted, or last changed their vote.
    #[serde(default)]
    pub votes: Vec<Vote>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A message, or what a deletion left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageRow {
    /// Its channel.
    pub channel: ChannelId,
    /// Its number there: 1, 2, 3 ... without gaps.
    pub seq: u64,
    /// Its id.
    pub id: MessageId,
    /// Who wrote it.
    pub author: AccountId,
    /// When the server took it, or when it was written for imported history.
    pub at: Timestamp,
    /// Its text; empty once deleted.
    pub text: String,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Timestamp>,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// Reactions, in the order they first appeared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// How many messages answer it in its thread, deleted ones not counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replies: u64,
    /// When the newest of them was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reply: Option<Timestamp>,
    /// Who pinned it in its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pin>,
    /// What there is to vote on, when the message is a poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Box<Poll>>,
    /// Files, in the order they were attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRow>,
    /// The change that last touched this row.
    pub change: u64,
}

impl ChannelRow {
    /// A public channel in which nothing was said yet.
    pub fn plain(id: ChannelId, name: impl Into<String>, created: Timestamp, change: u64) -> Self {
        Self {
            id,
            kind: ChannelKind::Public,
            name: name.into(),
            topic: String::new(),
            head: 0,
            created,
            archived: false,
            gone: false,
            change,
        }
    }
}

impl MessageRow {
    /// A message that is nothing but its text: neither edited nor answered, without reactions or files.
    pub fn plain(
        channel: ChannelId,
        seq: u64,
        id: MessageId,
        author: AccountId,
        at: Timestamp,
        text: impl Into<String>,
        change: u64,
    ) -> Self {
        Self {
            channel,
            seq,
            id,
            author,
            at,
            text: text.into(),
            edited: None,
            deleted: false,
            thread: None,
            reactions: Vec::new(),
            replies: 0,
            last_reply: None,
            pinned: None,
            poll: None,
            files: Vec::new(),
            change,
        }
    }

    /// All the text that a search looks into.
    pub fn searchable(&self) -> Cow<'_, str> {
        let options = self.poll.iter().flat_map(|poll| poll.options.iter().map(String::as_str));
        let names = self.files.iter().map(|file| file.name.as_str());
        let more: Vec<&str> = options.chain(names).collect();
        if more.is_empty() {
            Cow::Borrowed(&self.text)
        } else {
            Cow::Owned(format!("{}\n{}", self.text, more.join("\n")))
        }
    }
}

/// One's own read mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadRow {
    /// The channel.
    pub channel: ChannelId,
    /// Everything up to this number is read.
    pub seq: u64,
    /// The change that last touched this row.
    pub change: u64,
}

/// One's own draft in a conversation or a thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DraftRow {
    /// Its channel.
    pub channel: ChannelId,
    /// The first message of its thread; without one, it is the conversation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// The text; empty once it was sent or deleted.
    pub text: String,
    /// Counts the texts it had.
    pub revision: u64,
    /// The tokens of the newest texts that were accepted, the newest last.
    pub tokens: Vec<u32>,
    /// The change that last touched this row.
    pub change: u64,
}

/// A row of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A person.
    Person(PersonRow),
    /// A channel.
    Channel(ChannelRow),
    /// A membership.
    Member(MemberRow),
    /// A message.
    Message(MessageRow),
    /// One's own read mark.
    Read(ReadRow),
    /// One's own draft.
    Draft(DraftRow),
    /// One's own rank and powers.
    Standing(StandingRow),
    /// A group.
    Group(GroupRow),
    /// Whether one is in a group.
    InGroup(InGroupRow),
    /// A kind this build does not know; it is skipped.
    #[serde(skip)]
    Unknown,
}

impl Row {
    /// The change that last touched the row.
    pub fn change(&self) -> u64 {
        match self {
            Self::Person(row) => row.change,
            Self::Channel(row) => row.change,
            Self::Member(row) => row.change,
            Self::Message(row) => row.change,
            Self::Read(row) => row.change,
            Self::Draft(row) => row.change,
            Self::Standing(row) => row.change,
            Self::Group(row) => row.change,
            Self::InGroup(row) => row.change,
            Self::Unknown => 0,
        }
    }
}

/// Rows that changed, in the order they did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Changes {
    /// The rows.
    pub rows: Vec<Row>,
    /// With these applied, the client's cursor is this. Rows it may not see lie in between.
    pub to: u64,
    /// Whether the stream has caught up with what was there when it began.
    pub live: bool,
}

/// What the server tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Rows changed.
    Changes(Changes),
    /// This device was revoked or its account closed; the session ends.
    SignedOut {
        /// Why, for people.
        reason: String,
        /// Whether this device is to destroy what it keeps of the workspace.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        wipe: bool,
    },
    /// The server goes away for a moment; reconnect after this many milliseconds.
    Draining {
        /// How long to wait.
        millis: u64,
    },
    /// An event this build does not know; it is skipped.
    #[serde(skip)]
    Unknown,
}

/// Reads `{"kind": value}` and takes a kind it does not know as the given variant, whatever its value: serde's derive
/// would refuse the whole batch for the sake of one row from a newer server.
macro_rules! tolerant {
    ($type:ident { $($tag:literal => |$value:ident: $inner:ty| $make:expr),* $(,)? }) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Tagged;

                impl<'de> serde::de::Visitor<'de> for Tagged {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a map of one kind to its value")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$type, A::Error> {
                        use serde::de::Error;
                        let tag: String = map.next_key()?.ok_or_else(|| A::Error::custom("no kind given"))?;
                        match tag.as_str() {
                            $($tag => {
                                let $value: $inner = map.next_value()?;
                                Ok($make)
                            })*
                            _ => {
                                let _: serde::de::IgnoredAny = map.next_value()?;
                                Ok($type::Unknown)
                            }
                        }
                    }
                }

                deserializer.deserialize_map(Tagged)
            }
        }
    };
}

tolerant!(Row {
    "person" => |row: PersonRow| Row::Person(row),
    "channel" => |row: ChannelRow| Row::Channel(row),
    "member" => |row: MemberRow| Row::Member(row),
    "message" => |row: MessageRow| Row::Message(row),
    "read" => |row: ReadRow| Row::Read(row),
    "draft" => |row: DraftRow| Row::Draft(row),
    "standing" => |row: StandingRow| Row::Standing(row),
    "group" => |row: GroupRow| Row::Group(row),
    "in_group" => |row: InGroupRow| Row::InGroup(row),
});

#[derive(Deserialize)]
struct SignedOut {
    reason: String,
    #[serde(default)]
    wipe: bool,
}

#[derive(Deserialize)]
struct Draining {
    millis: u64,
}

tolerant!(Event {
    "changes" => |changes: Changes| Event::Changes(changes),
    "signed_out" => |event: SignedOut| Event::SignedOut { reason: event.reason, wipe: event.wipe },
    "draining" => |event: Draining| Event::Draining { millis: event.millis },
});

#[cfg(test)]
mod tests;
