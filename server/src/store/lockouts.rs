//! Failed attempts to prove who one is, kept so that a restart forgives nobody. A name that does not exist is counted like one
//! that does.

use super::audit::{self, Act, By};
use super::{Tx, View, signed, unsigned};
use crate::auth::lockout::{Count, FORGOTTEN, Kind, closed};
use crate::error::Fail;
use crate::network::Network;
use rusqlite::OptionalExtension;
use std::net::IpAddr;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::people::{ClosedFor, Failures};
use thechatapp_protocol::{AccountId, Timestamp};

/// Whose attempt it is.
#[derive(Clone, Debug)]
pub enum Who<'a> {
    /// A stranger's, against a name that somebody may have, from an address.
    Stranger {
        /// The name, folded.
        folded: &'a str,
        /// Who has it.
        person: Option<AccountId>,
        /// From where.
        from: IpAddr,
    },
    /// Of something that the account knows: the id of a device, the hash of a browser's cookie, a code that was given for it.
    Known {
        /// Whose account.
        person: AccountId,
        /// What.
        what: &'a [u8],
    },
}

/// An attempt that was counted as failed, and stays so but for [`succeeded`] and [`given_back`].
#[derive(Clone, Debug)]
pub struct Attempt {
    counted: Vec<(Kind, [u8; 32])>,
    person: Option<AccountId>,
    from: IpAddr,
}

/// Refuses an attempt that [`count`] would refuse, by reading alone: who is shut out and goes on trying costs nobody a commit.
///
/// # Errors
/// Locked out, with the seconds left.
pub fn refuse(view: View<'_>, who: &Who<'_>, now: Timestamp) -> Result<(), Fail> {
    open(view, &places(view, who).keys, now).map(drop)
}

/// Counts an attempt as failed before it is looked at, or refuses it. What it closes is written down with it. Not each failure,
/// of which a stranger makes as many as they like.
///
/// # Errors
/// Locked out, with the seconds left.
pub fn count(tx: &mut Tx<'_>, who: &Who<'_>, from: IpAddr, by: By, now: Timestamp) -> Result<Attempt, Fail> {
    tx.db.prepare_cached("DELETE FROM lockouts WHERE changed <= ?1")?.execute([now.0.saturating_sub(FORGOTTEN)])?;
    let Places { keys, person } = places(tx.view(), who);
    let counts = open(tx.view(), &keys, now)?;
    let mut attempt = Attempt { counted: Vec::with_capacity(keys.len()), person, from };
    for ((kind, key), count) in keys.into_iter().zip(counts) {
        // Nobody watches the time: that it had run out is written down by whoever comes next.
        let ran_out = count.ran_out(now);
        if ran_out {
            record(tx, by, "lockout.ended", &attempt, kind, Some(format!("at {}", Timestamp(count.until))))?;
        }
        let count = count.failed(kind, now);
        set(tx, kind, &key, owner(kind, person), count)?;
        let wait = count.closed_for(now);
        if wait > 0 {
            let name = if ran_out || count.closed_first(kind) { "lockout.begun" } else { "lockout.extended" };
            record(tx, by, name, &attempt, kind, Some(format!("{} seconds", wait / 1000)))?;
        }
        attempt.counted.push((kind, key));
    }
    Ok(attempt)
}

/// How these counts stand, where none is closed.
fn open(view: View<'_>, keys: &[(Kind, [u8; 32])], now: Timestamp) -> Result<Vec<Count>, Fail> {
    let counts = keys.iter().map(|(kind, key)| Ok(find(view, *kind, key)?.at(*kind, now)));
    let counts = counts.collect::<Result<Vec<_>, Fail>>()?;
    match counts.iter().map(|count| count.closed_for(now)).max() {
        Some(longest) if longest > 0 => Err(closed(longest)),
        _ => Ok(counts),
    }
}

/// Where an attempt is counted.
struct Places {
    keys: Vec<(Kind, [u8; 32])>,
    /// Whose account it is against, as far as it is known.
    person: Option<AccountId>,
}

fn places(view: View<'_>, who: &Who<'_>) -> Places {
    let digest = |parts: &[&[u8]]| view.keyring.digest(parts);
    match who {
        Who::Known { person, what } => {
            let key = digest(&[b"lockout of a known one", person.as_bytes(), what]);
            Places { keys: vec![(Kind::Known, key)], person: Some(*person) }
        }
        Who::Stranger { folded, person, from } => {
            let address = Network::of(*from).to_string();
            let keys = vec![
                (Kind::Strangers, view.keyring.name_hash("lockout", folded)),
                (Kind::Address, digest(&[b"lockout of an address", address.as_bytes()])),
                (Kind::Everybody, digest(&[b"lockout of everybody"])),
            ];
            Places { keys, person: *person }
        }
    }
}

/// A row is somebody's where it is of a device of theirs: the others tell nobody whose they are.
fn owner(kind: Kind, person: Option<AccountId>) -> Option<AccountId> {
    person.filter(|_| kind == Kind::Known)
}

fn find(view: View<'_>, kind: Kind, key: &[u8; 32]) -> Result<Count, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT failures, since, until, changed FROM lockouts WHERE kind = ?1 AND key = ?2")?
        .query_row((kind as u8, key), |row| {
            let failures = unsigned(row.get(0)?);
            Ok(Count { failures, since: row.get(1)?, until: row.get(2)?, changed: row.get(3)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn set(tx: &Tx<'_>, kind: Kind, key: &[u8; 32], person: Option<AccountId>, count: Count) -> Result<(), Fail> {
    if count.failures == 0 {
        tx.db.prepare_cached("DELETE FROM lockouts WHERE kind = ?1 AND key = ?2")?.execute((kind as u8, key))?;
        return Ok(());
    }
    tx.db
        .prepare_cached(
            "INSERT INTO lockouts (kind, key, person, failures, since, until, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET failures = excluded.failures, since = excluded.since, until = excluded.until,
                changed = excluded.changed",
        )?
        .execute((
            kind as u8,
            key,
            person.map(|person| *person.as_bytes()),
            signed(count.failures),
            count.since,
            count.until,
            count.changed,
        ))?;
    Ok(())
}

/// It was no failure, and no success either: a factor is missing, or the server could not do it. What was closed by it, or while it
/// was looked at, is open again.
///
/// # Errors
/// SQLite's.
pub fn given_back(tx: &mut Tx<'_>, attempt: &Attempt, by: By, now: Timestamp) -> Result<(), Fail> {
    for (kind, key) in &attempt.counted {
        let with_it = find(tx.view(), *kind, key)?.at(*kind, now);
        set(tx, *kind, key, owner(*kind, attempt.person), with_it.given_back())?;
        if with_it.until > with_it.changed {
            record(tx, by, "lockout.ended", attempt, *kind, None)?;
        }
    }
    Ok(())
}

/// It succeeded: failures against this account, or of this device, are forgotten. Those of an address are not, or somebody with
/// an account of their own would guess at others for ever.
///
/// # Errors
/// SQLite's.
pub fn succeeded(tx: &mut Tx<'_>, attempt: &Attempt, by: By, now: Timestamp) -> Result<(), Fail> {
    for (kind, key) in &attempt.counted {
        let with_it = find(tx.view(), *kind, key)?.at(*kind, now);
        let before = with_it.given_back();
        let forgets = matches!(kind, Kind::Strangers | Kind::Known);
        set(tx, *kind, key, None, if forgets { Count::default() } else { before })?;
        if with_it.until > with_it.changed || forgets && before.was_closed(*kind) {
            record(tx, by, "lockout.ended", attempt, *kind, None)?;
        }
    }
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    by: By,
    name: &'static str,
    attempt: &Attempt,
    kind: Kind,
    after: Option<String>,
) -> Result<(), Fail> {
    let address = || Target::Address(Network::of(attempt.from).to_string());
    let (target, of) = match kind {
        Kind::Address => (address(), "address"),
        Kind::Everybody => (Target::Workspace, "everybody"),
        // Names that nobody has are not written down: people type passwords there.
        Kind::Strangers => (attempt.person.map_or_else(address, Target::Person), "strangers"),
        Kind::Known => (attempt.person.map_or_else(address, Target::Person), "known"),
    };
    let act = Act::new(Class::Access, name, target).before(of);
    let act = match after {
        Some(after) => act.after(after),
        None => act,
    };
    audit::record(tx, by, act)
}

/// Forgets all that is counted against an account. Answers whether there was something.
///
/// # Errors
/// SQLite's.
pub fn forget(tx: &Tx<'_>, person: AccountId, folded: &str) -> Result<bool, Fail> {
    let strangers = tx.keyring.name_hash("lockout", folded);
    let gone = tx
        .db
        .prepare_cached("DELETE FROM lockouts WHERE person = ?1 OR (kind = 0 AND key = ?2)")?
        .execute((person.as_bytes(), strangers))?;
    Ok(gone > 0)
}

/// What is counted against an account.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, person: AccountId, folded: &str, now: Timestamp) -> Result<Vec<Failures>, Fail> {
    let strangers = view.keyring.name_hash("lockout", folded);
    let mut rows = view.db.prepare_cached(
        "SELECT kind, failures, since, until, changed FROM lockouts WHERE person = ?1 OR (kind = 0 AND key = ?2)
         ORDER BY kind, failures DESC",
    )?;
    let mut rows = rows.query((person.as_bytes(), strangers))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, closed_for) = match row.get(0)? {
            0 => (Kind::Strangers, ClosedFor::Strangers),
            _ => (Kind::Known, ClosedFor::Known),
        };
        let count: u64 = unsigned(row.get(1)?);
        let count = Count { failures: count, since: row.get(2)?, until: row.get(3)?, changed: row.get(4)? };
        let count = count.at(kind, now);
        if count.failures > 0 {
            let seconds = count.closed_for(now).unsigned_abs().div_ceil(1000);
            all.push(Failures { closed_for, failures: count.failures, seconds });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
