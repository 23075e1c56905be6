//! Who listens to what: committed rows on their way to live sessions.
//!
//! The writer publishes one [`Group`] for each commit; every listener takes the groups in order and leaves out what its
//! person may not see. A listener that falls behind loses groups and reads the database instead, so the hub's memory is
//! bounded and the writer never waits.

use crate::store::sync;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use thechatapp_protocol::{AccountId, Changes, ChannelId, DeviceId, Event, Row, wire};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// Commits a listener may fall behind before it must read the database.
const BEHIND_MAX: usize = 256;

/// Who may see a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everyone in the workspace; a guest as far as they see what the row is about.
    Everyone,
    /// The members of a channel.
    Members(ChannelId),
    /// Everybody who is not in a channel; guests know of none they are not in.
    Outside(ChannelId),
    /// One person.
    Person(AccountId),
}

/// What a job leaves behind for listeners.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all notes are rows; a box would be made for each message")]
pub enum Note {
    /// A row that changed.
    Row {
        /// The row.
        row: Row,
        /// Who may see it.
        audience: Audience,
    },
    /// Many messages of a channel at once (imported history); listeners read them.
    Bulk {
        /// The channel.
        channel: ChannelId,
        /// The last change of them.
        to: u64,
    },
    /// A device was signed out.
    SignedOut(DeviceId),
    /// Somebody may see less from here on: their devices begin anew.
    Narrowed {
        /// Who.
        person: AccountId,
        /// The change that says so.
        change: u64,
    },
}

/// The notes of one commit, in order.
#[derive(Debug)]
pub struct Group {
    /// The notes.
    pub notes: Vec<Note>,
    /// The last change among them.
    pub to: u64,
    /// Roughly what its rows cost in an encoding.
    pub weight: usize,
    whole: OnceLock<Bytes>,
}

impl Group {
    fn new(notes: Vec<Note>, before: u64) -> Self {
        let to = notes.iter().fold(before, |to, note| match note {
            Note::Row { row, .. } => to.max(row.change()),
            Note::Bulk { to: bulk, .. } => to.max(*bulk),
            Note::Narrowed { change, .. } => to.max(*change),
            Note::SignedOut(_) => to,
        });
        let weight =
            notes.iter().map(|note| if let Note::Row { row, .. } = note { sync::weight(row) } else { 0 }).sum();
        Self { notes, to, weight, whole: OnceLock::new() }
    }

    /// All its rows as one encoded event: made once, for all who may see all of them.
    pub fn whole(&self) -> Bytes {
        let encode = || {
            let rows = self.notes.iter().filter_map(|note| match note {
                Note::Row { row, .. } => Some(row.clone()),
                _ => None,
            });
            let event = Event::Changes(Changes { rows: rows.collect(), to: self.to, live: true });
            Bytes::from(wire::encode(&event).unwrap_or_default())
        };
        self.whole.get_or_init(encode).clone()
    }
}

struct Inner {
    committed: u64,
    sender: broadcast::Sender<Arc<Group>>,
    sessions: HashMap<u64, (DeviceId, CancellationToken)>,
    next: u64,
}

/// The hub of one workspace.
pub struct Hub(Mutex<Inner>);

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub(..)")
    }
}

/// A live session's place in the hub; dropping it leaves.
#[derive(Debug)]
pub struct Presence {
    hub: Arc<Hub>,
    number: u64,
    /// Cancelled when the device is signed out.
    pub signed_out: CancellationToken,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.hub.lock().sessions.remove(&self.number);
    }
}

impl Hub {
    /// A hub whose database has this as its last change.
    pub fn new(committed: u64) -> Self {
        let (sender, _) = broadcast::channel(BEHIND_MAX);
        Self(Mutex::new(Inner { committed, sender, sessions: HashMap::new(), next: 0 }))
    }

    /// The database was opened, and this is its last change.
    pub fn go_on(&self, committed: u64) {
        let mut inner = self.lock();
        inner.committed = inner.committed.max(committed);
    }

    /// Tells listeners of a commit. Called by the writer, in the order of commits.
    pub fn publish(&self, notes: Vec<Note>) {
        let mut inner = self.lock();
        for note in &notes {
            if let Note::SignedOut(device) = note {
                for (of, token) in inner.sessions.values() {
                    if of == device {
                        token.cancel();
                    }
                }
            }
        }
        let group = Group::new(notes, inner.committed);
        inner.committed = group.to;
        // No listener is no error.
        let _ = inner.sender.send(Arc::new(group));
    }

    /// Listens from here on. The number is the last change that was committed before: it is in the database, and none
    /// of the groups to come has it.
    pub fn subscribe(&self) -> (broadcast::Receiver<Arc<Group>>, u64) {
        let inner = self.lock();
        (inner.sender.subscribe(), inner.committed)
    }

    /// Enters a live session of a device.
    pub fn enter(self: &Arc<Self>, device: DeviceId) -> Presence {
        let mut inner = self.lock();
        inner.next += 1;
        let (number, signed_out) = (inner.next, CancellationToken::new());
        inner.sessions.insert(number, (device, signed_out.clone()));
        Presence { hub: self.clone(), number, signed_out }
    }

    /// How many sessions are live.
    pub fn sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
