//! Threads: messages that answer another one of their channel. The root's row tells how many do, so a device need not have
//! all of them to show it.

use super::channels::Channel;
use super::messages::{COLUMNS, PAGE_BYTES, find, read, row, weight};
use super::{Tx, View, signed};
use crate::error::Fail;
use crate::hub::Audience;
use thechatapp_protocol::methods::messages::{PAGE_MAX, ThreadPage, ThreadParams};
use thechatapp_protocol::{MessageId, Row, Timestamp};

/// The place of the message that a thread begins with.
///
/// # Errors
/// Not found when the channel has none; bad input for one that is an answer itself.
pub fn root(view: View<'_>, channel: Channel, thread: MessageId) -> Result<i64, Fail> {
    let (place, _) = find(view, channel, thread)?.ok_or_else(|| Fail::not_found("No such thread"))?;
    let is_answer: bool = view
        .db
        .prepare_cached("SELECT thread IS NOT NULL FROM messages WHERE place = ?1")?
        .query_row([place], |row| row.get(0))?;
    if is_answer {
        return Err(Fail::bad_input(
            "No thread begins with this message",
            "it is an answer in a thread itself",
            "answer the message that its thread began with",
        ));
    }
    Ok(place)
}

/// Counts a new answer on its root, and tells.
///
/// # Errors
/// SQLite's.
pub fn answered(tx: &mut Tx<'_>, channel: Channel, root: i64, at: Timestamp) -> Result<(), Fail> {
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE messages SET replies = replies + 1, last_reply = ?2, change = ?3 WHERE place = ?1")?
        .execute((root, at.0, signed(change)))?;
    tell(tx, channel, root)
}

/// Counts the answers of a thread anew after one was deleted, and tells.
///
/// # Errors
/// SQLite's.
pub fn recount(tx: &mut Tx<'_>, channel: Channel, thread: MessageId) -> Result<(), Fail> {
    let Some((root, _)) = find(tx.view(), channel, thread)? else { return Ok(()) };
    let change = tx.change();
    tx.db
        .prepare_cached(
            "UPDATE messages SET change = ?5, (replies, last_reply) =
                (SELECT count(*), max(at) FROM messages WHERE thread = ?2 AND place BETWEEN ?3 AND ?4 AND deleted = 0)
             WHERE place = ?1",
        )?
        .execute((root, thread.as_bytes(), channel.place(0), channel.last_place(), signed(change)))?;
    tell(tx, channel, root)
}

fn tell(tx: &mut Tx<'_>, channel: Channel, root: i64) -> Result<(), Fail> {
    let row = row(tx.view(), channel.id, root)?;
    tx.tell(Row::Message(row), Audience::Members(channel.id));
    Ok(())
}

/// A page of a thread: the newest answers before a number, or the oldest after one.
///
/// # Errors
/// Bad input when both are given.
pub fn page(view: View<'_>, channel: Channel, root: i64, params: &ThreadParams) -> Result<ThreadPage, Fail> {
    let (order, from, to) = channel.range(params.before, params.after)?;
    let root = row(view, channel.id, root)?;
    let mut statement = view.db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE thread = ?1 AND place BETWEEN ?2 AND ?3 ORDER BY place {order} LIMIT ?4"
    ))?;
    let limit = params.limit.min(PAGE_MAX);
    let mut rows = statement.query((root.id.as_bytes(), from, to, i64::from(limit) + 1))?;
    let (mut messages, mut bytes, mut more) = (Vec::new(), weight(&root), false);
    while let Some(found) = rows.next()? {
        let message = read(view, channel.id, found)?;
        bytes += weight(&message);
        more = messages.len() >= limit as usize || (bytes > PAGE_BYTES && !messages.is_empty());
        if more {
            break;
        }
        messages.push(message);
    }
    if order == "DESC" {
        messages.reverse();
    }
    Ok(ThreadPage { root, messages, more })
}
