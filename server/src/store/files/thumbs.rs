//! Which files have a thumbnail, and which are to get one.

use super::super::{Tx, View, signed, unsigned};
use super::{Standing, read};
use crate::error::Fail;
use rusqlite::{Connection, OptionalExtension};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId};
use thechatapp_seal::{Key, sealed_len};

/// One is to be made.
pub(super) const DUE: i64 = 0;
/// There is one.
const MADE: i64 = 2;

/// A file that is to get a thumbnail.
#[derive(Debug)]
pub struct Due {
    /// What it is.
    pub row: FileRow,
    /// Its key.
    pub key: Key,
}

/// Files that are to get one, at most so many: those first that were not tried yet.
///
/// # Errors
/// SQLite's; [`Fail::Seal`] when a key does not open.
pub fn due(view: View<'_>, most: u32) -> Result<Vec<Due>, Fail> {
    let mut query = view.db.prepare_cached(
        "SELECT id, info, size, epoch, channel, key FROM files WHERE thumb <= 1 AND state = 1 ORDER BY thumb LIMIT ?1",
    )?;
    let mut rows = query.query([most])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let channel = ChannelId::from_bytes(row.get(4)?);
        let (info, wrapped) = (read(view, channel, row)?, row.get::<_, Vec<u8>>(5)?);
        let key = view.keyring.unwrap_file_key(channel, info.id, unsigned(row.get(3)?), &wrapped)?;
        due.push(Due { row: info, key });
    }
    Ok(due)
}

/// It is there, of so many bytes before sealing. The answer is whether the file still is.
///
/// # Errors
/// SQLite's.
pub fn made(tx: &Tx<'_>, id: FileId, size: u64) -> Result<bool, Fail> {
    let done = tx
        .db
        .prepare_cached("UPDATE files SET thumb = ?2, thumb_size = ?3 WHERE id = ?1 AND state = 1")?
        .execute((id.as_bytes(), MADE, signed(size)))?;
    Ok(done == 1)
}

/// There is none and will be none.
///
/// # Errors
/// SQLite's.
pub fn none(tx: &Tx<'_>, id: FileId) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE files SET thumb = NULL WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

/// The picture could not be drawn: once more, or never again.
///
/// # Errors
/// SQLite's.
pub fn failed(tx: &Tx<'_>, id: FileId) -> Result<(), Fail> {
    tx.db
        .prepare_cached("UPDATE files SET thumb = iif(thumb = 0, 1, NULL) WHERE id = ?1 AND thumb <= 1")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// No others are there than these: those that were made beside them are to be made again.
///
/// # Errors
/// SQLite's.
pub fn only(db: &Connection, there: &[FileId]) -> Result<(), Fail> {
    let mut query = db.prepare("SELECT id FROM files WHERE thumb = ?1")?;
    let made = query.query_map([MADE], |row| Ok(FileId::from_bytes(row.get(0)?)))?;
    for id in made.collect::<rusqlite::Result<Vec<_>>>()?.iter().filter(|id| !there.contains(*id)) {
        db.execute("UPDATE files SET thumb = ?2 WHERE id = ?1", (id.as_bytes(), DUE))?;
    }
    Ok(())
}

/// The bytes of a file's thumbnail before sealing, where there is one.
///
/// # Errors
/// SQLite's.
pub fn size(view: View<'_>, id: FileId) -> Result<Option<u64>, Fail> {
    let size = view
        .db
        .prepare_cached("SELECT thumb_size FROM files WHERE id = ?1 AND state = 1 AND thumb = ?2")?
        .query_row((id.as_bytes(), MADE), |row| row.get(0))
        .optional()?;
    Ok(size.map(unsigned))
}

/// How a thumbnail stands, as files stand; nothing where there is none.
///
/// # Errors
/// SQLite's.
pub fn standing(view: View<'_>, id: FileId) -> Result<Option<Standing>, Fail> {
    Ok(size(view, id)?.map(|size| Standing { whole: true, sealed: sealed_len(size) }))
}

/// The thumbnails of files that messages have, and how many sealed bytes each has.
///
/// # Errors
/// SQLite's.
pub fn shared(view: View<'_>) -> Result<Vec<(FileId, u64)>, Fail> {
    let mut query = view
        .db
        .prepare("SELECT id, thumb_size FROM files WHERE state = 1 AND place IS NOT NULL AND thumb = ?1 ORDER BY id")?;
    let rows = query
        .query_map([MADE], |row| Ok((FileId::from_bytes(row.get(0)?), sealed_len(unsigned(row.get::<_, i64>(1)?)))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
