//! Second factors: the sealed secret of a person's authenticator, the last step whose code counted, and recovery codes as keyed
//! hashes. A code counts once.

use super::{Tx, View};
use crate::auth::totp;
use crate::error::Fail;
use crate::keyring::RecordPlace;
use rusqlite::OptionalExtension;
use thechatapp_protocol::{AccountId, Timestamp};
use zeroize::Zeroizing;

/// What a code was, or that there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// This account has no second factor.
    NotWanted,
    /// It fits, and was not used before.
    Right,
    /// One is wanted, and none came.
    Missing,
    /// It does not fit, or was used before.
    Wrong,
}

struct Kept {
    secret: Zeroizing<Vec<u8>>,
    confirmed: bool,
    step: i64,
}

fn place(person: &[u8; 16], revision: u64) -> RecordPlace<'_> {
    RecordPlace { table: "totp", column: "secret", row: person, revision }
}

fn find(view: View<'_>, person: AccountId) -> Result<Option<Kept>, Fail> {
    let found: Option<(Vec<u8>, i64, bool, i64)> = view
        .db
        .prepare_cached("SELECT secret, revision, confirmed, step FROM totp WHERE person = ?1")?
        .query_row([person.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((sealed, revision, confirmed, step)) = found else { return Ok(None) };
    let secret = view.keyring.open_record(&place(person.as_bytes(), super::unsigned(revision)), &sealed)?;
    Ok(Some(Kept { secret, confirmed, step }))
}

/// Whether the secret of a person opens; nothing to open is no error.
///
/// # Errors
/// [`Fail::Seal`] when it does not.
pub fn opens(view: View<'_>, person: AccountId) -> Result<(), Fail> {
    find(view, person).map(drop)
}

/// Whether a second factor is asked for.
///
/// # Errors
/// SQLite's.
pub fn is_on(view: View<'_>, person: AccountId) -> Result<bool, Fail> {
    let mut query = view.db.prepare_cached("SELECT 1 FROM totp WHERE person = ?1 AND confirmed")?;
    Ok(query.exists([person.as_bytes()])?)
}

/// How many recovery codes are left.
///
/// # Errors
/// SQLite's.
pub fn recovery_left(view: View<'_>, person: AccountId) -> Result<u32, Fail> {
    let mut query = view.db.prepare_cached("SELECT count(*) FROM recovery_codes WHERE person = ?1")?;
    Ok(query.query_row([person.as_bytes()], |row| row.get(0))?)
}

/// Keeps a secret that was not shown to work yet, in place of an earlier one of that kind.
///
/// # Errors
/// Conflict when a second factor is in force.
pub fn begin(tx: &Tx<'_>, person: AccountId, secret: &[u8]) -> Result<(), Fail> {
    if is_on(tx.view(), person)? {
        return Err(thechatapp_protocol::ErrorBody::new(
            thechatapp_protocol::Code::Conflict,
            "There is a second factor already",
            "an account has one",
            "end it first",
        )
        .into());
    }
    let last: Option<i64> = tx
        .db
        .prepare_cached("SELECT revision FROM totp WHERE person = ?1")?
        .query_row([person.as_bytes()], |row| row.get(0))
        .optional()?;
    let revision = last.map_or(0, |last| last + 1);
    let sealed = tx.keyring.seal_record(&place(person.as_bytes(), super::unsigned(revision)), secret)?;
    tx.db
        .prepare_cached(
            "INSERT INTO totp (person, secret, revision, confirmed, step) VALUES (?1, ?2, ?3, 0, -1)
             ON CONFLICT DO UPDATE SET secret = excluded.secret, revision = excluded.revision, step = -1",
        )?
        .execute((person.as_bytes(), sealed, revision))?;
    Ok(())
}

/// Puts the secret that waits into force when a code of it is shown. Answers whether it was.
///
/// # Errors
/// Not found when none waits.
pub fn confirm(tx: &Tx<'_>, person: AccountId, code: &str, now: Timestamp) -> Result<bool, Fail> {
    let waits = find(tx.view(), person)?.filter(|kept| !kept.confirmed);
    let kept = waits.ok_or_else(|| Fail::not_found("No second factor waits to be confirmed"))?;
    let Some(step) = totp::step_of(&kept.secret, code, now, kept.step) else { return Ok(false) };
    tx.db
        .prepare_cached("UPDATE totp SET confirmed = 1, step = ?2 WHERE person = ?1")?
        .execute((person.as_bytes(), step))?;
    Ok(true)
}

/// Replaces a person's recovery codes.
///
/// # Errors
/// SQLite's.
pub fn set_recovery(tx: &Tx<'_>, person: AccountId, codes: &[String]) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM recovery_codes WHERE person = ?1")?.execute([person.as_bytes()])?;
    for code in codes {
        tx.db
            .prepare_cached("INSERT INTO recovery_codes (person, code_hash) VALUES (?1, ?2)")?
            .execute((person.as_bytes(), hash(tx.view(), person, code)))?;
    }
    Ok(())
}

/// Looks at a code; one that fits is used by it.
///
/// # Errors
/// SQLite's.
pub fn show(tx: &Tx<'_>, person: AccountId, code: Option<&str>, now: Timestamp) -> Result<Shown, Fail> {
    let Some(kept) = find(tx.view(), person)?.filter(|kept| kept.confirmed) else { return Ok(Shown::NotWanted) };
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Ok(Shown::Missing) };
    if let Some(step) = totp::step_of(&kept.secret, code, now, kept.step) {
        tx.db.prepare_cached("UPDATE totp SET step = ?2 WHERE person = ?1")?.execute((person.as_bytes(), step))?;
        return Ok(Shown::Right);
    }
    let used = tx
        .db
        .prepare_cached("DELETE FROM recovery_codes WHERE person = ?1 AND code_hash = ?2")?
        .execute((person.as_bytes(), hash(tx.view(), person, code)))?;
    Ok(if used == 1 { Shown::Right } else { Shown::Wrong })
}

/// Ends a second factor, its recovery codes included. Answers whether there was one in force.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, person: AccountId) -> Result<bool, Fail> {
    let was = is_on(tx.view(), person)?;
    tx.db.prepare_cached("DELETE FROM totp WHERE person = ?1")?.execute([person.as_bytes()])?;
    tx.db.prepare_cached("DELETE FROM recovery_codes WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(was)
}

/// Removes the recovery codes of everybody: of a workspace that was restored, where one may be good again that was used. Answers how
/// many people had some.
///
/// # Errors
/// SQLite's.
pub fn remove_recovery(db: &rusqlite::Connection) -> Result<u64, rusqlite::Error> {
    let people: i64 = db.query_row("SELECT count(DISTINCT person) FROM recovery_codes", [], |row| row.get(0))?;
    db.execute("DELETE FROM recovery_codes", [])?;
    Ok(super::unsigned(people))
}

/// As people type them: without hyphens and spaces, in any case.
fn hash(view: View<'_>, person: AccountId, code: &str) -> [u8; 32] {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    view.keyring.digest(&[b"recovery code", person.as_bytes(), plain.as_bytes()])
}

#[cfg(test)]
mod tests;
