//! Sessions of browsers: whose, since when, last used when. The token itself is in the browser's cookie alone; here is its
//! SHA-256, which is enough to know it again and of no use to whoever reads it.

use super::{Tx, View};
use crate::error::Fail;
use crate::hub::Note;
use rusqlite::OptionalExtension;
use thechatapp_protocol::{AccountId, DeviceId, Timestamp};

/// Sessions of one account; one more ends the one that was not used for longest.
pub const PER_ACCOUNT: u32 = 20;
/// Milliseconds without use after which a session has ended.
pub const IDLE: i64 = 3 * 24 * 60 * 60 * 1000;
/// Milliseconds after which it has ended in any case.
pub const LONGEST: i64 = 30 * 24 * 60 * 60 * 1000;
/// Milliseconds within which a use is not noted again.
const NOTED: i64 = 60 * 1000;

/// What is kept of a new session.
#[derive(Clone, Debug)]
pub struct New {
    /// Its id.
    pub id: DeviceId,
    /// The SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// What the browser says it is.
    pub agent: String,
    /// Where it signed in from, as the server sees it.
    pub address: String,
}

/// A session as its token finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: DeviceId,
    /// Whose.
    pub person: AccountId,
    /// Whether its use is to be noted.
    pub due: bool,
}

/// Begins a session. Those of the account that have ended go, and of the others the least used where there are too many.
///
/// # Errors
/// SQLite's.
pub fn insert(tx: &mut Tx<'_>, person: AccountId, session: &New, at: Timestamp) -> Result<(), Fail> {
    tx.db
        .prepare_cached("DELETE FROM browsers WHERE used <= ?1 OR created <= ?2")?
        .execute((at.0 - IDLE, at.0 - LONGEST))?;
    let surplus: Vec<[u8; 16]> = tx
        .db
        .prepare_cached("SELECT id FROM browsers WHERE person = ?1 ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?2")?
        .query_map((person.as_bytes(), PER_ACCOUNT - 1), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in surplus.into_iter().map(DeviceId::from_bytes) {
        remove(tx, id)?;
        tx.note(Note::SignedOut(id));
    }
    tx.db
        .prepare_cached(
            "INSERT INTO browsers (id, person, token_hash, agent, address, created, used, fresh)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6)",
        )?
        .execute((
            session.id.as_bytes(),
            person.as_bytes(),
            session.token_hash,
            &session.agent,
            &session.address,
            at.0,
        ))?;
    Ok(())
}

/// The session of a token that has not ended.
///
/// # Errors
/// SQLite's.
pub fn by_token(view: View<'_>, token_hash: &[u8; 32], at: Timestamp) -> Result<Option<Found>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT id, person, used FROM browsers WHERE token_hash = ?1 AND used > ?2 AND created > ?3")?
        .query_row((token_hash, at.0 - IDLE, at.0 - LONGEST), |row| {
            Ok(Found {
                id: DeviceId::from_bytes(row.get(0)?),
                person: AccountId::from_bytes(row.get(1)?),
                due: row.get::<_, i64>(2)? + NOTED <= at.0,
            })
        })
        .optional()?;
    Ok(found)
}

/// Notes that a session is used.
///
/// # Errors
/// SQLite's.
pub fn used(tx: &Tx<'_>, id: DeviceId, at: Timestamp) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE browsers SET used = max(used, ?2) WHERE id = ?1")?.execute((id.as_bytes(), at.0))?;
    Ok(())
}

/// Removes a session: its token is nobody's from this commit on. One that is not there is no error.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, id: DeviceId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM browsers WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

/// Ends all sessions of everybody: of a workspace that was restored, whoever was signed in then.
///
/// # Errors
/// SQLite's.
pub fn remove_all(db: &rusqlite::Connection) -> Result<(), rusqlite::Error> {
    db.execute("DELETE FROM browsers", []).map(|_| ())
}

#[cfg(test)]
mod tests;
