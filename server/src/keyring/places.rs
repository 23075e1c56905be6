//! Where a value is sealed: what says that is part of its seal, so that it opens nowhere else.

use thechatapp_protocol::{AccountId, ChannelId, MessageId};

/// Where a message's text is sealed.
#[derive(Clone, Copy, Debug)]
pub struct BodyPlace {
    /// Its channel.
    pub channel: ChannelId,
    /// Its author.
    pub author: AccountId,
    /// Its id.
    pub id: MessageId,
    /// How often it was edited.
    pub revision: u64,
}

/// Where a text that belongs to a message is sealed.
#[derive(Clone, Copy, Debug)]
pub struct FieldPlace {
    /// The message's channel.
    pub channel: ChannelId,
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row: the message's place in the database.
    pub place: i64,
    /// What tells rows of one message apart: a person, a number.
    pub part: [u8; 16],
    /// How often the value was replaced.
    pub revision: u64,
}

/// Where a value is sealed that belongs to no channel.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's primary key.
    pub row: &'a [u8],
    /// How often the value was replaced.
    pub revision: u64,
}
