//! What belongs to some messages only: former texts, pins, polls, notes.

use super::{Message, Names, message_text, minute, when};
use crate::output::{line, lines};
use serde::Serialize;
use thechatapp_core::view::{PinView, PollView, SavedView, VersionView};
use thechatapp_core::{ChannelId, MessageId};

/// A text that a message has, or had.
#[derive(Debug, Serialize)]
pub struct Version {
    revision: u64,
    author: String,
    at: String,
    text: String,
}

impl Version {
    /// From the core's form.
    pub fn new(version: &VersionView) -> Self {
        Self {
            revision: version.revision,
            author: version.by.name.clone(),
            at: when(version.at),
            text: version.text.clone(),
        }
    }
}

/// A text of a message for people.
pub fn version_text(version: &VersionView) -> String {
    let text = lines(&version.text).replace('\n', "\n        ");
    format!("{:>6}  {}  {}: {text}", version.revision, minute(version.at), line(&version.by.name))
}

/// Who pinned a message, and when.
#[derive(Debug, Serialize)]
pub struct Pinned {
    by: String,
    at: String,
}

impl Pinned {
    /// From the core's form.
    pub fn new(pin: &PinView) -> Self {
        Self { by: pin.by.name.clone(), at: when(pin.at) }
    }
}

/// A message that one keeps.
#[derive(Debug, Serialize)]
pub struct Saved {
    #[serde(flatten)]
    message: Message,
    note: Option<String>,
    saved: String,
}

impl Saved {
    /// From the core's form.
    pub fn new(saved: &SavedView, names: &Names) -> Self {
        Self {
            message: Message::new(&saved.message, names),
            note: Some(saved.note.clone()).filter(|note| !note.is_empty()),
            saved: when(saved.at),
        }
    }
}

/// A message that one keeps, for people.
pub fn saved_text(saved: &SavedView) -> String {
    let mut said = message_text(&saved.message);
    if !saved.note.is_empty() {
        said.push_str(&format!("\n        note: {}", lines(&saved.note).replace('\n', "\n        ")));
    }
    said
}

/// A message that one keeps no longer.
#[derive(Debug, Serialize)]
pub struct Unsaved {
    channel: String,
    id: String,
}

impl Unsaved {
    /// Of this message.
    pub fn new(channel: ChannelId, id: MessageId, names: &Names) -> Self {
        Self { channel: names.name(channel), id: id.to_string() }
    }
}

/// What a message asks, and how people answered.
#[derive(Debug, Serialize)]
pub struct Poll {
    multiple: bool,
    closed: Option<String>,
    voters: u64,
    options: Vec<PollOption>,
}

#[derive(Debug, Serialize)]
struct PollOption {
    text: String,
    votes: usize,
    people: Vec<String>,
    mine: bool,
}

impl Poll {
    /// From the core's form.
    pub fn new(poll: &PollView) -> Self {
        let options = poll.options.iter().map(|option| PollOption {
            text: option.text.clone(),
            votes: option.people.len(),
            people: option.people.clone(),
            mine: option.mine,
        });
        Self { multiple: poll.multiple, closed: poll.closed.map(when), voters: poll.voters, options: options.collect() }
    }
}

/// What a message asks, for people: each option on a line with its number, one's own marked.
pub fn poll_text(poll: &PollView) -> String {
    let mut said = String::new();
    for (number, option) in (1..).zip(&poll.options) {
        let (mine, votes) = (if option.mine { '*' } else { ' ' }, option.people.len());
        said.push_str(&format!("\n       {mine}{number}. {}: {votes}", line(&option.text)));
        if votes > 0 {
            said.push_str(&format!(" ({})", line(&option.people.join(", "))));
        }
    }
    let how = if poll.multiple { "one or several" } else { "one" };
    let state = if poll.closed.is_some() { "closed".to_owned() } else { format!("choose {how}") };
    said.push_str(&format!("\n        {} voted, {state}", poll.voters));
    said
}
