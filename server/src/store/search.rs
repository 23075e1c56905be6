//! The blind search index. It holds no words: each is replaced by 64 bits of its keyed hash (HMAC-SHA-256), so whoever gets
//! at the opened database, but not at the keys, sees which messages have a word in common, and not which word.
//!
//! Words keep their order, for phrases. Beside them stand tokens of the first 3 to 6 letters of each word, of the channel,
//! of the author and of having files, so that all that is asked for is one walk through the index, from the newest message backwards.
//!
//! A message is acknowledged before the index has it: in the same commit its place is noted, and a moment later many are
//! taken in at once, which costs a fraction of one by one. Whoever searches first waits until that is done.

mod finding;

pub(super) use finding::Sight;
pub use finding::find;

use super::{Tx, View, channels, messages};
use crate::error::Fail;
use crate::keyring::Keyring;
use data_encoding::BASE32_NOPAD;
use rusqlite::OptionalExtension;
use std::collections::BTreeSet;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::search::words;
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

/// Letters of a word's beginning that can be asked for.
const START: std::ops::RangeInclusive<usize> = 3..=6;
/// Bits of a rowid below its time.
const BELOW: u32 = 20;

/// Messages taken in at once: their commit holds up others for some milliseconds.
const TOGETHER: usize = 128;

/// What the index gets of a message.
#[derive(Clone, Debug)]
struct Tokens {
    words: String,
    marks: String,
}

impl Tokens {
    /// Of what is searched of a message, and of whose and where it is.
    fn of(keyring: &Keyring, message: &MessageRow) -> Self {
        let mut all = String::new();
        let mut marks = BTreeSet::from([place_token(keyring, message.channel), author_token(keyring, message.author)]);
        if !message.files.is_empty() {
            marks.insert(file_token(keyring));
        }
        for word in words(&message.searchable()) {
            push(&mut all, &word_token(keyring, &word));
            for length in START {
                if let Some(start) = beginning(&word, length) {
                    marks.insert(start_token(keyring, start));
                }
            }
        }
        Self { words: all, marks: marks.into_iter().collect::<Vec<_>>().join(" ") }
    }
}

fn push(list: &mut String, token: &str) {
    if !list.is_empty() {
        list.push(' ');
    }
    list.push_str(token);
}

/// Letters and digits only, which FTS5's `ascii` tokenizer keeps whole.
fn text(token: [u8; 8]) -> String {
    BASE32_NOPAD.encode(&token)
}

fn word_token(keyring: &Keyring, word: &str) -> String {
    text(keyring.token("word", word.as_bytes()))
}

fn start_token(keyring: &Keyring, start: &str) -> String {
    text(keyring.token("start", start.as_bytes()))
}

fn place_token(keyring: &Keyring, channel: ChannelId) -> String {
    text(keyring.token("channel", channel.as_bytes()))
}

fn author_token(keyring: &Keyring, author: AccountId) -> String {
    text(keyring.token("author", author.as_bytes()))
}

/// Of every message with files.
fn file_token(keyring: &Keyring) -> String {
    text(keyring.token("file", &[]))
}

/// The first letters of a word that has as many.
fn beginning(word: &str, length: usize) -> Option<&str> {
    let mut ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.nth(length.checked_sub(1)?).and_then(|end| word.get(..end))
}

/// The lowest rowid of a time.
fn floor(at: Timestamp) -> i64 {
    at.0.clamp(0, (1 << 42) - 1) << BELOW
}

/// Where the search for a message's own rowid begins. Two messages may want the same; the second takes the next free one.
fn first_rowid(at: Timestamp, place: i64) -> i64 {
    floor(at) | (place & ((1 << BELOW) - 1))
}

/// A message that is to be taken in, as a reader saw it.
#[derive(Debug)]
pub struct Coming {
    /// Where it is.
    pub place: i64,
    revision: i64,
    at: Timestamp,
    tokens: Tokens,
}

/// Notes that the index has to take in a message, new or edited.
///
/// # Errors
/// SQLite's.
pub fn note(tx: &Tx<'_>, place: i64) -> Result<(), Fail> {
    if !tx.counts.has_index() {
        // An index that lacks a message must not look like one that has them all.
        return switch(tx);
    }
    tx.db.prepare_cached("INSERT OR IGNORE INTO unindexed (place) VALUES (?1)")?.execute([place])?;
    tx.unindexed();
    Ok(())
}

/// Makes the index what it was switched to: without one nothing of it stays, with one all messages are noted that were
/// there before.
///
/// # Errors
/// SQLite's.
pub fn switch(tx: &Tx<'_>) -> Result<(), Fail> {
    let is_empty = || {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM found) AND NOT EXISTS (SELECT 1 FROM unindexed)";
        tx.db.query_row(sql, [], |row| row.get::<_, bool>(0))
    };
    match (tx.counts.has_index(), is_empty()?) {
        (true, true) => {
            tx.db.execute("INSERT INTO unindexed (place) SELECT place FROM messages WHERE deleted = 0", [])?;
        }
        (false, false) => {
            tx.db.execute("INSERT INTO search (search) VALUES ('delete-all')", [])?;
            tx.db.execute("DELETE FROM found", [])?;
            tx.db.execute("DELETE FROM unindexed", [])?;
        }
        (true, false) | (false, true) => {}
    }
    Ok(())
}

/// How many messages the index does not have yet.
///
/// # Errors
/// SQLite's.
pub fn backlog(view: View<'_>) -> Result<u64, Fail> {
    let count = view.db.prepare_cached("SELECT count(*) FROM unindexed")?.query_row([], |row| row.get(0))?;
    Ok(super::unsigned(count))
}

/// Whether it lacks any.
///
/// # Errors
/// SQLite's.
pub fn is_behind(view: View<'_>) -> Result<bool, Fail> {
    Ok(view.db.prepare_cached("SELECT 1 FROM unindexed LIMIT 1")?.exists([])?)
}

/// Some of the messages that were noted after a place, with their tokens: made here and not on the writer's thread.
///
/// # Errors
/// SQLite's, and of seals.
pub fn coming(view: View<'_>, after: i64) -> Result<Vec<Coming>, Fail> {
    let mut places = view.db.prepare_cached("SELECT place FROM unindexed WHERE place > ?1 ORDER BY place LIMIT ?2")?;
    let places: Vec<i64> =
        places.query_map([after, TOGETHER as i64], |row| row.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
    let mut revision = view.db.prepare_cached("SELECT revision FROM messages WHERE place = ?1")?;
    let mut coming = Vec::with_capacity(places.len());
    for place in places {
        let channel = channels::numbered(view, place >> 40)?.ok_or(Fail::Broken("a message without its channel"))?.id;
        let message = match messages::row(view, channel, place) {
            Ok(message) => message,
            // Its channel is being wiped, and this reader saw it a moment before.
            Err(Fail::Refused(_)) => continue,
            Err(why) => return Err(why),
        };
        coming.push(Coming {
            place,
            revision: revision.query_row([place], |row| row.get(0))?,
            at: message.at,
            tokens: Tokens::of(view.keyring, &message),
        });
    }
    Ok(coming)
}

/// Takes messages in, but for those that changed meanwhile: they stay noted.
///
/// # Errors
/// SQLite's.
pub fn take(tx: &Tx<'_>, coming: &[Coming]) -> Result<(), Fail> {
    let mut current = tx.db.prepare_cached("SELECT revision FROM messages WHERE place = ?1 AND deleted = 0")?;
    let mut done = tx.db.prepare_cached("DELETE FROM unindexed WHERE place = ?1")?;
    for message in coming {
        let revision: Option<i64> = current.query_row([message.place], |row| row.get(0)).optional()?;
        if revision.is_some_and(|revision| revision != message.revision) {
            continue;
        }
        // Somebody else who saw it coming has taken it in.
        if done.execute([message.place])? == 0 {
            continue;
        }
        if revision == Some(0) {
            add(tx, message)?;
        } else if revision.is_some() {
            replace(tx, message)?;
        }
    }
    Ok(())
}

fn add(tx: &Tx<'_>, message: &Coming) -> Result<(), Fail> {
    let mut rowid = first_rowid(message.at, message.place);
    let mut claim =
        tx.db.prepare_cached("INSERT INTO found (at, place) VALUES (?1, ?2) ON CONFLICT (at) DO NOTHING")?;
    while claim.execute((rowid, message.place))? == 0 {
        rowid += 1;
    }
    tx.db.prepare_cached("INSERT INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)")?.execute((
        rowid,
        &message.tokens.words,
        &message.tokens.marks,
    ))?;
    Ok(())
}

fn replace(tx: &Tx<'_>, message: &Coming) -> Result<(), Fail> {
    let Some(rowid) = rowid(tx.view(), message.at, message.place)? else { return add(tx, message) };
    tx.db.prepare_cached("INSERT OR REPLACE INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)")?.execute((
        rowid,
        &message.tokens.words,
        &message.tokens.marks,
    ))?;
    tx.untidy();
    Ok(())
}

/// Takes a message out of the index. Its tokens stay in the index's files until it is tidied.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, at: Timestamp, place: i64) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM unindexed WHERE place = ?1")?.execute([place])?;
    if let Some(rowid) = rowid(tx.view(), at, place)? {
        tx.db.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([rowid])?;
        // Its row in found stays: places after it are looked for from there on.
        tx.untidy();
    }
    Ok(())
}

/// Nothing tells any longer that there was a message at this time and place. It was taken out of the index before.
///
/// # Errors
/// SQLite's.
pub(super) fn release(tx: &Tx<'_>, at: Timestamp, place: i64) -> Result<(), Fail> {
    let Some(rowid) = rowid(tx.view(), at, place)? else { return Ok(()) };
    let is_followed = tx.db.prepare_cached("SELECT 1 FROM found WHERE at = ?1")?.exists([rowid + 1])?;
    // What follows may be looked for from here on; then only the place goes, for one that no message has.
    let sql = if is_followed { "UPDATE found SET place = -1 WHERE at = ?1" } else { "DELETE FROM found WHERE at = ?1" };
    tx.db.prepare_cached(sql)?.execute([rowid])?;
    Ok(())
}

fn rowid(view: View<'_>, at: Timestamp, place: i64) -> Result<Option<i64>, Fail> {
    let mut rowid = first_rowid(at, place);
    let mut look = view.db.prepare_cached("SELECT place FROM found WHERE at = ?1")?;
    while let Some(known) = look.query_row([rowid], |row| row.get::<_, i64>(0)).optional()? {
        if known == place {
            return Ok(Some(rowid));
        }
        rowid += 1;
    }
    Ok(None)
}

/// Merges a part of the index, so that tokens of what was removed leave it. Returns whether there is more to do.
///
/// # Errors
/// SQLite's.
pub fn tidy(tx: &Tx<'_>, first: bool) -> Result<bool, Fail> {
    let before = tx.db.total_changes();
    // FTS5's merge, in pages. A negative number takes in every segment there is, so only the first step has one: with
    // what is written meanwhile the work would begin again and again. Fewer than two changes mean that it is done.
    let pages = if first { -200 } else { 200 };
    tx.db.execute("INSERT INTO search (search, rank) VALUES ('merge', ?1)", [pages])?;
    Ok(tx.db.total_changes() - before >= 2)
}

#[cfg(test)]
mod tests;
