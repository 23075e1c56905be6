//! What edited messages said before: each former text sealed under its own revision. Only edits write here, and a deletion
//! takes all of a message's away.

use super::channels::Channel;
use super::messages::{PAGE_BYTES, ROW_BYTES};
use super::{Tx, View, messages, signed, unsigned};
use crate::error::Fail;
use crate::keyring::FieldPlace;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{Version, Versions};
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

pub(super) fn field(channel: ChannelId, place: i64, revision: u64) -> FieldPlace {
    FieldPlace { channel, table: "edits", column: "body", place, part: [0; 16], revision }
}

/// Keeps the text that a message has until now.
///
/// # Errors
/// SQLite's.
pub fn keep(tx: &Tx<'_>, place: i64, old: &MessageRow, revision: u64) -> Result<(), Fail> {
    let sealed = tx.keyring.seal_field(&field(old.channel, place, revision), &old.text)?;
    tx.db
        .prepare_cached("INSERT INTO edits (place, revision, by, at, body, epoch) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((
        place,
        signed(revision),
        old.author.as_bytes(),
        old.edited.unwrap_or(old.at).0,
        sealed.bytes,
        signed(sealed.epoch),
    ))?;
    Ok(())
}

/// Removes all former texts of a message.
///
/// # Errors
/// SQLite's.
pub fn remove(tx: &Tx<'_>, place: i64) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM edits WHERE place = ?1")?.execute([place])?;
    Ok(())
}

/// The texts of a message from a revision on, the present one last.
///
/// # Errors
/// Bad input for a deleted message.
pub fn versions(view: View<'_>, channel: Channel, place: i64, from: u64) -> Result<Versions, Fail> {
    let now = messages::row(view, channel.id, place)?;
    if now.deleted {
        return Err(Fail::bad_input("This message was deleted", "its former texts went with it", ""));
    }
    let mut statement = view.db.prepare_cached(
        "SELECT revision, by, at, body, epoch FROM edits WHERE place = ?1 AND revision >= ?2 ORDER BY revision",
    )?;
    let mut rows = statement.query((place, signed(from)))?;
    let (mut versions, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let revision = unsigned(row.get(0)?);
        let sealed = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let text = view.keyring.open_field(&field(channel.id, place, revision), unsigned(row.get(4)?), sealed)?;
        bytes += ROW_BYTES + text.len();
        if bytes > PAGE_BYTES && !versions.is_empty() {
            return Ok(Versions { versions, more: true });
        }
        let by = AccountId::from_bytes(row.get(1)?);
        versions.push(Version { revision, text, by, at: Timestamp(row.get(2)?) });
    }
    if bytes + ROW_BYTES + now.text.len() > PAGE_BYTES && !versions.is_empty() {
        return Ok(Versions { versions, more: true });
    }
    let revision = messages::revision(view, place)?;
    if revision >= from {
        versions.push(Version { revision, text: now.text, by: now.author, at: now.edited.unwrap_or(now.at) });
    }
    Ok(Versions { versions, more: false })
}
