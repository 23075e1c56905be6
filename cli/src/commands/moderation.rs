//! Reports, and people one wants to hear nothing from.

use super::messages::find;
use super::search::person as person_named;
use crate::args::{OutcomeArg, ReportAction};
use crate::output::{Outcome, line};
use crate::run::Desk;
use serde::Serialize;
use thechatapp_core::moderation::{Outcome as Became, Report};
use thechatapp_core::view::PersonView;
use thechatapp_core::{AccountId, Error, ReportId};

#[derive(Serialize)]
struct Filed {
    report: String,
}

#[derive(Serialize)]
struct Shape {
    report: String,
    by: String,
    at: String,
    about: String,
    channel: Option<String>,
    message: Option<String>,
    text: Option<String>,
    reason: String,
    outcome: Option<Became>,
    closed_by: Option<String>,
    closed_at: Option<String>,
    note: Option<String>,
}

impl Shape {
    fn new(report: &Report, people: &[PersonView]) -> Self {
        let Report { id, by, at, about, message, reason, closed } = report;
        Self {
            report: id.to_string(),
            by: name(people, *by),
            at: at.to_string(),
            about: name(people, *about),
            channel: message.as_ref().map(|message| message.channel.to_string()),
            message: message.as_ref().map(|message| message.id.to_string()),
            text: message.as_ref().map(|message| message.text.clone()),
            reason: reason.clone(),
            outcome: closed.as_ref().map(|closed| closed.outcome),
            closed_by: closed.as_ref().map(|closed| name(people, closed.by)),
            closed_at: closed.as_ref().map(|closed| closed.at.to_string()),
            note: closed.as_ref().map(|closed| closed.note.clone()),
        }
    }

    fn text(&self) -> String {
        let Self { report, by, at, about, reason, .. } = self;
        let said = self.text.as_deref().map(|text| format!("\n    {about} wrote: {}", line(text))).unwrap_or_default();
        let became = self.outcome.map(|outcome| format!("  [{outcome:?}]")).unwrap_or_default();
        format!("{report}  {at}  {by} about {about}: {}{became}{said}", line(reason))
    }
}

pub fn name(people: &[PersonView], id: AccountId) -> String {
    people.iter().find(|person| person.id == id).map_or_else(|| id.to_string(), |person| person.name.clone())
}

/// `report ...`.
pub async fn report(desk: &Desk<'_>, action: ReportAction) -> Outcome {
    desk.connect().await?;
    let (client, ws) = (&desk.client, desk.ws());
    match action {
        ReportAction::Message { channel, message, reason } => {
            let which = message.parse()?;
            let channel = desk.channel(&channel).await?;
            let id = find(desk, &channel, which).await?;
            filed(desk, client.report_message(ws, channel.id, id, &reason).await?)
        }
        ReportAction::Person { person, reason } => {
            let person = person_named(desk, &person).await?;
            filed(desk, client.report_person(ws, person, &reason).await?)
        }
        ReportAction::List { closed } => {
            let (reports, people) = (client.reports(ws, closed).await?, client.people(ws).await?);
            let shapes: Vec<_> = reports.iter().map(|report| Shape::new(report, &people)).collect();
            desk.output().show(&shapes, || shapes.iter().map(Shape::text).collect::<Vec<_>>().join("\n"))
        }
        ReportAction::Close { report, outcome, note } => {
            let id: ReportId =
                report.parse().map_err(|_| Error::bad_input("this is no report", format!("{report} is no id")))?;
            let outcome = match outcome {
                OutcomeArg::Dismissed => Became::Dismissed,
                OutcomeArg::Acted => Became::Acted,
                OutcomeArg::Removed => Became::Removed,
            };
            let closed = client.close_report(ws, id, outcome, &note).await?;
            let shape = Shape::new(&closed, &client.people(ws).await?);
            desk.output().show(&shape, || shape.text())
        }
    }
}

fn filed(desk: &Desk<'_>, id: ReportId) -> Outcome {
    desk.output().show(&Filed { report: id.to_string() }, || format!("reported ({id})"))
}

/// `block [@NAME]`.
pub async fn block(desk: &Desk<'_>, person: Option<&str>, on: bool) -> Outcome {
    desk.connect().await?;
    let blocked = match person {
        Some(person) => {
            let person = person_named(desk, person).await?;
            desk.client.block(desk.ws(), person, on).await?
        }
        None => desk.client.blocked(desk.ws()).await?,
    };
    let people = desk.client.people(desk.ws()).await?;
    let names: Vec<_> = blocked.into_iter().map(|id| name(&people, id)).collect();
    desk.output().show(&names, || names.iter().map(|name| line(name)).collect::<Vec<_>>().join("\n"))
}
