//! Searching, and what it found.

use super::MessageView;
use serde::{Deserialize, Serialize};
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};
use ts_rs::TS;

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SearchQuery {
    /// Words, all of which must occur.
    pub words: String,
    /// Only in this channel.
    #[ts(type = "string | null")]
    pub channel: Option<ChannelId>,
    /// Only by this person.
    #[ts(type = "string | null")]
    pub author: Option<AccountId>,
    /// Only before this time.
    #[ts(type = "number | null")]
    pub before: Option<Timestamp>,
    /// Only at or after this time.
    #[ts(type = "number | null")]
    pub after: Option<Timestamp>,
    /// Only with a file.
    #[ts(as = "Option<bool>", optional)]
    pub has_file: bool,
    /// Of the newest hits the fittest first, in place of the newest first.
    #[ts(as = "Option<bool>", optional)]
    pub relevance: bool,
    /// At most this many; 0 means 20.
    pub limit: u32,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FoundView {
    /// Messages, each once.
    pub hits: Vec<HitView>,
    /// Whether more messages may match: some are not on this device, and the server did not look at all of them.
    pub partial: bool,
    /// Whether the server looked, too.
    pub asked: bool,
}

/// What the server's index answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFound {
    /// Messages, newest first.
    pub hits: Vec<HitView>,
    /// When the server ended its search early: what is before this time it did not look at. To go on, ask for what is before it.
    pub reaches_back_to: Option<Timestamp>,
    /// Whether its index lacked messages still.
    pub behind: bool,
}

impl RemoteFound {
    /// Whether more messages may match than it looked at.
    pub fn is_partial(&self) -> bool {
        self.reaches_back_to.is_some() || self.behind
    }
}

/// A message found, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HitView {
    /// The message.
    pub message: MessageView,
    /// The channel's name.
    pub channel_name: String,
    /// Where the words stand in its text, as byte ranges of UTF-8.
    pub highlights: Vec<(u32, u32)>,
}
