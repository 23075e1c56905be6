//! Codes by which a person chooses a new password: one for each person, good once and for a day, kept as keyed hashes.

use super::{Tx, View};
use crate::error::Fail;
use rusqlite::OptionalExtension;
use subtle::ConstantTimeEq;
use thechatapp_protocol::{AccountId, Timestamp};

/// Milliseconds for which a code is good.
pub const LASTS: i64 = 24 * 60 * 60 * 1000;

/// Keeps a code in place of the one before it. The answer is until when it is good.
///
/// # Errors
/// SQLite's.
pub fn issue(tx: &Tx<'_>, person: AccountId, code: &str, now: Timestamp) -> Result<Timestamp, Fail> {
    let expires = Timestamp(now.0.saturating_add(LASTS));
    tx.db
        .prepare_cached("INSERT OR REPLACE INTO resets (person, code_hash, expires) VALUES (?1, ?2, ?3)")?
        .execute((person.as_bytes(), hash(tx.view(), person, code), expires.0))?;
    Ok(expires)
}

/// Until when a person's code is good, where there is one.
///
/// # Errors
/// SQLite's.
pub fn until(view: View<'_>, person: AccountId, now: Timestamp) -> Result<Option<Timestamp>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT expires FROM resets WHERE person = ?1 AND expires > ?2")?
        .query_row((person.as_bytes(), now.0), |row| row.get(0))
        .optional()?;
    Ok(found.map(Timestamp))
}

/// Whether this is a person's code.
///
/// # Errors
/// SQLite's.
pub fn fits(view: View<'_>, person: AccountId, code: &str, now: Timestamp) -> Result<bool, Fail> {
    let kept: Option<[u8; 32]> = view
        .db
        .prepare_cached("SELECT code_hash FROM resets WHERE person = ?1 AND expires > ?2")?
        .query_row((person.as_bytes(), now.0), |row| row.get(0))
        .optional()?;
    Ok(kept.is_some_and(|kept| bool::from(kept.ct_eq(&hash(view, person, code)))))
}

/// Removes all codes of everybody: of a workspace that was restored, where one may be good again that was used. Answers how many were
/// good.
///
/// # Errors
/// SQLite's.
pub fn remove_all(db: &rusqlite::Connection, now: Timestamp) -> Result<u64, rusqlite::Error> {
    let good: i64 = db.query_row("SELECT count(*) FROM resets WHERE expires > ?1", [now.0], |row| row.get(0))?;
    db.execute("DELETE FROM resets", [])?;
    Ok(super::unsigned(good))
}

/// Removes a person's code.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM resets WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}

fn hash(view: View<'_>, person: AccountId, code: &str) -> [u8; 32] {
    view.keyring.digest(&[b"reset code", person.as_bytes(), code.trim().as_bytes()])
}

#[cfg(test)]
mod tests;
