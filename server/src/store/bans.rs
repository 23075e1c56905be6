//! Whom the moderators of a channel keep out of it. While a ban stands nobody and nothing lets the person in: neither they
//! themselves nor others, no invite and no group. What is public they may still read, as everybody may.

use super::channels::Channel;
use super::{Tx, View, members};
use crate::error::Fail;
use crate::time::now;
use thechatapp_protocol::methods::channels::{BANS_MAX, Ban};
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

/// Whether somebody is banned from a channel.
///
/// # Errors
/// SQLite's.
pub fn stands(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<bool, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT 1 FROM channel_bans WHERE channel = ?1 AND person = ?2")?
        .exists((channel.as_bytes(), person.as_bytes()))?)
}

/// Refuses to let somebody in who is banned.
///
/// # Errors
/// Denied.
pub fn refuse(view: View<'_>, channel: ChannelId, person: AccountId) -> Result<(), Fail> {
    if stands(view, channel, person)? {
        return Err(Fail::denied("they are banned from this channel until a moderator lifts it"));
    }
    Ok(())
}

/// Bans somebody from a channel, which they leave at once, or lifts the ban: where a group holds them in it they come back.
/// Answers whether that is a change.
///
/// # Errors
/// Bad input for too many.
pub fn set(tx: &mut Tx<'_>, channel: Channel, person: AccountId, by: AccountId, on: bool) -> Result<bool, Fail> {
    let id = channel.id;
    if stands(tx.view(), id, person)? == on {
        return Ok(false);
    }
    if on {
        if of(tx.view(), id)?.len() >= BANS_MAX {
            let why = format!("{BANS_MAX} at most");
            return Err(Fail::bad_input("Too many people are banned from this channel", why, "lift a ban first"));
        }
        tx.db
            .prepare_cached("INSERT INTO channel_bans (channel, person, by, at) VALUES (?1, ?2, ?3, ?4)")?
            .execute((id.as_bytes(), person.as_bytes(), by.as_bytes(), now().0))?;
    } else {
        tx.db
            .prepare_cached("DELETE FROM channel_bans WHERE channel = ?1 AND person = ?2")?
            .execute((id.as_bytes(), person.as_bytes()))?;
    }
    members::follow(tx, channel, person)?;
    Ok(true)
}

/// Who is banned from a channel, the newest first.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, channel: ChannelId) -> Result<Vec<Ban>, Fail> {
    let mut rows = view
        .db
        .prepare_cached("SELECT person, by, at FROM channel_bans WHERE channel = ?1 ORDER BY at DESC, person")?;
    let rows = rows.query_map([channel.as_bytes()], |row| {
        Ok(Ban {
            person: AccountId::from_bytes(row.get(0)?),
            by: AccountId::from_bytes(row.get(1)?),
            at: Timestamp(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes away the bans of somebody who is wiped.
///
/// # Errors
/// SQLite's.
pub fn forget_person(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.execute("DELETE FROM channel_bans WHERE person = ?1", [person.as_bytes()])?;
    Ok(())
}

/// Takes away the bans of a channel that is wiped; the one that takes its place keeps them.
///
/// # Errors
/// SQLite's.
pub fn move_to(tx: &Tx<'_>, channel: ChannelId, fresh: Option<ChannelId>) -> Result<(), Fail> {
    if let Some(fresh) = fresh {
        tx.db.execute(
            "UPDATE channel_bans SET channel = ?2 WHERE channel = ?1",
            (channel.as_bytes(), fresh.as_bytes()),
        )?;
    }
    tx.db.execute("DELETE FROM channel_bans WHERE channel = ?1", [channel.as_bytes()])?;
    Ok(())
}
