//! What a workspace keeps: one repository for each kind of row. Functions here run inside a transaction of the writer, or
//! on a reader; who may call them is the gate's matter, and those that change something ask for its permit.

pub mod audit;
pub mod bans;
pub mod blocks;
pub mod bounds;
pub mod browsers;
pub mod channels;
pub mod check;
pub mod devices;
pub mod directory;
pub mod drafts;
pub mod edits;
pub mod factors;
pub mod files;
pub mod groups;
pub mod guests;
pub mod invites;
pub mod known;
pub mod lockouts;
pub mod members;
pub mod messages;
pub mod people;
pub mod pins;
pub mod polls;
pub mod reach;
pub mod reactions;
pub mod reads;
pub mod reports;
pub mod reseal;
pub mod resets;
pub mod rights;
pub mod roles;
pub mod saved;
mod sealed;
pub mod search;
pub mod settings;
pub mod sync;
pub mod threads;
pub mod usage;
pub mod voided;
pub mod wipes;

use crate::error::Fail;
use crate::hub::{Audience, Note};
use crate::keyring::Keyring;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thechatapp_database::Schema;
use thechatapp_protocol::Row;

/// The schema of `workspace.db`.
pub const WORKSPACE: Schema = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_talk.sql"),
    include_str!("migrations/0003_files.sql"),
    include_str!("migrations/0004_epochs.sql"),
    include_str!("migrations/0005_tombstones_and_thumbnails.sql"),
    include_str!("migrations/0006_browsers.sql"),
    include_str!("migrations/0007_wipes.sql"),
    include_str!("migrations/0008_index.sql"),
    include_str!("migrations/0009_rights.sql"),
    include_str!("migrations/0010_audit_tree.sql"),
    include_str!("migrations/0011_accounts.sql"),
    include_str!("migrations/0012_roles_and_groups.sql"),
    include_str!("migrations/0013_settings.sql"),
    include_str!("migrations/0014_moderation.sql"),
    include_str!("migrations/0016_audit_nodes.sql"),
    include_str!("migrations/0017_archive.sql"),
    include_str!("migrations/0018_invite_makers.sql"),
    include_str!("migrations/0021_unanswered_tokens.sql"),
    include_str!("migrations/0022_makers.sql"),
    include_str!("migrations/0023_channel_bans.sql"),
    include_str!("migrations/0024_made_private.sql"),
    include_str!("migrations/0026_drafts.sql"),
    include_str!("migrations/0027_wiped_devices.sql"),
    include_str!("migrations/0028_index_pages.sql"),
];
/// The schema of `host.db`.
pub const HOST: Schema = &[
    include_str!("migrations/host_0001_first.sql"),
    include_str!("migrations/host_0002_rotation.sql"),
    include_str!("migrations/host_0003_backups.sql"),
    include_str!("migrations/host_0004_own_services.sql"),
];

/// A writer's transaction, as one job sees it.
#[derive(Debug)]
pub struct Tx<'a> {
    /// The connection, inside the job's savepoint.
    pub db: &'a Connection,
    /// The workspace's keys.
    pub keyring: &'a Keyring,
    notes: &'a mut Vec<Note>,
    counts: &'a Counts,
}

/// What the writer's thread counts across transactions.
#[derive(Debug)]
pub struct Counts {
    /// The last change.
    changes: AtomicU64,
    /// Whether the search index still has tokens of what was removed.
    untidy: AtomicBool,
    /// Whether there are messages that the index does not have yet.
    unindexed: AtomicBool,
    /// Whether there is to be an index, as it was switched last.
    index: Arc<AtomicBool>,
    /// Whether the index has not been made what it was switched to.
    switched: AtomicBool,
}

impl Counts {
    /// For a database whose last change is this, with or without an index of its messages.
    pub fn new(last: u64, index: Arc<AtomicBool>) -> Self {
        Self {
            changes: AtomicU64::new(last),
            untidy: AtomicBool::new(false),
            unindexed: AtomicBool::new(true),
            index,
            switched: AtomicBool::new(true),
        }
    }

    /// Whether there is to be an index.
    pub fn has_index(&self) -> bool {
        self.index.load(Ordering::Relaxed)
    }

    /// The index was switched on or off.
    pub fn switch_index(&self) {
        self.switched.store(true, Ordering::Relaxed);
        self.unindexed.store(true, Ordering::Relaxed);
    }

    /// Whether the index is to be made what it was switched to; asked once for each time.
    pub fn take_switched(&self) -> bool {
        self.switched.swap(false, Ordering::Relaxed)
    }

    /// Whether the search index lacks messages; asked once for each time. At first it is not known, so it may.
    pub fn take_unindexed(&self) -> bool {
        self.unindexed.swap(false, Ordering::Relaxed)
    }

    /// Not everything was taken in yet.
    pub fn index_again(&self) {
        self.unindexed.store(true, Ordering::Relaxed);
    }

    /// Whether the search index wants tidying; asked once for each time.
    pub fn take_untidy(&self) -> bool {
        self.untidy.swap(false, Ordering::Relaxed)
    }
}

impl<'a> Tx<'a> {
    /// For the workspace, which alone has a writer.
    pub(crate) fn new(db: &'a Connection, keyring: &'a Keyring, notes: &'a mut Vec<Note>, counts: &'a Counts) -> Self {
        Self { db, keyring, notes, counts }
    }

    /// Something is to come into the search index.
    fn unindexed(&self) {
        self.counts.unindexed.store(true, Ordering::Relaxed);
    }

    /// Something left the search index.
    fn untidy(&self) {
        self.counts.untidy.store(true, Ordering::Relaxed);
    }

    /// The next change. Only the writer's thread takes them, so they are in the order of commits; a job that fails
    /// leaves a gap, which means nothing.
    pub fn change(&self) -> u64 {
        self.counts.changes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells a row to those who may see it, once it is committed.
    pub fn tell(&mut self, row: Row, audience: Audience) {
        self.notes.push(Note::Row { row, audience });
    }

    /// Leaves another note.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

/// A reader's view.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The connection.
    pub db: &'a Connection,
    /// The workspace's keys.
    pub keyring: &'a Keyring,
}

impl Tx<'_> {
    /// The same as a reader sees it.
    pub fn view(&self) -> View<'_> {
        View { db: self.db, keyring: self.keyring }
    }
}

/// The last change of a database.
///
/// # Errors
/// SQLite's.
pub fn last_change(db: &Connection) -> Result<u64, Fail> {
    let last: i64 = db.query_row(
        "SELECT max(
            (SELECT coalesce(max(change), 0) FROM people),
            (SELECT coalesce(max(change), 0) FROM channels),
            (SELECT coalesce(max(change), 0) FROM members),
            (SELECT coalesce(max(change), 0) FROM reads),
            (SELECT coalesce(max(change), 0) FROM drafts),
            (SELECT coalesce(max(max(standing, narrowed)), 0) FROM people),
            (SELECT coalesce(max(change), 0) FROM groups),
            (SELECT coalesce(max(change), 0) FROM group_people),
            (SELECT coalesce(max((SELECT max(change) FROM messages WHERE place >> 40 = number)), 0) FROM channels))",
        [],
        |row| row.get(0),
    )?;
    Ok(unsigned(last))
}

/// SQLite's integers are signed; numbers here never pass 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
