//! What was typed and not sent, alike on all of one's devices.

use crate::client::{ChatClient, Result};
use crate::record::id;
use thechatapp_core::view;

/// How far the server has a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DraftState {
    /// One's other devices have it as it is here.
    Synced,
    /// It goes out a moment after the last keystroke, or when the server can be reached.
    Waiting,
    /// The server does not take it: it is on this device only.
    Here,
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Draft {
    /// Its channel.
    pub channel: String,
    /// The first message of its thread; none for the conversation's own.
    pub thread: Option<String>,
    /// The text; empty where only earlier ones are left.
    pub text: String,
    /// When it was typed at last on this device, or came to it, Unix milliseconds.
    pub at: i64,
    /// How far the server has it.
    pub state: DraftState,
    /// What another device had typed in the same place while this one was typing, the newest first.
    pub earlier: Vec<EarlierDraft>,
}

/// What another device had typed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct EarlierDraft {
    /// Its number on this device.
    pub number: i64,
    /// The text.
    pub text: String,
    /// When it came, Unix milliseconds.
    pub at: i64,
}

impl From<view::DraftView> for Draft {
    fn from(from: view::DraftView) -> Self {
        let earlier = |one: view::EarlierDraftView| EarlierDraft { number: one.number, text: one.text, at: one.at.0 };
        Self {
            channel: from.channel.to_string(),
            thread: from.thread.map(|id| id.to_string()),
            text: from.text,
            at: from.at.0,
            state: match from.state {
                view::DraftStateView::Synced => DraftState::Synced,
                view::DraftStateView::Waiting => DraftState::Waiting,
                view::DraftStateView::Here => DraftState::Here,
            },
            earlier: from.earlier.into_iter().map(earlier).collect(),
        }
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// A draft's text; empty for none. Without a thread, the conversation's own.
    pub async fn draft(&self, workspace: String, channel: String, thread: Option<String>) -> Result<String> {
        let (client, ws) = self.with(&workspace)?;
        let thread = thread.as_deref().map(id).transpose()?;
        Ok(client.draft(ws, id(&channel)?, thread).await?)
    }

    /// The draft of one place with what other devices had typed there; none where nothing was typed.
    pub async fn draft_at(&self, workspace: String, channel: String, thread: Option<String>) -> Result<Option<Draft>> {
        let (client, ws) = self.with(&workspace)?;
        let thread = thread.as_deref().map(id).transpose()?;
        Ok(client.draft_at(ws, id(&channel)?, thread).await?.map(Into::into))
    }

    /// All drafts, the one typed at last first.
    pub async fn drafts(&self, workspace: String) -> Result<Vec<Draft>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.drafts(ws).await?.into_iter().map(Into::into).collect())
    }

    /// Keeps what was typed, on all of one's devices; an empty text deletes the draft.
    pub async fn save_draft(
        &self,
        workspace: String,
        channel: String,
        thread: Option<String>,
        text: String,
    ) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        let thread = thread.as_deref().map(id).transpose()?;
        Ok(client.save_draft(ws, id(&channel)?, thread, &text).await?)
    }

    /// Forgets what another device had typed, by its number.
    pub async fn forget_earlier_draft(&self, workspace: String, number: i64) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.forget_earlier_draft(ws, number).await?)
    }
}
