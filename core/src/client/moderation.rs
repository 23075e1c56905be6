//! Reports, and people one wants to hear nothing from. Both are the server's and asked for.

use super::Client;
use super::messages::random;
use crate::error::Result;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::moderation::{
    Block, BlockParams, Blocked, CloseReport, CloseReportParams, ListReports, ListReportsParams, Outcome,
    REPORTS_PAGE_MAX, Report, ReportMessage, ReportMessageParams, ReportPerson, ReportPersonParams,
};
use thechatapp_protocol::{AccountId, ChannelId, MessageId, ReportId, WorkspaceId};

impl Client {
    /// Reports a message to those who look after people.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn report_message(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        reason: &str,
    ) -> Result<ReportId> {
        let report = ReportId::from_parts(self.now().unix_millis(), &random()?);
        let params = ReportMessageParams { report, channel, id, reason: reason.to_owned() };
        self.workspace(ws)?.session()?.call::<ReportMessage>(&params).await?;
        Ok(report)
    }

    /// Reports a person to those who look after people.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn report_person(&self, ws: WorkspaceId, person: AccountId, reason: &str) -> Result<ReportId> {
        let report = ReportId::from_parts(self.now().unix_millis(), &random()?);
        let params = ReportPersonParams { report, person, reason: reason.to_owned() };
        self.workspace(ws)?.session()?.call::<ReportPerson>(&params).await?;
        Ok(report)
    }

    /// Reports, the newest first, for those who look after people.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn reports(&self, ws: WorkspaceId, closed: bool) -> Result<Vec<Report>> {
        let session = self.workspace(ws)?.session()?;
        let (mut all, mut continues): (Vec<Report>, _) = (Vec::new(), None);
        loop {
            let before = all.last().map(|report| report.id);
            let params = ListReportsParams { closed, before, limit: REPORTS_PAGE_MAX, continues };
            let page = session.call::<ListReports>(&params).await?;
            let full = page.reports.len() == REPORTS_PAGE_MAX as usize;
            all.extend(page.reports);
            continues = page.next;
            if !full {
                return Ok(all);
            }
        }
    }

    /// Closes a report; [`Outcome::Removed`] removes its message.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn close_report(
        &self,
        ws: WorkspaceId,
        report: ReportId,
        outcome: Outcome,
        note: &str,
    ) -> Result<Report> {
        let params = CloseReportParams { report, outcome, note: note.to_owned() };
        self.workspace(ws)?.session()?.call::<CloseReport>(&params).await
    }

    /// Lets somebody write one no direct messages any more, or again; the answer is whom one blocks.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn block(&self, ws: WorkspaceId, person: AccountId, on: bool) -> Result<Vec<AccountId>> {
        Ok(self.workspace(ws)?.session()?.call::<Block>(&BlockParams { person, on }).await?.people)
    }

    /// Whom one blocks.
    ///
    /// # Errors
    /// [`crate::Error::Offline`], [`crate::Error::Refused`].
    pub async fn blocked(&self, ws: WorkspaceId) -> Result<Vec<AccountId>> {
        Ok(self.workspace(ws)?.session()?.call::<Blocked>(&Nothing {}).await?.people)
    }
}
