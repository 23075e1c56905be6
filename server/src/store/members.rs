//! Who is in which channel, and what they are there. Leaving keeps the row, marked: that is how a device learns to forget.
//!
//! Somebody is in a channel by themselves (they joined, or somebody added them), or because a group they are in is linked to it,
//! or both. The row says whether they are in it, and by `own` whether that is so without a group.

use super::channels::Channel;
use super::{Tx, View, bans, guests, rights, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use rusqlite::{OptionalExtension, Row as Stored};
use thechatapp_protocol::event::{ChannelRole, MemberRow};
use thechatapp_protocol::{AccountId, ChannelId, Row};

/// A membership's row; `None` for somebody who never was in the channel.
///
/// # Errors
/// SQLite's.
pub fn row(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<Option<MemberRow>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT person, joined, moderator, change FROM members WHERE channel = ?1 AND person = ?2")?
        .query_row((channel.as_bytes(), person.as_bytes()), |row| read(channel, row))
        .optional()?;
    Ok(found)
}

fn read(channel: ChannelId, row: &Stored<'_>) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        channel,
        person: AccountId::from_bytes(row.get(0)?),
        joined: row.get(1)?,
        role: if row.get(2)? { ChannelRole::Moderator } else { ChannelRole::Member },
        change: unsigned(row.get(3)?),
    })
}

/// Whether somebody is in a channel.
///
/// # Errors
/// SQLite's.
pub fn is(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<bool, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT 1 FROM members WHERE channel = ?1 AND person = ?2 AND joined")?
        .exists((channel.as_bytes(), person.as_bytes()))?)
}

/// Lets somebody join or leave. What is so already stays as it is, and nobody is told.
///
/// # Errors
/// Bad input for somebody who leaves and is in the channel by a group; denied for one who joins and is banned.
pub fn set(tx: &mut Tx<'_>, channel: Channel, person: AccountId, joined: bool) -> Result<MemberRow, Fail> {
    if !joined && is_held(tx.view(), channel.id, person)? {
        return Err(Fail::bad_input(
            "They stay in this channel",
            "a group they are in is linked to it",
            "take them out of the group, or unlink the channel",
        ));
    }
    if joined {
        bans::refuse(tx.view(), channel.id, person)?;
    }
    put(tx, channel, person, joined, joined)
}

/// Lets a membership follow the groups that are linked to the channel, and a ban, which stands against all else.
///
/// # Errors
/// SQLite's.
pub fn follow(tx: &mut Tx<'_>, channel: Channel, person: AccountId) -> Result<(), Fail> {
    let own = tx
        .db
        .prepare_cached("SELECT own FROM members WHERE channel = ?1 AND person = ?2")?
        .query_row((channel.id.as_bytes(), person.as_bytes()), |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    let banned = bans::stands(tx.view(), channel.id, person)?;
    let before = row(tx.view(), channel.id, person)?;
    // Into an archived one a group brings nobody; who is in it already stays.
    let open = !channel.archived || before.is_some_and(|before| before.joined);
    let (own, held) = (own && !banned, open && !banned && is_held(tx.view(), channel.id, person)?);
    // Somebody who never was in it has no row that says so.
    if own || held || before.is_some() {
        put(tx, channel, person, own, own || held)?;
    }
    Ok(())
}

/// Lets in everybody whom the groups linked to a channel hold: they were kept out while it was archived.
///
/// # Errors
/// SQLite's.
pub fn take_in(tx: &mut Tx<'_>, channel: Channel) -> Result<(), Fail> {
    let mut rows = tx.db.prepare_cached(
        "SELECT DISTINCT p.person FROM group_channels c JOIN group_people p ON p.grp = c.grp AND p.inside WHERE c.channel = ?1",
    )?;
    let people = rows.query_map([channel.id.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<[u8; 16]>, _>>()?;
    drop(rows);
    for person in people {
        follow(tx, channel, AccountId::from_bytes(person))?;
    }
    Ok(())
}

/// Whether somebody is in a channel by a group.
fn is_held(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<bool, Fail> {
    Ok(view
        .db
        .prepare_cached(
            "SELECT 1 FROM group_channels c CROSS JOIN group_people p ON p.grp = c.grp AND p.person = ?2 AND p.inside
             WHERE c.channel = ?1",
        )?
        .exists((channel.as_bytes(), person.as_bytes()))?)
}

fn put(tx: &mut Tx<'_>, channel: Channel, person: AccountId, own: bool, joined: bool) -> Result<MemberRow, Fail> {
    let before = row(tx.view(), channel.id, person)?;
    if let Some(before) = before
        && before.joined == joined
    {
        tx.db
            .prepare_cached("UPDATE members SET own = ?3 WHERE channel = ?1 AND person = ?2 AND own <> ?3")?
            .execute((channel.id.as_bytes(), person.as_bytes(), own))?;
        return Ok(before);
    }
    let change = tx.change();
    tx.db
        .prepare_cached(
            "INSERT INTO members (channel, person, joined, own, change) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET joined = excluded.joined, own = excluded.own, moderator = 0, change = excluded.change",
        )?
        .execute((channel.id.as_bytes(), person.as_bytes(), joined, own, signed(change)))?;
    let row = MemberRow { channel: channel.id, person, joined, role: ChannelRole::Member, change };
    tx.tell(Row::Member(row), Audience::Members(channel.id));
    // With the channel a guest loses sight of the people in it.
    if !joined && before.is_some() && guests::is(tx.view(), person)? {
        rights::narrow(tx, person)?;
    }
    Ok(row)
}

/// Makes a member of a channel its moderator, or no longer.
///
/// # Errors
/// Bad input for somebody who is not in it, or for a guest who would moderate.
pub fn set_role(tx: &mut Tx<'_>, channel: Channel, person: AccountId, role: ChannelRole) -> Result<MemberRow, Fail> {
    let refuse = |why: &str, advice: &str| Err(Fail::bad_input("They cannot be that", why, advice));
    let Some(before) = row(tx.view(), channel.id, person)?.filter(|row| row.joined) else {
        return refuse("they are not in this channel", "add them first");
    };
    if role == ChannelRole::Moderator && guests::is(tx.view(), person)? {
        return refuse("they are a guest", "make them a member first");
    }
    if before.role == role {
        return Ok(before);
    }
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE members SET moderator = ?3, change = ?4 WHERE channel = ?1 AND person = ?2")?
        .execute((channel.id.as_bytes(), person.as_bytes(), role == ChannelRole::Moderator, signed(change)))?;
    let row = MemberRow { role, change, ..before };
    tx.tell(Row::Member(row), Audience::Members(channel.id));
    Ok(row)
}

/// Somebody moderates no channel any longer, as a guest does not.
///
/// # Errors
/// SQLite's.
pub fn moderates_no_longer(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let mut rows = tx.db.prepare_cached("SELECT channel FROM members WHERE person = ?1 AND moderator")?;
    let ids = rows.query_map([person.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<[u8; 16]>, _>>()?;
    drop(rows);
    for id in ids {
        let channel = super::channels::find(tx.view(), ChannelId::from_bytes(id))?;
        let channel = channel.ok_or(Fail::Broken("a membership without its channel"))?;
        set_role(tx, channel, person, ChannelRole::Member)?;
    }
    Ok(())
}

/// Everybody who is or was in a channel, which is what somebody needs who was in it before and missed who left since.
///
/// # Errors
/// SQLite's.
pub fn ever_of(view: View<'_>, channel: ChannelId) -> Result<Vec<MemberRow>, Fail> {
    let mut rows = view
        .db
        .prepare_cached("SELECT person, joined, moderator, change FROM members WHERE channel = ?1 ORDER BY change")?;
    let rows = rows.query_map([channel.as_bytes()], |row| read(channel, row))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Everybody who is in a channel.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, channel: ChannelId) -> Result<Vec<MemberRow>, Fail> {
    let mut rows = ever_of(view, channel)?;
    rows.retain(|row| row.joined);
    Ok(rows)
}
