//! Drafts: what was typed and not sent.

use super::messages::named;
use crate::output::Outcome;
use crate::run::Desk;
use crate::shape::{Draft, draft_text};
use std::io::Read;
use thechatapp_core::view::ChannelView;
use thechatapp_core::{Error, MessageId};

/// `drafts`.
pub async fn list(desk: &Desk<'_>) -> Outcome {
    desk.reach().await?;
    let drafts = desk.client.drafts(desk.ws()).await?;
    let names = desk.names().await?;
    let shapes: Vec<Draft> = drafts.iter().map(|draft| Draft::new(draft, &names)).collect();
    desk.output().show(&shapes, || drafts.iter().map(|draft| draft_text(draft, &names)).collect::<Vec<_>>().join("\n"))
}

/// What is done to a draft.
#[derive(Debug)]
pub enum Change<'a> {
    /// It is shown.
    Show,
    /// This is typed in its place.
    Type(&'a str),
    /// It is deleted, and what other devices had typed there is forgotten.
    Clear,
}

/// `draft CHANNEL [TEXT|-]`. What is typed is on the disk first, and goes to the server when that can be reached.
pub async fn draft(desk: &Desk<'_>, name: &str, thread: Option<&str>, change: Change<'_>) -> Outcome {
    let text = match change {
        Change::Show => {
            desk.reach().await?;
            let channel = desk.channel(name).await?;
            let thread = first_of(desk, &channel, thread).await?;
            return show(desk, &channel, thread).await;
        }
        Change::Type("-") => standard_input()?,
        Change::Type(text) => text.to_owned(),
        Change::Clear => String::new(),
    };
    let channel = desk.channel(name).await?;
    let thread = first_of(desk, &channel, thread).await?;
    if text.is_empty() {
        let draft = desk.client.draft_at(desk.ws(), channel.id, thread).await?;
        for earlier in draft.into_iter().flat_map(|draft| draft.earlier) {
            desk.client.forget_earlier_draft(desk.ws(), earlier.number).await?;
        }
    }
    desk.client.save_draft(desk.ws(), channel.id, thread, &text).await?;
    if desk.reach().await? {
        match desk.client.wait_drafts(desk.ws(), desk.place.timeout).await {
            Ok(()) => {}
            Err(Error::Offline { why }) => desk.output().remark(&format!("it is on this device only ({why})")),
            Err(error) => return Err(error.into()),
        }
    }
    show(desk, &channel, thread).await
}

async fn first_of(desk: &Desk<'_>, channel: &ChannelView, thread: Option<&str>) -> Outcome<Option<MessageId>> {
    Ok(match thread {
        Some(typed) => Some(named(desk, channel, typed).await?),
        None => None,
    })
}

async fn show(desk: &Desk<'_>, channel: &ChannelView, thread: Option<MessageId>) -> Outcome {
    let draft = desk.client.draft_at(desk.ws(), channel.id, thread).await?;
    let names = desk.names().await?;
    desk.output().show(&draft.as_ref().map(|draft| Draft::new(draft, &names)), || match &draft {
        Some(draft) => draft_text(draft, &names),
        None => "no draft".to_owned(),
    })
}

fn standard_input() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|why| Error::bad_input("standard input cannot be read", why.to_string()))?;
    Ok(text.trim_end_matches('\n').to_owned())
}
