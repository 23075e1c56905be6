//! Browsers in which somebody has signed in before, known again by a cookie that lets nobody in: whoever has it is counted apart
//! from strangers. Here is its SHA-256 alone.

use super::{Tx, View};
use crate::error::Fail;
use thechatapp_protocol::{AccountId, Timestamp};

/// Browsers known to one account; one more forgets the one that was not used for longest.
const PER_ACCOUNT: u32 = 20;
/// Milliseconds after which one that was not used is a stranger's again: half a year.
pub const LASTS: i64 = 180 * 24 * 60 * 60 * 1000;

/// Whether an account knows a browser.
///
/// # Errors
/// SQLite's.
pub fn is(view: View<'_>, person: AccountId, token_hash: &[u8; 32], now: Timestamp) -> Result<bool, Fail> {
    let mut query =
        view.db.prepare_cached("SELECT 1 FROM known_browsers WHERE token_hash = ?1 AND person = ?2 AND used > ?3")?;
    Ok(query.exists((token_hash, person.as_bytes(), now.0.saturating_sub(LASTS)))?)
}

/// Makes a browser known from now on, by a token in place of the one it had. What another account knows it by is theirs: whoever has
/// that makes nobody a stranger by it.
///
/// # Errors
/// SQLite's.
pub fn insert(
    tx: &Tx<'_>,
    person: AccountId,
    token_hash: &[u8; 32],
    before: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<(), Fail> {
    tx.db
        .prepare_cached("DELETE FROM known_browsers WHERE used <= ?1 OR (token_hash = ?2 AND person = ?3)")?
        .execute((now.0.saturating_sub(LASTS), before, person.as_bytes()))?;
    tx.db
        .prepare_cached(
            "DELETE FROM known_browsers WHERE token_hash IN (SELECT token_hash FROM known_browsers WHERE person = ?1
                ORDER BY used DESC, token_hash LIMIT -1 OFFSET ?2)",
        )?
        .execute((person.as_bytes(), PER_ACCOUNT - 1))?;
    tx.db.prepare_cached("INSERT INTO known_browsers (token_hash, person, used) VALUES (?1, ?2, ?3)")?.execute((
        token_hash,
        person.as_bytes(),
        now.0,
    ))?;
    Ok(())
}

/// Makes all of an account's browsers strangers.
///
/// # Errors
/// SQLite's.
pub fn forget(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM known_browsers WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}
