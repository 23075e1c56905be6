//! Whom a guest sees: everybody who is or was in a channel that the guest is in. Who was matters for what they wrote there.

use super::{View, signed};
use crate::error::Fail;
use std::collections::HashSet;
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId};

/// Whether somebody is a guest.
///
/// # Errors
/// SQLite's.
pub fn is(view: View<'_>, person: AccountId) -> Result<bool, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT 1 FROM people WHERE id = ?1 AND rank = ?2")?
        .exists((person.as_bytes(), Rank::Guest as u8))?)
}

/// Whether a guest sees somebody.
///
/// # Errors
/// SQLite's.
pub fn sees(view: View<'_>, guest: AccountId, other: AccountId) -> Result<bool, Fail> {
    Ok(guest == other
        || view
            .db
            .prepare_cached(
                "SELECT 1 FROM members mine CROSS JOIN members theirs ON theirs.channel = mine.channel AND theirs.person = ?2
                 WHERE mine.person = ?1 AND mine.joined LIMIT 1",
            )?
            .exists((guest.as_bytes(), other.as_bytes()))?)
}

/// Everybody whom a guest sees; with a head, but for those whose memberships all changed after it: a listener that begins there tells of
/// these with that change.
///
/// # Errors
/// SQLite's.
pub fn seen(view: View<'_>, guest: AccountId, head: Option<u64>) -> Result<HashSet<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT DISTINCT theirs.person FROM members mine CROSS JOIN members theirs ON theirs.channel = mine.channel
         WHERE mine.person = ?1 AND mine.joined AND (?2 IS NULL OR theirs.change <= ?2)",
    )?;
    let rows = rows.query_map((guest.as_bytes(), head.map(signed)), |row| row.get(0))?;
    let mut all = rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<HashSet<_>>>()?;
    all.insert(guest);
    Ok(all)
}

/// Everybody who is or was in a channel.
///
/// # Errors
/// SQLite's.
pub fn in_channel(view: View<'_>, channel: ChannelId) -> Result<Vec<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT person FROM members WHERE channel = ?1")?;
    let rows = rows.query_map([channel.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}
