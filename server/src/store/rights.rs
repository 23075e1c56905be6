//! What somebody may do in all: the powers of their rank, of their roles, and of their groups' roles, worked out in the commit
//! that changes any of these, so that the gate only looks them up.
//!
//! A guest holds none, however the roles are made. Powers within a group stand apart: they count over its people and over the
//! channels linked to it.

use super::{Tx, View, groups, members, signed, unsigned};
use crate::error::Fail;
use crate::hub::{Audience, Note};
use rusqlite::OptionalExtension;
use std::collections::BTreeMap;
use thechatapp_protocol::event::{PowersWithin, StandingRow};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, GroupId, Row};

/// What stands for the whole workspace where a group could.
pub(super) const EVERYWHERE: &[u8] = &[];

/// What somebody is, and may do over the whole workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Their rank.
    pub rank: Rank,
    /// Their powers, by rank, roles and groups.
    pub powers: Powers,
    /// The change that last touched these, or what they may do within groups.
    pub change: u64,
}

/// What somebody is, and may do over the whole workspace.
///
/// # Errors
/// Not found.
pub fn row(view: View<'_>, person: AccountId) -> Result<Held, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT rank, powers, standing FROM people WHERE id = ?1")?
        .query_row([person.as_bytes()], |row| {
            Ok(Held {
                rank: Rank::from_stored(row.get(0)?),
                powers: Powers(row.get(1)?),
                change: unsigned(row.get(2)?),
            })
        })
        .optional()?;
    found.ok_or_else(|| Fail::not_found("No such person"))
}

/// Somebody's own row, as their devices are told it.
///
/// # Errors
/// Not found.
pub fn standing(view: View<'_>, person: AccountId) -> Result<StandingRow, Fail> {
    let Held { rank, powers, change } = row(view, person)?;
    Ok(StandingRow { rank, powers, within: scoped(view, person)?, change })
}

/// What somebody may do within groups, in the order of these.
///
/// # Errors
/// SQLite's.
pub fn scoped(view: View<'_>, person: AccountId) -> Result<Vec<PowersWithin>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT grp, powers FROM scoped_powers WHERE person = ?1 ORDER BY grp")?;
    let rows = rows.query_map([person.as_bytes()], |row| {
        Ok(PowersWithin { group: GroupId::from_bytes(row.get(0)?), powers: Powers(row.get(1)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The change since which somebody may see less; a device whose cursor is before it has to begin anew.
///
/// # Errors
/// SQLite's.
pub fn narrowed(view: View<'_>, person: AccountId) -> Result<u64, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT narrowed FROM people WHERE id = ?1")?
        .query_row([person.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(unsigned(found.unwrap_or(0)))
}

/// Notes that somebody may see less than before: what their devices hold is fetched anew.
///
/// # Errors
/// SQLite's.
pub fn narrow(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE people SET narrowed = ?2 WHERE id = ?1")?
        .execute((person.as_bytes(), signed(change)))?;
    tx.note(Note::Narrowed { person, change });
    Ok(())
}

/// Works out anew what somebody may do, and tells them when it changed. Answers their workspace-wide powers.
///
/// # Errors
/// SQLite's.
pub fn renew(tx: &mut Tx<'_>, person: AccountId) -> Result<Powers, Fail> {
    let before = row(tx.view(), person)?;
    let mut powers = before.rank.powers();
    let within_before = scoped(tx.view(), person)?;
    let mut within = BTreeMap::<GroupId, Powers>::new();
    if before.rank != Rank::Guest {
        let mut rows = tx.db.prepare_cached(
            "SELECT g.within, r.powers FROM grants g JOIN roles r ON r.id = g.role WHERE g.kind = 0 AND g.holder = ?1
             UNION ALL
             SELECT g.within, r.powers FROM group_people p JOIN grants g ON g.kind = 1 AND g.holder = p.grp
                JOIN roles r ON r.id = g.role WHERE p.person = ?1 AND p.inside",
        )?;
        let mut rows = rows.query([person.as_bytes()])?;
        while let Some(row) = rows.next()? {
            let (place, given): (Vec<u8>, _) = (row.get(0)?, Powers(row.get(1)?));
            match <[u8; 16]>::try_from(place) {
                Ok(group) => {
                    let all = within.entry(GroupId::from_bytes(group)).or_default();
                    *all = all.or(given);
                }
                Err(_) => powers = powers.or(given),
            }
        }
    }
    // A role that gives nothing is nothing to tell.
    within.retain(|_, powers| *powers != Powers::NONE);
    let within: Vec<_> = within.into_iter().map(|(group, powers)| PowersWithin { group, powers }).collect();
    let scope_changed = within != within_before;
    if scope_changed {
        tx.db.prepare_cached("DELETE FROM scoped_powers WHERE person = ?1")?.execute([person.as_bytes()])?;
        let mut insert = tx.db.prepare_cached("INSERT INTO scoped_powers (person, grp, powers) VALUES (?1, ?2, ?3)")?;
        for PowersWithin { group, powers } in &within {
            insert.execute((person.as_bytes(), group.as_bytes(), powers.0))?;
        }
    }
    if powers != before.powers {
        tx.db.prepare_cached("UPDATE people SET powers = ?2 WHERE id = ?1")?.execute((person.as_bytes(), powers.0))?;
    }
    if powers != before.powers || scope_changed {
        tell(tx, person)?;
    }
    if powers != before.powers {
        groups::sight_changed(tx, person, before.powers, powers)?;
    }
    Ok(powers)
}

/// Tells somebody's devices their own rank and powers, those within groups among them.
fn tell(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE people SET standing = ?2 WHERE id = ?1")?
        .execute((person.as_bytes(), signed(change)))?;
    let row = standing(tx.view(), person)?;
    tx.tell(Row::Standing(row), Audience::Person(person));
    Ok(())
}

/// Gives somebody another rank. Answers their powers from before and those from now on; who may do it is the caller's to ask.
///
/// # Errors
/// Bad input for the last owner, and for somebody who only exists in imported history.
pub fn set_rank(tx: &mut Tx<'_>, person: AccountId, rank: Rank) -> Result<(Powers, Powers), Fail> {
    let before = row(tx.view(), person)?;
    if before.rank == rank {
        return Ok((before.powers, before.powers));
    }
    let known = super::people::row(tx.view(), person)?;
    if known.imported {
        return Err(Fail::bad_input(
            "They have no rank",
            "they only exist in imported history",
            "choose somebody else",
        ));
    }
    if rank != Rank::Owner {
        keep_an_owner(tx.view(), person)?;
    }
    let change = tx.change();
    tx.db.prepare_cached("UPDATE people SET rank = ?2, change = ?3 WHERE id = ?1")?.execute((
        person.as_bytes(),
        rank as u8,
        signed(change),
    ))?;
    let row = super::people::row(tx.view(), person)?;
    tx.tell(Row::Person(row), Audience::Everyone);
    if rank == Rank::Guest {
        groups::manages_no_longer(tx, person)?;
        members::moderates_no_longer(tx, person)?;
    }
    let powers = renew(tx, person)?;
    if self::row(tx.view(), person)?.change == before.change {
        tell(tx, person)?;
    }
    // A guest sees little and everybody else much: neither is reached from the other by rows alone.
    if (before.rank == Rank::Guest) != (rank == Rank::Guest) {
        narrow(tx, person)?;
    }
    Ok((before.powers, powers))
}

/// Whether nobody who can sign in would be an owner any longer, were this person none.
///
/// # Errors
/// SQLite's.
pub fn would_leave_no_owner(view: View<'_>, person: AccountId) -> Result<bool, Fail> {
    let (mine, others): (bool, bool) = view
        .db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM people WHERE id = ?1 AND rank = ?2 AND active),
                EXISTS (SELECT 1 FROM people WHERE id <> ?1 AND rank = ?2 AND active)",
        )?
        .query_row((person.as_bytes(), Rank::Owner as u8), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(mine && !others)
}

/// Refuses what would leave no owner.
///
/// # Errors
/// Denied for the last one.
pub fn keep_an_owner(view: View<'_>, person: AccountId) -> Result<(), Fail> {
    if would_leave_no_owner(view, person)? {
        return Err(Fail::denied("they are the last owner; make somebody else an owner first"));
    }
    Ok(())
}

/// What somebody may do over this group's people and channels by roles within it.
///
/// # Errors
/// SQLite's.
pub fn within(view: View<'_>, person: AccountId, group: GroupId) -> Result<Powers, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT powers FROM scoped_powers WHERE person = ?1 AND grp = ?2")?
        .query_row((person.as_bytes(), group.as_bytes()), |row| row.get(0))
        .optional()?;
    Ok(found.map_or(Powers::NONE, Powers))
}

/// Whether somebody holds all that another does: over the workspace, and within each group in which the other holds something.
/// What one holds over the workspace one holds within every group.
///
/// # Errors
/// SQLite's, or not found.
pub fn covers(view: View<'_>, person: AccountId, powers: Powers, other: AccountId) -> Result<bool, Fail> {
    if !powers.holds(row(view, other)?.powers) {
        return Ok(false);
    }
    let lacking = view
        .db
        .prepare_cached(
            "SELECT 1 FROM scoped_powers t LEFT JOIN scoped_powers m ON m.person = ?1 AND m.grp = t.grp
             WHERE t.person = ?3 AND t.powers & ~(?2 | coalesce(m.powers, 0)) <> 0",
        )?
        .exists((person.as_bytes(), powers.0, other.as_bytes()))?;
    Ok(!lacking)
}

/// The powers in words, for the audit log.
pub fn in_words(powers: Powers) -> String {
    let names: Vec<&str> = powers.each().map(Power::name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
