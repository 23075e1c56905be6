//! Reports, and people one wants to hear nothing from.

use super::Handle;
use super::reading::{About, Reading};
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::reports;
use crate::store::{blocks, messages};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::messages::OneMessage;
use thechatapp_protocol::methods::moderation::{
    Block, BlockParams, Blocked, BlockedPeople, CloseReport, CloseReportParams, ListReports, ListReportsParams,
    REPORTS_PAGE_MAX, RemoveMessage, Report, ReportMessage, ReportMessageParams, ReportPerson, ReportPersonParams,
    Reports,
};

impl Handle for ReportMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ReportMessageParams) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                let about = reports::About::Message(permit.channel()?, permit.message()?);
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
                let about = reports::About::Person(params.person);
                reports::file(tx, (permit.person(), permit.by()), params.report, about, &params.reason)?;
                Ok(Nothing {})
            })
            .await
    }
}

impl Handle for ListReports {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListReportsParams) -> Result<Reports, Fail> {
        let ListReportsParams { closed, before, ref continues, .. } = params;
        let about = About::new(caller, Self::NAME, vec![u8::from(closed)]);
        let place = before.map(|before| before.as_bytes().to_vec()).unwrap_or_default();
        let goes_on = about.goes_on(&*workspace.keyring()?, &place, continues.as_deref(), now());
        let reading = match goes_on {
            Some(reading) => reading,
            None => {
                let which = if closed { "all" } else { "open" };
                let which = before.map_or_else(|| which.to_owned(), |before| format!("{which} before={before}"));
                let act = Act::new(Class::Moderation, "reports.read", Target::Workspace).after(which);
                workspace
                    .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                        audit::record(tx, permit.by(), act)?;
                        // Pages go back in time: what comes later is in none of them.
                        Ok(Reading::begun(now(), 0))
                    })
                    .await?
            }
        };
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let reports = reports::list(view, permit.person(), &params)?;
                let last = reports.last().map(|report| *report.id.as_bytes());
                let full = reports.len() >= params.limit.min(REPORTS_PAGE_MAX) as usize;
                let next = last.filter(|_| full).map(|last| about.next(view.keyring, &last, reading));
                Ok(Reports { reports, next })
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
