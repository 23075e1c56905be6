//! Reporting a message or a person, what becomes of reports, and whom one wants to hear nothing from.

use crate::event::MessageRow;
use crate::id::{AccountId, ChannelId, MessageId, ReportId};
use crate::method::{Access, Scope, methods};
use crate::methods::account::Nothing;
use crate::methods::messages::OneMessage;
use crate::permission::Power;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest reason and longest note, in bytes.
pub const REASON_MAX: usize = 2000;
/// Most reports in a page.
pub const REPORTS_PAGE_MAX: u32 = 200;

/// Parameters of [`ReportMessage`]. The id is the client's, so that asking twice makes one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportMessageParams {
    /// The new report's id (UUID version 7).
    pub report: ReportId,
    /// The message's channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// What is wrong with it.
    pub reason: String,
}

/// Parameters of [`ReportPerson`]. The id is the client's, so that asking twice makes one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportPersonParams {
    /// The new report's id (UUID version 7).
    pub report: ReportId,
    /// Who.
    pub person: AccountId,
    /// What is wrong.
    pub reason: String,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was wrong.
    Dismissed,
    /// Something was done about it elsewhere: a talk, a suspension.
    Acted,
    /// The reported message was removed.
    Removed,
}

/// A reported message as it was when it was reported. Who reads reports need not be in its channel: who reported it shows
/// them this much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reported {
    /// Its channel.
    pub channel: ChannelId,
    /// The message.
    pub id: MessageId,
    /// What it said.
    pub text: String,
}

/// How a report was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Closed {
    /// By whom.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// What they noted.
    pub note: String,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Which.
    pub id: ReportId,
    /// Who reported.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// Whom it is about: the person, or the message's author.
    pub about: AccountId,
    /// The message it is about.
    pub message: Option<Reported>,
    /// What is wrong, in the words of who reported it.
    pub reason: String,
    /// How it was closed; open when absent.
    pub closed: Option<Closed>,
}

/// Parameters of [`ListReports`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListReportsParams {
    /// Closed ones, too.
    #[serde(default)]
    pub closed: bool,
    /// Only those before this one, the newest first.
    #[serde(default)]
    pub before: Option<ReportId>,
    /// How many; at most [`REPORTS_PAGE_MAX`].
    pub limit: u32,
    /// What came with the page before, where this is the next one: reading on is part of the same act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
}

/// Reply of [`ListReports`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reports {
    /// The reports, newest first.
    pub reports: Vec<Report>,
    /// What the next page is asked for with, where there may be one. It is good for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of [`CloseReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CloseReportParams {
    /// Which.
    pub report: ReportId,
    /// What becomes of it; [`Outcome::Removed`] removes the message.
    pub outcome: Outcome,
    /// A note for those who read reports.
    #[serde(default)]
    pub note: String,
}

/// Parameters of [`Block`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockParams {
    /// Whom.
    pub person: AccountId,
    /// Whether one wants to hear nothing from them, or does again.
    pub on: bool,
}

/// Reply of [`Block`] and [`Blocked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockedPeople {
    /// Whom one wants to hear nothing from.
    pub people: Vec<AccountId>,
}

methods! {
    /// Reports a message to those who look after people.
    ReportMessage = "messages.report", Access::Reader, ReportMessageParams => Nothing, |p| Scope::Message(p.channel, p.id);
    /// Removes somebody else's message.
    RemoveMessage = "messages.remove", Access::Moderator, OneMessage => MessageRow, |p| Scope::Message(p.channel, p.id);
    /// Reports a person to those who look after people.
    ReportPerson = "people.report", Access::SignedIn, ReportPersonParams => Nothing, |p| Scope::Person(p.person);
    /// Reports, for those who look after people. That they were read is an audit entry, one for all pages.
    ListReports = "reports.list", Access::Power(Power::Users), ListReportsParams => Reports, |_| Scope::Workspace;
    /// Closes a report, and removes the message where that is what becomes of it.
    CloseReport = "reports.close", Access::Power(Power::Users), CloseReportParams => Report, |_| Scope::Workspace;
    /// Lets somebody write one no direct messages any more, or again.
    Block = "people.block", Access::SignedIn, BlockParams => BlockedPeople, |p| Scope::Person(p.person);
    /// Whom one has blocked. Nobody else learns it.
    Blocked = "people.blocked", Access::SignedIn, Nothing => BlockedPeople, |_| Scope::Workspace;
}
