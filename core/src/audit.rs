//! Keeping watch over a workspace's audit log: whoever may read it remembers its last signed state on this device, and at
//! every connection demands the proof that the log has only grown since.
//!
//! What does not fit is a full stop: both states are kept as evidence, and the watch goes on only after a deliberate
//! [`crate::Client::accept_audit`]. Nothing here does I/O.

pub mod export;

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use thechatapp_protocol::audit::checkpoint::{Checkpoint, NoteError};
use thechatapp_protocol::audit::tree::{Head, extends};
use thechatapp_protocol::identity::RootPublic;
use thechatapp_protocol::methods::audit::SignedCheckpoint;
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// A state of the log as this device saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Size and root.
    pub head: Head,
    /// The signed note.
    pub note: String,
    /// Of which generation the server's identity was.
    pub generation: [u8; 16],
    /// When.
    pub at: Timestamp,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// The state is not signed by the identity root.
    Forged,
    /// The server shows an older state than before.
    RolledBack,
    /// The server shows another state of the same size.
    Fork,
    /// The state that was seen before is not the beginning of the one that is shown.
    Tampered,
    /// The server was restored from a backup, and what came after that backup is gone.
    Restored,
}

impl Wrong {
    /// Its name, as stored and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::RolledBack => "rolled_back",
            Self::Fork => "fork",
            Self::Tampered => "tampered",
            Self::Restored => "restored",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Forged, Self::RolledBack, Self::Fork, Self::Tampered, Self::Restored]
            .into_iter()
            .find(|wrong| wrong.name() == name)
    }
}

/// What was found wrong, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// What.
    pub what: Wrong,
    /// When it was found.
    pub at: Timestamp,
    /// What it means, in words for people.
    pub why: String,
    /// The state that this device remembered: a signed note.
    pub known: String,
    /// What the server showed: a signed note.
    pub shown: String,
    /// When somebody decided to go on; none while nobody has.
    pub accepted: Option<Timestamp>,
}

/// How the watch over a log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditStatus {
    /// `watched`, `alarm`, or `unknown` while no state was seen yet.
    pub state: &'static str,
    /// How many entries the last good state has.
    pub size: Option<u64>,
    /// Its root.
    pub root: Option<String>,
    /// When it was seen.
    pub at: Option<Timestamp>,
    /// What was found wrong, the newest first; accepted ones stay in the list.
    pub alarms: Vec<Alarm>,
    /// Why the server could not be asked just now.
    pub unchecked: Option<String>,
}

impl AuditStatus {
    /// What stands and nobody has decided about.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.alarms.iter().find(|alarm| alarm.accepted.is_none())
    }

    pub(crate) fn of(seen: Option<&Seen>, alarms: Vec<Alarm>, unchecked: Option<String>) -> Self {
        let open = alarms.iter().any(|alarm| alarm.accepted.is_none());
        Self {
            state: match seen {
                _ if open => "alarm",
                Some(_) => "watched",
                None => "unknown",
            },
            size: seen.map(|seen| seen.head.size),
            root: seen.map(|seen| seen.head.root.to_string()),
            at: seen.map(|seen| seen.at),
            alarms,
            unchecked,
        }
    }
}

/// What a state that the server shows is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure<'a> {
    pub workspace: WorkspaceId,
    /// The root of the identity that is trusted.
    pub root: &'a RootPublic,
    /// Its generation.
    pub generation: [u8; 16],
    pub now: Timestamp,
}

/// What came of comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on from what was known, and is what is known from here on.
    Good(Seen),
    /// It does not.
    Bad(Alarm),
    /// Nobody who is trusted signed it: it may be that the root was replaced a moment ago.
    Unsigned,
    /// The server was restored: an older state that was seen may still be the beginning of this one.
    Restored(Seen),
}

/// Compares a state that the server shows, and its proof, with the one that is known.
pub(crate) fn judge(known: Option<&Seen>, shown: &SignedCheckpoint, by: Measure<'_>) -> Verdict {
    let bad = |what, why: String| {
        let known = known.map(|known| known.note.clone()).unwrap_or_default();
        Verdict::Bad(Alarm { what, at: by.now, why, known, shown: shown.note.clone(), accepted: None })
    };
    let head = match Checkpoint::open(&shown.note, by.workspace, by.root) {
        Ok(head) => head,
        Err(NoteError::NotSigned) => return Verdict::Unsigned,
        Err(why) => {
            return bad(Wrong::Forged, format!("the server shows a state of its audit log that is none: {why}"));
        }
    };
    let seen = Seen { head, note: shown.note.clone(), generation: by.generation, at: by.now };
    let Some(known) = known else { return Verdict::Good(seen) };
    if extends(known.head, head, &shown.proof) {
        return Verdict::Good(seen);
    }
    if known.generation != by.generation {
        return Verdict::Restored(seen);
    }
    let (before, after) = (known.head.size, head.size);
    match before.cmp(&after) {
        std::cmp::Ordering::Greater => bad(
            Wrong::RolledBack,
            format!(
                "the log had {before} entries and has {after} now: it was rolled back to an older state, and entries {after} to {} are gone",
                before - 1
            ),
        ),
        std::cmp::Ordering::Equal => bad(
            Wrong::Fork,
            format!("the log has {after} entries as before, and they are others: the server keeps another history"),
        ),
        std::cmp::Ordering::Less => bad(
            Wrong::Tampered,
            format!(
                "the log has {after} entries, and the {before} that were seen before are not among them as they were: entries were changed, taken out or put elsewhere"
            ),
        ),
    }
}

/// What is said of a restore, when this many entries are surely those that were seen.
pub(crate) fn restored(known: &Seen, shown: &Seen, kept: u64) -> Alarm {
    Alarm {
        what: Wrong::Restored,
        at: shown.at,
        why: format!(
            "the log was rolled back by a restore from a backup: of the {} entries that were seen, those from {kept} to {} are gone, or stand no longer where they stood",
            known.head.size,
            known.head.size.saturating_sub(1)
        ),
        known: known.note.clone(),
        shown: shown.note.clone(),
        accepted: None,
    }
}

/// What is said where nobody who is trusted signed.
pub(crate) fn forged(known: Option<&Seen>, note: String, at: Timestamp) -> Alarm {
    Alarm {
        what: Wrong::Forged,
        at,
        why: "the server shows a state of its audit log that its identity root did not sign".to_owned(),
        known: known.map(|known| known.note.clone()).unwrap_or_default(),
        shown: note,
        accepted: None,
    }
}

/// A state that nobody vouches for cannot be gone on with.
pub(crate) fn no_state(why: impl std::fmt::Display) -> Error {
    Error::bad_input("the server shows no state of its audit log that could be accepted", why.to_string())
}

/// What is stored of a state reads as one.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn stored(root: &[u8]) -> Result<thechatapp_protocol::audit::tree::Hash> {
    thechatapp_protocol::audit::tree::Hash::from_slice(root)
        .ok_or_else(|| Error::Corrupt { file: "local.db".into(), why: "a state of an audit log has no root".into() })
}

#[cfg(test)]
mod tests;
