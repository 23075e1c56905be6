//! Reading, and changing what was said.

use crate::output::{Failure, Outcome};
use crate::run::Desk;
use crate::shape::{Message, Names, message_text};
use std::str::FromStr;
use thechatapp_core::view::{ChannelView, MessageView, TimelineView, Window};
use thechatapp_core::{Error, MessageId};

#[cfg(test)]
mod tests;

/// How many messages are asked for at once.
const PAGE: u32 = 500;

/// `read CHANNEL`.
pub async fn read(desk: &Desk<'_>, name: &str, number: u32, before: Option<u64>, peek: bool) -> Outcome {
    let online = desk.reach().await?;
    let channel = desk.channel(name).await?;
    let messages = window(desk, &channel, number, before, online).await?;
    let names = desk.names().await?;
    show(desk, &messages, &names)?;
    let newest = messages.iter().filter_map(|message| message.seq).max().unwrap_or(0);
    if online && !peek && channel.joined && newest > channel.read {
        desk.client.mark_read(desk.ws(), channel.id, newest).await?;
    }
    Ok(())
}

/// The newest messages before a number, oldest first.
async fn window(
    desk: &Desk<'_>,
    channel: &ChannelView,
    number: u32,
    before: Option<u64>,
    online: bool,
) -> Outcome<Vec<MessageView>> {
    let mut found: Vec<MessageView> = Vec::new();
    let mut window = before.map_or(Window::Latest, |seq| Window::Before { seq });
    loop {
        let wanted = number.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if wanted == 0 {
            break;
        }
        let part = part(desk, channel, window, wanted.min(PAGE), online).await?;
        let Some(oldest) = part.messages.iter().filter_map(|message| message.seq).min() else {
            found.splice(0..0, part.messages);
            break;
        };
        let enough = !part.older || oldest <= 1;
        found.splice(0..0, part.messages);
        if enough {
            break;
        }
        window = Window::Before { seq: oldest };
    }
    let extra = found.len().saturating_sub(usize::try_from(number).unwrap_or(usize::MAX));
    Ok(found.split_off(extra))
}

async fn part(
    desk: &Desk<'_>,
    channel: &ChannelView,
    window: Window,
    limit: u32,
    online: bool,
) -> Outcome<TimelineView> {
    if online {
        match desk.client.fetch(desk.ws(), channel.id, window, limit).await {
            Ok(part) => return Ok(part),
            Err(Error::Offline { why }) => {
                desk.output().remark(&format!("the connection broke off ({why}); this is what is on this device"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(desk.client.timeline(desk.ws(), channel.id, window, limit).await?)
}

pub(super) fn show(desk: &Desk<'_>, messages: &[MessageView], names: &Names) -> Outcome {
    let shapes: Vec<Message> = messages.iter().map(|message| Message::new(message, names)).collect();
    desk.output().show(&shapes, || messages.iter().map(message_text).collect::<Vec<_>>().join("\n"))
}

pub(super) fn show_one(desk: &Desk<'_>, message: &MessageView, names: &Names) -> Outcome {
    desk.output().show(&Message::new(message, names), || message_text(message))
}

/// A message as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Its number in the channel.
    Seq(u64),
    /// Its id.
    Id(MessageId),
}

impl FromStr for Which {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(seq) = text.parse::<u64>() {
            return Ok(Self::Seq(seq));
        }
        let id = text.parse().map_err(|_| {
            Error::bad_input(format!("{text} names no message"), "it is neither a number in the channel nor an id")
        })?;
        Ok(Self::Id(id))
    }
}

pub(super) async fn find(desk: &Desk<'_>, channel: &ChannelView, which: Which) -> Outcome<MessageId> {
    Ok(match which {
        Which::Id(id) => id,
        Which::Seq(seq) => desk.client.message_by_seq(desk.ws(), channel.id, seq).await?.id,
    })
}

/// A message as it was typed, looked for on this device first.
pub(super) async fn named(desk: &Desk<'_>, channel: &ChannelView, typed: &str) -> Outcome<MessageId> {
    let which = typed.parse()?;
    match find(desk, channel, which).await {
        Err(Failure::Core(Error::Offline { .. } | Error::BadInput { .. })) => {
            desk.connect().await?;
            find(desk, channel, which).await
        }
        done => done,
    }
}

/// Does something with a message of one's own. One that waits here, which only its id names, needs no server.
async fn one(
    desk: &Desk<'_>,
    channel: &ChannelView,
    typed: &str,
    act: impl AsyncFn(MessageId) -> Result<MessageView, Error>,
) -> Outcome<MessageView> {
    let which = typed.parse()?;
    if let Which::Id(id) = which {
        match act(id).await {
            Err(Error::Offline { .. }) => {}
            done => return Ok(done?),
        }
    }
    desk.connect().await?;
    Ok(act(find(desk, channel, which).await?).await?)
}

/// `edit CHANNEL SEQ|ID TEXT`.
pub async fn edit(desk: &Desk<'_>, name: &str, message: &str, text: &str) -> Outcome {
    let channel = desk.channel(name).await?;
    let changed =
        one(desk, &channel, message, async |id| desk.client.edit(desk.ws(), channel.id, id, text).await).await?;
    show_one(desk, &changed, &desk.names().await?)
}

/// `delete CHANNEL SEQ|ID`.
pub async fn delete(desk: &Desk<'_>, name: &str, message: &str) -> Outcome {
    let channel = desk.channel(name).await?;
    let changed = one(desk, &channel, message, async |id| desk.client.delete(desk.ws(), channel.id, id).await).await?;
    show_one(desk, &changed, &desk.names().await?)
}

/// `react CHANNEL SEQ|ID EMOJI`.
pub async fn react(desk: &Desk<'_>, name: &str, message: &str, emoji: &str, on: bool) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let changed = desk.client.react(desk.ws(), channel.id, id, emoji, on).await?;
    show_one(desk, &changed, &desk.names().await?)
}
