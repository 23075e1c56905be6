//! Polls: what belongs to a message that asks. One person has one vote, a set of options, until the author closes it.

use super::channels::Channel;
use super::messages::row;
use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use crate::keyring::FieldPlace;
use crate::time::now;
use thechatapp_protocol::event::{MessageRow, Poll, Vote};
use thechatapp_protocol::methods::polls::{OPTION_MAX, OPTIONS_MAX, VOTERS_MAX};
use thechatapp_protocol::{AccountId, ChannelId, Row, Timestamp};

/// Roughly what a vote costs in an encoding.
const VOTE_BYTES: usize = 64;

/// Roughly what a poll adds to a message's encoding.
pub(super) fn weight(poll: &Poll) -> usize {
    poll.options.iter().map(|option| option.len() + 8).sum::<usize>() + poll.votes.len() * VOTE_BYTES
}

/// A new poll's options as they are kept.
///
/// # Errors
/// Bad input for too few, too many, empty, long or equal ones.
pub fn tidy(options: &[String]) -> Result<Vec<String>, Fail> {
    let refuse = |why: &str| Err(Fail::bad_input("This poll cannot be made", why, "change its options"));
    let tidy: Vec<String> = options.iter().map(|option| option.trim().to_owned()).collect();
    if tidy.len() < 2 {
        return refuse("it has fewer than two options");
    }
    if tidy.len() > OPTIONS_MAX {
        return refuse("it has more than 20 options");
    }
    for (at, option) in tidy.iter().enumerate() {
        if option.is_empty() {
            return refuse("an option is empty");
        }
        if option.len() > OPTION_MAX {
            return refuse("an option has more than 500 bytes");
        }
        if option.chars().any(char::is_control) {
            return refuse("an option has more than one line");
        }
        if tidy.iter().take(at).any(|other| other == option) {
            return refuse("two options are the same");
        }
    }
    Ok(tidy)
}

pub(super) fn field(channel: ChannelId, place: i64, number: usize) -> FieldPlace {
    let mut part = [0; 16];
    if let Some(last) = part.last_mut() {
        *last = u8::try_from(number).unwrap_or(u8::MAX);
    }
    FieldPlace { channel, table: "poll_options", column: "text", place, part, revision: 0 }
}

/// Writes what a new message asks.
///
/// # Errors
/// SQLite's.
pub(super) fn create(tx: &Tx<'_>, channel: Channel, place: i64, poll: &Poll) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE messages SET poll = 1 WHERE place = ?1")?.execute([place])?;
    tx.db.prepare_cached("INSERT INTO polls (place, multiple) VALUES (?1, ?2)")?.execute((place, poll.multiple))?;
    let mut insert =
        tx.db.prepare_cached("INSERT INTO poll_options (place, number, text, epoch) VALUES (?1, ?2, ?3, ?4)")?;
    for (number, option) in poll.options.iter().enumerate() {
        let sealed = tx.keyring.seal_field(&field(channel.id, place, number), option)?;
        insert.execute((place, signed(number as u64), sealed.bytes, signed(sealed.epoch)))?;
    }
    Ok(())
}

/// What a message asks, and how people voted.
///
/// # Errors
/// SQLite's, and of seals.
pub(super) fn read(view: View<'_>, channel: ChannelId, place: i64) -> Result<Poll, Fail> {
    let (multiple, closed): (bool, Option<i64>) = view
        .db
        .prepare_cached("SELECT multiple, closed FROM polls WHERE place = ?1")?
        .query_row([place], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut options = Vec::new();
    let mut statement =
        view.db.prepare_cached("SELECT text, epoch FROM poll_options WHERE place = ?1 ORDER BY number")?;
    let mut rows = statement.query([place])?;
    while let Some(row) = rows.next()? {
        let sealed = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let at = field(channel, place, options.len());
        options.push(view.keyring.open_field(&at, unsigned(row.get(1)?), sealed)?);
    }
    let mut statement = view.db.prepare_cached("SELECT person, choices FROM votes WHERE place = ?1 ORDER BY change")?;
    let votes = statement.query_map([place], |row| {
        let (person, bits) = (AccountId::from_bytes(row.get(0)?), unsigned(row.get(1)?));
        Ok(Vote { person, choices: (0..64).filter(|number| bits >> number & 1 == 1).collect() })
    })?;
    let votes = votes.collect::<Result<_, _>>()?;
    Ok(Poll { multiple, closed: closed.map(Timestamp), options, votes })
}

/// Removes what a deleted message asked, and all votes.
///
/// # Errors
/// SQLite's.
pub(super) fn remove(tx: &Tx<'_>, place: i64) -> Result<(), Fail> {
    for sql in [
        "DELETE FROM votes WHERE place = ?1",
        "DELETE FROM poll_options WHERE place = ?1",
        "DELETE FROM polls WHERE place = ?1",
    ] {
        tx.db.prepare_cached(sql)?.execute([place])?;
    }
    Ok(())
}

fn poll_of(row: &MessageRow) -> Result<&Poll, Fail> {
    row.poll.as_deref().ok_or_else(|| {
        let why = if row.deleted { "it was deleted" } else { "it is an ordinary message" };
        Fail::bad_input("This is no poll", why, "name a poll")
    })
}

/// Sets somebody's vote, in place of what they chose before; no choice withdraws it.
///
/// # Errors
/// Bad input for what is no poll, a closed one, a choice that there is not, or too many.
pub fn vote(
    tx: &mut Tx<'_>,
    channel: Channel,
    place: i64,
    person: AccountId,
    choices: &[u32],
) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    let refuse = |why: &str, advice: &str| Err(Fail::bad_input("This vote cannot be taken", why, advice));
    let old = row(tx.view(), channel.id, place)?;
    let poll = poll_of(&old)?;
    if poll.closed.is_some() {
        return refuse("the poll is closed", "");
    }
    let mut bits = 0u64;
    for choice in choices {
        if *choice as usize >= poll.options.len() {
            return refuse("there is no such option", "choose among the poll's options");
        }
        bits |= 1 << choice;
    }
    if !poll.multiple && bits.count_ones() > 1 {
        return refuse("this poll takes one option from each person", "choose one");
    }
    let mine = poll.votes.iter().find(|vote| vote.person == person);
    if mine.map_or(0, |vote| vote.choices.iter().fold(0, |bits, choice| bits | 1 << choice)) == bits {
        return Ok(old);
    }
    if mine.is_none() && poll.votes.len() >= VOTERS_MAX as usize {
        return refuse("it has as many votes as a poll can have", "");
    }
    let change = tx.change();
    if bits == 0 {
        let mut delete = tx.db.prepare_cached("DELETE FROM votes WHERE place = ?1 AND person = ?2")?;
        delete.execute((place, person.as_bytes()))?;
    } else {
        tx.db
            .prepare_cached(
                "INSERT INTO votes (place, person, choices, change) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET choices = excluded.choices, change = excluded.change",
            )?
            .execute((place, person.as_bytes(), signed(bits), signed(change)))?;
    }
    changed(tx, channel, place, change)
}

/// Closes a poll for good. A second time changes nothing.
///
/// # Errors
/// Bad input for what is no poll.
pub fn close(tx: &mut Tx<'_>, channel: Channel, place: i64) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    let old = row(tx.view(), channel.id, place)?;
    if poll_of(&old)?.closed.is_some() {
        return Ok(old);
    }
    let change = tx.change();
    tx.db.prepare_cached("UPDATE polls SET closed = ?2 WHERE place = ?1")?.execute((place, now().0))?;
    changed(tx, channel, place, change)
}

fn changed(tx: &mut Tx<'_>, channel: Channel, place: i64, change: u64) -> Result<MessageRow, Fail> {
    tx.db.prepare_cached("UPDATE messages SET change = ?2 WHERE place = ?1")?.execute((place, signed(change)))?;
    let row = row(tx.view(), channel.id, place)?;
    tx.tell(Row::Message(row.clone()), Audience::Members(channel.id));
    Ok(row)
}
