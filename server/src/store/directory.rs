//! The directory of public channels, and what looks after a channel: its name, who sees it, and whether it is archived.

use super::channels::{self, Channel};
use super::{Tx, View, members, people, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use thechatapp_protocol::event::{ChannelKind, ChannelRow};
use thechatapp_protocol::methods::channels::{DIRECTORY_PAGE_MAX, DirectoryEntry, DirectoryPage, DirectoryParams};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, Row};

/// Public channels in the order in which they were made.
///
/// # Errors
/// Not found when there is no channel to go on after.
pub fn page(view: View<'_>, person: AccountId, params: &DirectoryParams) -> Result<DirectoryPage, Fail> {
    let after = match params.after {
        None => 0,
        Some(after) => {
            channels::find(view, after)?
                .filter(|channel| channel.kind == ChannelKind::Public)
                .ok_or_else(|| Fail::not_found("No such channel"))?
                .number
        }
    };
    let limit = params.limit.clamp(1, DIRECTORY_PAGE_MAX);
    let mut rows = view.db.prepare_cached(
        "SELECT id, (SELECT count(*) FROM members m WHERE m.channel = c.id AND m.joined) FROM channels c
         WHERE kind = 0 AND number > ?1 AND (?2 OR archived = 0) AND instr(folded, ?3) > 0 ORDER BY number LIMIT ?4",
    )?;
    let mut rows = rows.query((after, params.archived, people::fold(params.words.trim()), limit + 1))?;
    let mut page = DirectoryPage { channels: Vec::new(), more: false };
    while let Some(row) = rows.next()? {
        if page.channels.len() == limit as usize {
            page.more = true;
            break;
        }
        let id = ChannelId::from_bytes(row.get(0)?);
        page.channels.push(DirectoryEntry {
            channel: channels::row(view, id)?,
            members: unsigned(row.get(1)?),
            joined: members::is(view, id, person)?,
        });
    }
    Ok(page)
}

/// Names a channel anew.
///
/// # Errors
/// Conflict when a public one is called so.
pub fn rename(tx: &mut Tx<'_>, channel: Channel, name: &str) -> Result<ChannelRow, Fail> {
    channel.refuse_archived()?;
    let folded = people::fold(name);
    refuse_taken(tx, channel, &folded)?;
    let change = tx.change();
    tx.db.prepare_cached("UPDATE channels SET name = ?2, folded = ?3, change = ?4 WHERE number = ?1")?.execute((
        channel.number,
        name,
        folded,
        signed(change),
    ))?;
    tell(tx, channel)
}

fn refuse_taken(tx: &Tx<'_>, channel: Channel, folded: &str) -> Result<(), Fail> {
    let taken = tx
        .db
        .prepare_cached("SELECT 1 FROM channels WHERE folded = ?1 AND kind = 0 AND number <> ?2")?
        .exists((folded, channel.number))?;
    if taken {
        return Err(ErrorBody::new(
            Code::Conflict,
            "This channel cannot be called so",
            "there is a public one of this name",
            "choose another name",
        )
        .into());
    }
    Ok(())
}

/// Makes a channel private: whoever is not in it loses it at once. Or public: everybody but guests reads it from now on, with all
/// that was said before. What is so already stays as it is.
///
/// # Errors
/// Denied for an archived one, conflict when a public one is called so, bad input when a private one would have nobody in it.
pub fn set_kind(tx: &mut Tx<'_>, channel: Channel, kind: ChannelKind) -> Result<ChannelRow, Fail> {
    if channel.kind == kind {
        return channels::row(tx.view(), channel.id);
    }
    channel.refuse_archived()?;
    let private = kind != ChannelKind::Public;
    if private && members::of(tx.view(), channel.id)?.is_empty() {
        return Err(Fail::bad_input(
            "This channel cannot be private",
            "nobody is in it, so nobody would see it any more",
            "join it first",
        ));
    }
    let row = channels::row(tx.view(), channel.id)?;
    if !private {
        refuse_taken(tx, channel, &people::fold(&row.name))?;
    }
    let (hidden, change) = (tx.change(), tx.change());
    tx.db
        .prepare_cached(
            "UPDATE channels SET kind = ?2, hidden = CASE WHEN ?3 THEN ?4 ELSE hidden END,
                everybody = CASE WHEN ?3 THEN 0 ELSE everybody END, change = ?5 WHERE number = ?1",
        )?
        .execute((channel.number, channels::number_of(kind), private, signed(hidden), signed(change)))?;
    if private {
        let gone = channels::gone(channel.id, hidden);
        tx.tell(Row::Channel(gone), Audience::Outside(channel.id));
    }
    tell(tx, Channel { kind, ..channel })
}

/// Archives a channel, or takes it out of the archive. What is so already stays as it is.
///
/// # Errors
/// SQLite's.
pub fn archive(tx: &mut Tx<'_>, channel: Channel, on: bool) -> Result<ChannelRow, Fail> {
    if channel.archived == on {
        return channels::row(tx.view(), channel.id);
    }
    let change = tx.change();
    tx.db.prepare_cached("UPDATE channels SET archived = ?2, change = ?3 WHERE number = ?1")?.execute((
        channel.number,
        on,
        signed(change),
    ))?;
    let row = tell(tx, channel)?;
    if !on {
        members::take_in(tx, Channel { archived: false, ..channel })?;
    }
    Ok(row)
}

fn tell(tx: &mut Tx<'_>, channel: Channel) -> Result<ChannelRow, Fail> {
    let row = channels::row(tx.view(), channel.id)?;
    tx.tell(Row::Channel(row.clone()), channel.audience());
    Ok(row)
}
