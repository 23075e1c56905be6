//! How much a workspace is used: counts, taken when somebody asks, and nobody named.

use super::{View, unsigned};
use crate::error::Fail;
use std::collections::{BTreeMap, HashSet};
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::methods::settings::{UsageReply, UsedOn};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// The most days that are counted at once.
pub const DAYS_MAX: u32 = 366;

/// Counts the days up to now.
///
/// # Errors
/// SQLite's.
pub fn count(view: View<'_>, days: u32, now: Timestamp) -> Result<UsageReply, Fail> {
    let today = now.0.div_euclid(DAY);
    let from = (today + 1 - i64::from(days.clamp(1, DAYS_MAX))) * DAY;
    // Imported people have no account: what they wrote, whenever that was, is no use of this workspace.
    let mut written = view.db.prepare_cached(
        "SELECT m.at, m.author FROM messages m JOIN people p ON p.id = m.author
         WHERE m.at >= ?1 AND m.at < ?2 AND p.imported_from IS NULL",
    )?;
    let mut rows = written.query((from, (today + 1) * DAY))?;
    let mut each: BTreeMap<i64, (u64, HashSet<[u8; 16]>)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (messages, people) = each.entry(row.get::<_, i64>(0)?.div_euclid(DAY)).or_default();
        *messages += 1;
        people.insert(row.get(1)?);
    }
    let one = |sql: &str| Ok::<_, Fail>(unsigned(view.db.query_row(sql, [], |row| row.get(0))?));
    Ok(UsageReply {
        accounts: one("SELECT count(*) FROM people WHERE active AND imported_from IS NULL")?,
        channels: one("SELECT count(*) FROM channels WHERE kind <> 2 AND wiped = 0")?,
        messages: one("SELECT count(*) FROM messages WHERE deleted = 0")?,
        file_bytes: one("SELECT coalesce(sum(size), 0) FROM files WHERE state = 1")?,
        days: each
            .into_iter()
            .rev()
            .map(|(day, (messages, people))| UsedOn {
                day: Timestamp(day * DAY),
                messages,
                people: people.len() as u64,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests;
