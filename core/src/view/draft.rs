//! Drafts as they are shown.

use serde::{Deserialize, Serialize};
use thechatapp_protocol::{ChannelId, MessageId, Timestamp};
use ts_rs::TS;

/// How far the server has a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DraftStateView {
    /// One's other devices have it as it is here.
    Synced,
    /// It goes out a moment after the last keystroke, or when the server can be reached.
    Waiting,
    /// The server does not take it: it is on this device only.
    Here,
}

/// What was typed and not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DraftView {
    /// Its channel.
    #[ts(type = "string")]
    pub channel: ChannelId,
    /// The first message of its thread; none for the conversation's own.
    #[ts(type = "string | null")]
    pub thread: Option<MessageId>,
    /// The text; empty where only earlier ones are left.
    pub text: String,
    /// When it was typed at last on this device, or came to it, Unix milliseconds.
    #[ts(type = "number")]
    pub at: Timestamp,
    /// How far the server has it.
    pub state: DraftStateView,
    /// What another device had typed in the same place while this one was typing, the newest first.
    pub earlier: Vec<EarlierDraftView>,
}

/// What another device had typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EarlierDraftView {
    /// Its number on this device.
    #[ts(type = "number")]
    pub number: i64,
    /// The text.
    pub text: String,
    /// When it came, Unix milliseconds.
    #[ts(type = "number")]
    pub at: Timestamp,
}
