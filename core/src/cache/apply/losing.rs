//! Channels that one may not see any more, or is not in: what is here of them leaves.

use super::Batch;
use crate::cache::{Gaps, thumbnails};
use rusqlite::params;
use thechatapp_database::Error;
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::event::{ChannelKind, ChannelRow};

impl Batch<'_> {
    /// A channel that was public and one is not in is private now.
    pub(super) fn out_of_sight(&mut self, row: &ChannelRow) -> Result<(), Error> {
        let newer = self
            .db
            .prepare_cached("SELECT 1 FROM channels WHERE id = ?1 AND change > ?2")?
            .exists(params![row.id.as_bytes(), row.change as i64])?;
        if newer {
            return Ok(());
        }
        self.applied.channels = true;
        self.forget(row.id)
    }

    /// Everything of a channel leaves; of a public one its name and its members stay.
    pub(super) fn lose(&mut self, channel: ChannelId) -> Result<(), Error> {
        let id = channel.as_bytes();
        self.db
            .prepare_cached("DELETE FROM search WHERE rowid IN (SELECT place FROM messages WHERE channel = ?1)")?
            .execute([id])?;
        let gone = self.db.prepare_cached("DELETE FROM messages WHERE channel = ?1")?.execute([id])?;
        thumbnails::drop_all_of(self.db, channel)?;
        self.db.prepare_cached("DELETE FROM files WHERE channel = ?1")?.execute([id])?;
        self.db.prepare_cached("DELETE FROM horizons WHERE channel = ?1")?.execute([id])?;
        let held = self.held(channel)?;
        held.gaps = Gaps::default();
        held.gaps_changed = true;
        if held.kind == Some(ChannelKind::Public) {
            held.gaps.add(1, held.head);
        } else {
            held.head = 0;
            held.kind = None;
            held.known = false;
            held.head_changed = false;
            let me = self.me.id;
            for sql in ["DELETE FROM channels WHERE id = ?1", "DELETE FROM reads WHERE channel = ?1"] {
                self.db.prepare_cached(sql)?.execute([id])?;
            }
            // One's own row stays, so that an older one is not taken for news.
            self.db
                .prepare_cached("DELETE FROM members WHERE channel = ?1 AND person <> ?2")?
                .execute(params![id, me.as_bytes()])?;
        }
        self.applied.messages.remove(&channel);
        self.applied.left.push(channel);
        if gone > 0 {
            self.applied.lost.push(channel);
        }
        Ok(())
    }

    /// A channel that is not one's to see any more.
    pub(in crate::cache) fn forget(&mut self, channel: ChannelId) -> Result<(), Error> {
        let held = self.held(channel)?;
        held.kind = None;
        held.joined = false;
        self.lose(channel)
    }
}
