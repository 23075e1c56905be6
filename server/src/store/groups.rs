//! Groups of people: what they are called, who sees them, who manages them. Who is in them is in `groups/members.rs`.

mod members;

pub use members::{add, direct, exposed, given, link, linked, people, refresh, remove, taken_with, unlink};

use super::{Tx, View, guests, rights, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use crate::keyring::RecordPlace;
use rusqlite::OptionalExtension;
use std::collections::BTreeSet;
use thechatapp_protocol::event::{GroupRow, Visibility};
use thechatapp_protocol::methods::groups::{GROUP_NAME_MAX, GroupParams, SLUG_MAX};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, Code, ErrorBody, GroupId, Row};

/// Who looks at a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looker {
    /// Who.
    pub person: AccountId,
    /// With which rank.
    pub rank: Rank,
    /// With which powers over the whole workspace.
    pub powers: Powers,
}

impl Looker {
    /// Somebody as they are now.
    ///
    /// # Errors
    /// Not found.
    pub fn of(view: View<'_>, person: AccountId) -> Result<Self, Fail> {
        let standing = rights::row(view, person)?;
        Ok(Self { person, rank: standing.rank, powers: standing.powers })
    }
}

fn place<'a>(id: &'a GroupId, column: &'static str, revision: u64) -> RecordPlace<'a> {
    RecordPlace { table: "groups", column, row: id.as_bytes(), revision }
}

/// A group's row.
///
/// # Errors
/// Not found.
pub fn row(view: View<'_>, id: GroupId) -> Result<GroupRow, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT slug, name, revision, visibility, change FROM groups WHERE id = ?1 AND deleted = 0")?
        .query_row([id.as_bytes()], |row| {
            let sealed: (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((sealed, unsigned(row.get(2)?), visibility(row.get(3)?), unsigned(row.get(4)?)))
        })
        .optional()?;
    let Some(((slug, name), revision, visibility, change)) = found else {
        return Err(Fail::not_found("No such group"));
    };
    let open = |column, sealed: &[u8]| {
        let text = view.keyring.open_record(&place(&id, column, revision), sealed)?;
        String::from_utf8(text.to_vec()).map_err(|_| Fail::Broken("a group's name that is no text"))
    };
    Ok(GroupRow { id, slug: open("slug", &slug)?, name: open("name", &name)?, visibility, gone: false, change })
}

/// What is told of a group to those who may not see it any longer: that it is gone, and nothing else.
pub fn gone(id: GroupId, change: u64) -> GroupRow {
    let (slug, name) = (String::new(), String::new());
    GroupRow { id, slug, name, visibility: Visibility::Hidden, gone: true, change }
}

fn visibility(number: u8) -> Visibility {
    match number {
        0 => Visibility::Public,
        1 => Visibility::Private,
        _ => Visibility::Hidden,
    }
}

fn visibility_of(view: View<'_>, id: GroupId) -> Result<Option<Visibility>, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT visibility FROM groups WHERE id = ?1 AND deleted = 0")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?
        .map(visibility))
}

/// Whether somebody is in a group, or in a group in it.
///
/// # Errors
/// SQLite's.
pub fn is_inside(view: View<'_>, person: AccountId, id: GroupId) -> Result<bool, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT 1 FROM group_people WHERE grp = ?1 AND person = ?2 AND inside")?
        .exists((id.as_bytes(), person.as_bytes()))?)
}

/// Whether somebody manages a group, or all groups.
///
/// # Errors
/// SQLite's.
pub fn manages(view: View<'_>, who: Looker, id: GroupId) -> Result<bool, Fail> {
    Ok(who.rank != Rank::Guest
        && (who.powers.has(Power::Users)
            || view
                .db
                .prepare_cached("SELECT 1 FROM group_managers WHERE grp = ?1 AND person = ?2")?
                .exists((id.as_bytes(), who.person.as_bytes()))?))
}

/// Whether somebody may know of a group.
///
/// # Errors
/// SQLite's.
pub fn sees(view: View<'_>, who: Looker, id: GroupId) -> Result<bool, Fail> {
    Ok(match visibility_of(view, id)? {
        None => false,
        Some(_) if is_inside(view, who.person, id)? => true,
        Some(Visibility::Public | Visibility::Private) => who.rank != Rank::Guest,
        Some(Visibility::Hidden) => manages(view, who, id)?,
    })
}

/// Whether somebody may see who is in a group.
///
/// # Errors
/// SQLite's.
pub fn sees_people(view: View<'_>, who: Looker, id: GroupId) -> Result<bool, Fail> {
    Ok(match visibility_of(view, id)? {
        None => false,
        Some(Visibility::Public) => who.rank != Rank::Guest || is_inside(view, who.person, id)?,
        Some(_) => is_inside(view, who.person, id)? || manages(view, who, id)?,
    })
}

/// The ids of groups after one, in their order.
///
/// # Errors
/// SQLite's.
pub fn after(view: View<'_>, after: Option<GroupId>) -> Result<Vec<GroupId>, Fail> {
    let mut rows =
        view.db.prepare_cached("SELECT id FROM groups WHERE deleted = 0 AND (?1 IS NULL OR id > ?1) ORDER BY id")?;
    let rows = rows.query_map([after.map(|id| *id.as_bytes())], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(GroupId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// Who manages a group.
///
/// # Errors
/// SQLite's.
pub fn managers(view: View<'_>, id: GroupId) -> Result<Vec<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT person FROM group_managers WHERE grp = ?1 ORDER BY person")?;
    let rows = rows.query_map([id.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

fn tidy(params: &GroupParams) -> Result<(String, String), Fail> {
    let slug = params.slug.trim().trim_start_matches('@').to_lowercase();
    let refuse = |why: &str| Err(Fail::bad_input("This group cannot be kept", why, "choose another slug or name"));
    if slug.is_empty() || slug.chars().count() > SLUG_MAX {
        return refuse("its slug wants 1 to 32 characters");
    }
    if !slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')) {
        return refuse("its slug has something else than small letters, digits, - and _");
    }
    let name = params.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > GROUP_NAME_MAX || name.chars().any(char::is_control) {
        return refuse("its name wants 1 to 80 characters that are seen");
    }
    Ok((slug, name))
}

fn slug_hash(tx: &Tx<'_>, id: GroupId, slug: &str) -> Result<[u8; 32], Fail> {
    let hash = tx.keyring.name_hash("group", slug);
    let other = tx
        .db
        .prepare_cached("SELECT 1 FROM groups WHERE slug_hash = ?1 AND id <> ?2")?
        .exists((hash, id.as_bytes()))?;
    if other { Err(taken("there is one of this slug")) } else { Ok(hash) }
}

fn taken(why: &str) -> Fail {
    ErrorBody::new(Code::Conflict, "This group cannot be kept", why, "choose another slug").into()
}

/// Makes a group. The same again changes nothing.
///
/// # Errors
/// Bad input for a slug or a name that cannot be one; conflict when the slug or the id is taken.
pub fn create(tx: &mut Tx<'_>, params: &GroupParams) -> Result<GroupRow, Fail> {
    let (slug, name) = tidy(params)?;
    match row(tx.view(), params.id) {
        Ok(known) if known.slug == slug && known.name == name && known.visibility == params.visibility => {
            return Ok(known);
        }
        Ok(_) => return Err(taken("its id is taken")),
        Err(why) if why.is_not_found() => {}
        Err(why) => return Err(why),
    }
    let hash = slug_hash(tx, params.id, &slug)?;
    let change = tx.change();
    let open = params.visibility != Visibility::Hidden;
    let seal = |column, text: &str| tx.keyring.seal_record(&place(&params.id, column, 0), text.as_bytes());
    let made = tx
        .db
        .prepare_cached(
            "INSERT INTO groups (id, slug, slug_hash, name, revision, visibility, was_open, deleted, change)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, 0, ?7) ON CONFLICT (id) DO NOTHING",
        )?
        .execute((
            params.id.as_bytes(),
            seal("slug", &slug)?,
            hash,
            seal("name", &name)?,
            params.visibility as u8,
            open,
            signed(change),
        ))?;
    // The id of one that was deleted stays taken.
    if made == 0 {
        return Err(taken("its id is taken"));
    }
    tell(tx, params.id, None)?;
    row(tx.view(), params.id)
}

/// Changes a group's slug, its name, or who sees it.
///
/// # Errors
/// As [`create`], or not found.
pub fn change(tx: &mut Tx<'_>, params: &GroupParams) -> Result<GroupRow, Fail> {
    let (slug, name) = tidy(params)?;
    let before = row(tx.view(), params.id)?;
    let hash = slug_hash(tx, params.id, &slug)?;
    let old: i64 = tx
        .db
        .prepare_cached("SELECT revision FROM groups WHERE id = ?1")?
        .query_row([params.id.as_bytes()], |row| row.get(0))?;
    // Where it goes out of sight, that is told first, and the row itself to those who still see it.
    let (hides, change, revision) = (tx.change(), tx.change(), unsigned(old) + 1);
    let seal = |column, text: &str| tx.keyring.seal_record(&place(&params.id, column, revision), text.as_bytes());
    tx.db
        .prepare_cached(
            "UPDATE groups SET slug = ?2, slug_hash = ?3, name = ?4, revision = ?5, visibility = ?6,
                was_open = was_open OR ?7, change = ?8 WHERE id = ?1",
        )?
        .execute((
            params.id.as_bytes(),
            seal("slug", &slug)?,
            hash,
            seal("name", &name)?,
            signed(revision),
            params.visibility as u8,
            params.visibility != Visibility::Hidden,
            signed(change),
        ))?;
    tell(tx, params.id, (before.visibility != Visibility::Hidden).then_some(hides))?;
    row(tx.view(), params.id)
}

/// Deletes a group: nobody is in it any longer, nothing follows it, and no role is within it.
///
/// # Errors
/// Not found.
pub fn delete(tx: &mut Tx<'_>, id: GroupId) -> Result<(), Fail> {
    let before = row(tx.view(), id)?;
    let inside = people(tx.view(), id)?;
    let mut knew = who_knows(tx.view(), id)?;
    knew.extend(inside.iter().copied());
    for channel in linked(tx.view(), id)? {
        unlink(tx, id, channel)?;
    }
    for sql in [
        "DELETE FROM group_members WHERE grp = ?1 OR kind = 1 AND member = ?1",
        "DELETE FROM grants WHERE kind = 1 AND holder = ?1",
    ] {
        tx.db.prepare_cached(sql)?.execute([id.as_bytes()])?;
    }
    for person in inside {
        refresh(tx, person)?;
    }
    let mut held = tx.db.prepare_cached("SELECT person FROM scoped_powers WHERE grp = ?1")?;
    let held = held.query_map([id.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<[u8; 16]>, _>>()?;
    tx.db.prepare_cached("DELETE FROM grants WHERE within = ?1")?.execute([id.as_bytes()])?;
    for person in held {
        rights::renew(tx, AccountId::from_bytes(person))?;
    }
    tx.db.prepare_cached("DELETE FROM group_managers WHERE grp = ?1")?.execute([id.as_bytes()])?;
    let change = tx.change();
    // The place of its names stays sealed and says nothing; nobody finds it by a slug.
    let seal = |column| tx.keyring.seal_record(&place(&id, column, 0), b"");
    tx.db
        .prepare_cached(
            "UPDATE groups SET slug = ?2, slug_hash = ?3, name = ?4, revision = 0, visibility = 2, deleted = 1, change = ?5
             WHERE id = ?1",
        )?
        .execute((
            id.as_bytes(),
            seal("slug")?,
            tx.keyring.digest(&[b"deleted group", id.as_bytes()]),
            seal("name")?,
            signed(change),
        ))?;
    if before.visibility != Visibility::Hidden {
        tx.tell(Row::Group(gone(id, change)), Audience::Everyone);
    }
    for person in knew {
        tx.tell(Row::Group(gone(id, change)), Audience::Person(person));
    }
    Ok(())
}

/// Makes somebody manage a group, or no longer.
///
/// # Errors
/// Bad input for a guest.
pub fn set_manager(tx: &mut Tx<'_>, id: GroupId, person: AccountId, manager: bool) -> Result<(), Fail> {
    let values = (id.as_bytes(), person.as_bytes());
    if manager {
        if guests::is(tx.view(), person)? {
            return Err(Fail::bad_input("They cannot manage a group", "they are a guest", "make them a member first"));
        }
        tx.db.prepare_cached("INSERT OR IGNORE INTO group_managers (grp, person) VALUES (?1, ?2)")?.execute(values)?;
        // Who could not see it until now is told, also when their device comes later.
        let change = tx.change();
        tx.db
            .prepare_cached("UPDATE groups SET change = ?2 WHERE id = ?1")?
            .execute((id.as_bytes(), signed(change)))?;
        return tell(tx, id, None);
    }
    let gone = tx.db.prepare_cached("DELETE FROM group_managers WHERE grp = ?1 AND person = ?2")?.execute(values)?;
    let who = Looker::of(tx.view(), person)?;
    if gone > 0 && !sees(tx.view(), who, id)? {
        rights::narrow(tx, person)?;
    }
    Ok(())
}

/// Somebody manages no group any longer, as a guest does not.
///
/// # Errors
/// SQLite's.
pub fn manages_no_longer(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM group_managers WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}

/// Nothing is left of somebody who is wiped: neither in groups nor of roles.
///
/// # Errors
/// SQLite's.
pub fn forget(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM group_members WHERE kind = 0 AND member = ?1")?.execute([person.as_bytes()])?;
    tx.db.prepare_cached("DELETE FROM grants WHERE kind = 0 AND holder = ?1")?.execute([person.as_bytes()])?;
    manages_no_longer(tx, person)?;
    refresh(tx, person)?;
    rights::renew(tx, person)?;
    tx.db.prepare_cached("DELETE FROM group_people WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}

/// Somebody lost powers: with those over people, hidden groups leave their sight. Where they gained them, their standing tells it.
///
/// # Errors
/// SQLite's.
pub fn sight_changed(tx: &mut Tx<'_>, person: AccountId, before: Powers, now: Powers) -> Result<(), Fail> {
    if !before.has(Power::Users) || now.has(Power::Users) {
        return Ok(());
    }
    let who = Looker::of(tx.view(), person)?;
    for id in hidden(tx.view())? {
        if !sees(tx.view(), who, id)? {
            return rights::narrow(tx, person);
        }
    }
    Ok(())
}

/// All hidden groups.
///
/// # Errors
/// SQLite's.
pub fn hidden(view: View<'_>) -> Result<Vec<GroupId>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT id FROM groups WHERE visibility = 2 AND deleted = 0")?;
    let rows = rows.query_map([], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(GroupId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// Who knows of a hidden group without being in it: those who manage it, and those who manage all.
fn who_knows(view: View<'_>, id: GroupId) -> Result<BTreeSet<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT person FROM group_managers WHERE grp = ?1 UNION SELECT id FROM people WHERE powers & ?2 <> 0",
    )?;
    let rows = rows.query_map((id.as_bytes(), Power::Users as u16), |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// Tells a group's row to everybody who may see it, and before that to everybody that it is gone, where that is a change.
fn tell(tx: &mut Tx<'_>, id: GroupId, hides: Option<u64>) -> Result<(), Fail> {
    let row = row(tx.view(), id)?;
    let inside = people(tx.view(), id)?;
    if row.visibility == Visibility::Hidden {
        if let Some(change) = hides {
            tx.tell(Row::Group(gone(id, change)), Audience::Everyone);
        }
        let mut all = who_knows(tx.view(), id)?;
        all.extend(inside);
        for person in all {
            tx.tell(Row::Group(row.clone()), Audience::Person(person));
        }
        return Ok(());
    }
    tx.tell(Row::Group(row.clone()), Audience::Everyone);
    // What everybody sees does not reach guests.
    for person in inside {
        if guests::is(tx.view(), person)? {
            tx.tell(Row::Group(row.clone()), Audience::Person(person));
        }
    }
    Ok(())
}

/// The row of a group that somebody is told who lacks it, as they may see it now; none for one they never could.
///
/// # Errors
/// SQLite's, and of seals.
pub fn seen_row(view: View<'_>, who: Looker, id: GroupId) -> Result<Option<GroupRow>, Fail> {
    if sees(view, who, id)? {
        return row(view, id).map(Some);
    }
    let found: Option<(bool, i64)> = view
        .db
        .prepare_cached(
            "SELECT was_open AND ?2 OR EXISTS (SELECT 1 FROM group_people p WHERE p.grp = groups.id AND p.person = ?3), change
             FROM groups WHERE id = ?1",
        )?
        .query_row((id.as_bytes(), who.rank != Rank::Guest, who.person.as_bytes()), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(found.filter(|(knew, _)| *knew).map(|(_, change)| gone(id, unsigned(change))))
}

/// Whether roles are given within a group that somebody would lose with it; all their powers together.
///
/// # Errors
/// SQLite's.
pub fn given_within(view: View<'_>, id: GroupId) -> Result<Powers, Fail> {
    let mut rows =
        view.db.prepare_cached("SELECT r.powers FROM grants g JOIN roles r ON r.id = g.role WHERE g.within = ?1")?;
    let mut rows = rows.query_map([id.as_bytes()], |row| row.get(0).map(Powers))?;
    rows.try_fold(Powers::NONE, |all, powers| Ok(all.or(powers?)))
}
