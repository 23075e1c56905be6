//! Messages that answers carried: pages of history, and some out of the middle.

use super::{Batch, room, schema};
use crate::cache::moments::{Moment, Worth};
use rusqlite::params;
use thechatapp_database::Error;
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::event::{ChannelKind, MessageRow};

/// A part of a channel's history, as a server answers.
#[derive(Clone, Debug)]
pub(crate) struct HistoryPage {
    pub(crate) channel: ChannelId,
    /// The numbers it covers: those in between that it lacks do not exist.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The channel's newest number.
    pub(crate) head: u64,
    /// When it was asked for.
    pub(crate) asked: Moment,
    pub(crate) rows: Vec<MessageRow>,
}

impl Batch<'_> {
    /// Pages of history: of each, every number from its first to its last is in it, or does not exist.
    pub(in crate::cache) fn pages(&mut self, pages: &[HistoryPage]) -> Result<(), Error> {
        let mut rows = Vec::new();
        for page in pages {
            let channel = page.channel;
            let worth = self.moments.worth(page.asked, channel, page.first);
            let held = self.held(channel)?;
            // An answer may come after access was lost.
            let seen = held.known && (held.joined || held.kind == Some(ChannelKind::Public));
            if worth == Worth::Nothing || !seen {
                continue;
            }
            // Only for a channel seen from outside does history tell the head: elsewhere the stream does, and it may be
            // behind this page.
            if !held.joined && page.head > held.head {
                held.gaps.add(held.head + 1, page.head);
                held.head = page.head;
                held.head_changed = true;
                held.gaps_changed = true;
            }
            if worth == Worth::Behind {
                // Whoever waits for it asks again.
                self.applied.touch(channel, page.first);
            } else if held.gaps.remove(page.first, page.last) {
                held.gaps_changed = true;
                // What was stale is known to be right, also where nothing else changes.
                self.applied.touch(channel, page.first);
            }
            let fresh = !self
                .db
                .prepare_cached("SELECT 1 FROM messages WHERE channel = ?1 AND seq BETWEEN ?2 AND ?3 LIMIT 1")?
                .exists(params![channel.as_bytes(), page.first as i64, page.last as i64])?;
            // By itself nothing is fetched again up to the horizon: what was deleted since the page was read would stay.
            let above = if worth == Worth::Behind { room::horizon(self.db, channel)? } else { 0 };
            let of_it = page.rows.iter().filter(|row| row.channel == channel && row.seq > above);
            rows.extend(of_it.map(|row| (row, fresh)));
        }
        // In the order of their places: neighbours share a page of the file, and the index, which takes only rising ones together,
        // would else write a part of itself at each step back.
        rows.sort_by_key(|(row, _)| schema::rowid(row.channel, row.at, row.seq));
        for (row, fresh) in rows {
            self.put(row, fresh)?;
        }
        Ok(())
    }

    /// Messages of a channel that an answer carried, with others missing in between.
    pub(in crate::cache) fn some(&mut self, channel: ChannelId, rows: &[MessageRow]) -> Result<(), Error> {
        let held = self.held(channel)?;
        // An answer may come after access was lost.
        if !held.known || (!held.joined && held.kind != Some(ChannelKind::Public)) {
            return Ok(());
        }
        for row in rows.iter().filter(|row| row.channel == channel) {
            self.put(row, false)?;
        }
        Ok(())
    }
}
