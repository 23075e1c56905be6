//! What belongs to some messages only: former texts, threads, pins.

use super::messages::{find, named, show, show_one};
use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Version, version_text};

/// How many answers are asked for at once.
const PAGE: u32 = 500;

/// `read CHANNEL --thread SEQ|ID`: the message the thread began with, then its newest answers.
pub async fn read(desk: &Desk<'_>, name: &str, message: &str, number: u32, before: Option<u64>) -> Outcome {
    desk.reach().await?;
    let channel = desk.channel(name).await?;
    let id = named(desk, &channel, message).await?;
    let mut found = Vec::new();
    let mut below = before;
    let root = loop {
        let wanted = number.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let part = desk.client.thread(desk.ws(), channel.id, id, below, wanted.min(PAGE)).await?;
        if part.partial {
            desk.output().remark("answers may be missing: not all of this channel is on this device");
        }
        let oldest = part.replies.iter().filter_map(|message| message.seq).min();
        let enough = !part.older || part.replies.len() >= wanted as usize;
        found.splice(0..0, part.replies);
        match oldest {
            Some(oldest) if !enough => below = Some(oldest),
            _ => break part.root,
        }
    };
    found.insert(0, root);
    show(desk, &found, &desk.names().await?)
}

/// `history CHANNEL SEQ|ID`.
pub async fn history(desk: &Desk<'_>, name: &str, message: &str) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let versions = desk.client.history(desk.ws(), channel.id, id).await?;
    let shapes: Vec<Version> = versions.iter().map(Version::new).collect();
    desk.output().show(&shapes, || versions.iter().map(version_text).collect::<Vec<_>>().join("\n"))
}

/// `pin CHANNEL SEQ|ID`, `unpin CHANNEL SEQ|ID`.
pub async fn pin(desk: &Desk<'_>, name: &str, message: &str, on: bool) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let changed = desk.client.pin(desk.ws(), channel.id, id, on).await?;
    show_one(desk, &changed, &desk.names().await?)
}

/// `pins CHANNEL`.
pub async fn pins(desk: &Desk<'_>, name: &str) -> Outcome {
    desk.reach().await?;
    let channel = desk.channel(name).await?;
    let pinned = desk.client.pins(desk.ws(), channel.id).await?;
    show(desk, &pinned, &desk.names().await?)
}
