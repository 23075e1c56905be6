//! Invites, kept as hashes of their codes (128 random bits, so a plain hash hides them).

use super::Tx;
use crate::error::Fail;
use crate::time::now;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{Code, ErrorBody, Timestamp};

/// Keeps a new invite.
///
/// # Errors
/// SQLite's.
pub fn insert(db: &Connection, code: &str, rank: Rank, uses: u32, expires: Timestamp) -> Result<(), Fail> {
    db.prepare_cached(
        "INSERT INTO invites (code_hash, powers, rank, uses_left, expires, created) VALUES (?1, 0, ?2, ?3, ?4, ?5)",
    )?
    .execute((hash(code), rank as u8, uses, expires.0, now().0))?;
    Ok(())
}

/// Uses an invite once; the answer is the rank it gives.
///
/// # Errors
/// Denied for one that never was, is used up or has expired; these three look the same.
pub fn take(tx: &Tx<'_>, code: &str) -> Result<Rank, Fail> {
    let rank: Option<u8> = tx
        .db
        .prepare_cached(
            "UPDATE invites SET uses_left = uses_left - 1 WHERE code_hash = ?1 AND uses_left > 0 AND expires > ?2
             RETURNING rank",
        )?
        .query_row((hash(code), now().0), |row| row.get(0))
        .optional()?;
    rank.map(Rank::from_stored).ok_or_else(|| {
        ErrorBody::new(
            Code::Denied,
            "This invite is not valid",
            "it was used already, has expired, or is another workspace's",
            "ask for a new invite",
        )
        .into()
    })
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
