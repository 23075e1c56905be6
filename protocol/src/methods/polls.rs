//! Polls: messages that ask a question with options to choose from.

use super::messages::OneMessage;
use crate::event::MessageRow;
use crate::id::{ChannelId, MessageId};
use crate::method::{Access, Scope, methods};
use serde::{Deserialize, Serialize};

/// Most options of a poll; the fewest are two.
pub const OPTIONS_MAX: usize = 20;
/// Longest option, in bytes of UTF-8.
pub const OPTION_MAX: usize = 500;
/// Most people who vote in one poll: a row with all of them has to fit a message.
pub const VOTERS_MAX: u32 = 5000;

/// Parameters of [`CreatePoll`]. The same id with the same content gets the same poll again; another content under it is
/// [`Code::Conflict`](crate::Code::Conflict).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatePollParams {
    /// The message's id (UUID version 7), unique per author.
    pub id: MessageId,
    /// Where it goes.
    pub channel: ChannelId,
    /// What is asked; Markdown.
    pub question: String,
    /// What there is to choose from, each once.
    pub options: Vec<String>,
    /// Whether one may choose several.
    #[serde(default)]
    pub multiple: bool,
}

/// Parameters of [`CastVote`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CastVoteParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The poll.
    pub id: MessageId,
    /// What one chooses, as places in the poll's options: it takes the place of what one chose before. None withdraws it.
    pub choices: Vec<u32>,
}

methods! {
    /// Asks; the answer means that the poll is on disk.
    CreatePoll = "polls.create", Access::Member, CreatePollParams => MessageRow, |p| Scope::Channel(p.channel);
    /// Votes, changes one's vote, or withdraws it.
    CastVote = "polls.vote", Access::Member, CastVoteParams => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Closes one's own poll for good.
    ClosePoll = "polls.close", Access::Author, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
}
