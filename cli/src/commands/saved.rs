//! What one keeps for oneself.

use super::messages::find;
use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Saved, Unsaved, saved_text};

/// `save CHANNEL SEQ|ID`.
pub async fn save(desk: &Desk<'_>, name: &str, message: &str, note: Option<&str>) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let saved = desk.client.save_message(desk.ws(), channel.id, id, note).await?;
    let names = desk.names().await?;
    desk.output().show(&Saved::new(&saved, &names), || saved_text(&saved))
}

/// `unsave CHANNEL SEQ|ID`.
pub async fn unsave(desk: &Desk<'_>, name: &str, message: &str) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    desk.client.unsave_message(desk.ws(), channel.id, id).await?;
    let names = desk.names().await?;
    desk.output().show(&Unsaved::new(channel.id, id, &names), || "no longer saved".to_owned())
}

/// `saved`.
pub async fn list(desk: &Desk<'_>) -> Outcome {
    desk.connect().await?;
    let saved = desk.client.saved_messages(desk.ws()).await?;
    let names = desk.names().await?;
    let shapes: Vec<Saved> = saved.iter().map(|saved| Saved::new(saved, &names)).collect();
    desk.output().show(&shapes, || saved.iter().map(saved_text).collect::<Vec<_>>().join("\n"))
}
