//! Pinned messages: a channel's own list, which any member keeps.

use super::channels::Channel;
use super::messages::{COLUMNS, PAGE_BYTES, read, row, weight};
use super::{Tx, View, signed};
use crate::error::Fail;
use crate::hub::Audience;
use crate::time::now;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{PINS_MAX, PinsPage};
use thechatapp_protocol::{AccountId, Row};

/// Pins a message. One that is pinned stays as it is, with who pinned it first.
///
/// # Errors
/// Bad input for a deleted message, and when the channel has its most.
pub fn pin(tx: &mut Tx<'_>, channel: Channel, place: i64, person: AccountId) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    let old = row(tx.view(), channel.id, place)?;
    if old.deleted {
        return Err(Fail::bad_input("This message was deleted", "nobody can pin it", ""));
    }
    if old.pinned.is_some() {
        return Ok(old);
    }
    let pinned: i64 = tx
        .db
        .prepare_cached("SELECT count(*) FROM messages WHERE place BETWEEN ?1 AND ?2 AND pinned_at IS NOT NULL")?
        .query_row((channel.place(0), channel.last_place()), |row| row.get(0))?;
    if pinned >= i64::from(PINS_MAX) {
        return Err(Fail::bad_input(
            "Too many pinned messages",
            format!("this channel has {PINS_MAX}"),
            "take a pin off another one",
        ));
    }
    set(tx, channel, place, Some((person, now().0)))
}

/// Takes a pin off, whoever set it.
///
/// # Errors
/// SQLite's.
pub fn unpin(tx: &mut Tx<'_>, channel: Channel, place: i64) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    let old = row(tx.view(), channel.id, place)?;
    if old.pinned.is_none() {
        return Ok(old);
    }
    set(tx, channel, place, None)
}

fn set(tx: &mut Tx<'_>, channel: Channel, place: i64, pin: Option<(AccountId, i64)>) -> Result<MessageRow, Fail> {
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE messages SET pinned_by = ?2, pinned_at = ?3, change = ?4 WHERE place = ?1")?
        .execute((place, pin.map(|(by, _)| *by.as_bytes()), pin.map(|(_, at)| at), signed(change)))?;
    let row = row(tx.view(), channel.id, place)?;
    tx.tell(Row::Message(row.clone()), Audience::Members(channel.id));
    Ok(row)
}

/// The pinned messages after a number.
///
/// # Errors
/// SQLite's.
pub fn page(view: View<'_>, channel: Channel, after: u64) -> Result<PinsPage, Fail> {
    let (_, from, to) = channel.range(None, Some(after))?;
    let mut statement = view.db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE place BETWEEN ?1 AND ?2 AND pinned_at IS NOT NULL ORDER BY place"
    ))?;
    let mut rows = statement.query((from, to))?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    while let Some(found) = rows.next()? {
        let message = read(view, channel.id, found)?;
        bytes += weight(&message);
        if bytes > PAGE_BYTES && !messages.is_empty() {
            return Ok(PinsPage { messages, more: true });
        }
        messages.push(message);
    }
    Ok(PinsPage { messages, more: false })
}
