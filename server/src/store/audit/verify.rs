//! Whether the log is whole: every entry opens, is where it says it is and hashes to its leaf; every stored node is over what is
//! below it; every checkpoint is signed by a root of this workspace and is a state of this very log. It changes nothing.
//!
//! Entries are opened on all processors while the next are read, so that a million takes seconds.

use super::super::{View, unsigned};
use super::{actor_key, decode, encoded, target_key};
use crate::error::Fail;
use crate::keyring::Keyring;
use rusqlite::{Connection, Rows};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZero;
use thechatapp_protocol::WorkspaceId;
use thechatapp_protocol::audit::checkpoint::{Checkpoint, NoteError, notes};
use thechatapp_protocol::audit::tree::{Hash, Head, Node};
use thechatapp_protocol::identity::{Pin, RootPublic, SignedDocument, Unverified, Verified};

/// Entries that are read at once.
const ROWS: usize = 8192;
/// Of what is wrong so much is listed; how much there is in all is counted.
const LISTED: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// The tree's root over them.
    pub root: String,
    /// How many checkpoints were compared, those of the witness not counted.
    pub checkpoints: u64,
    /// How many entries the largest checkpoint is of that was compared: those after it are signed by nobody yet.
    pub signed: u64,
    /// Whether everything is as it must be.
    pub ok: bool,
    /// How many checkpoints a witness had, when one was given.
    pub witnessed: Option<u64>,
    /// What of the witness could not be read.
    pub unreadable: Option<u64>,
    /// How much is wrong.
    pub wrong: u64,
    /// What is wrong, as far as it is listed.
    pub problems: Vec<String>,
}

impl Report {
    fn problem(&mut self, problem: String) {
        self.wrong += 1;
        if self.problems.len() < LISTED {
            self.problems.push(problem);
        }
    }
}

/// An entry as it is stored.
struct Stored {
    seq: i64,
    at: i64,
    class: u8,
    actor: Vec<u8>,
    target: Vec<u8>,
    leaf: Vec<u8>,
    nodes: Vec<u8>,
    entry: Vec<u8>,
}

/// Looks at all of it. With a pin, nothing that the database says of its own identity is believed: only the root of this pin signs
/// checkpoints, and roots that it leads to.
///
/// # Errors
/// SQLite's.
pub fn verify(view: View<'_>, workspace: WorkspaceId, witness: Option<&str>, pin: Option<Pin>) -> Result<Report, Fail> {
    let mut report = Report::default();
    let roots = roots(view.db, workspace, pin, &mut report)?;
    let mut claims = Claims::default();
    let mut select = view.db.prepare("SELECT number, note FROM audit_checkpoints ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (number, note): (i64, String) = (row.get(0)?, row.get(1)?);
        report.checkpoints += 1;
        claims.add(&format!("checkpoint {number}"), &note, workspace, &roots, &mut report);
    }
    if let Some(witness) = witness {
        let (mut whole, mut unreadable) = (0, 0);
        for note in notes(witness) {
            match note {
                // One file may hold those of all workspaces of a host.
                Ok(note) if !Checkpoint::is_of(note, workspace) => {}
                Ok(note) => {
                    whole += 1;
                    claims.add(&format!("the witness's checkpoint {whole}"), note, workspace, &roots, &mut report);
                }
                Err(_) => unreadable += 1,
            }
        }
        (report.witnessed, report.unreadable) = (Some(whole), Some(unreadable));
    }
    entries(view, &mut claims, &mut report)?;
    for (size, heads) in claims.0.range(report.entries + 1..) {
        for (named, _) in heads {
            let (have, missing) = (report.entries, size - report.entries);
            report.problem(format!(
                "{named} is of {size} entries and the log has {have}: the last {missing} are missing; it was cut off, or rolled back to an older copy"
            ));
        }
    }
    report.signed = claims.0.keys().next_back().copied().unwrap_or(0);
    if pin.is_some() && report.entries > 0 && report.signed == 0 {
        report.problem(
            "no checkpoint is signed by the root of this pin: nothing tells whose entries these are".to_owned(),
        );
    }
    report.ok = report.wrong == 0;
    Ok(report)
}

/// Roots of this workspace.
struct Roots {
    /// Whose checkpoints count, each vouched for by the one before.
    trusted: Vec<RootPublic>,
    /// Those from before the one that is pinned: nobody who is believed says that they were this workspace's.
    earlier: Vec<RootPublic>,
}

fn roots(db: &Connection, workspace: WorkspaceId, pin: Option<Pin>, report: &mut Report) -> Result<Roots, Fail> {
    let mut roots = Roots { trusted: Vec::new(), earlier: Vec::new() };
    let mut known: Option<Verified> = None;
    let mut select = db.prepare("SELECT epoch, encoded FROM documents ORDER BY epoch")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (epoch, encoded): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let at = unsigned(epoch);
        let followed = match &known {
            None => Verified::restore(&encoded),
            Some(known) => SignedDocument::decode(&encoded)
                .and_then(|signed| Unverified::new(signed).verify_next(known, at))
                .and_then(|_| Verified::restore(&encoded)),
        };
        match followed {
            Ok(verified) => {
                let root = RootPublic(verified.document().root);
                let is_pinned = pin.is_none_or(|pin| verified.pin() == pin);
                if verified.document().workspace_id != *workspace.as_bytes() {
                    report.problem(format!("the identity document of epoch {epoch} is another workspace's"));
                } else if roots.trusted.is_empty() && !is_pinned {
                    roots.earlier.push(root);
                } else if !roots.trusted.contains(&root) {
                    roots.trusted.push(root);
                }
                known = Some(verified);
            }
            Err(why) => {
                report.problem(format!("the identity document of epoch {epoch} does not follow the one before: {why}"));
            }
        }
    }
    if roots.trusted.is_empty() && pin.is_some() {
        let why = "no identity document is of the root with this pin: it is another workspace's, or its identity was made anew";
        report.problem(why.to_owned());
    }
    Ok(roots)
}

/// What checkpoints say of sizes of the log, and where each stands.
#[derive(Default)]
struct Claims(BTreeMap<u64, Vec<(String, Head)>>);

impl Claims {
    fn add(&mut self, named: &str, note: &str, workspace: WorkspaceId, roots: &Roots, report: &mut Report) {
        // The newest root signed most.
        let by = |roots: &[RootPublic]| {
            let mut opened = roots.iter().rev().map(|root| Checkpoint::open(note, workspace, root));
            opened.find(|opened| *opened != Err(NoteError::NotSigned)).unwrap_or(Err(NoteError::NotSigned))
        };
        match by(&roots.trusted) {
            Ok(head) => self.0.entry(head.size).or_default().push((named.to_owned(), head)),
            // It proves nothing to whoever knows the pin alone; later ones are over the same entries.
            Err(NoteError::NotSigned) if by(&roots.earlier).is_ok() => {}
            Err(why) => report.problem(format!("{named}: {why}")),
        }
    }

    fn compare(&self, head: Head, report: &mut Report) {
        for (named, claimed) in self.0.get(&head.size).into_iter().flatten() {
            if claimed.root != head.root {
                report.problem(format!(
                    "{named} is of {} entries under the root {}, and those of this log have {}: one of them was changed, or it is another history",
                    head.size, claimed.root, head.root
                ));
            }
        }
    }
}

/// Reads all entries, builds the tree from what they are, and compares it with what is stored and claimed.
fn entries(view: View<'_>, claims: &mut Claims, report: &mut Report) -> Result<(), Fail> {
    let mut tree = Tree::default();
    claims.compare(tree.head(0), report);
    let mut select =
        view.db.prepare("SELECT seq, at, class, actor, target, leaf, nodes, entry FROM audit ORDER BY seq")?;
    let mut rows = select.query([])?;
    let mut batch = read(&mut rows)?;
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    while !batch.is_empty() {
        let share = batch.len().div_ceil(workers);
        let (next, opened) = std::thread::scope(|scope| {
            let opening: Vec<_> = batch
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().map(|row| look_at(view.keyring, row)).collect::<Vec<_>>()))
                .collect();
            let next = read(&mut rows);
            let opened: Vec<_> = opening.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            (next, opened)
        });
        for part in opened {
            for (seq, leaf, wrong, nodes) in part.map_err(|_| Fail::Broken("an audit entry could not be looked at"))? {
                if let Some(wrong) = wrong {
                    report.problem(format!("entry {seq}: {wrong}"));
                }
                let expected = report.entries;
                if unsigned(seq) != expected {
                    report.problem(format!("entry {expected} is missing: {seq} stands where it should"));
                }
                tree.append(report.entries, leaf, nodes, report);
                report.entries += 1;
                if claims.0.contains_key(&report.entries) {
                    claims.compare(tree.head(report.entries), report);
                }
            }
        }
        batch = next?;
    }
    report.root = tree.head(report.entries).root.to_string();
    Ok(())
}

fn read(rows: &mut Rows<'_>) -> Result<Vec<Stored>, Fail> {
    let mut batch = Vec::with_capacity(ROWS);
    while batch.len() < ROWS
        && let Some(row) = rows.next()?
    {
        batch.push(Stored {
            seq: row.get(0)?,
            at: row.get(1)?,
            class: row.get(2)?,
            actor: row.get(3)?,
            target: row.get(4)?,
            leaf: row.get(5)?,
            nodes: row.get(6)?,
            entry: row.get(7)?,
        });
    }
    Ok(batch)
}

/// What an entry hashes to, and what is wrong with it.
fn look_at<'a>(keyring: &Keyring, row: &'a Stored) -> (i64, Hash, Option<String>, &'a [u8]) {
    let stored = Hash::from_slice(&row.leaf).unwrap_or_else(Hash::empty);
    let encoded = match encoded(keyring, row.seq, &row.entry) {
        Ok(encoded) => encoded,
        // The tree goes on with what is stored, so that one changed entry is one finding.
        Err(why) => return (row.seq, stored, Some(format!("it does not open: {why}")), &row.nodes),
    };
    let leaf = Hash::leaf(&encoded);
    let wrong = match decode(&encoded) {
        Err(_) => Some("it is no entry".to_owned()),
        Ok(_) if leaf != stored => Some("it is not what was hashed".to_owned()),
        Ok(entry) => {
            let same = unsigned(row.seq) == entry.seq
                && row.at == entry.at.0
                && row.class == entry.class as u8
                && row.actor == actor_key(&entry.actor)
                && row.target == target_key(&entry.target);
            (!same).then(|| "it would be found as another than it is".to_owned())
        }
    };
    (row.seq, leaf, wrong, &row.nodes)
}

/// The tree as it grows: complete subtrees that are not yet part of a larger one, the largest first.
#[derive(Default)]
struct Tree(Vec<Hash>);

impl Tree {
    /// Adds an entry, and compares the nodes that are complete with it with those that are stored.
    fn append(&mut self, seq: u64, leaf: Hash, stored: &[u8], report: &mut Report) {
        let (mut hash, mut stored) = (leaf, stored.chunks(32));
        for Node { level, index } in Node::completed_by(seq) {
            if let Some(left) = self.0.pop() {
                hash = Hash::node(left, hash);
            }
            // One that is not stored is made anew whenever it is needed.
            if stored.next().is_some_and(|stored| stored != hash.0) {
                report.problem(format!("node {index} of level {level} is not over what is below it"));
            }
        }
        if stored.next().is_some() {
            report.problem(format!("entry {seq}: it has nodes that are not complete with it"));
        }
        self.0.push(hash);
    }

    fn head(&self, size: u64) -> Head {
        let mut roots = self.0.iter().rev().copied();
        let root = match roots.next() {
            Some(last) => roots.fold(last, |right, left| Hash::node(left, right)),
            None => Hash::empty(),
        };
        Head { size, root }
    }
}

#[cfg(test)]
mod tests;
