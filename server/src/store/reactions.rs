//! Reactions: an emoji and who set it, under a message.

use super::channels::Channel;
use super::messages::row;
use super::{Tx, View, signed};
use crate::error::Fail;
use crate::hub::Audience;
use thechatapp_protocol::event::{MessageRow, Reaction};
use thechatapp_protocol::methods::messages::EMOJI_MAX;
use thechatapp_protocol::{AccountId, Row};

/// Most different emoji under one message.
const REACTIONS_MAX: usize = 50;

/// Sets or takes back somebody's reaction. What is so already changes nothing.
///
/// # Errors
/// Bad input for a deleted message, for no emoji, or for too many.
pub fn react(
    tx: &mut Tx<'_>,
    channel: Channel,
    place: i64,
    person: AccountId,
    emoji: &str,
    on: bool,
) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    if emoji.is_empty() || emoji.len() > EMOJI_MAX || emoji.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Fail::bad_input("This is no reaction", "an emoji or a short name is wanted", "choose an emoji"));
    }
    let old = row(tx.view(), channel.id, place)?;
    if old.deleted {
        return Err(Fail::bad_input("This message was deleted", "nobody can react to it", ""));
    }
    if on && old.reactions.len() >= REACTIONS_MAX && !old.reactions.iter().any(|reaction| reaction.emoji == emoji) {
        return Err(Fail::bad_input("Too many reactions", "this message has 50 different ones", "use one of them"));
    }
    let change = tx.change();
    let changed = if on {
        tx.db
            .prepare_cached(
                "INSERT INTO reactions (place, emoji, person, change) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute((place, emoji, person.as_bytes(), signed(change)))?
    } else {
        tx.db.prepare_cached("DELETE FROM reactions WHERE place = ?1 AND emoji = ?2 AND person = ?3")?.execute((
            place,
            emoji,
            person.as_bytes(),
        ))?
    };
    if changed == 0 {
        return Ok(old);
    }
    tx.db.prepare_cached("UPDATE messages SET change = ?2 WHERE place = ?1")?.execute((place, signed(change)))?;
    let row = row(tx.view(), channel.id, place)?;
    tx.tell(Row::Message(row.clone()), Audience::Members(channel.id));
    Ok(row)
}

/// The reactions under a message, in the order they first appeared.
///
/// # Errors
/// SQLite's.
pub(super) fn of(view: View<'_>, place: i64) -> Result<Vec<Reaction>, Fail> {
    let mut statement =
        view.db.prepare_cached("SELECT emoji, person FROM reactions WHERE place = ?1 ORDER BY change")?;
    let mut rows = statement.query([place])?;
    let mut all: Vec<Reaction> = Vec::new();
    while let Some(row) = rows.next()? {
        let (emoji, person): (String, AccountId) = (row.get(0)?, AccountId::from_bytes(row.get(1)?));
        match all.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => reaction.people.push(person),
            None => all.push(Reaction { emoji, people: vec![person] }),
        }
    }
    Ok(all)
}
