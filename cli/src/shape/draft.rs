//! Drafts.

use super::{Names, minute, when};
use crate::output::lines;
use serde::Serialize;
use thechatapp_core::view::{DraftStateView, DraftView, EarlierDraftView};
use thechatapp_core::{ChannelId, MessageId};

/// What was typed and not sent.
#[derive(Debug, Serialize)]
pub struct Draft {
    channel: String,
    channel_id: ChannelId,
    thread: Option<MessageId>,
    text: String,
    at: String,
    state: DraftStateView,
    earlier: Vec<Earlier>,
}

#[derive(Debug, Serialize)]
struct Earlier {
    text: String,
    at: String,
}

impl Draft {
    /// From the core's form.
    pub fn new(draft: &DraftView, names: &Names) -> Self {
        let earlier = |earlier: &EarlierDraftView| Earlier { text: earlier.text.clone(), at: when(earlier.at) };
        Self {
            channel: names.name(draft.channel),
            channel_id: draft.channel,
            thread: draft.thread,
            text: draft.text.clone(),
            at: when(draft.at),
            state: draft.state,
            earlier: draft.earlier.iter().map(earlier).collect(),
        }
    }
}

/// A draft for people.
pub fn draft_text(draft: &DraftView, names: &Names) -> String {
    let indented = |text: &str| lines(text).replace('\n', "\n    ");
    let place = match draft.thread {
        Some(thread) => format!("{}, thread {thread}", names.name(draft.channel)),
        None => names.name(draft.channel),
    };
    let state = match draft.state {
        DraftStateView::Synced => "",
        DraftStateView::Waiting => ", not on the server yet",
        DraftStateView::Here => ", on this device only",
    };
    let mut shown = format!("{place}  ({}{state})\n    {}", minute(draft.at), indented(&draft.text));
    for earlier in &draft.earlier {
        shown.push_str(&format!("\n  typed elsewhere ({}):\n    {}", minute(earlier.at), indented(&earlier.text)));
    }
    shown
}
