//! Files on their way that are written once: where what came of them lies open, beside the place it is for. What proves it lies beside
//! the cache.

use super::Local;
use crate::error::Result;
use rusqlite::{OptionalExtension, params};
use std::path::PathBuf;
use thechatapp_protocol::{FileId, WorkspaceId};

impl Local {
    /// Keeps where a file is written. The answer is where it was written before.
    pub(crate) async fn writes_to(
        &self,
        workspace: WorkspaceId,
        file: FileId,
        path: String,
    ) -> Result<Option<PathBuf>> {
        self.write(move |db| {
            let before = db
                .prepare_cached("SELECT path FROM downloads WHERE workspace = ?1 AND id = ?2")?
                .query_row(params![workspace.as_bytes(), file.as_bytes()], |row| row.get::<_, String>(0))
                .optional()?;
            db.prepare_cached("INSERT OR REPLACE INTO downloads (workspace, id, path) VALUES (?1, ?2, ?3)")?
                .execute(params![workspace.as_bytes(), file.as_bytes(), path])?;
            Ok(before.map(PathBuf::from))
        })
        .await
    }

    /// Files that are being written, and where.
    pub(crate) async fn downloads(&self, workspace: WorkspaceId) -> Result<Vec<(FileId, PathBuf)>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT id, path FROM downloads WHERE workspace = ?1")?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok((FileId::from_bytes(row.get(0)?), PathBuf::from(row.get::<_, String>(1)?)))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// A file is not written any more.
    pub(crate) async fn drop_download(&self, workspace: WorkspaceId, file: FileId) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("DELETE FROM downloads WHERE workspace = ?1 AND id = ?2")?
                .execute(params![workspace.as_bytes(), file.as_bytes()])?;
            Ok(())
        })
        .await
    }
}
