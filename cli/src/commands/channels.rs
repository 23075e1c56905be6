//! Channels: list, make, join, leave.

use super::messages::find;
use super::moderation::name;
use super::search::person as person_named;
use crate::args::{ChannelAction, Seen};
use crate::output::{Failure, Outcome, line};
use crate::run::Desk;
use crate::shape::{Channel, channel_name, channel_text, when};
use serde::Serialize;
use thechatapp_core::ChannelId;
use thechatapp_core::channels::Ban;
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

#[derive(Serialize)]
struct Listed {
    id: String,
    name: String,
    topic: String,
    members: u64,
    joined: bool,
    archived: bool,
}

#[derive(Serialize)]
struct Done {
    channel: String,
    person: Option<String>,
    message: Option<String>,
}

/// `channel ...`.
pub async fn channel(desk: &Desk<'_>, action: ChannelAction) -> Outcome {
    // Before anything is connected: nobody waits for what is missing.
    if let ChannelAction::Visibility { visibility: Seen::Public, yes: false, .. } = action {
        return Err(Failure::Usage {
            what: "the channel stays as it is".into(),
            why: "everybody but guests could read what was said in it until now; give --yes when it is meant".into(),
        });
    }
    desk.connect().await?;
    let (client, ws) = (&desk.client, desk.ws());
    match action {
        ChannelAction::Directory { words, archived } => {
            let entries = client.directory(ws, &words, archived).await?;
            let listed: Vec<_> = entries
                .into_iter()
                .map(|entry| Listed {
                    id: entry.channel.id.to_string(),
                    name: entry.channel.name,
                    topic: entry.channel.topic,
                    members: entry.members,
                    joined: entry.joined,
                    archived: entry.channel.archived,
                })
                .collect();
            desk.output().show(&listed, || {
                let text = |one: &Listed| {
                    let (mark, topic) = (if one.archived { "  (archived)" } else { "" }, line(&one.topic));
                    format!("#{:<24} {:>5} people{mark}  {topic}", line(&one.name), one.members)
                };
                listed.iter().map(text).collect::<Vec<_>>().join("\n")
            })
        }
        ChannelAction::Topic { channel, topic } => {
            let channel = desk.channel(&channel).await?;
            client.set_topic(ws, channel.id, &topic).await?;
            show_again(desk, channel).await
        }
        ChannelAction::Rename { channel, name } => {
            let channel = desk.channel(&channel).await?;
            client.rename_channel(ws, channel.id, name.strip_prefix('#').unwrap_or(&name)).await?;
            show_again(desk, channel).await
        }
        ChannelAction::Archive { channel, off } => {
            let channel = desk.channel(&channel).await?;
            client.archive_channel(ws, channel.id, !off).await?;
            show_again(desk, channel).await
        }
        ChannelAction::Add { channel, person } => {
            let (channel, who) = (desk.channel(&channel).await?, person_named(desk, &person).await?);
            client.add_member(ws, channel.id, who).await?;
            done(desk, &channel, Some(who.to_string()), None)
        }
        ChannelAction::Remove { channel, person } => {
            let (channel, who) = (desk.channel(&channel).await?, person_named(desk, &person).await?);
            client.remove_member(ws, channel.id, who).await?;
            done(desk, &channel, Some(who.to_string()), None)
        }
        ChannelAction::Visibility { channel, visibility, .. } => {
            let channel = desk.channel(&channel).await?;
            client.set_visibility(ws, channel.id, visibility == Seen::Public).await?;
            show_again(desk, channel).await
        }
        ChannelAction::Ban { channel, person } => {
            let (channel, who) = (desk.channel(&channel).await?, person_named(desk, &person).await?);
            show_bans(desk, client.ban(ws, channel.id, who, true).await?).await
        }
        ChannelAction::Unban { channel, person } => {
            let (channel, who) = (desk.channel(&channel).await?, person_named(desk, &person).await?);
            show_bans(desk, client.ban(ws, channel.id, who, false).await?).await
        }
        ChannelAction::Bans { channel } => {
            let channel = desk.channel(&channel).await?;
            show_bans(desk, client.bans(ws, channel.id).await?).await
        }
        ChannelAction::RemoveMessage { channel, message } => {
            let which = message.parse()?;
            let channel = desk.channel(&channel).await?;
            let id = find(desk, &channel, which).await?;
            client.remove_message(ws, channel.id, id).await?;
            done(desk, &channel, None, Some(id.to_string()))
        }
    }
}

#[derive(Serialize)]
struct Banned {
    id: String,
    person: String,
    by: String,
    at: String,
}

async fn show_bans(desk: &Desk<'_>, bans: Vec<Ban>) -> Outcome {
    let people = desk.client.people(desk.ws()).await?;
    let banned: Vec<_> = bans
        .iter()
        .map(|ban| Banned {
            id: ban.person.to_string(),
            person: name(&people, ban.person),
            by: name(&people, ban.by),
            at: when(ban.at),
        })
        .collect();
    desk.output().show(&banned, || {
        let text = |one: &Banned| format!("{}  banned by {} at {}", line(&one.person), line(&one.by), one.at);
        banned.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

async fn show_again(desk: &Desk<'_>, channel: ChannelView) -> Outcome {
    let channel = now(desk, channel.id).await?.unwrap_or(channel);
    show(desk, &channel)
}

fn done(desk: &Desk<'_>, channel: &ChannelView, person: Option<String>, message: Option<String>) -> Outcome {
    let done = Done { channel: channel_name(channel), person, message };
    desk.output().show(&done, || "done".to_owned())
}
