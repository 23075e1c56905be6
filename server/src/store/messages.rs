//! Messages: numbered at commit without gaps, idempotent by their author's id, their text sealed.

use super::channels::{Channel, head, seq_of};
use super::{Tx, View, blocks, drafts, edits, files, polls, reactions, search, signed, threads, unsigned};
use crate::error::Fail;
use crate::hub::{Audience, Note};
use crate::keyring::{BodyPlace, Keyring, Sealed};
use crate::time::now;
use rusqlite::{OptionalExtension, Row as SqlRow};
use thechatapp_protocol::event::{MessageRow, Pin, Poll};
use thechatapp_protocol::methods::messages::{FILES_MAX, PAGE_MAX, Page, Sent, TEXT_MAX};
use thechatapp_protocol::methods::polls::CreatePollParams;
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, FileId, MessageId, Row, Timestamp};

/// Bytes of text after which a page ends: its encoding stays below a logical message's longest.
pub(super) const PAGE_BYTES: usize = 700 * 1024;
/// Roughly what a message costs in an encoding beside its text.
pub(super) const ROW_BYTES: usize = 240;

/// A message ready to be written: sealed before it waits for the writer.
#[derive(Clone, Debug)]
pub struct Ready {
    id: MessageId,
    author: AccountId,
    channel: ChannelId,
    thread: Option<MessageId>,
    digest: [u8; 32],
    text: String,
    files: Vec<FileId>,
    sealed: Sealed,
    poll: Option<Box<Poll>>,
}

impl Ready {
    /// Checks and seals. Beside files the text may be empty. Whether there is such a channel [`send`] says.
    ///
    /// # Errors
    /// Bad input for an empty or long text, or too many files.
    pub fn new(
        keyring: &Keyring,
        author: AccountId,
        channel: ChannelId,
        id: MessageId,
        thread: Option<MessageId>,
        text: String,
        files: Vec<FileId>,
    ) -> Result<Self, Fail> {
        if files.is_empty() || !text.is_empty() {
            check_text(&text)?;
        }
        if files.len() > FILES_MAX {
            return Err(Fail::bad_input("Too many files", "a message has at most 20", "send several messages"));
        }
        let place = BodyPlace { channel, author, id, revision: 0 };
        let sealed = keyring.seal_body_ahead(&place, &text)?;
        let answered = thread.map_or([0; 16], |thread| *thread.as_bytes());
        let mut covered: Vec<&[u8]> =
            vec![b"send", author.as_bytes(), channel.as_bytes(), id.as_bytes(), &answered, text.as_bytes()];
        covered.extend(files.iter().map(|file| file.as_bytes().as_slice()));
        let digest = keyring.digest(&covered);
        Ok(Self { id, author, channel, thread, digest, text, files, sealed, poll: None })
    }

    /// The same for a poll.
    ///
    /// # Errors
    /// The same, and bad input for options that a poll cannot have.
    pub fn poll(keyring: &Keyring, author: AccountId, params: CreatePollParams) -> Result<Self, Fail> {
        let CreatePollParams { id, channel, question, options, multiple } = params;
        let options = polls::tidy(&options)?;
        let ready = Self::new(keyring, author, channel, id, None, question, Vec::new())?;
        let mut parts: Vec<&[u8]> = vec![b"poll", &ready.digest, if multiple { b"multiple" } else { b"single" }];
        parts.extend(options.iter().map(String::as_bytes));
        let digest = keyring.digest(&parts);
        let poll = Poll { multiple, closed: None, options, votes: Vec::new() };
        Ok(Self { digest, poll: Some(Box::new(poll)), ..ready })
    }
}

fn check_text(text: &str) -> Result<(), Fail> {
    if text.trim().is_empty() {
        return Err(Fail::bad_input("An empty message", "it has no text", "write something"));
    }
    if text.len() > TEXT_MAX {
        return Err(Fail::bad_input("This message is too long", "it has more than 64 KiB", "send it in parts"));
    }
    Ok(())
}

/// Writes a message, or gives the first answer again.
///
/// # Errors
/// Conflict when another content was sent under this id; busy when the message that it follows is not here.
pub fn send(tx: &mut Tx<'_>, channel: Channel, ready: Ready, after: Option<MessageId>) -> Result<Sent, Fail> {
    channel.refuse_archived()?;
    if ready.channel != channel.id {
        return Err(Fail::Broken("a message sealed for another channel"));
    }
    let first = tx
        .db
        .prepare_cached("SELECT place, at, made, digest FROM messages WHERE id = ?1 AND author = ?2")?
        .query_row((ready.id.as_bytes(), ready.author.as_bytes()), |row| {
            let sent = Sent { seq: seq_of(row.get(0)?), at: Timestamp(row.get(1)?), change: unsigned(row.get(2)?) };
            Ok((sent, row.get::<_, [u8; 32]>(3)?))
        })
        .optional()?;
    if let Some((sent, digest)) = first {
        if digest == ready.digest {
            return Ok(sent);
        }
        return Err(ErrorBody::new(
            Code::Conflict,
            "This message was sent before with another content",
            "its id is taken",
            "send it as a new message",
        )
        .into());
    }
    // Another's: who moderates goes by the id, and must meet this message by it and no other.
    if find(tx.view(), channel, ready.id)?.is_some() {
        return Err(ErrorBody::new(
            Code::Conflict,
            "This message cannot be sent",
            "its id is taken",
            "send it as a new message",
        )
        .into());
    }
    if let Some(after) = after
        && find_by(tx.view(), channel, after, ready.author)?.is_none()
    {
        return Err(ErrorBody::new(
            Code::Busy,
            "The message before this one is not here yet",
            "what one person writes keeps its order",
            "the app sends both again by itself",
        )
        .into());
    }
    blocks::refuse(tx.view(), channel, ready.author)?;
    let root = ready.thread.map(|thread| threads::root(tx.view(), channel, thread)).transpose()?;
    drafts::sent(tx, channel, ready.author, ready.thread, &ready.text)?;
    let (seq, change, at) = (head(tx.view(), channel.number)? + 1, tx.change(), now());
    insert(tx, channel, seq, change, at, &ready)?;
    if let Some(poll) = &ready.poll {
        polls::create(tx, channel, channel.place(seq), poll)?;
    }
    let files = match ready.files.as_slice() {
        [] => Vec::new(),
        files => files::attach(tx, channel, ready.author, channel.place(seq), files)?,
    };
    tx.tell(
        Row::Message(MessageRow {
            thread: ready.thread,
            files,
            poll: ready.poll,
            ..MessageRow::plain(channel.id, seq, ready.id, ready.author, at, ready.text, change)
        }),
        Audience::Members(channel.id),
    );
    if let Some(root) = root {
        threads::answered(tx, channel, root, at)?;
    }
    Ok(Sent { seq, at, change })
}

fn insert(tx: &Tx<'_>, channel: Channel, seq: u64, change: u64, at: Timestamp, ready: &Ready) -> Result<bool, Fail> {
    // New keys may have come since it was sealed; once all older texts are sealed anew nobody looks for one more.
    let again = if ready.sealed.epoch == tx.keyring.channel_epoch() {
        None
    } else {
        let place = BodyPlace { channel: ready.channel, author: ready.author, id: ready.id, revision: 0 };
        Some(tx.keyring.seal_body(&place, &ready.text)?)
    };
    let sealed = again.as_ref().unwrap_or(&ready.sealed);
    let written = tx
        .db
        .prepare_cached(
            "INSERT INTO messages
                (place, id, author, at, thread, digest, made, change, revision, edited, deleted, body, epoch)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, NULL, 0, ?8, ?9)
             ON CONFLICT (id, author) DO NOTHING",
        )?
        .execute((
            channel.place(seq),
            ready.id.as_bytes(),
            ready.author.as_bytes(),
            at.0,
            ready.thread.map(|thread| *thread.as_bytes()),
            ready.digest,
            signed(change),
            &sealed.bytes,
            signed(sealed.epoch),
        ))?;
    if written == 1 {
        search::note(tx, channel.place(seq))?;
    }
    Ok(written == 1)
}

/// Writes imported messages, in order, leaving out those that were imported before. The answer is how many were new.
///
/// # Errors
/// Not found for a channel that was wiped meanwhile.
pub fn import(tx: &mut Tx<'_>, channel: Channel, batch: &[(Timestamp, Ready)]) -> Result<u64, Fail> {
    let mut wiped = tx.db.prepare_cached("SELECT wiped FROM channels WHERE number = ?1")?;
    if wiped.query_row([channel.number], |row| row.get(0))? {
        return Err(Fail::not_found("No such channel"));
    }
    let mut seq = head(tx.view(), channel.number)?;
    let (mut new, mut last) = (0, None);
    // A guest sees whoever was in a channel of theirs, as who wrote there was.
    let mut was = tx.db.prepare_cached(
        "INSERT INTO members (channel, person, joined, change) VALUES (?1, ?2, 0, ?3) ON CONFLICT DO NOTHING",
    )?;
    for author in batch.iter().map(|(_, ready)| ready.author).collect::<std::collections::BTreeSet<_>>() {
        was.execute((channel.id.as_bytes(), author.as_bytes(), signed(tx.change())))?;
    }
    drop(was);
    for (at, ready) in batch {
        let change = tx.change();
        if insert(tx, channel, seq + 1, change, *at, ready)? {
            seq += 1;
            new += 1;
            last = Some(change);
        }
    }
    if let Some(to) = last {
        tx.note(Note::Bulk { channel: channel.id, to });
    }
    Ok(new)
}

/// How many messages there are, deleted ones included.
///
/// # Errors
/// SQLite's.
pub fn count(view: View<'_>) -> Result<u64, Fail> {
    Ok(unsigned(view.db.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?))
}

/// A message of a channel as the gate sees it: its place and its author. Where two authors used one id, the older.
///
/// # Errors
/// SQLite's.
pub fn find(view: View<'_>, channel: Channel, id: MessageId) -> Result<Option<(i64, AccountId)>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT place, author FROM messages WHERE id = ?1 AND place >> 40 = ?2 ORDER BY place LIMIT 1")?
        .query_row((id.as_bytes(), channel.number), |row| Ok((row.get(0)?, AccountId::from_bytes(row.get(1)?))))
        .optional()?;
    Ok(found)
}

/// The same for one author's message.
///
/// # Errors
/// SQLite's.
pub fn find_by(view: View<'_>, channel: Channel, id: MessageId, author: AccountId) -> Result<Option<i64>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT place FROM messages WHERE id = ?1 AND author = ?2 AND place >> 40 = ?3")?
        .query_row((id.as_bytes(), author.as_bytes(), channel.number), |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Who wrote the message of a place, and when.
///
/// # Errors
/// Not found.
pub fn written(view: View<'_>, place: i64) -> Result<(AccountId, Timestamp), Fail> {
    let found = view
        .db
        .prepare_cached("SELECT author, at FROM messages WHERE place = ?1")?
        .query_row([place], |row| Ok((AccountId::from_bytes(row.get(0)?), Timestamp(row.get(1)?))))
        .optional()?;
    found.ok_or_else(|| Fail::not_found("No such message"))
}

/// Changes the text. The same text again changes nothing.
///
/// # Errors
/// Bad input for a deleted message, an empty or a long text.
pub fn edit(tx: &mut Tx<'_>, channel: Channel, place: i64, text: &str) -> Result<MessageRow, Fail> {
    channel.refuse_archived()?;
    let old = row(tx.view(), channel.id, place)?;
    if old.files.is_empty() || !text.is_empty() {
        check_text(text)?;
    }
    blocks::refuse(tx.view(), channel, old.author)?;
    if old.deleted {
        return Err(Fail::bad_input("This message was deleted", "what is deleted stays deleted", "write a new one"));
    }
    if old.poll.is_some() {
        return Err(Fail::bad_input(
            "A poll cannot be edited",
            "people may have answered what it asks now",
            "close it, and make another",
        ));
    }
    if old.text == text {
        return Ok(old);
    }
    let revision = revision(tx.view(), place)?;
    edits::keep(tx, place, &old, revision)?;
    let at = BodyPlace { channel: channel.id, author: old.author, id: old.id, revision: revision + 1 };
    let sealed = tx.keyring.seal_body(&at, text)?;
    let (change, edited) = (tx.change(), now());
    tx.db
        .prepare_cached(
            "UPDATE messages SET body = ?2, revision = ?3, edited = ?4, change = ?5, epoch = ?6 WHERE place = ?1",
        )?
        .execute((place, sealed.bytes, signed(at.revision), edited.0, signed(change), signed(sealed.epoch)))?;
    search::note(tx, place)?;
    let row = MessageRow { text: text.to_owned(), edited: Some(edited), change, ..old };
    tx.tell(Row::Message(row.clone()), Audience::Members(channel.id));
    Ok(row)
}

/// How often a message was edited.
///
/// # Errors
/// SQLite's.
pub(super) fn revision(view: View<'_>, place: i64) -> Result<u64, Fail> {
    let revision: i64 = view
        .db
        .prepare_cached("SELECT revision FROM messages WHERE place = ?1")?
        .query_row([place], |row| row.get(0))?;
    Ok(unsigned(revision))
}

/// Deletes a message; its place, author and times stay. A second time changes nothing. What it said is not opened, so one that
/// is damaged can be deleted, too.
///
/// # Errors
/// SQLite's.
pub fn delete(tx: &mut Tx<'_>, channel: Channel, place: i64) -> Result<MessageRow, Fail> {
    let found: Option<(i64, bool)> = tx
        .db
        .prepare_cached("SELECT at, deleted FROM messages WHERE place = ?1")?
        .query_row([place], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (at, deleted) = found.ok_or_else(|| Fail::not_found("No such message"))?;
    if deleted {
        return row(tx.view(), channel.id, place);
    }
    let change = tx.change();
    tx.db.prepare_cached("DELETE FROM reactions WHERE place = ?1")?.execute([place])?;
    edits::remove(tx, place)?;
    polls::remove(tx, place)?;
    tx.db
        .prepare_cached(
            "UPDATE messages SET body = NULL, deleted = 1, pinned_by = NULL, pinned_at = NULL, poll = 0, change = ?2
             WHERE place = ?1",
        )?
        .execute((place, signed(change)))?;
    search::remove(tx, Timestamp(at), place)?;
    files::remove_of(tx, place, files::Removed::WithMessage)?;
    let row = row(tx.view(), channel.id, place)?;
    tx.tell(Row::Message(row.clone()), Audience::Members(channel.id));
    if let Some(thread) = row.thread {
        threads::recount(tx, channel, thread)?;
    }
    Ok(row)
}

/// Something that belongs to a message is gone, and those who see it are told. A message that does not open is told to nobody.
///
/// # Errors
/// SQLite's.
pub(super) fn touch(tx: &mut Tx<'_>, channel: Channel, place: i64) -> Result<(), Fail> {
    let change = tx.change();
    tx.db.prepare_cached("UPDATE messages SET change = ?2 WHERE place = ?1")?.execute((place, signed(change)))?;
    match row(tx.view(), channel.id, place) {
        Ok(row) => tx.tell(Row::Message(row), Audience::Members(channel.id)),
        Err(Fail::Seal(_)) => {}
        Err(why) => return Err(why),
    }
    Ok(())
}

/// What [`read`] reads.
pub(super) const COLUMNS: &str = "place, id, author, at, thread, change, revision, edited, deleted, body,
    EXISTS (SELECT 1 FROM reactions r WHERE r.place = messages.place), replies, last_reply, pinned_by, pinned_at, poll,
    EXISTS (SELECT 1 FROM files f WHERE f.place = messages.place), epoch";

/// The message at a place of this channel.
///
/// # Errors
/// SQLite's.
pub fn row(view: View<'_>, channel: ChannelId, place: i64) -> Result<MessageRow, Fail> {
    let mut statement = view.db.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE place = ?1"))?;
    let mut rows = statement.query([place])?;
    let row = rows.next()?.ok_or_else(|| Fail::not_found("No such message"))?;
    read(view, channel, row)
}

/// A page of a channel: the newest before a number, or the oldest after one.
///
/// # Errors
/// Bad input when both are given.
pub fn history(
    view: View<'_>,
    channel: Channel,
    before: Option<u64>,
    after: Option<u64>,
    limit: u32,
) -> Result<Page, Fail> {
    let (order, from, to) = channel.range(before, after)?;
    let mut statement = view.db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place {order} LIMIT ?3"
    ))?;
    let mut rows = statement.query((from, to, limit.min(PAGE_MAX)))?;
    let (mut messages, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let message = read(view, channel.id, row)?;
        bytes += weight(&message);
        if bytes > PAGE_BYTES && !messages.is_empty() {
            break;
        }
        messages.push(message);
    }
    if order == "DESC" {
        messages.reverse();
    }
    Ok(Page { messages, head: head(view, channel.number)? })
}

/// Roughly what a message costs in an encoding.
pub(super) fn weight(message: &MessageRow) -> usize {
    let reactions: usize =
        message.reactions.iter().map(|reaction| 40 + reaction.emoji.len() + 20 * reaction.people.len()).sum();
    let files: usize = message.files.iter().map(|file| 60 + file.name.len() + file.media_type.len()).sum();
    ROW_BYTES + message.text.len() + reactions + files + message.poll.as_deref().map_or(0, polls::weight)
}

/// A message from a row of [`COLUMNS`].
pub(super) fn read(view: View<'_>, channel: ChannelId, row: &SqlRow<'_>) -> Result<MessageRow, Fail> {
    let place: i64 = row.get(0)?;
    let (id, author) = (MessageId::from_bytes(row.get(1)?), AccountId::from_bytes(row.get(2)?));
    let deleted: bool = row.get(8)?;
    let text = match row.get_ref(9)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(sealed) => {
            let revision = unsigned(row.get(6)?);
            let place = BodyPlace { channel, author, id, revision };
            view.keyring.open_body(&place, unsigned(row.get(17)?), sealed)?
        }
        None if deleted => String::new(),
        None => return Err(Fail::Broken("a message without a text")),
    };
    Ok(MessageRow {
        channel,
        seq: seq_of(place),
        id,
        author,
        at: Timestamp(row.get(3)?),
        text,
        edited: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        deleted,
        thread: row.get::<_, Option<[u8; 16]>>(4)?.map(MessageId::from_bytes),
        reactions: if row.get(10)? { reactions::of(view, place)? } else { Vec::new() },
        replies: unsigned(row.get(11)?),
        last_reply: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        pinned: match (row.get(13)?, row.get(14)?) {
            (Some(by), Some(at)) => Some(Pin { by: AccountId::from_bytes(by), at: Timestamp(at) }),
            _ => None,
        },
        poll: if row.get(15)? { Some(Box::new(polls::read(view, channel, place)?)) } else { None },
        files: if row.get(16)? { files::of(view, channel, place)? } else { Vec::new() },
        change: unsigned(row.get(5)?),
    })
}
