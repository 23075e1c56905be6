//! Drafts: what was typed and not sent, of each conversation and thread, alike on all of one's devices.

use super::Client;
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::local::{DraftPlace, DraftState, Earlier, Saved};
use crate::sync::Workspace;
use crate::view::{DraftStateView, DraftView, EarlierDraftView};
use std::time::Duration;
use thechatapp_protocol::methods::messages::TEXT_MAX;
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};

impl Client {
    /// A draft's text; empty for none. The thread may be named by any message of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn draft(&self, ws: WorkspaceId, channel: ChannelId, thread: Option<MessageId>) -> Result<String> {
        let workspace = self.workspace(ws)?;
        workspace.local.draft(ws, place(&workspace, channel, thread).await).await
    }

    /// Keeps what was typed. Once this returns it survives everything; one's other devices get it a moment after the last
    /// keystroke. An empty text deletes the draft.
    ///
    /// # Errors
    /// [`Error::BadInput`] for one that is longer than a message may be; when it cannot be stored.
    pub async fn save_draft(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        thread: Option<MessageId>,
        text: &str,
    ) -> Result<()> {
        let workspace = self.workspace(ws)?;
        if text.len() > TEXT_MAX {
            return Err(Error::bad_input(
                "the draft is too long",
                format!("it has {} bytes, at most {TEXT_MAX} are allowed", text.len()),
            ));
        }
        let place = place(&workspace, channel, thread).await;
        let saved = workspace.local.save_draft(ws, place, text.to_owned(), self.now()).await?;
        if saved != Saved::Same {
            workspace.draft_typed();
        }
        if saved == Saved::BesideAnother {
            let DraftPlace { channel, thread } = place;
            self.0.shared.events.push(ClientEvent::Draft { workspace: ws, channel, thread });
        }
        Ok(())
    }

    /// All drafts, the one typed at last first, with what other devices had typed in the same places.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn drafts(&self, ws: WorkspaceId) -> Result<Vec<DraftView>> {
        let workspace = self.workspace(ws)?;
        let view = |place: DraftPlace, text, at, state| DraftView {
            channel: place.channel,
            thread: place.thread,
            text,
            at,
            state,
            earlier: Vec::new(),
        };
        let mut drafts: Vec<DraftView> = workspace
            .local
            .drafts(ws)
            .await?
            .into_iter()
            .map(|draft| view(draft.place, draft.text, draft.edited, shown(draft.state)))
            .collect();
        for Earlier { number, place, text, at } in workspace.local.earlier_drafts(ws).await? {
            let found = drafts.iter().position(|draft| (draft.channel, draft.thread) == (place.channel, place.thread));
            let at_place = found.unwrap_or_else(|| {
                drafts.push(view(place, String::new(), at, DraftStateView::Here));
                drafts.len() - 1
            });
            if let Some(draft) = drafts.get_mut(at_place) {
                draft.earlier.push(EarlierDraftView { number, text, at });
            }
        }
        Ok(drafts)
    }

    /// The draft of one place with what belongs to it; none where nothing was typed. The thread may be named by any message
    /// of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn draft_at(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        thread: Option<MessageId>,
    ) -> Result<Option<DraftView>> {
        let place = place(&*self.workspace(ws)?, channel, thread).await;
        let drafts = self.drafts(ws).await?;
        Ok(drafts.into_iter().find(|draft| (draft.channel, draft.thread) == (place.channel, place.thread)))
    }

    /// Forgets what another device had typed.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn forget_earlier_draft(&self, ws: WorkspaceId, number: i64) -> Result<()> {
        self.workspace(ws)?.local.forget_earlier(ws, number).await
    }

    /// Waits until the server has all drafts as they are here.
    ///
    /// # Errors
    /// [`Error::Offline`] when it cannot be reached, or not in time.
    pub async fn wait_drafts(&self, ws: WorkspaceId, timeout: Duration) -> Result<()> {
        let workspace = self.workspace(ws)?;
        workspace.put_drafts();
        let mut changes = workspace.changes();
        let put = async {
            loop {
                changes.mark_unchanged();
                if !workspace.local.drafts_wait(ws).await? {
                    return Ok(());
                }
                workspace.session()?;
                if changes.changed().await.is_err() {
                    return Err(super::closed());
                }
            }
        };
        tokio::time::timeout(timeout, put)
            .await
            .unwrap_or_else(|_| Err(Error::Offline { why: "the server did not take the draft in time".into() }))
    }
}

/// An answer to an answer belongs to the same thread. Where the cache does not tell, because it is damaged or empty, the thread is
/// taken as named: a draft waits for nothing.
async fn place(workspace: &Workspace, channel: ChannelId, thread: Option<MessageId>) -> DraftPlace {
    let thread = match thread {
        Some(id) => Some(workspace.cache.thread_root(channel, id).await.unwrap_or(id)),
        None => None,
    };
    DraftPlace { channel, thread }
}

fn shown(state: DraftState) -> DraftStateView {
    match state {
        DraftState::Synced => DraftStateView::Synced,
        DraftState::Typed | DraftState::OnTheWay => DraftStateView::Waiting,
        DraftState::Refused => DraftStateView::Here,
    }
}
