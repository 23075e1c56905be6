//! Who is in a group: people and groups directly, by each source, and what follows from that for everybody in groups in groups.
//!
//! What follows is stored person by person, so that asking whether somebody is in a group is one look, and a change costs as
//! much as there are people whom it concerns. Channels linked to a group, and roles given to it, follow in the same commit.

use super::super::roles::{holder, stored};
use super::super::{Tx, View, channels, members, rights, signed};
use crate::error::Fail;
use crate::hub::Audience;
use rusqlite::Params;
use std::collections::BTreeSet;
use thechatapp_protocol::event::InGroupRow;
use thechatapp_protocol::methods::groups::DEPTH_MAX;
use thechatapp_protocol::methods::roles::Holder;
use thechatapp_protocol::permission::Powers;
use thechatapp_protocol::{AccountId, ChannelId, GroupId, Row};

/// Put into a group by hand.
const BY_HAND: i64 = 0;

/// A group and all groups it lies in.
const ABOVE: &str = "WITH RECURSIVE above (grp) AS (
    SELECT ?1 UNION SELECT m.grp FROM above a JOIN group_members m ON m.member = a.grp AND m.kind = 1)";

/// Everybody in a group or in a group in it, in the order of their ids.
///
/// # Errors
/// SQLite's.
pub fn people(view: View<'_>, id: GroupId) -> Result<Vec<AccountId>, Fail> {
    ids(view, "SELECT person FROM group_people WHERE grp = ?1 AND inside ORDER BY person", [id.as_bytes()])
}

/// Who is directly in a group.
///
/// # Errors
/// SQLite's.
pub fn direct(view: View<'_>, id: GroupId) -> Result<Vec<Holder>, Fail> {
    let mut rows = view
        .db
        .prepare_cached("SELECT DISTINCT kind, member FROM group_members WHERE grp = ?1 ORDER BY kind, member")?;
    let rows = rows.query_map([id.as_bytes()], |row| Ok(holder(row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The channels linked to a group.
///
/// # Errors
/// SQLite's.
pub fn linked(view: View<'_>, id: GroupId) -> Result<Vec<ChannelId>, Fail> {
    let mut rows = view.db.prepare_cached("SELECT channel FROM group_channels WHERE grp = ?1 ORDER BY channel")?;
    let rows = rows.query_map([id.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(ChannelId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// All powers that come with being in a group: by roles given to it, and to the groups it lies in.
///
/// # Errors
/// SQLite's.
pub fn given(view: View<'_>, id: GroupId) -> Result<Powers, Fail> {
    let sql = format!(
        "{ABOVE} SELECT r.powers FROM above a JOIN grants g ON g.holder = a.grp AND g.kind = 1 JOIN roles r ON r.id = g.role"
    );
    let mut rows = view.db.prepare_cached(&sql)?;
    let mut rows = rows.query_map([id.as_bytes()], |row| row.get(0).map(Powers))?;
    rows.try_fold(Powers::NONE, |all, powers| Ok(all.or(powers?)))
}

/// All powers that others have over whoever is in a group: by roles given within it, and within the groups it lies in.
///
/// # Errors
/// SQLite's.
pub fn exposed(view: View<'_>, id: GroupId) -> Result<Powers, Fail> {
    let sql =
        format!("{ABOVE} SELECT r.powers FROM above a JOIN grants g ON g.within = a.grp JOIN roles r ON r.id = g.role");
    let mut rows = view.db.prepare_cached(&sql)?;
    let mut rows = rows.query_map([id.as_bytes()], |row| row.get(0).map(Powers))?;
    rows.try_fold(Powers::NONE, |all, powers| Ok(all.or(powers?)))
}

/// All powers that somebody loses or gains when a group is deleted.
///
/// # Errors
/// SQLite's.
pub fn taken_with(view: View<'_>, id: GroupId) -> Result<Powers, Fail> {
    Ok(given(view, id)?.or(super::given_within(view, id)?))
}

/// Puts somebody, or a group, into a group.
///
/// # Errors
/// Bad input for a group that would lie in itself, or too deep.
pub fn add(tx: &mut Tx<'_>, id: GroupId, member: Holder) -> Result<(), Fail> {
    if let Holder::Group(inner) = member {
        check_nesting(tx.view(), id, inner)?;
    }
    let (kind, who) = stored(member);
    tx.db
        .prepare_cached("INSERT OR IGNORE INTO group_members (grp, kind, member, source) VALUES (?1, ?2, ?3, ?4)")?
        .execute((id.as_bytes(), kind, who, BY_HAND))?;
    concerned(tx, member)
}

/// Takes somebody, or a group, out of a group. What another source says stays so.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &mut Tx<'_>, id: GroupId, member: Holder) -> Result<(), Fail> {
    let (kind, who) = stored(member);
    tx.db
        .prepare_cached("DELETE FROM group_members WHERE grp = ?1 AND kind = ?2 AND member = ?3 AND source = ?4")?
        .execute((id.as_bytes(), kind, who, BY_HAND))?;
    concerned(tx, member)
}

fn concerned(tx: &mut Tx<'_>, member: Holder) -> Result<(), Fail> {
    let all = match member {
        Holder::Person(person) => vec![person],
        Holder::Group(group) => people(tx.view(), group)?,
    };
    for person in all {
        refresh(tx, person)?;
    }
    Ok(())
}

fn check_nesting(view: View<'_>, outer: GroupId, inner: GroupId) -> Result<(), Fail> {
    let refuse = |why: &str| Err(Fail::bad_input("This group cannot be put there", why, "choose another group"));
    let sql = format!("{ABOVE} SELECT 1 FROM above WHERE grp = ?2");
    if view.db.prepare_cached(&sql)?.exists((outer.as_bytes(), inner.as_bytes()))? {
        return refuse("it would lie in itself");
    }
    // Both are bounded, so these end.
    let above: u32 = view
        .db
        .prepare_cached(
            "WITH RECURSIVE chain (grp, depth) AS (
                SELECT ?1, 1 UNION SELECT m.grp, depth + 1 FROM chain c JOIN group_members m ON m.member = c.grp AND m.kind = 1)
             SELECT max(depth) FROM chain",
        )?
        .query_row([outer.as_bytes()], |row| row.get(0))?;
    let below: u32 = view
        .db
        .prepare_cached(
            "WITH RECURSIVE chain (grp, depth) AS (
                SELECT ?1, 1 UNION SELECT m.member, depth + 1 FROM chain c JOIN group_members m ON m.grp = c.grp AND m.kind = 1)
             SELECT max(depth) FROM chain",
        )?
        .query_row([inner.as_bytes()], |row| row.get(0))?;
    if above + below > DEPTH_MAX { refuse("groups lie in each other eight deep at most") } else { Ok(()) }
}

/// Works out anew in which groups somebody is, and lets their channels and their powers follow.
///
/// # Errors
/// SQLite's.
pub fn refresh(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let groups = |sql: &str| -> Result<BTreeSet<GroupId>, Fail> {
        let mut rows = tx.db.prepare_cached(sql)?;
        let rows = rows.query_map([person.as_bytes()], |row| row.get(0))?;
        Ok(rows.map(|id| id.map(GroupId::from_bytes)).collect::<rusqlite::Result<_>>()?)
    };
    let now = groups(
        "WITH RECURSIVE above (grp) AS (
            SELECT grp FROM group_members WHERE member = ?1 AND kind = 0
            UNION SELECT m.grp FROM above a JOIN group_members m ON m.member = a.grp AND m.kind = 1)
         SELECT grp FROM above",
    )?;
    let before = groups("SELECT grp FROM group_people WHERE person = ?1 AND inside")?;
    let changed: Vec<GroupId> = now.symmetric_difference(&before).copied().collect();
    if changed.is_empty() {
        return Ok(());
    }
    for id in &changed {
        let (inside, change) = (now.contains(id), tx.change());
        tx.db
            .prepare_cached(
                "INSERT INTO group_people (grp, person, inside, change) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET inside = excluded.inside, change = excluded.change",
            )?
            .execute((id.as_bytes(), person.as_bytes(), inside, signed(change)))?;
        tx.tell(Row::InGroup(InGroupRow { group: *id, inside, change }), Audience::Person(person));
    }
    for id in &changed {
        for channel in linked(tx.view(), *id)? {
            follow(tx, channel, person)?;
        }
    }
    rights::renew(tx, person)?;
    Ok(())
}

/// Links a channel to a group: everybody in the group is in it from now on.
///
/// # Errors
/// SQLite's.
pub fn link(tx: &mut Tx<'_>, id: GroupId, channel: ChannelId) -> Result<(), Fail> {
    tx.db
        .prepare_cached("INSERT OR IGNORE INTO group_channels (channel, grp) VALUES (?1, ?2)")?
        .execute((channel.as_bytes(), id.as_bytes()))?;
    for person in people(tx.view(), id)? {
        follow(tx, channel, person)?;
    }
    Ok(())
}

/// Unlinks a channel from a group: who was in it by nothing else leaves it.
///
/// # Errors
/// SQLite's.
pub fn unlink(tx: &mut Tx<'_>, id: GroupId, channel: ChannelId) -> Result<(), Fail> {
    tx.db
        .prepare_cached("DELETE FROM group_channels WHERE channel = ?1 AND grp = ?2")?
        .execute((channel.as_bytes(), id.as_bytes()))?;
    for person in people(tx.view(), id)? {
        follow(tx, channel, person)?;
    }
    Ok(())
}

fn follow(tx: &mut Tx<'_>, channel: ChannelId, person: AccountId) -> Result<(), Fail> {
    let channel = channels::find(tx.view(), channel)?.ok_or(Fail::Broken("a linked channel that is not there"))?;
    members::follow(tx, channel, person)
}

fn ids(view: View<'_>, sql: &str, params: impl Params) -> Result<Vec<AccountId>, Fail> {
    let mut rows = view.db.prepare_cached(sql)?;
    let rows = rows.query_map(params, |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}
