//! Uploads under way. What is needed to go on with one after this program has ended is here; the sealed bytes lie beside
//! the cache.

use super::outbox::put;
use super::{Local, Waiting, drafts};
use crate::error::Result;
use rusqlite::{OptionalExtension, params};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId, MessageId, WorkspaceId};
use zeroize::Zeroizing;

/// Which file is uploaded where: asked for again, it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) channel: ChannelId,
    /// Where it was found on this device.
    pub(crate) path: String,
    pub(crate) size: u64,
    /// Unix milliseconds.
    pub(crate) modified: i64,
}

/// An upload.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) file: FileRow,
    pub(crate) source: Source,
    pub(crate) key: Zeroizing<[u8; 32]>,
    /// The message that will have it.
    pub(crate) message: MessageId,
}

impl Local {
    /// Keeps an upload that begins.
    pub(crate) async fn begin_upload(&self, workspace: WorkspaceId, upload: Upload) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached(
                "INSERT INTO uploads (id, workspace, channel, name, media_type, size, key, path, modified, message)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                upload.file.id.as_bytes(),
                workspace.as_bytes(),
                upload.source.channel.as_bytes(),
                upload.file.name,
                upload.file.media_type,
                upload.file.size as i64,
                upload.key.as_slice(),
                upload.source.path,
                upload.source.modified,
                upload.message.as_bytes(),
            ])?;
            Ok(())
        })
        .await
    }

    /// The upload of the same file to the same channel, if one was begun.
    pub(crate) async fn upload_of(&self, workspace: WorkspaceId, source: Source) -> Result<Option<Upload>> {
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "SELECT id, name, media_type, key, message FROM uploads
                     WHERE workspace = ?1 AND channel = ?2 AND path = ?3 AND size = ?4 AND modified = ?5",
                )?
                .query_row(
                    params![
                        workspace.as_bytes(),
                        source.channel.as_bytes(),
                        source.path,
                        source.size as i64,
                        source.modified
                    ],
                    |row| {
                        Ok(Upload {
                            file: FileRow {
                                id: FileId::from_bytes(row.get(0)?),
                                name: row.get(1)?,
                                media_type: row.get(2)?,
                                size: source.size,
                            },
                            key: Zeroizing::new(row.get(3)?),
                            message: MessageId::from_bytes(row.get(4)?),
                            source: source.clone(),
                        })
                    },
                )
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Uploads that were begun, and where to.
    pub(crate) async fn uploads(&self, workspace: WorkspaceId) -> Result<Vec<(FileId, ChannelId)>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT id, channel FROM uploads WHERE workspace = ?1")?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok((FileId::from_bytes(row.get(0)?), ChannelId::from_bytes(row.get(1)?)))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets an upload.
    pub(crate) async fn drop_upload(&self, file: FileId) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([file.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// An upload ended: its message waits to be sent, in the same commit.
    pub(crate) async fn end_upload(&self, workspace: WorkspaceId, mut message: Waiting) -> Result<Waiting> {
        self.write(move |db| {
            for file in &message.files {
                db.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([file.id.as_bytes()])?;
            }
            message.position = put(db, workspace, None, &message)?;
            drafts::sent(db, workspace, &message)?;
            Ok(message)
        })
        .await
    }
}
