//! The same rows into bare SQLCipher with FTS5, or into plain SQLite: the same columns and indexes of messages, texts, order, places
//! and transactions, without what else makes them a cache (gaps, names, marks, counts).

use crate::ours::row;
use rusqlite::Connection;
use std::path::Path;
use thechatapp_database::Form;
use thechatapp_peers_shared::{Room, Texts, Took, pages, stream};
use thechatapp_protocol::search::folded_text;
use thechatapp_protocol::wire;

/// Sealed or not.
#[derive(Clone, Copy)]
pub enum As {
    /// In the form that our own have.
    Sealed,
    /// As SQLCipher does unless told otherwise.
    Untold,
    Plain,
}

pub fn fill(path: &Path, kind: As, texts: &Texts, rooms: &[Room], by_pages: bool) -> Took {
    for old in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{old}", path.display()));
    }
    let db = Connection::open(path).unwrap();
    if let As::Sealed | As::Untold = kind {
        db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", "5a".repeat(32))).unwrap();
    }
    if let (As::Sealed, Form::Sha256) = (kind, Form::quickest()) {
        db.execute_batch("PRAGMA cipher_hmac_algorithm = HMAC_SHA256").unwrap();
    }
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;
         CREATE TABLE messages (place INTEGER PRIMARY KEY, channel BLOB NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL,
             author BLOB NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL, edited INTEGER, deleted INTEGER NOT NULL,
             thread BLOB, reactions BLOB, quiet INTEGER NOT NULL, mention INTEGER NOT NULL, change INTEGER NOT NULL,
             files BLOB, replies INTEGER NOT NULL DEFAULT 0, last_reply INTEGER, pinned_by BLOB, pinned_at INTEGER, poll BLOB,
             UNIQUE (channel, seq)) STRICT;
         CREATE INDEX messages_id ON messages (id);
         CREATE INDEX messages_change ON messages (change);
         CREATE INDEX messages_quiet ON messages (channel, seq) WHERE quiet = 1;
         CREATE INDEX messages_mention ON messages (channel, seq) WHERE mention = 1;
         CREATE INDEX messages_thread ON messages (thread, seq) WHERE thread IS NOT NULL;
         CREATE INDEX messages_pinned ON messages (channel, pinned_at) WHERE pinned_at IS NOT NULL;
         CREATE TABLE files (id BLOB PRIMARY KEY, channel BLOB NOT NULL) STRICT, WITHOUT ROWID;
         CREATE INDEX files_channel ON files (channel);
         CREATE VIRTUAL TABLE search USING fts5 (words, marks, content = '', contentless_delete = 1, tokenize = 'ascii');",
    )
    .unwrap();
    let mut took = Took::default();
    for group in if by_pages { pages(texts, rooms) } else { stream(texts, rooms) } {
        let mut rows: Vec<_> = Vec::new();
        for (room, first, last) in group {
            for seq in first..=last {
                let row = row(texts, room, seq);
                let place = row.at.0 << 20 | (row.seq as i64 + room.number as i64 * 611) & 0xf_ffff;
                let id = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
                let file = if row.files.is_empty() { "" } else { " f" };
                let marks = format!("c{} a{}{file}", id(row.channel.as_bytes()), id(row.author.as_bytes()));
                rows.push((place, folded_text(&row.searchable()), marks, row));
            }
        }
        rows.sort_by_key(|row| row.0);
        let begun = took.begin();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut add = db
            .prepare_cached(
                "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 0, NULL, ?8, 0, 0, ?9, ?10, 0, NULL, NULL, NULL, NULL)",
            )
            .unwrap();
        let mut file = db.prepare_cached("INSERT INTO files VALUES (?1, ?2)").unwrap();
        let mut index = db.prepare_cached("INSERT INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)").unwrap();
        for (place, words, marks, row) in &rows {
            let reactions = (!row.reactions.is_empty()).then(|| wire::encode(&row.reactions).unwrap());
            let files = (!row.files.is_empty()).then(|| wire::encode(&row.files).unwrap());
            add.execute((
                place,
                &row.channel.as_bytes()[..],
                row.seq as i64,
                &row.id.as_bytes()[..],
                &row.author.as_bytes()[..],
                row.at.0,
                &row.text,
                reactions,
                row.change as i64,
                files,
            ))
            .unwrap();
            index.execute((place, words, marks)).unwrap();
            for one in &row.files {
                file.execute((&one.id.as_bytes()[..], &row.channel.as_bytes()[..])).unwrap();
            }
        }
        drop((add, index, file));
        db.execute_batch("COMMIT").unwrap();
        took = begun.end();
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    took
}

pub fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}
