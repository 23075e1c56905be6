//! Failed sign-ins by account name, kept so that a restart forgives nobody. A name that does not exist is counted like one
//! that does.

use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::time::now;
use rusqlite::OptionalExtension;

/// Milliseconds after which failures no longer count.
const FORGOTTEN: u64 = 24 * 60 * 60 * 1000;

/// How a name stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// Failures since the last success.
    pub failures: u64,
    /// Closed until, Unix milliseconds; open when that is past.
    pub until: u64,
}

/// How a name stands.
///
/// # Errors
/// SQLite's.
pub fn find(view: View<'_>, folded: &str) -> Result<Lockout, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT failures, until FROM lockouts WHERE name_hash = ?1")?
        .query_row([view.keyring.name_hash("lockout", folded)], |row| {
            Ok(Lockout { failures: unsigned(row.get(0)?), until: unsigned(row.get(1)?) })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Sets how a name stands; the default forgets it.
///
/// # Errors
/// SQLite's.
pub fn set(tx: &Tx<'_>, folded: &str, lockout: Lockout) -> Result<(), Fail> {
    let hash = tx.keyring.name_hash("lockout", folded);
    // Names can be made up without end; a day after its last failure one is forgotten.
    let old = now().unix_millis().saturating_sub(FORGOTTEN);
    tx.db.prepare_cached("DELETE FROM lockouts WHERE until < ?1")?.execute([signed(old)])?;
    if lockout == Lockout::default() {
        tx.db.prepare_cached("DELETE FROM lockouts WHERE name_hash = ?1")?.execute([hash])?;
        return Ok(());
    }
    tx.db
        .prepare_cached(
            "INSERT INTO lockouts (name_hash, failures, until) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET failures = excluded.failures, until = excluded.until",
        )?
        .execute((hash, signed(lockout.failures), signed(lockout.until)))?;
    Ok(())
}
