//! Windows that an app watches: it is told the steps from what it shows to what there is.

use crate::client::{ChatClient, Result};
use crate::record::{Channel, Message, Window, id};
use std::sync::Arc;
use thechatapp_core::client::{Around, Unread, Watched};
use thechatapp_core::view::{ChannelView, Difference, MessageView};
use tokio::sync::Mutex;

/// One step from the messages that are shown to those there are. Steps are done in their order.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum MessageStep {
    /// Forget everything: these are the messages now.
    Resync {
        /// All of them.
        messages: Vec<Message>,
    },
    /// Take the message at this place away.
    Remove {
        /// Its place.
        at: u64,
    },
    /// Put a message in at this place.
    Insert {
        /// Its place.
        at: u64,
        /// The message.
        message: Message,
    },
    /// The message at this place has changed.
    Change {
        /// Its place.
        at: u64,
        /// What it is now.
        message: Message,
    },
}

/// One step from the channels that are shown to those there are.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ChannelStep {
    /// Forget everything: these are the channels now.
    Resync {
        /// All of them.
        channels: Vec<Channel>,
    },
    /// Take the channel at this place away.
    Remove {
        /// Its place.
        at: u64,
    },
    /// Put a channel in at this place.
    Insert {
        /// Its place.
        at: u64,
        /// The channel.
        channel: Channel,
    },
    /// The channel at this place has changed.
    Change {
        /// Its place.
        at: u64,
        /// What it is now.
        channel: Channel,
    },
}

/// What changed in a part of a channel.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TimelineChange {
    /// The steps.
    pub steps: Vec<MessageStep>,
    /// Whether older ones exist.
    pub older: bool,
    /// Whether newer ones exist beyond the window.
    pub newer: bool,
    /// Whether some are being fetched.
    pub fetching: bool,
    /// Everything up to this number was read when the channel was opened.
    pub read: u64,
}

/// What changed in the list of channels.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelsChange {
    /// The steps.
    pub steps: Vec<ChannelStep>,
    /// Unread messages in all of them.
    pub unread: u64,
    /// Of those, the ones that name one.
    pub mentions: u64,
}

/// A part of a channel that is watched.
#[derive(Debug, uniffi::Object)]
pub struct TimelineWatch(Mutex<Watched<MessageView, Around>>);

/// The list of channels that is watched.
#[derive(Debug, uniffi::Object)]
pub struct ChannelsWatch(Mutex<Watched<ChannelView, Unread>>);

#[uniffi::export(async_runtime = "tokio")]
impl TimelineWatch {
    /// Waits for the next change; the first is all there is, at once. None once the profile is closed, or the account is gone from it.
    pub async fn next(&self) -> Result<Option<TimelineChange>> {
        let changed = self.0.lock().await.next().await?;
        Ok(changed.map(|changed| {
            let Around { older, newer, fetching, read } = changed.about;
            TimelineChange { steps: changed.rows.into_iter().map(message_step).collect(), older, newer, fetching, read }
        }))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChannelsWatch {
    /// Waits for the next change; the first is all there is, at once. None once the profile is closed, or the account is gone from it.
    pub async fn next(&self) -> Result<Option<ChannelsChange>> {
        let changed = self.0.lock().await.next().await?;
        Ok(changed.map(|changed| {
            let Unread { messages: unread, mentions } = changed.about;
            ChannelsChange { steps: changed.rows.into_iter().map(channel_step).collect(), unread, mentions }
        }))
    }
}

#[uniffi::export]
impl ChatClient {
    /// Watches a part of a channel.
    pub fn watch_timeline(
        &self,
        workspace: String,
        channel: String,
        window: Window,
        limit: u32,
    ) -> Result<Arc<TimelineWatch>> {
        let (client, ws) = self.with(&workspace)?;
        let watched = client.watch_timeline(ws, id(&channel)?, window.into(), limit)?;
        Ok(Arc::new(TimelineWatch(Mutex::new(watched))))
    }

    /// Watches the list of channels; with `all` also public ones one is not in.
    pub fn watch_channels(&self, workspace: String, all: bool) -> Result<Arc<ChannelsWatch>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(Arc::new(ChannelsWatch(Mutex::new(client.watch_channels(ws, all)?))))
    }
}

fn message_step(step: Difference<MessageView>) -> MessageStep {
    match step {
        Difference::Resync(all) => MessageStep::Resync { messages: all.into_iter().map(Into::into).collect() },
        Difference::Remove(at) => MessageStep::Remove { at: at as u64 },
        Difference::Insert(at, row) => MessageStep::Insert { at: at as u64, message: row.into() },
        Difference::Change(at, row) => MessageStep::Change { at: at as u64, message: row.into() },
    }
}

fn channel_step(step: Difference<ChannelView>) -> ChannelStep {
    match step {
        Difference::Resync(all) => ChannelStep::Resync { channels: all.into_iter().map(Into::into).collect() },
        Difference::Remove(at) => ChannelStep::Remove { at: at as u64 },
        Difference::Insert(at, row) => ChannelStep::Insert { at: at as u64, channel: row.into() },
        Difference::Change(at, row) => ChannelStep::Change { at: at as u64, channel: row.into() },
    }
}
