//! Who is in which channel. Leaving keeps the row, marked: that is how a device learns to forget.

use super::channels::Channel;
use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use rusqlite::OptionalExtension;
use thechatapp_protocol::event::MemberRow;
use thechatapp_protocol::{AccountId, ChannelId, Row};

/// A membership's row; `None` for somebody who never was in the channel.
///
/// # Errors
/// SQLite's.
pub fn row(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<Option<MemberRow>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT joined, change FROM members WHERE channel = ?1 AND person = ?2")?
        .query_row((channel.as_bytes(), person.as_bytes()), |row| {
            Ok(MemberRow { channel, person, joined: row.get(0)?, change: unsigned(row.get(1)?) })
        })
        .optional()?;
    Ok(found)
}

/// Whether somebody is in a channel.
///
/// # Errors
/// SQLite's.
pub fn is(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<bool, Fail> {
    Ok(row(view, channel, person)?.is_some_and(|row| row.joined))
}

/// Lets somebody join or leave. What is so already stays as it is, and nobody is told.
///
/// # Errors
/// SQLite's.
pub fn set(tx: &mut Tx<'_>, channel: Channel, person: AccountId, joined: bool) -> Result<MemberRow, Fail> {
    if let Some(row) = row(tx.view(), channel.id, person)?
        && row.joined == joined
    {
        return Ok(row);
    }
    let change = tx.change();
    tx.db
        .prepare_cached(
            "INSERT INTO members (channel, person, joined, change) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET joined = excluded.joined, change = excluded.change",
        )?
        .execute((channel.id.as_bytes(), person.as_bytes(), joined, signed(change)))?;
    let row = MemberRow { channel: channel.id, person, joined, change };
    tx.tell(Row::Member(row), Audience::Members(channel.id));
    Ok(row)
}

/// Everybody who is in a channel.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, channel: ChannelId) -> Result<Vec<MemberRow>, Fail> {
    let mut rows = view
        .db
        .prepare_cached("SELECT person, joined, change FROM members WHERE channel = ?1 AND joined ORDER BY change")?;
    let rows = rows.query_map([channel.as_bytes()], |row| {
        Ok(MemberRow {
            channel,
            person: AccountId::from_bytes(row.get(0)?),
            joined: row.get(1)?,
            change: unsigned(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
