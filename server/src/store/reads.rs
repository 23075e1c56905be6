//! Read marks. One's own only; they move forward and never back.

use super::channels::Channel;
use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use rusqlite::OptionalExtension;
use thechatapp_protocol::event::ReadRow;
use thechatapp_protocol::{AccountId, ChannelId, Row};

/// Somebody's mark in a channel.
///
/// # Errors
/// SQLite's.
pub fn row(view: View<'_>, person: AccountId, channel: ChannelId) -> Result<Option<ReadRow>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT seq, change FROM reads WHERE person = ?1 AND channel = ?2")?
        .query_row((person.as_bytes(), channel.as_bytes()), |row| {
            Ok(ReadRow { channel, seq: unsigned(row.get(0)?), change: unsigned(row.get(1)?) })
        })
        .optional()?;
    Ok(found)
}

/// Moves a mark forward, never past the newest message.
///
/// # Errors
/// SQLite's.
pub fn mark(tx: &mut Tx<'_>, person: AccountId, channel: Channel, seq: u64) -> Result<ReadRow, Fail> {
    let seq = seq.min(super::channels::head(tx.view(), channel.number)?);
    let old = row(tx.view(), person, channel.id)?;
    if let Some(old) = old
        && old.seq >= seq
    {
        return Ok(old);
    }
    let change = tx.change();
    tx.db
        .prepare_cached(
            "INSERT INTO reads (person, channel, seq, change) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET seq = excluded.seq, change = excluded.change",
        )?
        .execute((person.as_bytes(), channel.id.as_bytes(), signed(seq), signed(change)))?;
    let row = ReadRow { channel: channel.id, seq, change };
    tx.tell(Row::Read(row), Audience::Person(person));
    Ok(row)
}
