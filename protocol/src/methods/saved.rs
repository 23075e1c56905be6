//! Messages that one keeps for oneself, with a note. Nobody else sees which, nor the notes.

use super::account::Nothing;
use super::messages::OneMessage;
use crate::event::MessageRow;
use crate::id::{ChannelId, MessageId};
use crate::method::{Access, Scope, methods};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest note, in bytes of UTF-8.
pub const NOTE_MAX: usize = 4096;
/// Most messages that one person keeps.
pub const SAVED_MAX: u32 = 5000;
/// Most messages in one answer.
pub const SAVED_PAGE_MAX: u32 = 200;

/// Parameters of [`Save`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SaveParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// The note; without one, a note that is there stays; an empty one removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A message that one keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Saved {
    /// The message as it is now.
    pub message: MessageRow,
    /// One's own note; empty for none.
    #[serde(default)]
    pub note: String,
    /// When it was saved first.
    pub at: Timestamp,
    /// Its number in one's own list; later ones are higher.
    pub number: u64,
}

/// Parameters of [`ListSaved`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListSavedParams {
    /// Only those with a lower number.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most this many, and never over [`SAVED_PAGE_MAX`]. There may be fewer to fit a message.
    pub limit: u32,
}

/// Reply of [`ListSaved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SavedPage {
    /// The newest first, those that one may read now.
    pub saved: Vec<Saved>,
    /// Ask on before this number; without it, that was all.
    #[serde(default)]
    pub next: Option<u64>,
}

methods! {
    /// Keeps a message for oneself, or changes one's note.
    Save = "saved.save", Access::Reader, SaveParams => Saved, |p| Scope::Message(p.channel, p.id);
    /// Keeps it no longer; the note is gone.
    Unsave = "saved.remove", Access::Reader, OneMessage => Nothing, |p| Scope::Message(p.channel, p.id);
    /// What one keeps.
    ListSaved = "saved.list", Access::SignedIn, ListSavedParams => SavedPage, |_| Scope::Workspace;
}
