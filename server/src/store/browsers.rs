//! Sessions of browsers: whose, since when, last used when. The token itself is in the browser's cookie alone; here is its
//! SHA-256, which is enough to know it again and of no use to whoever reads it.
//!
//! While a session is used, its token is replaced. The one before is good for a moment longer, for requests that were under way; one
//! that comes later was copied, and nobody can tell which of the two is the person: the session ends. Until the new one is shown for
//! the first time nobody knows whether it arrived: so long the one before stays good, and gets another in place of what was lost.
//!
//! A proof of who one is counts for the token that is given with it. One that was replaced is never fresh.

use super::audit::{self, Act, By};
use super::{Tx, View, settings, signed};
use crate::error::Fail;
use crate::hub::Note;
use rusqlite::OptionalExtension;
use std::net::IpAddr;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::settings::{BROWSER_DAYS, BROWSER_IDLE_HOURS, BROWSERS_PER_ACCOUNT};
use thechatapp_protocol::{AccountId, DeviceId, Timestamp};

/// How long a browser keeps a cookie that is not renewed, in milliseconds; the server may end the session before.
pub const COOKIE: i64 = 30 * 24 * 60 * 60 * 1000;
/// Milliseconds after which a token is replaced when it is used.
pub const ROTATED: i64 = 15 * 60 * 1000;
/// Milliseconds for which the one before is good.
pub const OVERLAP: i64 = 60 * 1000;
/// Spent tokens of one session that are known again.
const SPENT: u32 = 200;
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
    /// What the token is to it.
    pub token: Token,
    /// Whether it is the one in force and is shown for the first time since it replaced another.
    pub first: bool,
}

/// What a token is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The one in force.
    Current,
    /// The one in force, and it is to be replaced.
    Old,
    /// The one before, a moment ago.
    Before,
    /// The one before, and the one in force was never shown: it may have been lost on its way.
    Unanswered,
    /// One from earlier: a copy.
    Replayed,
}

/// Begins a session. Those of the account that have ended go, and of the others the least used where there are too many.
///
/// # Errors
/// SQLite's.
pub fn insert(tx: &mut Tx<'_>, person: AccountId, session: &New, at: Timestamp) -> Result<(), Fail> {
    let ended = ends(tx.view(), at)?;
    let most = settings::number(tx.view(), BROWSERS_PER_ACCOUNT)?;
    tx.db
        .prepare_cached(
            "DELETE FROM spent_tokens WHERE browser IN (SELECT id FROM browsers WHERE used <= ?1 OR created <= ?2)",
        )?
        .execute(ended)?;
    tx.db.prepare_cached("DELETE FROM browsers WHERE used <= ?1 OR created <= ?2")?.execute(ended)?;
    let surplus: Vec<[u8; 16]> = tx
        .db
        .prepare_cached("SELECT id FROM browsers WHERE person = ?1 ORDER BY used DESC, id DESC LIMIT -1 OFFSET ?2")?
        .query_map((person.as_bytes(), signed(most.saturating_sub(1))), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in surplus.into_iter().map(DeviceId::from_bytes) {
        remove(tx, id)?;
        tx.note(Note::SignedOut(id));
    }
    tx.db
        .prepare_cached(
            "INSERT INTO browsers (id, person, token_hash, agent, address, created, used, fresh, rotated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6, ?6)",
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

/// A session has ended that was not used since the first of these moments, or began before the second.
fn ends(view: View<'_>, at: Timestamp) -> Result<(i64, i64), Fail> {
    const HOUR: u64 = 60 * 60 * 1000;
    let idle = settings::number(view, BROWSER_IDLE_HOURS)? * HOUR;
    let longest = settings::number(view, BROWSER_DAYS)? * 24 * HOUR;
    Ok((at.0 - signed(idle), at.0 - signed(longest)))
}

/// The session of a token that has not ended.
///
/// # Errors
/// SQLite's.
pub fn by_token(view: View<'_>, token_hash: &[u8; 32], at: Timestamp) -> Result<Option<Found>, Fail> {
    let (idle, longest) = ends(view, at)?;
    let look = |sql: &str, token: fn(i64, i64, bool) -> (Token, bool)| {
        let found = view.db.prepare_cached(sql)?.query_row((token_hash, idle, longest), |row| {
            let (token, first) = token(row.get(3)?, at.0, row.get(4)?);
            Ok(Found {
                id: DeviceId::from_bytes(row.get(0)?),
                person: AccountId::from_bytes(row.get(1)?),
                due: row.get::<_, i64>(2)? + NOTED <= at.0,
                token,
                first,
            })
        });
        Ok::<_, Fail>(found.optional()?)
    };
    let current = look(
        "SELECT id, person, used, rotated, previous IS NOT NULL
         FROM browsers WHERE token_hash = ?1 AND used > ?2 AND created > ?3",
        |rotated, now, first| (if rotated + ROTATED <= now { Token::Old } else { Token::Current }, first),
    )?;
    match current {
        Some(current) => Ok(Some(current)),
        None => look(
            "SELECT b.id, b.person, b.used, s.spent, b.previous IS s.token_hash
             FROM spent_tokens s JOIN browsers b ON b.id = s.browser
             WHERE s.token_hash = ?1 AND b.used > ?2 AND b.created > ?3",
            |spent, now, unanswered| {
                let token = if now < spent + OVERLAP {
                    Token::Before
                } else if unanswered {
                    Token::Unanswered
                } else {
                    Token::Replayed
                };
                (token, false)
            },
        ),
    }
}

/// Notes that the token in force has arrived: from here on the one before is good for no longer than its moment.
///
/// # Errors
/// SQLite's.
pub fn arrived(tx: &Tx<'_>, id: DeviceId, token_hash: &[u8; 32]) -> Result<(), Fail> {
    tx.db
        .prepare_cached("UPDATE browsers SET previous = NULL WHERE id = ?1 AND token_hash = ?2")?
        .execute((id.as_bytes(), token_hash))?;
    Ok(())
}

/// Notes that a session is used, and from where.
///
/// # Errors
/// SQLite's.
pub fn used(tx: &Tx<'_>, id: DeviceId, at: Timestamp, from: IpAddr) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE browsers SET used = max(used, ?2), address = ?3 WHERE id = ?1")?.execute((
        id.as_bytes(),
        at.0,
        from.to_string(),
    ))?;
    Ok(())
}

/// Replaces a session's token: the one in force, or the one before it, whose successor was lost. Answers whether it did: of two
/// requests that come at once with the same one, one does.
///
/// # Errors
/// SQLite's.
pub fn rotate(tx: &Tx<'_>, id: DeviceId, shown: &[u8; 32], new: &[u8; 32], at: Timestamp) -> Result<bool, Fail> {
    let Some(current) = in_force(tx, id)? else { return Ok(false) };
    let changed = if current == *shown {
        tx.db
            .prepare_cached("UPDATE browsers SET token_hash = ?2, previous = ?3, rotated = ?4 WHERE id = ?1")?
            .execute((id.as_bytes(), new, shown, at.0))?
    } else {
        // Who has the lost one is not known: nothing that was proved counts for either.
        tx.db
            .prepare_cached(
                "UPDATE browsers SET token_hash = ?2, rotated = ?4, fresh = 0
                 WHERE id = ?1 AND previous = ?3 AND rotated <= ?5",
            )?
            .execute((id.as_bytes(), new, shown, at.0, at.0 - OVERLAP))?
    };
    if changed == 0 {
        return Ok(false);
    }
    spend(tx, id, &[*shown, current], at)?;
    Ok(true)
}

/// Somebody proved in a session who they are: it gets a token that is fresh, which the one they came with is not. Answers whether
/// there is such a session still.
///
/// # Errors
/// SQLite's.
pub fn confirmed(tx: &Tx<'_>, id: DeviceId, shown: &[u8; 32], new: &[u8; 32], at: Timestamp) -> Result<bool, Fail> {
    let Some(current) = in_force(tx, id)? else { return Ok(false) };
    tx.db
        .prepare_cached("UPDATE browsers SET token_hash = ?2, previous = ?3, rotated = ?4, fresh = ?4 WHERE id = ?1")?
        .execute((id.as_bytes(), new, shown, at.0))?;
    spend(tx, id, &[*shown, current], at)?;
    Ok(true)
}

fn in_force(tx: &Tx<'_>, id: DeviceId) -> Result<Option<[u8; 32]>, Fail> {
    let mut query = tx.db.prepare_cached("SELECT token_hash FROM browsers WHERE id = ?1")?;
    Ok(query.query_row([id.as_bytes()], |row| row.get(0)).optional()?)
}

fn spend(tx: &Tx<'_>, id: DeviceId, tokens: &[[u8; 32]], at: Timestamp) -> Result<(), Fail> {
    let mut spend =
        tx.db.prepare_cached("INSERT OR REPLACE INTO spent_tokens (token_hash, browser, spent) VALUES (?1, ?2, ?3)")?;
    for token in tokens {
        spend.execute((token, id.as_bytes(), at.0))?;
    }
    tx.db
        .prepare_cached(
            "DELETE FROM spent_tokens WHERE token_hash IN (SELECT token_hash FROM spent_tokens WHERE browser = ?1
                ORDER BY spent DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((id.as_bytes(), SPENT))?;
    Ok(())
}

/// Ends a session whose token was copied.
///
/// # Errors
/// SQLite's.
pub fn replayed(tx: &mut Tx<'_>, found: Found, from: IpAddr) -> Result<(), Fail> {
    remove(tx, found.id)?;
    tx.note(Note::SignedOut(found.id));
    let act = Act::new(Class::Device, "session.replayed", Target::Device(found.id));
    audit::record(tx, By::stranger(from), act)
}

/// Removes a session: its token is nobody's from this commit on. One that is not there is no error.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, id: DeviceId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM spent_tokens WHERE browser = ?1")?.execute([id.as_bytes()])?;
    tx.db.prepare_cached("DELETE FROM browsers WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

/// Ends all sessions of one person.
///
/// # Errors
/// SQLite's.
pub fn end_all(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let all: Vec<[u8; 16]> = tx
        .db
        .prepare_cached("SELECT id FROM browsers WHERE person = ?1")?
        .query_map([person.as_bytes()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in all.into_iter().map(DeviceId::from_bytes) {
        remove(tx, id)?;
        tx.note(Note::SignedOut(id));
    }
    Ok(())
}

/// Ends all sessions of everybody: of a workspace that was restored, whoever was signed in then. Answers how many.
///
/// # Errors
/// SQLite's.
pub fn remove_all(db: &rusqlite::Connection) -> Result<u64, rusqlite::Error> {
    db.execute("DELETE FROM spent_tokens", [])?;
    Ok(db.execute("DELETE FROM browsers", [])? as u64)
}

#[cfg(test)]
mod tests;
