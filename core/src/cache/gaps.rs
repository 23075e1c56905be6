//! Ranges of message numbers that are missing or may be out of date.

use rusqlite::{Connection, params};
use thechatapp_protocol::ChannelId;

/// Inclusive ranges, ascending, neither touching nor overlapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps(Vec<(u64, u64)>);

impl Gaps {
    /// One range, or none when it is empty.
    #[cfg(test)]
    pub(crate) fn one(first: u64, last: u64) -> Self {
        let mut gaps = Self::default();
        gaps.add(first, last);
        gaps
    }

    /// Adds a range; an empty one changes nothing.
    pub(crate) fn add(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        let from = self.0.partition_point(|gap| gap.1.saturating_add(1) < first);
        let to = self.0.partition_point(|gap| gap.0 <= last.saturating_add(1));
        if let Some(touched) = self.0.get(from..to)
            && let (Some(lowest), Some(highest)) = (touched.first(), touched.last())
        {
            first = first.min(lowest.0);
            last = last.max(highest.1);
        }
        self.0.splice(from..to.max(from), [(first, last)]);
    }

    /// Removes a range. Returns whether any of it was in a gap.
    pub(crate) fn remove(&mut self, first: u64, last: u64) -> bool {
        let from = self.0.partition_point(|gap| gap.1 < first);
        let to = self.0.partition_point(|gap| gap.0 <= last);
        if first > last || from >= to {
            return false;
        }
        let mut left = Vec::with_capacity(2);
        if let Some(touched) = self.0.get(from..to)
            && let (Some(lowest), Some(highest)) = (touched.first(), touched.last())
        {
            if lowest.0 < first {
                left.push((lowest.0, first - 1));
            }
            if highest.1 > last {
                left.push((last + 1, highest.1));
            }
        }
        self.0.splice(from..to, left);
        true
    }

    /// The parts of the gaps that lie in a range, ascending.
    pub(crate) fn within(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let from = self.0.partition_point(|gap| gap.1 < first);
        self.0
            .iter()
            .skip(from)
            .take_while(|gap| gap.0 <= last)
            .map(|gap| (gap.0.max(first), gap.1.min(last)))
            .filter(|gap| gap.0 <= gap.1)
            .collect()
    }

    /// Whether a range has a gap in it.
    pub(crate) fn any_within(&self, first: u64, last: u64) -> bool {
        first <= last && self.0.get(self.0.partition_point(|gap| gap.1 < first)).is_some_and(|gap| gap.0 <= last)
    }

    /// All of them, ascending.
    pub(crate) fn all(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many numbers they hold.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|gap| gap.1 - gap.0 + 1).sum()
    }

    /// A channel's gaps as stored.
    pub(super) fn load(db: &Connection, channel: ChannelId) -> rusqlite::Result<Self> {
        let mut query = db.prepare_cached("SELECT first, last FROM gaps WHERE channel = ?1 ORDER BY first")?;
        let rows = query
            .query_map([channel.as_bytes()], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?;
        Ok(Self(rows.collect::<Result<_, _>>()?))
    }

    /// Stores a channel's gaps in place of what was there.
    pub(super) fn save(&self, db: &Connection, channel: ChannelId) -> rusqlite::Result<()> {
        db.prepare_cached("DELETE FROM gaps WHERE channel = ?1")?.execute([channel.as_bytes()])?;
        let mut insert = db.prepare_cached("INSERT INTO gaps (channel, first, last) VALUES (?1, ?2, ?3)")?;
        for (first, last) in &self.0 {
            insert.execute(params![channel.as_bytes(), *first as i64, *last as i64])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
