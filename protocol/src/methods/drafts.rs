//! One's own drafts, kept alike on all of one's devices. Nobody else sees them.
//!
//! A draft belongs to one conversation or one thread. Each accepted text is a revision of it; a text that was made from an older
//! revision is not accepted, and whoever sent it decides. An empty text says that the draft was deleted or sent, and stays as a
//! revision, so that no device brings the old text back.

use crate::event::DraftRow;
use crate::id::{ChannelId, MessageId};
use crate::method::{Access, Scope, methods};
use serde::{Deserialize, Serialize};

/// Most drafts that one person has at once.
pub const DRAFTS_MAX: u32 = 2000;
/// How many of the newest accepted texts a draft's row names by their tokens.
pub const DRAFT_TOKENS: usize = 64;

/// Parameters of [`PutDraft`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutDraftParams {
    /// Its channel.
    pub channel: ChannelId,
    /// The first message of its thread; without one, it is the conversation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<MessageId>,
    /// The text, as long as a message may be; empty when the draft was deleted.
    pub text: String,
    /// The revision it was made from; zero when none is known.
    #[serde(default)]
    pub base: u64,
    /// A random number that names this text. The same one again gets the same answer.
    pub token: u32,
}

/// Reply of [`PutDraft`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DraftPut {
    /// Whether the text was taken. It was not when another revision came before it.
    pub accepted: bool,
    /// The draft as it is now.
    pub draft: DraftRow,
}

methods! {
    /// Saves one's own draft for one's other devices, or deletes it.
    PutDraft = "drafts.put", Access::Member, PutDraftParams => DraftPut, |p| Scope::Channel(p.channel);
}
