//! The log's tree and its checkpoints, as they are stored. Each entry keeps the complete subtrees that end with it, so
//! that an append, a root and a proof each cost a few rows, however long the log is.

use super::super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::identity_keys::Identity;
use crate::time::now;
use rusqlite::{Connection, OptionalExtension};
use thechatapp_protocol::audit::tree::{self, Hash, Head, Node};
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// A checkpoint follows after so many entries, and after so long when there is at least one.
const ENTRIES: u64 = 1000;
const MILLIS: i64 = 60 * 60 * 1000;

/// The nodes that are complete with an entry, as they are stored with it: from the lowest up.
pub(super) fn completed_by(db: &Connection, seq: u64, leaf: Hash) -> Result<Vec<u8>, Fail> {
    let (mut hash, mut nodes) = (leaf, Vec::new());
    for node in Node::completed_by(seq) {
        if let Some((left, _)) = node.children() {
            hash = Hash::node(look(db, left)?, hash);
            nodes.extend(hash.0);
        }
    }
    Ok(nodes)
}

/// The hash of a complete subtree. One that is not stored is made from what is below it: entries of before there was a tree
/// have none.
fn look(db: &Connection, node: Node) -> Result<Hash, Fail> {
    let Some((left, right)) = node.children() else {
        let leaf: Option<[u8; 32]> = db
            .prepare_cached("SELECT leaf FROM audit WHERE seq = ?1")?
            .query_row([signed(node.index)], |row| row.get(0))
            .optional()?;
        return leaf.map(Hash).ok_or(Fail::Broken("an audit log with a gap"));
    };
    let last = ((node.index + 1) << node.level) - 1;
    // Where there are none, SQLite gives no bytes of nothing but NULL.
    let stored: Option<Option<Vec<u8>>> = db
        .prepare_cached("SELECT substr(nodes, ?2, 32) FROM audit WHERE seq = ?1")?
        .query_row((signed(last), (i64::from(node.level) - 1) * 32 + 1), |row| row.get(0))
        .optional()?;
    match stored.flatten().and_then(|hash| Hash::from_slice(&hash)) {
        Some(hash) => Ok(hash),
        None => Ok(Hash::node(look(db, left)?, look(db, right)?)),
    }
}

/// How many entries there are.
///
/// # Errors
/// SQLite's.
pub fn size(db: &Connection) -> Result<u64, Fail> {
    let size: i64 =
        db.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM audit")?.query_row([], |row| row.get(0))?;
    Ok(unsigned(size))
}

/// The state of the log with so many entries.
///
/// # Errors
/// SQLite's, or broken when it has fewer.
pub fn head(db: &Connection, size: u64) -> Result<Head, Fail> {
    Ok(Head { size, root: tree::root(size, &mut |node| look(db, node))? })
}

/// The proof that an entry is among the first `size`.
///
/// # Errors
/// SQLite's.
pub fn inclusion(db: &Connection, seq: u64, size: u64) -> Result<Vec<Hash>, Fail> {
    tree::inclusion(seq, size, &mut |node| look(db, node))
}

/// The proof that the log with `old` entries is the beginning of that with `new`; empty when it is not shorter.
///
/// # Errors
/// SQLite's.
pub fn consistency(db: &Connection, old: u64, new: u64) -> Result<Vec<Hash>, Fail> {
    tree::consistency(old, new, &mut |node| look(db, node))
}

/// The checkpoint of the log as it is, signed by the identity in force. Asked again with nothing new, it is the same.
///
/// # Errors
/// SQLite's.
pub fn checkpoint(tx: &Tx<'_>, workspace: WorkspaceId, identity: &Identity) -> Result<(Head, String), Fail> {
    let (head, signer) = (head(tx.db, size(tx.db)?)?, identity.root_public());
    let kept: Option<String> = tx
        .db
        .prepare_cached("SELECT note FROM audit_checkpoints WHERE size = ?1 AND signer = ?2")?
        .query_row((signed(head.size), signer.0), |row| row.get(0))
        .optional()?;
    if let Some(note) = kept {
        return Ok((head, note));
    }
    let note = identity.sign_checkpoint(workspace, head);
    tx.db
        .prepare_cached("INSERT INTO audit_checkpoints (size, signer, at, note) VALUES (?1, ?2, ?3, ?4)")?
        .execute((signed(head.size), signer.0, now().0, &note))?;
    Ok((head, note))
}

/// Whether a checkpoint is due at this time: there are a thousand entries after the last, or one that is an hour old.
///
/// # Errors
/// SQLite's.
pub fn is_due(view: View<'_>, at: Timestamp) -> Result<bool, Fail> {
    let (size, covered) = (size(view.db)?, covered(view.db)?);
    if size.saturating_sub(covered) >= ENTRIES {
        return Ok(true);
    }
    let oldest: Option<i64> = view
        .db
        .prepare_cached("SELECT at FROM audit WHERE seq = ?1")?
        .query_row([signed(covered)], |row| row.get(0))
        .optional()?;
    Ok(oldest.is_some_and(|oldest| at.0.saturating_sub(oldest) >= MILLIS))
}

/// Whether there are entries that no checkpoint covers.
///
/// # Errors
/// SQLite's.
pub fn is_ahead(view: View<'_>) -> Result<bool, Fail> {
    Ok(size(view.db)? > covered(view.db)?)
}

/// How many entries the largest checkpoint covers.
fn covered(db: &Connection) -> Result<u64, Fail> {
    let size: i64 =
        db.prepare_cached("SELECT coalesce(max(size), 0) FROM audit_checkpoints")?.query_row([], |row| row.get(0))?;
    Ok(unsigned(size))
}

/// How far something that leaves the host has come.
///
/// # Errors
/// SQLite's.
pub fn cursor(db: &Connection, name: &str) -> Result<u64, Fail> {
    let place: Option<i64> = db
        .prepare_cached("SELECT place FROM audit_cursors WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(place.map_or(0, unsigned))
}

/// Moves it.
///
/// # Errors
/// SQLite's.
pub fn move_cursor(tx: &Tx<'_>, name: &str, place: u64) -> Result<(), Fail> {
    tx.db
        .prepare_cached(
            "INSERT INTO audit_cursors (name, place) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET place = excluded.place",
        )?
        .execute((name, signed(place)))?;
    Ok(())
}

/// Checkpoints after one, by their numbers, at most so many.
///
/// # Errors
/// SQLite's.
pub fn checkpoints_after(view: View<'_>, number: u64, most: u32) -> Result<Vec<(u64, String)>, Fail> {
    let mut select = view
        .db
        .prepare_cached("SELECT number, note FROM audit_checkpoints WHERE number > ?1 ORDER BY number LIMIT ?2")?;
    let rows = select.query_map((signed(number), most), |row| Ok((unsigned(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
