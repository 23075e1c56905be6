//! Polls: asking, voting, closing.

use super::messages::{find, show_one};
use crate::args::{Poll, PollAction};
use crate::output::{Failure, Outcome};
use crate::run::Desk;

/// `poll CHANNEL QUESTION --option ...`, `poll close CHANNEL SEQ|ID`.
pub async fn poll(desk: &Desk<'_>, poll: Poll) -> Outcome {
    if let Some(PollAction::Close { channel, message }) = poll.action {
        return close(desk, &channel, &message).await;
    }
    let (Some(channel), Some(question)) = (poll.channel, poll.question) else {
        return Err(Failure::Usage { what: "a poll wants a question".into(), why: "none was given".into() });
    };
    desk.connect().await?;
    let channel = desk.channel(&channel).await?;
    let asked = desk.client.create_poll(desk.ws(), channel.id, &question, poll.options, poll.multiple).await?;
    show_one(desk, &asked, &desk.names().await?)
}

async fn close(desk: &Desk<'_>, name: &str, message: &str) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let closed = desk.client.close_poll(desk.ws(), channel.id, id).await?;
    show_one(desk, &closed, &desk.names().await?)
}

/// `vote CHANNEL SEQ|ID OPTION...`; options are numbered from 1, none withdraws.
pub async fn vote(desk: &Desk<'_>, name: &str, message: &str, options: &[u32]) -> Outcome {
    let which = message.parse()?;
    desk.connect().await?;
    let channel = desk.channel(name).await?;
    let id = find(desk, &channel, which).await?;
    let choices = options.iter().map(|number| number.saturating_sub(1)).collect();
    let voted = desk.client.vote(desk.ws(), channel.id, id, choices).await?;
    show_one(desk, &voted, &desk.names().await?)
}
