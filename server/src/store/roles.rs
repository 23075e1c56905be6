//! Custom roles and who has them. Who may change what is asked by the handlers; what follows for people's powers is worked out
//! here, in the same commit.

use super::rights::{self, EVERYWHERE};
use super::{Tx, View, people, signed, unsigned};
use crate::error::Fail;
use crate::keyring::RecordPlace;
use rusqlite::OptionalExtension;
use thechatapp_protocol::methods::roles::{Grant, Holder, ROLE_NAME_MAX, ROLES_MAX, Role};
use thechatapp_protocol::permission::Powers;
use thechatapp_protocol::{AccountId, Code, ErrorBody, GroupId, RoleId};

fn place(id: &RoleId, revision: u64) -> RecordPlace<'_> {
    RecordPlace { table: "roles", column: "name", row: id.as_bytes(), revision }
}

/// A name as it is kept.
///
/// # Errors
/// Bad input for an empty or a long one, or one with characters that are not seen.
pub fn tidy_name(name: &str) -> Result<String, Fail> {
    let tidy = people::tidy_name(name)?;
    if tidy.chars().count() > ROLE_NAME_MAX {
        return Err(Fail::bad_input(
            "This name cannot be used",
            "it has more than 64 characters",
            "choose another name",
        ));
    }
    Ok(tidy)
}

/// One role.
///
/// # Errors
/// Not found.
pub fn find(view: View<'_>, id: RoleId) -> Result<Role, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT name, revision, powers FROM roles WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, Powers(row.get(2)?))))
        .optional()?;
    let Some((name, revision, powers)) = found else { return Err(Fail::not_found("No such role")) };
    let name = view.keyring.open_record(&place(&id, unsigned(revision)), &name)?;
    let name = String::from_utf8(name.to_vec()).map_err(|_| Fail::Broken("a role's name that is no text"))?;
    Ok(Role { id, name, powers })
}

/// All roles, in the order of their ids.
///
/// # Errors
/// SQLite's, and of seals.
pub fn all(view: View<'_>) -> Result<Vec<Role>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT id FROM roles ORDER BY id")?;
    let ids = rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<[u8; 16]>, _>>()?;
    ids.into_iter().map(|id| find(view, RoleId::from_bytes(id))).collect()
}

/// Who has which role.
///
/// # Errors
/// SQLite's.
pub fn grants(view: View<'_>) -> Result<Vec<Grant>, Fail> {
    let mut rows =
        view.db.prepare_cached("SELECT role, kind, holder, within FROM grants ORDER BY role, kind, holder")?;
    let rows = rows.query_map([], |row| {
        Ok(Grant {
            role: RoleId::from_bytes(row.get(0)?),
            to: holder(row.get(1)?, row.get(2)?),
            within: row.get::<_, Vec<u8>>(3)?.try_into().ok().map(GroupId::from_bytes),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes a role. The same again changes nothing.
///
/// # Errors
/// Conflict when the name or the id is taken; bad input when there are too many.
pub fn create(tx: &mut Tx<'_>, role: &Role) -> Result<Role, Fail> {
    let name = tidy_name(&role.name)?;
    match find(tx.view(), role.id) {
        Ok(known) if known.name == name && known.powers == role.powers => return Ok(known),
        Ok(_) => return Err(taken("its id is taken")),
        Err(why) if why.is_not_found() => {}
        Err(why) => return Err(why),
    }
    let count: u32 = tx.db.query_row("SELECT count(*) FROM roles", [], |row| row.get(0))?;
    if count >= ROLES_MAX {
        return Err(Fail::bad_input("There are too many roles", "200 at most", "delete one that nobody needs"));
    }
    let hash = name_hash(tx, role.id, &name)?;
    let sealed = tx.keyring.seal_record(&place(&role.id, 0), name.as_bytes())?;
    tx.db
        .prepare_cached("INSERT INTO roles (id, name, revision, name_hash, powers) VALUES (?1, ?2, 0, ?3, ?4)")?
        .execute((role.id.as_bytes(), sealed, hash, role.powers.0))?;
    Ok(Role { name, ..role.clone() })
}

/// Gives a role another name or other powers. Answers whose powers follow it.
///
/// # Errors
/// Not found, or conflict when the name is taken.
pub fn change(tx: &mut Tx<'_>, role: &Role) -> Result<Role, Fail> {
    let name = tidy_name(&role.name)?;
    find(tx.view(), role.id)?;
    let hash = name_hash(tx, role.id, &name)?;
    let old: i64 = tx
        .db
        .prepare_cached("SELECT revision FROM roles WHERE id = ?1")?
        .query_row([role.id.as_bytes()], |row| row.get(0))?;
    let revision = unsigned(old) + 1;
    let sealed = tx.keyring.seal_record(&place(&role.id, revision), name.as_bytes())?;
    tx.db
        .prepare_cached("UPDATE roles SET name = ?2, revision = ?3, name_hash = ?4, powers = ?5 WHERE id = ?1")?
        .execute((role.id.as_bytes(), sealed, signed(revision), hash, role.powers.0))?;
    renew(tx, &holders(tx.view(), role.id)?)?;
    Ok(Role { name, ..role.clone() })
}

/// Deletes a role; whoever had it has it no longer.
///
/// # Errors
/// SQLite's.
pub fn delete(tx: &mut Tx<'_>, id: RoleId) -> Result<(), Fail> {
    let had = holders(tx.view(), id)?;
    tx.db.prepare_cached("DELETE FROM grants WHERE role = ?1")?.execute([id.as_bytes()])?;
    tx.db.prepare_cached("DELETE FROM roles WHERE id = ?1")?.execute([id.as_bytes()])?;
    renew(tx, &had)
}

/// Gives a role, or takes it. What is so already stays.
///
/// # Errors
/// SQLite's.
pub fn set(tx: &mut Tx<'_>, grant: &Grant, given: bool) -> Result<(), Fail> {
    let (kind, to) = stored(grant.to);
    let within = grant.within.map_or(EVERYWHERE.to_vec(), |group| group.as_bytes().to_vec());
    let values = (grant.role.as_bytes(), kind, to, within);
    if given {
        tx.db
            .prepare_cached("INSERT OR IGNORE INTO grants (role, kind, holder, within) VALUES (?1, ?2, ?3, ?4)")?
            .execute(values)?;
    } else {
        tx.db
            .prepare_cached("DELETE FROM grants WHERE role = ?1 AND kind = ?2 AND holder = ?3 AND within = ?4")?
            .execute(values)?;
    }
    let people = match grant.to {
        Holder::Person(person) => vec![person],
        Holder::Group(group) => super::groups::people(tx.view(), group)?,
    };
    renew(tx, &people)
}

/// Works out anew what these people may do.
///
/// # Errors
/// SQLite's.
pub fn renew(tx: &mut Tx<'_>, people: &[AccountId]) -> Result<(), Fail> {
    for person in people {
        rights::renew(tx, *person)?;
    }
    Ok(())
}

/// Everybody who has a role, by themselves or by a group.
fn holders(view: View<'_>, id: RoleId) -> Result<Vec<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT holder FROM grants WHERE role = ?1 AND kind = 0
         UNION SELECT p.person FROM grants g JOIN group_people p ON p.grp = g.holder AND p.inside
            WHERE g.role = ?1 AND g.kind = 1",
    )?;
    let rows = rows.query_map([id.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// A person or a group as stored.
pub(super) fn stored(holder: Holder) -> (i64, [u8; 16]) {
    match holder {
        Holder::Person(id) => (0, *id.as_bytes()),
        Holder::Group(id) => (1, *id.as_bytes()),
    }
}

/// A person or a group as it was stored.
pub(super) fn holder(kind: i64, id: [u8; 16]) -> Holder {
    if kind == 0 { Holder::Person(AccountId::from_bytes(id)) } else { Holder::Group(GroupId::from_bytes(id)) }
}

fn name_hash(tx: &Tx<'_>, id: RoleId, name: &str) -> Result<[u8; 32], Fail> {
    let hash = tx.keyring.name_hash("role", &people::fold(name));
    let other =
        tx.db.prepare_cached("SELECT 1 FROM roles WHERE name_hash = ?1 AND id <> ?2")?.exists((hash, id.as_bytes()))?;
    if other { Err(taken("there is one of this name")) } else { Ok(hash) }
}

fn taken(why: &str) -> Fail {
    ErrorBody::new(Code::Conflict, "This role cannot be kept", why, "choose another name").into()
}
