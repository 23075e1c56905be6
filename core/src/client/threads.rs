//! What belongs to some messages only: their former texts, threads, pins.

use super::Client;
use super::messages::{no_channel, no_message, pending};
use crate::error::Result;
use crate::sync::Workspace;
use crate::view::{MessageView, ThreadView, VersionView};
use thechatapp_protocol::methods::messages::{
    Edits, EditsParams, OneMessage, PAGE_MAX, Pin, Pins, PinsParams, Thread, ThreadParams, Unpin,
};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};

impl Client {
    /// Every text a message had, oldest first, the present one last. They are asked for and not kept on this device.
    ///
    /// # Errors
    /// [`Error::Offline`](crate::Error::Offline), [`Error::Refused`](crate::Error::Refused).
    pub async fn history(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<Vec<VersionView>> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page = session.call::<Edits>(&EditsParams { channel, id, from }).await?;
            // A server that says "more" and gives nothing further would be asked forever.
            let next = page.versions.last().map(|version| version.revision + 1).filter(|next| *next > from);
            for version in page.versions {
                let by = workspace.cache.person(version.by).await?;
                all.push(VersionView { revision: version.revision, text: version.text, by, at: version.at });
            }
            match next {
                Some(next) if page.more => from = next,
                _ => return Ok(all),
            }
        }
    }

    /// The newest `limit` answers of a thread before a number, from this device, fetched where they are missing or stale
    /// and the server can be reached. The id may be that of any message of the thread.
    ///
    /// # Errors
    /// [`Error::BadInput`](crate::Error::BadInput) for a channel that is not known; [`Error::Offline`](crate::Error::Offline) when the thread's first message is not here;
    /// [`Error::Refused`](crate::Error::Refused).
    pub async fn thread(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<ThreadView> {
        self.thread_asking(ws, channel, id, (before, limit), true).await
    }

    /// The same as it is on this device, for those who hear that something changed in its channel: the server is asked only where
    /// the thread's first message is not here.
    ///
    /// # Errors
    /// As for [`Self::thread`].
    pub async fn thread_here(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        limit: u32,
    ) -> Result<ThreadView> {
        self.thread_asking(ws, channel, id, (None, limit), false).await
    }

    async fn thread_asking(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        (before, limit): (Option<u64>, u32),
        asks: bool,
    ) -> Result<ThreadView> {
        let workspace = self.workspace(ws)?;
        let limit = limit.clamp(1, PAGE_MAX);
        let mut root = workspace.cache.thread_root(channel, id).await?;
        let view = look(&workspace, channel, root, before, limit).await?;
        let (partial, root_here) = (view.partial, view.root.is_some());
        match workspace.session() {
            _ if !partial || root_here && !asks => view.whole(),
            Err(_) if root_here => view.whole(),
            Err(why) => Err(why),
            Ok(session) => {
                let (mut below, mut left) = (before, limit);
                let older = loop {
                    let params = ThreadParams { channel, id: root, before: below, after: None, limit: left };
                    let page = session.call::<Thread>(&params).await?;
                    // The message that was named was not here, and answers another one.
                    if let Some(first) = page.root.thread.filter(|first| *first != root && root == id) {
                        root = first;
                        continue;
                    }
                    let came = u32::try_from(page.messages.len()).unwrap_or(u32::MAX);
                    let oldest = page.messages.first().map(|message| message.seq);
                    let mut rows = page.messages;
                    rows.push(page.root);
                    let applied = workspace.cache.apply_some(channel, rows).await?;
                    workspace.announce(&applied);
                    left = left.saturating_sub(came);
                    if !page.more || left == 0 || oldest.is_none() {
                        break page.more;
                    }
                    below = oldest;
                };
                let mut view = look(&workspace, channel, root, before, limit).await?;
                view.older |= older;
                view.partial = false;
                view.whole()
            }
        }
    }

    /// Pins a message in its channel for everybody, or takes the pin off.
    ///
    /// # Errors
    /// [`Error::Offline`](crate::Error::Offline), [`Error::Refused`](crate::Error::Refused).
    pub async fn pin(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId, on: bool) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let params = OneMessage { channel, id };
        let row = if on { session.call::<Pin>(&params).await? } else { session.call::<Unpin>(&params).await? };
        self.take(&workspace, row).await
    }

    /// A channel's pinned messages, the newest pin first: from this device, and from the server where messages of the
    /// channel are missing here and it can be reached.
    ///
    /// # Errors
    /// [`Error::BadInput`](crate::Error::BadInput) for a channel that is not known; [`Error::Refused`](crate::Error::Refused).
    pub async fn pins(&self, ws: WorkspaceId, channel: ChannelId) -> Result<Vec<MessageView>> {
        let workspace = self.workspace(ws)?;
        let here = workspace.cache.pins(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        let session = match workspace.session() {
            Ok(session) if !here.complete => session,
            _ => return Ok(here.messages),
        };
        let (mut rows, mut after) = (Vec::new(), 0);
        loop {
            let page = session.call::<Pins>(&PinsParams { channel, after }).await?;
            let next = page.messages.last().map(|message| message.seq).filter(|next| *next > after);
            rows.extend(page.messages);
            match next {
                Some(next) if page.more => after = next,
                _ => break,
            }
        }
        let applied = workspace.cache.apply_some(channel, rows.clone()).await?;
        workspace.announce(&applied);
        rows.sort_by_key(|row| std::cmp::Reverse((row.pinned.map(|pin| pin.at), row.seq)));
        workspace.cache.shown(rows).await
    }
}

/// A thread as it is on this device.
struct Look {
    root: Option<MessageView>,
    replies: Vec<MessageView>,
    older: bool,
    partial: bool,
}

impl Look {
    fn whole(self) -> Result<ThreadView> {
        let root = self.root.ok_or_else(no_message)?;
        Ok(ThreadView { root, replies: self.replies, older: self.older, partial: self.partial })
    }
}

async fn look(
    workspace: &Workspace,
    channel: ChannelId,
    root: MessageId,
    before: Option<u64>,
    limit: u32,
) -> Result<Look> {
    // What waits is read first: a message on its way from there into the cache is then seen in one of them at least.
    let mut waiting = workspace.local.outbox_of(workspace.id, channel)?;
    waiting.retain(|message| before.is_none() && message.thread == Some(root));
    let ids = waiting.iter().map(|message| message.id).collect();
    let part = workspace.cache.thread(channel, root, before, limit, ids).await?.ok_or_else(|| no_channel(workspace))?;
    let mut replies = part.replies;
    waiting.retain(|message| !part.here.contains(&message.id));
    if !waiting.is_empty() {
        let me = workspace.cache.person(workspace.me).await?;
        let short = workspace.account().short;
        replies.extend(waiting.into_iter().map(|message| pending(&short, &me, message)));
    }
    Ok(Look { root: part.root, replies, older: part.older, partial: !part.complete })
}
