//! What opens the sealed files that lie beside the cache. A file without a row here is noise, and is removed; a row goes with
//! the message or the channel that had the file, and when there is too much, those first that nobody wanted for longest.

use super::Cache;
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use thechatapp_database::Error;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId, Timestamp, wire};
use thechatapp_seal::sealed_len;
use zeroize::Zeroizing;

/// A file whose sealed bytes lie beside the cache.
#[derive(Clone)]
pub(crate) struct KeptFile {
    pub(crate) row: FileRow,
    pub(crate) key: Zeroizing<[u8; 32]>,
}

impl Cache {
    /// Takes what opens a file of a message that is here still. Returns whether one is.
    pub(crate) async fn keep_file(&self, channel: ChannelId, file: KeptFile, at: Timestamp) -> Result<bool> {
        self.write(move |db| {
            let Ok(row) = wire::encode(&file.row) else { return Ok(false) };
            let kept = db
                .prepare_cached(
                    "INSERT OR REPLACE INTO kept (file, channel, row, sealed, key, at)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM files WHERE id = ?1 AND channel = ?2)",
                )?
                .execute(params![
                    file.row.id.as_bytes(),
                    channel.as_bytes(),
                    row,
                    sealed_len(file.row.size) as i64,
                    file.key.as_slice(),
                    at.0
                ])?;
            Ok(kept > 0)
        })
        .await
    }

    /// What opens a file, where its bytes are here.
    pub(crate) async fn kept_file(&self, file: FileId) -> Result<Option<KeptFile>> {
        self.read(move |db, _| {
            let found = db
                .prepare_cached("SELECT row, key FROM kept WHERE file = ?1")?
                .query_row([file.as_bytes()], |row| Ok((row.get::<_, Vec<u8>>(0)?, Zeroizing::new(row.get(1)?))))
                .optional()?;
            Ok(found.and_then(|(row, key)| Some(KeptFile { row: wire::decode(&row).ok()?, key })))
        })
        .await
    }

    /// Somebody wanted a file that is here.
    pub(crate) async fn wanted_file(&self, file: FileId, at: Timestamp) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("UPDATE kept SET at = max(at, ?2) WHERE file = ?1")?
                .execute(params![file.as_bytes(), at.0])?;
            Ok(())
        })
        .await
    }

    /// Forgets what opens a file.
    pub(crate) async fn forget_file(&self, file: FileId) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("DELETE FROM kept WHERE file = ?1")?.execute([file.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// Of some files, those of messages that are here, and those that can be opened.
    pub(crate) async fn files_among(&self, files: Vec<FileId>) -> Result<(BTreeSet<FileId>, BTreeSet<FileId>)> {
        self.read(move |db, _| {
            let mut known = db.prepare_cached("SELECT 1 FROM files WHERE id = ?1")?;
            let mut kept = db.prepare_cached("SELECT 1 FROM kept WHERE file = ?1")?;
            let mut found = (BTreeSet::new(), BTreeSet::new());
            for file in files {
                if known.exists([file.as_bytes()])? {
                    found.0.insert(file);
                }
                if kept.exists([file.as_bytes()])? {
                    found.1.insert(file);
                }
            }
            Ok(found)
        })
        .await
    }
}

/// Forgets files that nobody wanted since a time.
pub(super) fn drop_unwanted(db: &Connection, since: Timestamp) -> std::result::Result<(), Error> {
    db.prepare_cached("DELETE FROM kept WHERE at < ?1")?.execute([since.0])?;
    Ok(())
}

/// Forgets files while there are more sealed bytes than there is room for, those first that nobody wanted for longest.
pub(super) fn make_room(db: &Connection, room: u64) -> std::result::Result<(), Error> {
    db.prepare_cached(
        "DELETE FROM kept WHERE file IN (SELECT file FROM
             (SELECT file, sum(sealed) OVER (ORDER BY at DESC, file) AS up_to_here FROM kept)
             WHERE up_to_here > ?1)",
    )?
    .execute([i64::try_from(room).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Sealed bytes of the files that can be opened.
pub(super) fn bytes(db: &Connection) -> std::result::Result<u64, Error> {
    let bytes: i64 = db.query_row("SELECT coalesce(sum(sealed), 0) FROM kept", [], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}
