//! The audit log: every security and administrative act, written in the commit in which it happens.
//!
//! An entry is sealed whole. Its encoding is a leaf of the log's tree (RFC 6962, section 2.1), so that none can be changed,
//! taken out or put elsewhere unnoticed: [`tree`] keeps its nodes and checkpoints, [`verify`] looks whether all of it is so.

pub mod tree;
pub mod verify;

use super::{Tx, View, signed};
use crate::error::Fail;
use crate::keyring::{Keyring, RecordPlace};
use crate::time::now;
use rusqlite::{Connection, ToSql};
use std::net::IpAddr;
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::audit::tree::Hash;
use thechatapp_protocol::audit::{Actor, AuditEntry, Class, Target};
use thechatapp_protocol::methods::audit::{ActorFilter, AuditFilter};
use thechatapp_protocol::wire;

/// Who acts, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// From which address; none for acts at the host itself.
    pub place: Option<IpAddr>,
}

impl By {
    /// The server by itself.
    pub const SERVER: Self = Self { actor: Actor::Server, place: None };
    /// Whoever administers the host.
    pub const HOST: Self = Self { actor: Actor::Host, place: None };

    /// Somebody who is not signed in.
    pub fn stranger(place: IpAddr) -> Self {
        Self { actor: Actor::Stranger, place: Some(place) }
    }
}

/// An act: what was done, on what, and what was so before and after. Never content.
#[derive(Clone, Debug)]
pub struct Act {
    class: Class,
    name: &'static str,
    target: Target,
    before: Option<String>,
    after: Option<String>,
}

impl Act {
    /// An act by its name, `noun.verb`.
    pub fn new(class: Class, name: &'static str, target: Target) -> Self {
        Self { class, name, target, before: None, after: None }
    }

    /// With what was so before it.
    #[must_use]
    pub fn before(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }

    /// With what is so now.
    #[must_use]
    pub fn after(mut self, after: impl Into<String>) -> Self {
        self.after = Some(after.into());
        self
    }
}

/// What is written down of a workspace that came out of a backup.
pub(crate) const RESTORED: &str = "backup.restored";

/// The number of the next entry.
const NEXT: &str = "SELECT coalesce(max(seq) + 1, 0) FROM audit";

/// Writes an act down.
///
/// # Errors
/// SQLite's, or when the system's randomness fails.
pub fn record(tx: &mut Tx<'_>, by: By, act: Act) -> Result<(), Fail> {
    record_in(tx.db, tx.keyring, by, act)
}

/// Writes an act down in a transaction of somebody else than the writer: of who makes, restores or rotates.
///
/// # Errors
/// The same.
pub(crate) fn record_in(db: &Connection, keyring: &Keyring, by: By, act: Act) -> Result<(), Fail> {
    let seq: i64 = db.prepare_cached(NEXT)?.query_row([], |row| row.get(0))?;
    let entry = AuditEntry {
        seq: super::unsigned(seq),
        at: now(),
        class: act.class,
        act: act.name.to_owned(),
        actor: by.actor,
        target: act.target,
        place: by.place.map(|place| place.to_string()),
        before: act.before,
        after: act.after,
    };
    let encoded = wire::encode(&entry).map_err(|_| Fail::Broken("an audit entry that does not encode"))?;
    let leaf = Hash::leaf(&encoded);
    let nodes = tree::completed_by(db, entry.seq, leaf)?;
    let sealed = keyring.seal_record(&place(&entry.seq.to_be_bytes()), &encoded)?;
    db.prepare_cached(
        "INSERT INTO audit (seq, at, class, actor, target, leaf, nodes, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        signed(entry.seq),
        entry.at.0,
        entry.class as u8,
        actor_key(&entry.actor),
        target_key(&entry.target),
        leaf.0,
        nodes,
        sealed,
    ))?;
    Ok(())
}

/// Since when a workspace is on this host, as far as its log goes back; nothing where a restore brought it, or the log has none.
///
/// # Errors
/// SQLite's, and when an entry does not open.
pub fn here_since(view: View<'_>) -> Result<Option<Timestamp>, Fail> {
    let first: Option<i64> = view.db.query_row("SELECT min(at) FROM audit", [], |row| row.get(0))?;
    let mut rows = view.db.prepare("SELECT seq, entry FROM audit WHERE class = ?1")?;
    let mut rows = rows.query([Class::Backup as u8])?;
    while let Some(row) = rows.next()? {
        let entry = decode(&encoded(view.keyring, row.get(0)?, &row.get::<_, Vec<u8>>(1)?)?)?;
        if entry.act == RESTORED {
            return Ok(None);
        }
    }
    Ok(first.map(Timestamp))
}

/// How many entries there are.
///
/// # Errors
/// SQLite's.
pub fn size(view: View<'_>) -> Result<u64, Fail> {
    let next: i64 = view.db.prepare_cached(NEXT)?.query_row([], |row| row.get(0))?;
    Ok(super::unsigned(next))
}

/// Entries that pass a filter, newest first, below a number.
///
/// # Errors
/// SQLite's, or [`Fail::Seal`] for an entry that was altered.
pub fn newest(view: View<'_>, filter: &AuditFilter, below: Option<u64>, most: u32) -> Result<Vec<AuditEntry>, Fail> {
    let below = signed(below.unwrap_or(u64::MAX));
    chosen(view, filter, "seq < ?", below, "seq DESC", most)
}

/// Entries that pass a filter, oldest first, from a number on.
///
/// # Errors
/// The same.
pub fn oldest(view: View<'_>, filter: &AuditFilter, from: u64, most: u32) -> Result<Vec<AuditEntry>, Fail> {
    chosen(view, filter, "seq >= ?", signed(from), "seq", most)
}

fn chosen(
    view: View<'_>,
    filter: &AuditFilter,
    bound: &str,
    seq: i64,
    order: &str,
    most: u32,
) -> Result<Vec<AuditEntry>, Fail> {
    let AuditFilter { actor, target, class, after, before } = filter;
    let actor = actor.map(|actor| filter_key(&actor));
    let target = target.as_ref().map(target_key);
    let class = class.map(|class| class as u8);
    let (after, before) = (after.map(|at| at.0), before.map(|at| at.0));
    // From the end that is asked for, until there are enough: entries are not indexed, because each act would pay for it.
    let mut sql = format!("SELECT seq, entry FROM audit WHERE {bound}");
    let mut values: Vec<&dyn ToSql> = vec![&seq];
    let asked: [(&str, Option<&dyn ToSql>); 5] = [
        ("actor = ?", actor.as_ref().map(|value| value as _)),
        ("target = ?", target.as_ref().map(|value| value as _)),
        ("class = ?", class.as_ref().map(|value| value as _)),
        ("at >= ?", after.as_ref().map(|value| value as _)),
        ("at < ?", before.as_ref().map(|value| value as _)),
    ];
    for (condition, value) in asked.into_iter().filter_map(|(condition, value)| Some((condition, value?))) {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    }
    sql.push_str(&format!(" ORDER BY {order} LIMIT ?"));
    values.push(&most);
    let mut select = view.db.prepare(&sql)?;
    let mut rows = select.query(values.as_slice())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(decode(&encoded(view.keyring, row.get(0)?, &row.get::<_, Vec<u8>>(1)?)?)?);
    }
    Ok(entries)
}

/// The encoding of one entry, a leaf of the tree.
///
/// # Errors
/// Not found, or [`Fail::Seal`] when it was altered.
pub fn one(view: View<'_>, seq: u64) -> Result<Vec<u8>, Fail> {
    let mut select = view.db.prepare_cached("SELECT entry FROM audit WHERE seq = ?1")?;
    let mut rows = select.query([signed(seq)])?;
    let row = rows.next()?.ok_or_else(|| Fail::not_found("No such entry"))?;
    encoded(view.keyring, signed(seq), &row.get::<_, Vec<u8>>(0)?)
}

fn encoded(keyring: &Keyring, seq: i64, sealed: &[u8]) -> Result<Vec<u8>, Fail> {
    Ok(keyring.open_record(&place(&seq.to_be_bytes()), sealed)?.to_vec())
}

fn decode(encoded: &[u8]) -> Result<AuditEntry, Fail> {
    wire::decode(encoded).map_err(|_| Fail::Broken("an audit entry that does not decode"))
}

fn place(row: &[u8]) -> RecordPlace<'_> {
    RecordPlace { table: "audit", column: "entry", row, revision: 0 }
}

/// What entries of an actor are found by: the person, whatever the device.
pub fn actor_key(actor: &Actor) -> Vec<u8> {
    match actor {
        Actor::Person(person, _) => person.as_bytes().to_vec(),
        Actor::Stranger => b"stranger".to_vec(),
        Actor::Host => b"host".to_vec(),
        Actor::Server => b"server".to_vec(),
    }
}

fn filter_key(actor: &ActorFilter) -> Vec<u8> {
    match actor {
        ActorFilter::Person(person) => person.as_bytes().to_vec(),
        ActorFilter::Stranger => actor_key(&Actor::Stranger),
        ActorFilter::Host => actor_key(&Actor::Host),
        ActorFilter::Server => actor_key(&Actor::Server),
    }
}

/// What entries of a target are found by.
pub fn target_key(target: &Target) -> Vec<u8> {
    match target {
        Target::Workspace => b"workspace".to_vec(),
        Target::Person(id) => id.as_bytes().to_vec(),
        Target::Device(id) => id.as_bytes().to_vec(),
        Target::Channel(id) => id.as_bytes().to_vec(),
        Target::Message(_, id) => id.as_bytes().to_vec(),
        Target::File(id) => id.as_bytes().to_vec(),
        Target::Role(id) => id.as_bytes().to_vec(),
        Target::Group(id) => id.as_bytes().to_vec(),
        Target::Report(id) => id.as_bytes().to_vec(),
        Target::Setting(name) | Target::Address(name) => name.as_bytes().to_vec(),
    }
}
