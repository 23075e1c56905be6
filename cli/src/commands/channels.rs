//! Channels: list, make, join, leave.

use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Channel, channel_text};
use thechatapp_core::ChannelId;
use thechatapp_core::view::ChannelView;

/// `channels`.
pub async fn list(desk: &Desk<'_>, all: bool) -> Outcome {
    desk.reach().await?;
    let channels = desk.client.channels(desk.ws(), all).await?;
    let shapes: Vec<Channel> = channels.iter().map(Channel::new).collect();
    desk.output().show(&shapes, || channels.iter().map(channel_text).collect::<Vec<_>>().join("\n"))
}

/// `create NAME`.
pub async fn create(desk: &Desk<'_>, name: &str, private: bool) -> Outcome {
    desk.connect().await?;
    let name = name.strip_prefix('#').unwrap_or(name);
    let channel = desk.client.create_channel(desk.ws(), name, private).await?;
    show(desk, &channel)
}

/// `join-channel NAME`.
pub async fn join(desk: &Desk<'_>, name: &str) -> Outcome {
    desk.connect().await?;
    let channel = desk.client.resolve_channel(desk.ws(), name).await?;
    desk.client.join_channel(desk.ws(), channel.id).await?;
    let channel = now(desk, channel.id).await?.unwrap_or(ChannelView { joined: true, ..channel });
    show(desk, &channel)
}

/// `leave-channel NAME`.
pub async fn leave(desk: &Desk<'_>, name: &str) -> Outcome {
    desk.connect().await?;
    let channel = desk.client.resolve_channel(desk.ws(), name).await?;
    desk.client.leave_channel(desk.ws(), channel.id).await?;
    // A private one is out of sight now.
    let channel = now(desk, channel.id).await?.unwrap_or(channel);
    show(desk, &ChannelView { joined: false, ..channel })
}

async fn now(desk: &Desk<'_>, id: ChannelId) -> Outcome<Option<ChannelView>> {
    Ok(desk.client.channels(desk.ws(), true).await?.into_iter().find(|channel| channel.id == id))
}

fn show(desk: &Desk<'_>, channel: &ChannelView) -> Outcome {
    desk.output().show(&Channel::new(channel), || channel_text(channel))
}
