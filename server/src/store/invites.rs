//! Invites, kept as hashes of their codes (128 random bits, so a plain hash hides them). One may be for a person who waits by name,
//! and into channels.

use super::{Tx, View};
use crate::error::Fail;
use crate::time::now;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, Timestamp};

/// What an invite gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gives {
    /// Which rank.
    pub rank: Rank,
    /// The account that waits for whoever comes; else they make one.
    pub person: Option<AccountId>,
    /// Channels to join.
    pub channels: Vec<ChannelId>,
    /// Who made it; the host when absent.
    pub maker: Option<AccountId>,
}

/// Keeps a new invite.
///
/// # Errors
/// SQLite's.
pub fn insert(db: &Connection, code: &str, gives: &Gives, uses: u32, expires: Timestamp) -> Result<(), Fail> {
    let channels: Vec<u8> = gives.channels.iter().flat_map(|id| *id.as_bytes()).collect();
    db.prepare_cached(
        "INSERT INTO invites (code_hash, powers, rank, uses_left, expires, created, person, channels, maker)
         VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        hash(code),
        gives.rank as u8,
        uses,
        expires.0,
        now().0,
        gives.person.map(|person| *person.as_bytes()),
        channels,
        gives.maker.map(|maker| *maker.as_bytes()),
    ))?;
    Ok(())
}

/// Good is what is not used up, has not expired, and was made by somebody who could make it still: an invite does not outlive the
/// power of its maker. ?1 is the hash of the code, ?2 the time.
const GOOD: &str = "code_hash = ?1 AND uses_left > 0 AND expires > ?2 AND (maker IS NULL OR EXISTS (
    SELECT 1 FROM people p WHERE p.id = maker AND p.active AND p.powers & 1 <> 0 AND p.rank <= invites.rank))";

/// How often an invite is good still, and the account that waits for whoever comes with it. Does not use it.
///
/// # Errors
/// As [`take`].
pub fn look(view: View<'_>, code: &str) -> Result<(u32, Option<AccountId>), Fail> {
    let mut query = view.db.prepare_cached(&format!("SELECT uses_left, person FROM invites WHERE {GOOD}"))?;
    let found = query.query_row((hash(code), now().0), |row| {
        Ok((row.get(0)?, row.get::<_, Option<[u8; 16]>>(1)?.map(AccountId::from_bytes)))
    });
    found.optional()?.ok_or_else(not_valid)
}

/// Uses an invite once.
///
/// # Errors
/// Denied for one that never was, is used up or has expired; these three look the same.
pub fn take(tx: &Tx<'_>, code: &str) -> Result<Gives, Fail> {
    let gives = tx
        .db
        .prepare_cached(&format!(
            "UPDATE invites SET uses_left = uses_left - 1 WHERE {GOOD} RETURNING rank, person, channels, maker"
        ))?
        .query_row((hash(code), now().0), |row| {
            let channels: Vec<u8> = row.get(2)?;
            Ok(Gives {
                rank: Rank::from_stored(row.get(0)?),
                person: row.get::<_, Option<[u8; 16]>>(1)?.map(AccountId::from_bytes),
                channels: channels.as_chunks().0.iter().copied().map(ChannelId::from_bytes).collect(),
                maker: row.get::<_, Option<[u8; 16]>>(3)?.map(AccountId::from_bytes),
            })
        })
        .optional()?;
    gives.ok_or_else(not_valid)
}

/// Takes back what invites one person, and what they made.
///
/// # Errors
/// SQLite's.
pub fn remove_of(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    tx.db.prepare_cached("DELETE FROM invites WHERE person = ?1 OR maker = ?1")?.execute([person.as_bytes()])?;
    Ok(())
}

/// Removes all invites, but for those that make an owner where there is none. Answers how many were open. Of a workspace that was
/// restored, where one may be good again that was used.
///
/// # Errors
/// SQLite's.
pub fn remove_all(db: &Connection, now: Timestamp) -> Result<u64, rusqlite::Error> {
    const GOES: &str = "(rank <> 0 OR EXISTS (SELECT 1 FROM people WHERE rank = 0 AND active))";
    let open = format!("SELECT count(*) FROM invites WHERE {GOES} AND uses_left > 0 AND expires > ?1");
    let open: i64 = db.query_row(&open, [now.0], |row| row.get(0))?;
    db.execute(&format!("DELETE FROM invites WHERE {GOES}"), [])?;
    Ok(super::unsigned(open))
}

/// What is said of an invite that lets nobody in.
pub fn not_valid() -> Fail {
    ErrorBody::new(
        Code::Denied,
        "This invite is not valid",
        "it was used already, has expired, or is another workspace's",
        "ask for a new invite",
    )
    .into()
}

/// How a code is kept.
pub fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
