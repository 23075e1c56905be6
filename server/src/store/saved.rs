//! What people keep for themselves: a list for each person, with notes that are sealed for that person's row alone.

use super::channels::Channel;
use super::messages::{self, PAGE_BYTES};
use super::search::Sight;
use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::keyring::{FieldPlace, Sealed};
use crate::time::now;
use rusqlite::OptionalExtension;
use thechatapp_protocol::methods::saved::{ListSavedParams, NOTE_MAX, SAVED_MAX, SAVED_PAGE_MAX, Saved, SavedPage};
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

pub(super) fn field(channel: ChannelId, person: AccountId, place: i64, revision: u64) -> FieldPlace {
    FieldPlace { channel, table: "saved", column: "note", place, part: *person.as_bytes(), revision }
}

struct Kept {
    number: i64,
    at: i64,
    revision: i64,
    note: Option<Sealed>,
}

/// Keeps a message, or changes the note. Without a note, the one that is there stays.
///
/// # Errors
/// Bad input for a deleted message, a long note, and when the person keeps too many.
pub fn save(tx: &Tx<'_>, channel: Channel, place: i64, person: AccountId, note: Option<&str>) -> Result<Saved, Fail> {
    if note.is_some_and(|note| note.len() > NOTE_MAX) {
        return Err(Fail::bad_input(
            "This note is too long",
            format!("it has more than {NOTE_MAX} bytes"),
            "shorten it",
        ));
    }
    let message = messages::row(tx.view(), channel.id, place)?;
    let old = tx
        .db
        .prepare_cached("SELECT number, at, revision, note, epoch FROM saved WHERE person = ?1 AND place = ?2")?
        .query_row((person.as_bytes(), place), |row| {
            let epoch = unsigned(row.get(4)?);
            let note = row.get::<_, Option<Vec<u8>>>(3)?.map(|bytes| Sealed { epoch, bytes });
            Ok(Kept { number: row.get(0)?, at: row.get(1)?, revision: row.get(2)?, note })
        })
        .optional()?;
    if old.is_none() && message.deleted {
        return Err(Fail::bad_input("This message was deleted", "there is nothing left to keep", ""));
    }
    let mut kept = match old {
        Some(old) => Kept { revision: old.revision + 1, ..old },
        None => Kept { number: next(tx, person)?, at: now().0, revision: 0, note: None },
    };
    let place_of = |revision| field(channel.id, person, place, unsigned(revision));
    let text = match (note, &kept.note) {
        (Some(note), _) => note.to_owned(),
        // Sealed before under the revision that counted until now.
        (None, Some(sealed)) => tx.keyring.open_field(&place_of(kept.revision - 1), sealed.epoch, &sealed.bytes)?,
        (None, None) => String::new(),
    };
    kept.note = if text.is_empty() { None } else { Some(tx.keyring.seal_field(&place_of(kept.revision), &text)?) };
    tx.db
        .prepare_cached(
            "INSERT INTO saved (person, place, number, at, revision, note, epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET revision = excluded.revision, note = excluded.note, epoch = excluded.epoch",
        )?
        .execute((
            person.as_bytes(),
            place,
            kept.number,
            kept.at,
            kept.revision,
            kept.note.as_ref().map(|sealed| &sealed.bytes),
            kept.note.as_ref().map_or(0, |sealed| signed(sealed.epoch)),
        ))?;
    Ok(Saved { message, note: text, at: Timestamp(kept.at), number: unsigned(kept.number) })
}

fn next(tx: &Tx<'_>, person: AccountId) -> Result<i64, Fail> {
    let (count, last): (i64, i64) = tx
        .db
        .prepare_cached("SELECT count(*), coalesce(max(number), 0) FROM saved WHERE person = ?1")?
        .query_row([person.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if count >= i64::from(SAVED_MAX) {
        return Err(Fail::bad_input(
            "Too many saved messages",
            format!("you keep {SAVED_MAX} already"),
            "take some off your list",
        ));
    }
    Ok(last + 1)
}

/// Keeps a message no longer.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, place: i64, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM saved WHERE person = ?1 AND place = ?2")?.execute((person.as_bytes(), place))?;
    Ok(())
}

/// What a person keeps and may read now, the newest first.
///
/// # Errors
/// SQLite's, and of seals.
pub fn list(view: View<'_>, person: AccountId, params: &ListSavedParams) -> Result<SavedPage, Fail> {
    let mut statement = view.db.prepare_cached(
        "SELECT place, number, at, revision, note, epoch FROM saved WHERE person = ?1 AND number < ?2 ORDER BY number DESC",
    )?;
    let mut rows = statement.query((person.as_bytes(), params.before.map_or(i64::MAX, signed)))?;
    let limit = params.limit.clamp(1, SAVED_PAGE_MAX) as usize;
    let mut sight = Sight::new(person);
    let (mut saved, mut bytes) = (Vec::<Saved>::new(), 0);
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        let Some(channel) = sight.channel(view, place >> 40)? else { continue };
        let message = messages::row(view, channel, place)?;
        let note = match row.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            Some(sealed) => {
                let at = field(channel, person, place, unsigned(row.get(3)?));
                view.keyring.open_field(&at, unsigned(row.get(5)?), sealed)?
            }
            None => String::new(),
        };
        bytes += messages::weight(&message) + note.len();
        if saved.len() >= limit || (bytes > PAGE_BYTES && !saved.is_empty()) {
            let next = saved.last().map(|last| last.number);
            return Ok(SavedPage { saved, next });
        }
        saved.push(Saved { message, note, at: Timestamp(row.get(2)?), number: unsigned(row.get(1)?) });
    }
    Ok(SavedPage { saved, next: None })
}
