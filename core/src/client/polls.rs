//! Polls. Asking and voting want a connection: a vote that went out later might meet a closed poll.

use super::Client;
use super::messages::{check_text, random};
use crate::error::Result;
use crate::view::MessageView;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::polls::{CastVote, CastVoteParams, ClosePoll, CreatePoll, CreatePollParams};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};

impl Client {
    /// Asks a question with options to choose from, one or several.
    ///
    /// # Errors
    /// [`Error::BadInput`](crate::Error::BadInput) for an empty question; [`Error::Offline`](crate::Error::Offline),
    /// [`Error::Refused`](crate::Error::Refused).
    pub async fn create_poll(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        question: &str,
        options: Vec<String>,
        multiple: bool,
    ) -> Result<MessageView> {
        check_text(question)?;
        let workspace = self.workspace(ws)?;
        let id = MessageId::from_parts(self.now().unix_millis(), &random()?);
        let params = CreatePollParams { id, channel, question: question.to_owned(), options, multiple };
        let row = workspace.session()?.call::<CreatePoll>(&params).await?;
        self.take(&workspace, row).await
    }

    /// Votes for options of a poll by their places, the first being 0, in place of what one chose before; none withdraws
    /// one's vote.
    ///
    /// # Errors
    /// [`Error::Offline`](crate::Error::Offline), [`Error::Refused`](crate::Error::Refused).
    pub async fn vote(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        choices: Vec<u32>,
    ) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<CastVote>(&CastVoteParams { channel, id, choices }).await?;
        self.take(&workspace, row).await
    }

    /// Closes one's own poll for good.
    ///
    /// # Errors
    /// [`Error::Offline`](crate::Error::Offline), [`Error::Refused`](crate::Error::Refused).
    pub async fn close_poll(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<ClosePoll>(&OneMessage { channel, id }).await?;
        self.take(&workspace, row).await
    }
}
