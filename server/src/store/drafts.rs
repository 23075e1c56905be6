//! Drafts: one's own, alike on all of one's devices. Sealed by the channel's key, each for its person's row and revision alone.

use super::channels::Channel;
use super::{Tx, View, signed, threads, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use crate::keyring::FieldPlace;
use rusqlite::{OptionalExtension, Row as SqlRow};
use thechatapp_protocol::event::DraftRow;
use thechatapp_protocol::methods::drafts::{DRAFT_TOKENS, DRAFTS_MAX, DraftPut, PutDraftParams};
use thechatapp_protocol::methods::messages::TEXT_MAX;
use thechatapp_protocol::{AccountId, ChannelId, MessageId, Row};

/// Bytes of drafts that one person has at most, sealed.
const BYTES_MAX: i64 = 4 << 20;
/// Drafts that were sent or deleted, of which so many are remembered.
const GONE_MAX: i64 = 5000;
/// More than anybody types.
const REVISION_MAX: u64 = 1 << 40;

pub(super) fn field(channel: ChannelId, person: AccountId, number: i64, revision: u64) -> FieldPlace {
    FieldPlace { channel, table: "drafts", column: "text", place: number, part: *person.as_bytes(), revision }
}

/// A draft and the number of its row.
struct Kept {
    number: i64,
    row: DraftRow,
}

const COLUMNS: &str = "number, channel, thread, revision, text, epoch, tokens, change";

fn kept(view: View<'_>, person: AccountId, row: &SqlRow<'_>) -> Result<Kept, Fail> {
    let (number, revision) = (row.get(0)?, unsigned(row.get(3)?));
    let channel = ChannelId::from_bytes(row.get(1)?);
    let text = match row.get_ref(4)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(sealed) => {
            view.keyring.open_field(&field(channel, person, number, revision), unsigned(row.get(5)?), sealed)?
        }
        None => String::new(),
    };
    let tokens: Vec<u8> = row.get(6)?;
    Ok(Kept {
        number,
        row: DraftRow {
            channel,
            thread: thread_of(row.get(2)?),
            text,
            revision,
            tokens: tokens.as_chunks().0.iter().map(|token| u32::from_be_bytes(*token)).collect(),
            change: unsigned(row.get(7)?),
        },
    })
}

fn thread_of(stored: [u8; 16]) -> Option<MessageId> {
    (stored != [0; 16]).then(|| MessageId::from_bytes(stored))
}

fn stored(thread: Option<MessageId>) -> [u8; 16] {
    thread.map_or([0; 16], |thread| *thread.as_bytes())
}

fn find(
    view: View<'_>,
    person: AccountId,
    channel: ChannelId,
    thread: Option<MessageId>,
) -> Result<Option<Kept>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM drafts WHERE person = ?1 AND channel = ?2 AND thread = ?3");
    let mut select = view.db.prepare_cached(&sql)?;
    let mut rows = select.query((person.as_bytes(), channel.as_bytes(), stored(thread)))?;
    rows.next()?.map(|row| kept(view, person, row)).transpose()
}

/// A draft's row by its number; `None` where it is no longer.
///
/// # Errors
/// SQLite's, and of seals.
pub fn row(view: View<'_>, person: AccountId, number: i64) -> Result<Option<DraftRow>, Fail> {
    let sql = format!("SELECT {COLUMNS} FROM drafts WHERE number = ?1 AND person = ?2");
    let mut select = view.db.prepare_cached(&sql)?;
    let mut rows = select.query((number, person.as_bytes()))?;
    Ok(rows.next()?.map(|row| kept(view, person, row)).transpose()?.map(|kept| kept.row))
}

/// The numbers of somebody's drafts in a channel, also of those that were sent or deleted.
///
/// # Errors
/// SQLite's.
pub fn in_channel(view: View<'_>, person: AccountId, channel: ChannelId) -> Result<Vec<i64>, Fail> {
    let mut select = view.db.prepare_cached("SELECT number FROM drafts WHERE person = ?1 AND channel = ?2")?;
    let rows = select.query_map((person.as_bytes(), channel.as_bytes()), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes a text when it was made from the newest revision; answers what is there otherwise.
///
/// # Errors
/// Bad input for a long text, too many drafts, and a thread that is none; not found for one that is not there.
pub fn put(tx: &mut Tx<'_>, channel: Channel, person: AccountId, params: &PutDraftParams) -> Result<DraftPut, Fail> {
    let PutDraftParams { thread, ref text, base, token, .. } = *params;
    if base >= REVISION_MAX {
        return Err(Fail::bad_input("No draft has so many revisions", "the number is made up", "begin with 0"));
    }
    if text.len() > TEXT_MAX {
        return Err(Fail::bad_input("This draft is too long", "it has more than 64 KiB", "shorten it"));
    }
    if let Some(thread) = thread {
        threads::root(tx.view(), channel, thread)?;
    }
    let old = find(tx.view(), person, channel.id, thread)?;
    if let Some(Kept { row, .. }) = &old
        && (row.revision != base || row.tokens.contains(&token))
    {
        return Ok(DraftPut { accepted: row.tokens.contains(&token), draft: row.clone() });
    }
    if old.is_none() && text.is_empty() {
        // Nothing is there, and nothing has to be remembered.
        let draft = DraftRow {
            channel: channel.id,
            thread,
            text: String::new(),
            revision: base,
            tokens: vec![token],
            change: 0,
        };
        return Ok(DraftPut { accepted: true, draft });
    }
    // Of a server that was restored a device may know a later one. It counts on from there.
    if !text.is_empty() && old.as_ref().is_none_or(|old| old.row.text.is_empty()) {
        bound(tx, person)?;
    }
    let draft = write(tx, channel, person, thread, old, text, base, token)?;
    Ok(DraftPut { accepted: true, draft })
}

fn bound(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let (count, bytes): (u32, i64) = tx
        .db
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(text)), 0) FROM drafts WHERE person = ?1 AND text IS NOT NULL",
        )?
        .query_row([person.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if count < DRAFTS_MAX && bytes < BYTES_MAX {
        return Ok(());
    }
    let why = format!("you have {count} already, of at most {DRAFTS_MAX} and {} MiB", BYTES_MAX >> 20);
    Err(Fail::bad_input("Too many drafts", why, "send or delete some of them"))
}

/// Of drafts that are gone the newest are remembered.
fn forget_oldest(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db
        .prepare_cached(
            "DELETE FROM drafts WHERE number IN (SELECT number FROM drafts WHERE person = ?1 AND text IS NULL
                ORDER BY change DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((person.as_bytes(), GONE_MAX))?;
    Ok(())
}

/// Forgets all drafts of somebody whose account ends.
///
/// # Errors
/// SQLite's.
pub fn forget(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM drafts WHERE person = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}

/// A message was sent: where it is what the draft said, the draft is gone with the same commit.
///
/// # Errors
/// SQLite's, and of seals.
pub fn sent(
    tx: &mut Tx<'_>,
    channel: Channel,
    person: AccountId,
    thread: Option<MessageId>,
    text: &str,
) -> Result<(), Fail> {
    let has_text = tx
        .db
        .prepare_cached("SELECT text IS NOT NULL FROM drafts WHERE person = ?1 AND channel = ?2 AND thread = ?3")?
        .query_row((person.as_bytes(), channel.id.as_bytes(), stored(thread)), |row| row.get(0))
        .optional()?;
    if has_text != Some(true) {
        return Ok(());
    }
    let old = find(tx.view(), person, channel.id, thread)?;
    let Some(draft) = old.filter(|draft| draft.row.text.trim() == text.trim()) else { return Ok(()) };
    let (base, token) = (draft.row.revision, draft.row.tokens.last().copied().unwrap_or(0));
    write(tx, channel, person, thread, Some(draft), "", base, token)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "each is a column")]
fn write(
    tx: &mut Tx<'_>,
    channel: Channel,
    person: AccountId,
    thread: Option<MessageId>,
    old: Option<Kept>,
    text: &str,
    base: u64,
    token: u32,
) -> Result<DraftRow, Fail> {
    let (number, mut tokens) = match old {
        Some(old) => (old.number, old.row.tokens),
        None => {
            forget_oldest(tx, person)?;
            (next(tx)?, Vec::new())
        }
    };
    if tokens.last() != Some(&token) {
        tokens.push(token);
    }
    let tokens = tokens.split_off(tokens.len().saturating_sub(DRAFT_TOKENS));
    let (revision, change) = (base + 1, tx.change());
    let sealed = match text {
        "" => None,
        text => Some(tx.keyring.seal_field(&field(channel.id, person, number, revision), text)?),
    };
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_be_bytes()).collect();
    tx.db
        .prepare_cached(
            "INSERT INTO drafts (number, person, channel, thread, revision, text, epoch, tokens, change)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (number) DO UPDATE SET revision = excluded.revision, text = excluded.text,
                epoch = excluded.epoch, tokens = excluded.tokens, change = excluded.change",
        )?
        .execute((
            number,
            person.as_bytes(),
            channel.id.as_bytes(),
            stored(thread),
            signed(revision),
            sealed.as_ref().map(|sealed| &sealed.bytes),
            sealed.as_ref().map_or(0, |sealed| signed(sealed.epoch)),
            bytes,
            signed(change),
        ))?;
    let row = DraftRow { channel: channel.id, thread, text: text.to_owned(), revision, tokens, change };
    tx.tell(Row::Draft(row.clone()), Audience::Person(person));
    Ok(row)
}

/// A draft is sealed for its number, so the number comes first.
fn next(tx: &Tx<'_>) -> Result<i64, Fail> {
    Ok(tx.db.prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM drafts")?.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
