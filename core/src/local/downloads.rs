//! Files on their way that are written once: where what came of them lies open, beside the place it is for. What proves it lies beside
//! the cache.

use super::Local;
use crate::error::Result;
use crate::part_file::PartFile;
use rusqlite::{OptionalExtension, Row, params};
use std::path::PathBuf;
use thechatapp_protocol::{FileId, WorkspaceId};

fn part(row: &Row<'_>) -> rusqlite::Result<PartFile> {
    Ok(PartFile { path: PathBuf::from(row.get::<_, String>("path")?), stamp: row.get("stamp")? })
}

impl Local {
    /// Keeps where a file is written.
    pub(crate) async fn writes_to(
        &self,
        workspace: WorkspaceId,
        file: FileId,
        (path, stamp): (String, i64),
    ) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("INSERT OR REPLACE INTO downloads (workspace, id, path, stamp) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![workspace.as_bytes(), file.as_bytes(), path, stamp])?;
            Ok(())
        })
        .await
    }

    /// Where a file is being written.
    pub(crate) async fn download(&self, workspace: WorkspaceId, file: FileId) -> Result<Option<PartFile>> {
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT path, stamp FROM downloads WHERE workspace = ?1 AND id = ?2")?
                .query_row(params![workspace.as_bytes(), file.as_bytes()], part)
                .optional()?)
        })
        .await
    }

    /// Files that are being written, and where.
    pub(crate) async fn downloads(&self, workspace: WorkspaceId) -> Result<Vec<(FileId, PartFile)>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT id, path, stamp FROM downloads WHERE workspace = ?1")?;
            let rows =
                query.query_map([workspace.as_bytes()], |row| Ok((FileId::from_bytes(row.get("id")?), part(row)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Where files are being written, of all accounts.
    pub(crate) async fn all_downloads(&self) -> Result<Vec<PartFile>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT path, stamp FROM downloads")?;
            let rows = query.query_map([], part)?;
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
