//! Parts of channels: as they are on this device, and fetched where they are missing.

use super::messages::{no_channel, pending};
use super::{Client, asked};
use crate::error::{Error, Result};
use crate::sync::Workspace;
use crate::sync::history::{self, Wanted};
use crate::view::{TimelineView, Window};
use std::time::Duration;
use thechatapp_protocol::{ChannelId, WorkspaceId};

/// How long it may take to be connected again after a damaged cache was replaced.
const AGAIN: Duration = Duration::from_secs(10);

/// How often a window is looked at again while more of it is being fetched.
const LOOKS: usize = 4;

impl Client {
    /// A part of a channel as it is on this device, at once. What is missing is fetched in the background, and a
    /// `Messages` event follows.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a channel that is not known.
    pub async fn timeline(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<TimelineView> {
        self.timeline_asking(ws, channel, window, limit, true).await
    }

    /// The same; only the first look at a channel that one is not in asks for its newest.
    pub(super) async fn timeline_asking(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        window: Window,
        limit: u32,
        first: bool,
    ) -> Result<TimelineView> {
        let workspace = self.workspace(ws)?;
        workspace.looked_at(channel);
        let (view, wanted, joined) = asked(&workspace, || self.look(&workspace, channel, window, limit)).await?;
        if workspace.session().is_ok() {
            // Newest first, also in the queue.
            for (first, last) in wanted.into_iter().rev() {
                workspace.want(Wanted::Range(channel, first, last));
            }
            if first && !joined && window == Window::Latest {
                workspace.want(Wanted::Newest(channel, limit));
            }
        }
        Ok(view)
    }

    /// A part of a channel with all that is in it, fetched where it is missing.
    ///
    /// # Errors
    /// [`Error::Offline`] when something is missing and cannot be fetched; [`Error::BadInput`] as above.
    pub async fn fetch(&self, ws: WorkspaceId, channel: ChannelId, window: Window, limit: u32) -> Result<TimelineView> {
        let workspace = self.workspace(ws)?;
        let connected = workspace.session().is_ok();
        match self.fetch_from(&workspace, channel, window, limit).await {
            Err(Error::Corrupt { .. }) if workspace.cache.recovered().await => {
                // What was lost with it is fetched, too.
                if connected {
                    self.connect(ws, AGAIN).await?;
                }
                self.fetch_from(&workspace, channel, window, limit).await
            }
            fetched => fetched,
        }
    }

    async fn fetch_from(
        &self,
        workspace: &Workspace,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<TimelineView> {
        let mut outside = true;
        for _ in 0..LOOKS {
            let (view, wanted, joined) = self.look(workspace, channel, window, limit).await?;
            if !joined && outside {
                outside = false;
                history::newest(workspace, channel, limit).await?;
                continue;
            }
            if wanted.is_empty() {
                return Ok(view);
            }
            let session = workspace.session()?;
            history::fetch(&workspace.cache, &session, channel, wanted, &mut |_, _| {}).await?;
        }
        self.look(workspace, channel, window, limit).await.map(|(view, _, _)| view)
    }

    async fn look(
        &self,
        workspace: &Workspace,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<(TimelineView, Vec<(u64, u64)>, bool)> {
        // What waits is read first: a message on its way from there into the cache is then seen in one of them at least.
        let mut waiting = workspace.local.outbox_of(workspace.id, channel)?;
        let ids = waiting.iter().map(|message| message.id).collect();
        let Some(part) = workspace.cache.part(channel, window, limit, ids).await? else {
            return Err(no_channel(workspace));
        };
        let mut messages = part.messages;
        waiting.retain(|message| !part.here.contains(&message.id));
        if !waiting.is_empty() && !part.newer && !matches!(window, Window::Before { .. }) {
            let me = workspace.cache.person(workspace.me).await?;
            let short = workspace.account().short;
            messages.extend(waiting.into_iter().map(|message| pending(&short, &me, message)));
        }
        let view = TimelineView {
            messages,
            older: part.older,
            newer: part.newer,
            fetching: !part.wanted.is_empty(),
            read: part.read,
        };
        Ok((view, part.wanted, part.joined))
    }

    /// Brings all of a channel to this device. `progress` hears how many of how many there are. Returns how many came.
    ///
    /// # Errors
    /// [`Error::Offline`]; what came until then stays.
    pub async fn backfill(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<u64> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let mut state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        if !state.joined {
            history::newest(&workspace, channel, 1).await?;
            state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        }
        let (total, mut done, mut came) = (state.gaps.count(), 0, 0);
        progress(0, total);
        // What became stale while it was on its way is fetched again.
        for _ in 0..LOOKS {
            let gaps = state.gaps.all().to_vec();
            let on_page = &mut |_, count| {
                done = total.min(done + count);
                progress(done, total);
            };
            came += history::fetch(&workspace.cache, &session, channel, gaps, on_page).await?;
            state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
            if state.gaps.all().is_empty() {
                break;
            }
        }
        workspace.announce_all(channel);
        Ok(came)
    }
}
