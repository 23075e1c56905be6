//! Whom people want to hear nothing from: whoever is blocked writes them no direct messages. They are told that they may not,
//! and never by whom else they are blocked.

use super::channels::Channel;
use super::{Tx, View};
use crate::error::Fail;
use rusqlite::OptionalExtension;
use thechatapp_protocol::AccountId;
use thechatapp_protocol::event::ChannelKind;

/// Most people that one person blocks.
const MAX: u32 = 1000;

/// Blocks somebody, or lets them write again.
///
/// # Errors
/// Bad input for oneself, and for too many.
pub fn set(tx: &Tx<'_>, person: AccountId, other: AccountId, on: bool) -> Result<(), Fail> {
    if !on {
        tx.db
            .prepare_cached("DELETE FROM blocks WHERE person = ?1 AND blocked = ?2")?
            .execute((person.as_bytes(), other.as_bytes()))?;
        return Ok(());
    }
    if person == other {
        return Err(Fail::bad_input("You cannot block yourself", "what you note for yourself is yours", ""));
    }
    let count: u32 = tx
        .db
        .prepare_cached("SELECT count(*) FROM blocks WHERE person = ?1")?
        .query_row([person.as_bytes()], |row| row.get(0))?;
    if count >= MAX {
        return Err(Fail::bad_input("You block too many people", format!("{MAX} at most"), "let some write again"));
    }
    tx.db
        .prepare_cached("INSERT INTO blocks (person, blocked) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute((person.as_bytes(), other.as_bytes()))?;
    Ok(())
}

/// Whom somebody blocks.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, person: AccountId) -> Result<Vec<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT blocked FROM blocks WHERE person = ?1 ORDER BY blocked")?;
    let rows = rows.query_map([person.as_bytes()], |row| row.get(0).map(AccountId::from_bytes))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Refuses what somebody writes to a conversation of two whose other person blocks them.
///
/// # Errors
/// Denied.
pub fn refuse(view: View<'_>, channel: Channel, author: AccountId) -> Result<(), Fail> {
    if channel.kind != ChannelKind::Direct {
        return Ok(());
    }
    let blocked: Option<i64> = view
        .db
        .prepare_cached(
            "SELECT 1 FROM blocks b JOIN members m ON m.person = b.person AND m.channel = ?1
             WHERE b.blocked = ?2 AND (SELECT count(*) FROM members o WHERE o.channel = ?1) = 2",
        )?
        .query_row((channel.id.as_bytes(), author.as_bytes()), |row| row.get(0))
        .optional()?;
    if blocked.is_some() {
        return Err(Fail::denied("this person takes no direct messages from you"));
    }
    Ok(())
}

/// Takes away whom a person blocks, and who blocks them.
///
/// # Errors
/// SQLite's.
pub fn forget_person(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.execute("DELETE FROM blocks WHERE person = ?1 OR blocked = ?1", [person.as_bytes()])?;
    Ok(())
}
