//! Reports of messages and people: what is wrong, in the words of who reported it, and for a message what it said then.
//! Both are sealed, and so is what was noted when a report was closed.

use super::audit::{self, Act, By};
use super::channels::Channel;
use super::{Tx, View, channels, messages};
use crate::error::Fail;
use crate::keyring::RecordPlace;
use crate::time::now;
use rusqlite::Row as SqlRow;
use serde::{Deserialize, Serialize};
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::moderation::{
    Closed, ListReportsParams, Outcome, REASON_MAX, REPORTS_PAGE_MAX, Report, Reported,
};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, MessageId, ReportId, Timestamp, wire};

/// Open reports of one person; who has more waits until some are closed.
const OPEN_MAX: u32 = 100;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A person.
    Person(AccountId),
    /// A message of a channel, by its place.
    Message(Channel, i64),
}

/// What is sealed of a report.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    reason: String,
    text: String,
}

const COLUMNS: &str = "id, by, at, about, channel, message, content, outcome, closed_by, closed_at, note";

/// Takes a report up; the same one again changes nothing.
///
/// # Errors
/// Bad input for one without a reason, of a deleted message, or of somebody who has too many open; a conflict when its id is
/// another's.
pub fn file(tx: &mut Tx<'_>, by: (AccountId, By), id: ReportId, about: About, reason: &str) -> Result<(), Fail> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > REASON_MAX {
        let why = format!("it says nothing, or more than {REASON_MAX} bytes");
        return Err(Fail::bad_input("This report cannot be taken", why, "say in short what is wrong"));
    }
    if let Some(known) = find(tx.view(), id)? {
        if known.by == by.0 {
            return Ok(());
        }
        return Err(
            ErrorBody::new(Code::Conflict, "This report cannot be taken", "its id is taken", "try again").into()
        );
    }
    let open: u32 = tx
        .db
        .prepare_cached("SELECT count(*) FROM reports WHERE by = ?1 AND outcome IS NULL")?
        .query_row([by.0.as_bytes()], |row| row.get(0))?;
    if open >= OPEN_MAX {
        let why = format!("{open} of yours are open");
        return Err(Fail::bad_input("You have reported much already", why, "wait until somebody has looked at them"));
    }
    let (person, message, text, target) = match about {
        About::Person(person) => (person, None, String::new(), Target::Person(person)),
        About::Message(channel, place) => {
            let row = messages::row(tx.view(), channel.id, place)?;
            if row.deleted {
                return Err(Fail::bad_input("This message was deleted", "there is nothing left to look at", ""));
            }
            let text = row.searchable().into_owned();
            (row.author, Some((channel.id, row.id)), text, Target::Message(channel.id, row.id))
        }
    };
    let content = wire::encode(&Content { reason: reason.to_owned(), text })
        .map_err(|_| Fail::Broken("a report that does not encode"))?;
    let sealed = tx.keyring.seal_record(&content_place(&id), &content)?;
    tx.db
        .prepare_cached(
            "INSERT INTO reports (id, by, at, about, channel, message, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            id.as_bytes(),
            by.0.as_bytes(),
            now().0,
            person.as_bytes(),
            message.map(|(channel, _)| *channel.as_bytes()),
            message.map(|(_, message)| *message.as_bytes()),
            sealed,
        ))?;
    audit::record(tx, by.1, Act::new(Class::Moderation, "report.filed", target).after(id.to_string()))
}

/// Reports, the newest first. Those about whoever asks, and about what they wrote, are for others to look at.
///
/// # Errors
/// SQLite's, or when one does not open.
pub fn list(view: View<'_>, asker: AccountId, params: &ListReportsParams) -> Result<Vec<Report>, Fail> {
    let mut rows = view.db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM reports WHERE (?1 OR outcome IS NULL) AND (?2 IS NULL OR id < ?2) AND about <> ?4
         ORDER BY id DESC LIMIT ?3"
    ))?;
    let before = params.before.map(|before| *before.as_bytes());
    let mut rows = rows.query((params.closed, before, params.limit.min(REPORTS_PAGE_MAX), asker.as_bytes()))?;
    let mut reports = Vec::new();
    while let Some(row) = rows.next()? {
        reports.push(read(view, row)?);
    }
    Ok(reports)
}

/// Closes a report, and removes its message where that is what becomes of it. One that is closed stays as it is.
///
/// # Errors
/// Not found, also for one about whoever would close it; bad input for a long note, and where there is no message to remove.
pub fn close(tx: &mut Tx<'_>, by: (AccountId, By), id: ReportId, outcome: Outcome, note: &str) -> Result<Report, Fail> {
    if note.len() > REASON_MAX {
        let why = format!("it has more than {REASON_MAX} bytes");
        return Err(Fail::bad_input("This note is too long", why, "shorten it"));
    }
    let report = find(tx.view(), id)?.filter(|report| report.about != by.0);
    let report = report.ok_or_else(|| Fail::not_found("No such report"))?;
    if report.closed.is_some() {
        return Ok(report);
    }
    if outcome == Outcome::Removed {
        let Some(Reported { channel, id: message, .. }) = &report.message else {
            return Err(Fail::bad_input(
                "There is nothing to remove",
                "it is about a person",
                "say what else was done",
            ));
        };
        remove(tx, by.1, *channel, *message, report.about)?;
    }
    let sealed = tx.keyring.seal_record(&note_place(&id), note.as_bytes())?;
    tx.db
        .prepare_cached("UPDATE reports SET outcome = ?2, closed_by = ?3, closed_at = ?4, note = ?5 WHERE id = ?1")?
        .execute((id.as_bytes(), outcome_number(outcome), by.0.as_bytes(), now().0, sealed))?;
    let act = Act::new(Class::Moderation, "report.closed", Target::Report(id));
    audit::record(tx, by.1, act.after(format!("{outcome:?}").to_lowercase()))?;
    find(tx.view(), id)?.ok_or(Fail::Broken("a report that is gone"))
}

/// Removes somebody else's message, as its author's deletion would. One that is gone already is no error.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &mut Tx<'_>, by: By, channel: ChannelId, id: MessageId, author: AccountId) -> Result<(), Fail> {
    let Some(channel) = channels::find(tx.view(), channel)? else { return Ok(()) };
    let Some(place) = messages::find_by(tx.view(), channel, id, author)? else { return Ok(()) };
    if messages::row(tx.view(), channel.id, place)?.deleted {
        return Ok(());
    }
    messages::delete(tx, channel, place)?;
    audit::record(tx, by, Act::new(Class::Moderation, "message.removed", Target::Message(channel.id, id)))
}

/// Takes away every report that a person made or that is about them.
///
/// # Errors
/// SQLite's.
pub fn forget_person(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.execute("DELETE FROM reports WHERE by = ?1 OR about = ?1", [person.as_bytes()])?;
    Ok(())
}

/// Takes away every report of a message of a channel.
///
/// # Errors
/// SQLite's.
pub fn forget_channel(tx: &Tx<'_>, channel: ChannelId) -> Result<(), Fail> {
    tx.db.execute("DELETE FROM reports WHERE channel = ?1", [channel.as_bytes()])?;
    Ok(())
}

/// Every report's id, for whoever checks that all open.
///
/// # Errors
/// SQLite's.
pub fn ids(view: View<'_>) -> Result<Vec<ReportId>, Fail> {
    let mut rows = view.db.prepare("SELECT id FROM reports")?;
    let rows = rows.query_map([], |row| row.get(0).map(ReportId::from_bytes))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One report.
///
/// # Errors
/// SQLite's, or when it does not open.
pub fn find(view: View<'_>, id: ReportId) -> Result<Option<Report>, Fail> {
    let mut rows = view.db.prepare_cached(&format!("SELECT {COLUMNS} FROM reports WHERE id = ?1"))?;
    let mut rows = rows.query([id.as_bytes()])?;
    rows.next()?.map(|row| read(view, row)).transpose()
}

fn read(view: View<'_>, row: &SqlRow<'_>) -> Result<Report, Fail> {
    let id = ReportId::from_bytes(row.get(0)?);
    let opened = view.keyring.open_record(&content_place(&id), &row.get::<_, Vec<u8>>(6)?)?;
    let Content { reason, text } = wire::decode(&opened).map_err(|_| Fail::Broken("a report that does not decode"))?;
    let message = match (row.get::<_, Option<[u8; 16]>>(4)?, row.get::<_, Option<[u8; 16]>>(5)?) {
        (Some(channel), Some(message)) => {
            Some(Reported { channel: ChannelId::from_bytes(channel), id: MessageId::from_bytes(message), text })
        }
        _ => None,
    };
    let closed = match row.get::<_, Option<u8>>(7)? {
        None => None,
        Some(outcome) => {
            let note = view.keyring.open_record(&note_place(&id), &row.get::<_, Vec<u8>>(10)?)?;
            Some(Closed {
                by: AccountId::from_bytes(row.get(8)?),
                at: Timestamp(row.get(9)?),
                outcome: outcome_of(outcome)?,
                note: String::from_utf8(note.to_vec()).map_err(|_| Fail::Broken("a note that is no text"))?,
            })
        }
    };
    Ok(Report {
        id,
        by: AccountId::from_bytes(row.get(1)?),
        at: Timestamp(row.get(2)?),
        about: AccountId::from_bytes(row.get(3)?),
        message,
        reason,
        closed,
    })
}

fn outcome_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Dismissed => 0,
        Outcome::Acted => 1,
        Outcome::Removed => 2,
    }
}

fn outcome_of(number: u8) -> Result<Outcome, Fail> {
    match number {
        0 => Ok(Outcome::Dismissed),
        1 => Ok(Outcome::Acted),
        2 => Ok(Outcome::Removed),
        _ => Err(Fail::Broken("an outcome that there is not")),
    }
}

fn content_place(id: &ReportId) -> RecordPlace<'_> {
    RecordPlace { table: "reports", column: "content", row: id.as_bytes(), revision: 0 }
}

fn note_place(id: &ReportId) -> RecordPlace<'_> {
    RecordPlace { table: "reports", column: "note", row: id.as_bytes(), revision: 0 }
}

#[cfg(test)]
mod tests;
