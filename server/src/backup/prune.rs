//! Removing old backups from a folder: first the snapshots that need not stay, then the pieces that no other names.

use super::folder::Folder;
use super::snapshot::Snapshot;
use crate::error::{Error, Kind, Result};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// For how many days, weeks and months the newest backup of each stays. Those without a backup do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Days, in UTC.
    pub daily: u32,
    /// Weeks, from Monday on.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
}

/// Which day, week or month a moment is in.
type Period = fn(jiff::Zoned) -> (i16, i16);

impl Default for Keep {
    fn default() -> Self {
        Self { daily: 7, weekly: 5, monthly: 12 }
    }
}

impl Keep {
    /// Whether anything but the newest would stay.
    ///
    /// # Errors
    /// Usage, for zeros alone: who writes them hardly means that one backup is left.
    pub fn checked(self) -> Result<Self> {
        if self.daily == 0 && self.weekly == 0 && self.monthly == 0 {
            return Err(Error::new(
                Kind::Usage,
                "Nothing would be kept",
                "the days, weeks and months to keep are all 0",
                "keep at least one of them",
            ));
        }
        Ok(self)
    }

    /// Which of these snapshots stay. Choosing again among them and some of the others gives the same.
    fn choose(self, snapshots: &[(String, Timestamp, bool)]) -> BTreeSet<String> {
        let mut newest_first: Vec<_> = snapshots.iter().collect();
        newest_first.sort_by_key(|(name, at, _)| std::cmp::Reverse((*at, name)));
        // One that lacks a workspace takes the place of no complete one: beside the newest, it stays where there is no other.
        let newest = newest_first.first();
        let complete = newest_first.iter().find(|(_, _, complete)| *complete);
        let mut stay: BTreeSet<String> = newest.into_iter().chain(complete).map(|one| one.0.clone()).collect();
        let periods: [(u32, Period); 3] = [
            (self.daily, |at| (at.year(), at.day_of_year())),
            (self.weekly, |at| {
                let week = at.date().iso_week_date();
                (week.year(), i16::from(week.week()))
            }),
            (self.monthly, |at| (at.year(), i16::from(at.month()))),
        ];
        for (mut left, period) in periods {
            let mut last = None;
            for (number, (_, at, _)) in newest_first.iter().enumerate() {
                let of = |at: Timestamp| {
                    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
                    Some(period(at.to_zoned(TimeZone::UTC)))
                };
                let this = of(*at);
                if this == last {
                    continue;
                }
                if left == 0 {
                    break;
                }
                let same = || newest_first.iter().skip(number).take_while(|(_, at, _)| of(*at) == this);
                if let Some(one) = same().find(|(_, _, complete)| *complete).or_else(|| same().next()) {
                    stay.insert(one.0.clone());
                }
                (last, left) = (this, left.saturating_sub(1));
            }
        }
        stay
    }
}

/// In which backup each workspace is for the last time. That one stays whatever else does: a host may be without a workspace for
/// as long as it likes, as one that is closed, or that was left out by a restore, and what was backed up of it is then all there is.
/// Only one that was wiped is to be gone.
#[derive(Default)]
struct Last {
    holds: BTreeMap<WorkspaceId, (Timestamp, String)>,
    wiped: BTreeMap<WorkspaceId, Timestamp>,
}

impl Last {
    fn see(&mut self, name: &str, snapshot: &Snapshot) {
        for one in &snapshot.workspaces {
            let this = (snapshot.at, name.to_owned());
            let last = self.holds.entry(one.id).or_insert_with(|| this.clone());
            if *last < this {
                *last = this;
            }
        }
        for id in &snapshot.wiped {
            let last = self.wiped.entry(*id).or_insert(snapshot.at);
            *last = snapshot.at.max(*last);
        }
    }

    /// Those that stay. A workspace that is in a backup again, made later than it was named as wiped, was brought back.
    fn stay(self) -> impl Iterator<Item = String> {
        let Self { holds, wiped } = self;
        let is_wiped = move |id: &WorkspaceId, at: Timestamp| wiped.get(id).is_some_and(|wiped| *wiped >= at);
        holds.into_iter().filter(move |(id, (at, _))| !is_wiped(id, *at)).map(|(_, (_, name))| name)
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// How many backups stayed.
    pub kept: u64,
    /// How many were removed.
    pub removed: u64,
    /// How many pieces were removed.
    pub pieces: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// Removes the backups that need not stay, and what only they needed. The newest one of each workspace stays, unless that was
/// wiped. Ended early, it leaves pieces that nothing names; the next time removes them.
///
/// # Errors
/// Corrupt when a snapshot does not open, busy while another process writes there; then nothing is removed. The system's.
pub fn prune(folder: Folder, keep: Keep) -> Result<Pruned> {
    let keep = keep.checked()?;
    let folder = folder.lock_for_removing()?;
    // Every snapshot is opened before anything goes: what one that does not open needs is not known.
    let (mut snapshots, mut last) = (Vec::new(), Last::default());
    for name in folder.snapshots()? {
        let (_, snapshot) = folder.snapshot(Some(&name)).map_err(|why| unreadable(&name, why))?;
        last.see(&name, &snapshot);
        snapshots.push((name, snapshot.at, snapshot.is_complete()));
    }
    let mut stay = keep.choose(&snapshots);
    stay.extend(last.stay());
    let mut needed = HashSet::new();
    for name in &stay {
        let (_, snapshot) = folder.snapshot(Some(name)).map_err(|why| unreadable(name, why))?;
        for workspace in snapshot.workspaces {
            let files = workspace.files.into_iter().chain(workspace.thumbnails).map(|(_, pieces)| pieces);
            needed.extend(std::iter::once(workspace.database).chain(files).flat_map(|one| one.pieces));
        }
    }
    let gone: Vec<_> =
        snapshots.iter().map(|(name, _, _)| name.as_str()).filter(|name| !stay.contains(*name)).collect();
    folder.remove_snapshots(&gone)?;
    let (pieces, bytes) = folder.remove_pieces_but(&needed)?;
    Ok(Pruned { kept: stay.len() as u64, removed: gone.len() as u64, pieces, bytes })
}

fn unreadable(name: &str, why: Error) -> Error {
    Error::new(
        why.kind,
        "Nothing was pruned",
        format!("the snapshot {name} does not open: {}", why.why),
        "bring it back from a copy of the folder, or move it away if its backup is not needed",
    )
}

#[cfg(test)]
mod tests;
