//! Polls.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::messages::{self, Ready};
use crate::store::{blocks, polls};
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::polls::{CastVote, CastVoteParams, ClosePoll, CreatePoll, CreatePollParams};

impl Handle for CreatePoll {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: CreatePollParams) -> Result<MessageRow, Fail> {
        let scope = Self::scope(&params);
        let ready = Ready::poll(&*workspace.keyring()?, caller.person, params)?;
        workspace
            .write::<Self, _>(caller, scope, move |tx, permit| {
                let channel = permit.channel()?;
                let sent = messages::send(tx, channel, ready, None)?;
                messages::row(tx.view(), channel.id, channel.place(sent.seq))
            })
            .await
    }
}

impl Handle for CastVote {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: CastVoteParams) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                blocks::refuse(tx.view(), permit.channel()?, permit.person())?;
                polls::vote(tx, permit.channel()?, permit.message()?, permit.person(), &params.choices)
            })
            .await
    }
}

impl Handle for ClosePoll {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                polls::close(tx, permit.channel()?, permit.message()?)
            })
            .await
    }
}
