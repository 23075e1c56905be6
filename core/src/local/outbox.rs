//! What waits: messages to be sent, read marks to be told.

use super::{Local, drafts};
use crate::error::Result;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, MessageId, Timestamp, WorkspaceId, wire};

/// A message that is not known to be on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Its place in the order of sending.
    pub(crate) position: i64,
    pub(crate) id: MessageId,
    pub(crate) channel: ChannelId,
    pub(crate) text: String,
    /// Files, uploaded already.
    pub(crate) files: Vec<FileRow>,
    pub(crate) thread: Option<MessageId>,
    pub(crate) created: Timestamp,
    /// Why the server refused it; nothing while it waits.
    pub(crate) failure: Option<String>,
    /// Given up, and maybe on the server already: nobody is shown it, and it is taken back there.
    pub(crate) withdrawn: bool,
}

const COLUMNS: &str = "position, id, channel, text, thread, created, failure, files, withdrawn";

fn waiting(row: &SqlRow<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        position: row.get(0)?,
        id: MessageId::from_bytes(row.get(1)?),
        channel: ChannelId::from_bytes(row.get(2)?),
        text: row.get(3)?,
        files: match row.get::<_, Option<Vec<u8>>>(7)? {
            Some(bytes) => wire::decode(&bytes)
                .map_err(|why| rusqlite::Error::FromSqlConversionFailure(7, Type::Blob, Box::new(why)))?,
            None => Vec::new(),
        },
        thread: row.get::<_, Option<[u8; 16]>>(4)?.map(MessageId::from_bytes),
        created: Timestamp(row.get(5)?),
        failure: row.get(6)?,
        withdrawn: row.get(8)?,
    })
}

/// Writes a message at a position, or at the end, and tells where it stands. One that is there already is touched only to
/// tell that.
pub(super) fn put(
    db: &Connection,
    workspace: WorkspaceId,
    position: Option<i64>,
    message: &Waiting,
) -> rusqlite::Result<i64> {
    let files = if message.files.is_empty() { None } else { wire::encode(&message.files).ok() };
    db.prepare_cached(
        "INSERT INTO outbox (position, workspace, id, channel, text, thread, created, files)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING position",
    )?
    .query_row(
        params![
            position,
            workspace.as_bytes(),
            message.id.as_bytes(),
            message.channel.as_bytes(),
            message.text,
            message.thread.as_ref().map(|id| id.as_bytes().as_slice()),
            message.created.0,
            files,
        ],
        |row| row.get(0),
    )
}

impl Local {
    /// Takes a message to be sent; once this returns it survives everything. Its position is filled in. A message that
    /// waits already is left as it is. The draft it was is gone with the same commit.
    pub(crate) async fn queue(&self, workspace: WorkspaceId, mut message: Waiting) -> Result<Waiting> {
        self.write(move |db| {
            message.position = put(db, workspace, None, &message)?;
            drafts::sent(db, workspace, &message)?;
            Ok(message)
        })
        .await
    }

    /// Takes messages to be sent before all that waits already, in their order.
    pub(crate) async fn queue_first(&self, workspace: WorkspaceId, messages: Vec<Waiting>) -> Result<()> {
        self.write(move |db| {
            let lowest: i64 = db.query_row("SELECT coalesce(min(position), 1) FROM outbox", [], |row| row.get(0))?;
            for (position, message) in (lowest - messages.len() as i64..).zip(messages) {
                put(db, workspace, Some(position), &message)?;
            }
            Ok(())
        })
        .await
    }

    /// Everything of a workspace that is not known to be on the server, in order.
    pub(crate) async fn outbox(&self, workspace: WorkspaceId) -> Result<Vec<Waiting>> {
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} FROM outbox WHERE workspace = ?1 ORDER BY position");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query.query_map([workspace.as_bytes()], waiting)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// What waits in one channel, in order.
    pub(crate) fn outbox_of(&self, workspace: WorkspaceId, channel: ChannelId) -> Result<Vec<Waiting>> {
        self.peek(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM outbox WHERE workspace = ?1 AND channel = ?2 AND withdrawn = 0 ORDER BY position"
            );
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(params![workspace.as_bytes(), channel.as_bytes()], waiting)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One message of the outbox, also one that was given up.
    pub(crate) async fn in_outbox(&self, id: MessageId) -> Result<Option<Waiting>> {
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1");
            Ok(db.prepare_cached(&sql)?.query_row([id.as_bytes()], waiting).optional()?)
        })
        .await
    }

    /// One message that waits.
    pub(crate) async fn waiting(&self, id: MessageId) -> Result<Option<Waiting>> {
        self.read(move |db| {
            let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1 AND withdrawn = 0");
            Ok(db.prepare_cached(&sql)?.query_row([id.as_bytes()], waiting).optional()?)
        })
        .await
    }

    /// What waits to be sent: those that were refused or given up are not told.
    pub(crate) async fn waiting_texts(&self, workspace: WorkspaceId) -> Result<Vec<(MessageId, String)>> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT id, text FROM outbox WHERE workspace = ?1 AND failure IS NULL AND withdrawn = 0",
            )?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok((MessageId::from_bytes(row.get("id")?), row.get("text")?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// How many are in the outbox, those that were refused or given up not counted.
    pub(crate) async fn waiting_count(&self, workspace: WorkspaceId) -> Result<u64> {
        self.read(move |db| {
            let count: i64 = db
                .prepare_cached(
                    "SELECT count(*) FROM outbox WHERE workspace = ?1 AND failure IS NULL AND withdrawn = 0",
                )?
                .query_row([workspace.as_bytes()], |row| row.get(0))?;
            Ok(count as u64)
        })
        .await
    }

    /// Whether the server is to be told anything of a message: that it is sent, changed or taken back.
    pub(crate) async fn is_settled(&self, workspace: WorkspaceId) -> Result<bool> {
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE workspace = ?1 AND failure IS NULL)")?
                .query_row([workspace.as_bytes()], |row| row.get(0))?)
        })
        .await
    }

    /// Forgets messages that are on the server with these texts. One that was changed or given up meanwhile stays.
    pub(crate) async fn forget_sent(&self, messages: Vec<(MessageId, String)>) -> Result<()> {
        self.write(move |db| {
            let mut delete = db.prepare_cached("DELETE FROM outbox WHERE id = ?1 AND text = ?2 AND withdrawn = 0")?;
            for (id, text) in messages {
                delete.execute(params![id.as_bytes(), text])?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets a message that is nowhere any more.
    pub(crate) async fn forget(&self, id: MessageId) -> Result<()> {
        self.write(move |db| {
            db.execute("DELETE FROM outbox WHERE id = ?1", [id.as_bytes()])?;
            Ok(())
        })
        .await
    }

    /// Gives a message that waits another text; one that was refused waits again. `None` when it does not wait here.
    pub(crate) async fn change_waiting(&self, id: MessageId, text: String) -> Result<Option<Waiting>> {
        self.write(move |db| {
            let sql = format!(
                "UPDATE outbox SET text = ?2, failure = NULL WHERE id = ?1 AND withdrawn = 0 RETURNING {COLUMNS}"
            );
            Ok(db.prepare_cached(&sql)?.query_row(params![id.as_bytes(), text], waiting).optional()?)
        })
        .await
    }

    /// Gives a message up that waits. `None` when it does not wait here.
    pub(crate) async fn withdraw(&self, id: MessageId) -> Result<Option<Waiting>> {
        self.write(move |db| {
            let sql = format!(
                "UPDATE outbox SET withdrawn = 1, failure = NULL WHERE id = ?1 AND withdrawn = 0 RETURNING {COLUMNS}"
            );
            Ok(db.prepare_cached(&sql)?.query_row([id.as_bytes()], waiting).optional()?)
        })
        .await
    }

    /// Marks a message as refused, unless it has another text by now, or was given up.
    pub(crate) async fn refuse(&self, id: MessageId, text: String, why: String) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "UPDATE outbox SET failure = ?3 WHERE id = ?1 AND text = ?2 AND withdrawn = 0",
                params![id.as_bytes(), text, why],
            )?;
            Ok(())
        })
        .await
    }

    /// Lets a message that was refused wait again. `None` when it does not wait here.
    pub(crate) async fn wait_again(&self, id: MessageId) -> Result<Option<Waiting>> {
        self.write(move |db| {
            let sql = format!("UPDATE outbox SET failure = NULL WHERE id = ?1 AND withdrawn = 0 RETURNING {COLUMNS}");
            Ok(db.prepare_cached(&sql)?.query_row([id.as_bytes()], waiting).optional()?)
        })
        .await
    }

    /// Remembers a read mark until the server has it.
    pub(crate) async fn queue_mark(&self, workspace: WorkspaceId, channel: ChannelId, seq: u64) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached(
                "INSERT INTO marks (workspace, channel, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT (workspace, channel) DO UPDATE SET seq = max(seq, excluded.seq)",
            )?
            .execute(params![workspace.as_bytes(), channel.as_bytes(), seq as i64])?;
            Ok(())
        })
        .await
    }

    /// Read marks that the server does not have yet.
    pub(crate) async fn marks(&self, workspace: WorkspaceId) -> Result<Vec<(ChannelId, u64)>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT channel, seq FROM marks WHERE workspace = ?1")?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                Ok((ChannelId::from_bytes(row.get(0)?), row.get::<_, i64>(1)? as u64))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets a read mark that the server has, unless a later one came meanwhile.
    pub(crate) async fn forget_mark(&self, workspace: WorkspaceId, channel: ChannelId, seq: u64) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "DELETE FROM marks WHERE workspace = ?1 AND channel = ?2 AND seq <= ?3",
                params![workspace.as_bytes(), channel.as_bytes(), seq as i64],
            )?;
            Ok(())
        })
        .await
    }
}
