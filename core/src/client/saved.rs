//! What one keeps for oneself. The list is the server's and is asked for; nothing of it stays on this device.

use super::Client;
use super::messages::no_message;
use crate::error::{Error, Result};
use crate::sync::Workspace;
use crate::view::SavedView;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::saved::{
    ListSaved, ListSavedParams, NOTE_MAX, SAVED_PAGE_MAX, Save, SaveParams, Saved, Unsave,
};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};

impl Client {
    /// Keeps a message for oneself, or changes one's note: without a note, one that is there stays; an empty one removes it.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a long note; [`Error::Offline`], [`Error::Refused`].
    pub async fn save_message(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        note: Option<&str>,
    ) -> Result<SavedView> {
        if let Some(long) = note.map(str::len).filter(|length| *length > NOTE_MAX) {
            return Err(Error::bad_input(
                "the note is too long",
                format!("it has {long} bytes, at most {NOTE_MAX} are allowed"),
            ));
        }
        let workspace = self.workspace(ws)?;
        let params = SaveParams { channel, id, note: note.map(str::to_owned) };
        let saved = workspace.session()?.call::<Save>(&params).await?;
        shown(&workspace, vec![saved]).await?.pop().ok_or_else(no_message)
    }

    /// Keeps a message no longer; the note is gone.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn unsave_message(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<()> {
        self.workspace(ws)?.session()?.call::<Unsave>(&OneMessage { channel, id }).await?;
        Ok(())
    }

    /// What one keeps and may read now, the newest first.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn saved_messages(&self, ws: WorkspaceId) -> Result<Vec<SavedView>> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = session.call::<ListSaved>(&ListSavedParams { before, limit: SAVED_PAGE_MAX }).await?;
            all.extend(shown(&workspace, page.saved).await?);
            match page.next {
                // A number that does not go down would be asked for again forever.
                Some(next) if before.is_none_or(|before| next < before) => before = Some(next),
                _ => return Ok(all),
            }
        }
    }
}

async fn shown(workspace: &Workspace, saved: Vec<Saved>) -> Result<Vec<SavedView>> {
    let (rows, notes): (Vec<_>, Vec<_>) =
        saved.into_iter().map(|saved| (saved.message, (saved.note, saved.at))).unzip();
    let messages = workspace.cache.shown(rows).await?;
    Ok(messages.into_iter().zip(notes).map(|(message, (note, at))| SavedView { message, note, at }).collect())
}
