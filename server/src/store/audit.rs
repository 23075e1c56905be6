//! The audit log: every security and administrative act, written in the commit in which it happens.
//!
//! An entry is sealed whole. Its encoding is a leaf of the log's tree (RFC 6962, section 2.1), so that none can be changed,
//! taken out or put elsewhere unnoticed.

use super::{Tx, signed};
use crate::error::Fail;
use crate::keyring::RecordPlace;
use crate::time::now;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use thechatapp_protocol::audit::{Actor, AuditEntry, Class, Target};
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

/// Writes an act down.
///
/// # Errors
/// SQLite's, or when the system's randomness fails.
pub fn record(tx: &mut Tx<'_>, by: By, act: Act) -> Result<(), Fail> {
    let seq: i64 =
        tx.db.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM audit")?.query_row([], |row| row.get(0))?;
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
    let sealed = tx.keyring.seal_record(&place(&entry.seq.to_be_bytes()), &encoded)?;
    tx.db
        .prepare_cached(
            "INSERT INTO audit (seq, at, class, actor, target, leaf, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            signed(entry.seq),
            entry.at.0,
            entry.class as u8,
            actor_key(&entry.actor),
            target_key(&entry.target),
            leaf(&encoded).as_slice(),
            sealed,
        ))?;
    Ok(())
}

fn place(row: &[u8]) -> RecordPlace<'_> {
    RecordPlace { table: "audit", column: "entry", row, revision: 0 }
}

/// The hash of a leaf (RFC 6962, section 2.1).
pub fn leaf(encoded: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(encoded).finalize().into()
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
