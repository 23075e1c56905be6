//! Thumbnails that were seen once, and when they go: with the message that has the file, with the channel, and when there
//! are too many the oldest first. What opens a kept file goes with the same message or channel.

use super::Cache;
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, params};
use thechatapp_database as database;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId, Timestamp, wire};

/// How many bytes of them are kept.
const ROOM: i64 = 64 << 20;

impl Cache {
    /// A thumbnail that is here.
    pub(crate) async fn thumbnail(&self, file: FileId) -> Result<Option<Vec<u8>>> {
        self.read(move |db, _| {
            Ok(db
                .prepare_cached("SELECT picture FROM thumbnails WHERE file = ?1")?
                .query_row([file.as_bytes()], |row| row.get(0))
                .optional()?)
        })
        .await
    }

    /// Keeps one of a file that a message here has still.
    pub(crate) async fn keep_thumbnail(&self, file: FileId, at: Timestamp, picture: Vec<u8>) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO thumbnails (file, at, size, picture)
                 SELECT ?1, ?2, length(?3), ?3 WHERE EXISTS (SELECT 1 FROM files WHERE id = ?1)",
            )?
            .execute(params![file.as_bytes(), at.0, picture])?;
            make_room(db, ROOM)
        })
        .await
    }
}

/// Drops the oldest while there are more bytes than there is room for.
pub(super) fn make_room(db: &Connection, room: i64) -> std::result::Result<(), database::Error> {
    db.prepare_cached(
        "DELETE FROM thumbnails WHERE file IN (SELECT file FROM
             (SELECT file, sum(size) OVER (ORDER BY at DESC, file) AS up_to_here FROM thumbnails)
             WHERE up_to_here > ?1)",
    )?
    .execute([room])?;
    Ok(())
}

/// Those of a message that is being deleted or leaves: its row still says which files it had. They are known here no more, so
/// that what is still on its way does not stay. Returns whether bytes beside the cache lost with it what opens them.
pub(super) fn drop_of(db: &Connection, channel: ChannelId, seq: u64) -> std::result::Result<bool, database::Error> {
    let files: Option<Vec<u8>> = db
        .prepare_cached("SELECT files FROM messages WHERE channel = ?1 AND seq = ?2")?
        .query_row(params![channel.as_bytes(), seq as i64], |row| row.get(0))
        .optional()?
        .flatten();
    let files = files.and_then(|files| wire::decode::<Vec<FileRow>>(&files).ok()).unwrap_or_default();
    let mut kept = 0;
    for file in files {
        db.prepare_cached("DELETE FROM thumbnails WHERE file = ?1")?.execute([file.id.as_bytes()])?;
        // No other message has it.
        db.prepare_cached("DELETE FROM files WHERE id = ?1 AND channel = ?2")?
            .execute(params![file.id.as_bytes(), channel.as_bytes()])?;
        kept += db.prepare_cached("DELETE FROM kept WHERE file = ?1")?.execute([file.id.as_bytes()])?;
    }
    Ok(kept > 0)
}

/// Those of a channel.
pub(super) fn drop_all_of(db: &Connection, channel: ChannelId) -> std::result::Result<(), database::Error> {
    db.prepare_cached("DELETE FROM thumbnails WHERE file IN (SELECT id FROM files WHERE channel = ?1)")?
        .execute([channel.as_bytes()])?;
    db.prepare_cached("DELETE FROM kept WHERE channel = ?1")?.execute([channel.as_bytes()])?;
    Ok(())
}
