//! Reports, and people one wants to hear nothing from.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::reports::{self, About};
use crate::store::{blocks, messages};
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::moderation::{
    Block, BlockParams, Blocked, BlockedPeople, CloseReport, CloseReportParams, ListReports, ListReportsParams,
    RemoveMessage, Report, ReportMessage, ReportMessageParams, ReportPerson, ReportPersonParams, Reports,
};

impl Handle for ReportMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ReportMessageParams) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let about = About::Message(permit.channel()?, permit.message()?);
                reports::file(tx, (permit.person(), permit.by()), params.report, about, &params.reason)?;
                Ok(Nothing {})
            })
            .await
    }
}

impl Handle for ReportPerson {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ReportPersonParams) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let about = About::Person(params.person);
                reports::file(tx, (permit.person(), permit.by()), params.report, about, &params.reason)?;
                Ok(Nothing {})
            })
            .await
    }
}

impl Handle for ListReports {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListReportsParams) -> Result<Reports, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                Ok(Reports { reports: reports::list(view, permit.person(), &params)? })
            })
            .await
    }
}

impl Handle for CloseReport {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: CloseReportParams) -> Result<Report, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let by = (permit.person(), permit.by());
                reports::close(tx, by, params.report, params.outcome, &params.note)
            })
            .await
    }
}

impl Handle for Block {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: BlockParams) -> Result<BlockedPeople, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                blocks::set(tx, permit.person(), params.person, params.on)?;
                // That somebody did it; whom, is nobody's but theirs.
                let act = if params.on { "person.blocked" } else { "person.unblocked" };
                audit::record(tx, permit.by(), Act::new(Class::Moderation, act, Target::Workspace))?;
                Ok(BlockedPeople { people: blocks::of(tx.view(), permit.person())? })
            })
            .await
    }
}

impl Handle for Blocked {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: Nothing) -> Result<BlockedPeople, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), |view, permit| {
                Ok(BlockedPeople { people: blocks::of(view, permit.person())? })
            })
            .await
    }
}

impl Handle for RemoveMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let (channel, place) = (permit.channel()?, permit.message()?);
                let (author, _) = messages::written(tx.view(), place)?;
                reports::remove(tx, permit.by(), channel.id, params.id, author)?;
                messages::row(tx.view(), channel.id, place)
            })
            .await
    }
}
