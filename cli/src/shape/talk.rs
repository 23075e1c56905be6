//! What belongs to some messages only: former texts, pins, notes.

use super::{Message, Names, message_text, minute, when};
use crate::output::{line, lines};
use serde::Serialize;
use thechatapp_core::view::{PinView, SavedView, VersionView};
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
