//! Windows that a shell watches: a part of a channel, the list of channels, a search. Each is asked for once, and then tells the steps
//! from what it showed to what it shows now, whenever that is another list. It costs what it shows, whatever is behind it.
//!
//! Nothing queues up: steps are worked out when they are taken, from what was taken before to what is there at that moment.

use super::{Client, Inner};
use crate::error::{Error, Result};
use crate::view::{
    ChannelView, Difference, FoundView, HitView, Keyed, MessageView, SearchQuery, TimelineView, Window, differences,
};
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};
use tokio::sync::watch;
use tokio::time::Instant;
use ts_rs::TS;

/// Changes that come closer together than this are told together: a picture on a screen is not painted more often.
const FRAME: Duration = Duration::from_millis(16);
/// Looking takes at most this part of the time, however much happens.
const SHARE: u32 = 5;

impl Keyed for MessageView {
    type Key = MessageId;

    fn key(&self) -> MessageId {
        self.id
    }
}

impl Keyed for ChannelView {
    type Key = ChannelId;

    fn key(&self) -> ChannelId {
        self.id
    }
}

impl Keyed for HitView {
    type Key = MessageId;

    fn key(&self) -> MessageId {
        self.message.id
    }
}

/// What changed in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Changed<T, A> {
    /// The steps to the list as it is now.
    pub rows: Vec<Difference<T>>,
    /// What is to be known of it beside its rows.
    pub about: A,
}

/// Of a part of a channel: see [`TimelineView`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Around {
    /// Whether older ones exist.
    pub older: bool,
    /// Whether newer ones exist beyond the window.
    pub newer: bool,
    /// Whether some are being fetched.
    pub fetching: bool,
    /// Everything up to this number is read.
    pub read: u64,
}

/// Of a search: see [`FoundView`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Looked {
    /// Whether more messages may match.
    pub partial: bool,
    /// Whether the server looked, too.
    pub asked: bool,
    /// Whether the fittest come first, in place of the newest.
    pub relevance: bool,
}

/// Of the list of channels: what is unread in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Unread {
    /// Messages.
    pub messages: u64,
    /// Those that name one.
    pub mentions: u64,
}

type Look<T, A> = Box<dyn Fn(Client) -> BoxFuture<'static, Result<(Vec<T>, A)>> + Send + Sync>;

/// A window that is watched. It ends with the profile or the account, or when it is dropped.
pub struct Watched<T: Keyed, A> {
    client: Weak<Inner>,
    look: Look<T, A>,
    changes: watch::Receiver<u64>,
    shown: Option<(Vec<T>, A)>,
    looked: Option<(Instant, Duration)>,
    /// What was told to be changed has not been looked at yet.
    stale: bool,
    /// It was turned elsewhere, and has not told of it yet.
    turned: bool,
}

impl<T: Keyed, A> std::fmt::Debug for Watched<T, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl<T: Keyed + Send, A: Clone + PartialEq + Send> Watched<T, A> {
    /// Turns it to what another one looks at, such as a longer part of the same channel. The next answer comes at once: the steps
    /// from what this one shows to that, none where it is the same.
    pub fn turn_to(&mut self, other: Self) {
        let Self { client, look, changes, .. } = other;
        *self =
            Self { client, look, changes, stale: true, turned: true, shown: self.shown.take(), looked: self.looked };
    }

    /// Waits until the window shows another list, and tells the steps; the first time all of it, at once. `None` once the
    /// profile is closed, or the account is not here any more.
    ///
    /// # Errors
    /// When the files cannot be read, or what is watched is not there any more. It can be asked again.
    pub async fn next(&mut self) -> Result<Option<Changed<T, A>>> {
        loop {
            if !self.stale {
                if self.changes.changed().await.is_err() {
                    return Ok(None);
                }
                // Whoever stops waiting amid the look below looks the next time.
                self.stale = true;
                if let Some((at, took)) = self.looked {
                    tokio::time::sleep_until(at + FRAME.max(took * SHARE)).await;
                }
                self.changes.mark_unchanged();
            }
            let Some(inner) = self.client.upgrade().filter(|inner| !inner.shared.events.is_closed()) else {
                return Ok(None);
            };
            let begun = Instant::now();
            let (rows, about) = (self.look)(Client(inner)).await?;
            self.looked = Some((Instant::now(), begun.elapsed()));
            self.stale = false;
            let steps = match &self.shown {
                None => vec![Difference::Resync(rows.clone())],
                Some((before, _)) => differences(before, &rows),
            };
            let same =
                !self.turned && steps.is_empty() && self.shown.as_ref().is_some_and(|(_, before)| *before == about);
            self.shown = Some((rows, about.clone()));
            self.turned = false;
            if !same {
                return Ok(Some(Changed { rows: steps, about }));
            }
        }
    }
}

impl Client {
    /// Watches a part of a channel. What is missing in it is fetched.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a workspace that is not known.
    pub fn watch_timeline(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<Watched<MessageView, Around>> {
        let looked = Arc::new(AtomicBool::new(false));
        self.watched(ws, move |client| {
            // A look that was broken off, or had nobody to ask, is looked again.
            let (first, looked) = (!looked.load(Ordering::SeqCst), Arc::clone(&looked));
            let asks = client.workspace(ws).is_ok_and(|workspace| workspace.session().is_ok());
            async move {
                let TimelineView { messages, older, newer, fetching, read } =
                    client.timeline_asking(ws, channel, window, limit, first).await?;
                looked.fetch_or(asks, Ordering::SeqCst);
                Ok((messages, Around { older, newer, fetching, read }))
            }
        })
    }

    /// Watches the channels one is in, and with `all` the public ones one is not in, and what is unread.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a workspace that is not known.
    pub fn watch_channels(&self, ws: WorkspaceId, all: bool) -> Result<Watched<ChannelView, Unread>> {
        self.watched(ws, move |client| async move {
            let channels = client.channels(ws, all).await?;
            let messages = channels.iter().map(|channel| channel.unread).sum();
            let mentions = channels.iter().map(|channel| channel.mentions).sum();
            Ok((channels, Unread { messages, mentions }))
        })
    }

    /// Watches what a search finds on this device.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a workspace that is not known.
    pub fn watch_search(&self, ws: WorkspaceId, query: SearchQuery) -> Result<Watched<HitView, Looked>> {
        self.watched(ws, move |client| {
            let query = query.clone();
            async move {
                let FoundView { hits, partial, asked } = client.find(ws, &query, true).await?;
                Ok((hits, Looked { partial, asked, relevance: query.relevance }))
            }
        })
    }

    fn watched<T, A, F>(
        &self,
        ws: WorkspaceId,
        look: impl Fn(Self) -> F + Send + Sync + 'static,
    ) -> Result<Watched<T, A>, Error>
    where
        T: Keyed,
        F: Future<Output = Result<(Vec<T>, A)>> + Send + 'static,
    {
        Ok(Watched {
            client: Arc::downgrade(&self.0),
            look: Box::new(move |client| Box::pin(look(client))),
            changes: self.workspace(ws)?.changes(),
            shown: None,
            looked: None,
            stale: true,
            turned: false,
        })
    }
}

#[cfg(test)]
mod tests;
