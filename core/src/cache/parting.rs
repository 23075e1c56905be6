//! When a damaged cache that stands aside has to go, because of what is in it.

use super::former::Former;
use super::{Cache, Me};
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use thechatapp_database::{Error, Readers, Running, has_met_damage};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId, wire};

/// How far a count goes on behind a page that does not open: a millisecond, each time twice as far. And how often at most.
const BEHIND: i64 = 1 << 20;
const STEPS: usize = 1000;

/// How many messages of a file open.
pub(super) fn readable(readers: &Readers) -> u64 {
    let (mut count, mut after, mut step) = (0, -1_i64, BEHIND);
    for _ in 0..STEPS {
        let before = count;
        let done = readers.read_here(|db| {
            let mut query = db.prepare("SELECT place FROM messages NOT INDEXED WHERE place > ?1 ORDER BY place")?;
            let mut rows = query.query([after])?;
            while let Some(row) = rows.next()? {
                let place = row.get(0)?;
                if has_met_damage(db)? {
                    break;
                }
                (count, after) = (count + 1, place);
            }
            Ok::<_, Error>(())
        });
        if matches!(done, Ok(()) | Err(Error::Closed)) {
            break;
        }
        step = if count > before { BEHIND } else { step.saturating_mul(2) };
        after = after.saturating_add(step);
    }
    count
}

impl Former {
    /// Whether another file has more messages that open. Where both are ended meanwhile it is not known to have.
    pub(super) fn has_fewer_than(&self, other: &Readers) -> bool {
        let own = if self.is_read { readable(&self.readers) } else { 0 };
        readable(other) > own
    }

    /// Closes it, and where it `gives_way` to what is set aside now, removes it.
    pub(super) fn close_or_end(&self, gives_way: bool) {
        if !gives_way {
            return self.close();
        }
        if let Err(why) = self.end() {
            tracing::warn!(%why, "a damaged cache stays, though another one has more");
        }
    }

    /// Whether it has messages of a channel. Where that page does not open, they may be in another one.
    fn may_have(&self, channel: ChannelId) -> bool {
        let has = self.ask(|db| {
            Ok(db.prepare_cached("SELECT 1 FROM messages WHERE channel = ?1 LIMIT 1")?.exists([channel.as_bytes()])?)
        });
        has.unwrap_or(true)
    }

    /// The channels that it has messages of, as far as that opens from both ends.
    fn channels(&self) -> BTreeSet<[u8; 16]> {
        let mut all = BTreeSet::new();
        for (next, order) in [(">", "ASC"), ("<", "DESC")] {
            let sql = format!(
                "SELECT channel FROM messages WHERE ?1 IS NULL OR channel {next} ?1 ORDER BY channel {order} LIMIT 1"
            );
            let mut last: Option<[u8; 16]> = None;
            // Of what was told from the other end nothing is new.
            while let Ok(Some(channel)) =
                self.ask(|db| Ok(db.prepare_cached(&sql)?.query_row([last], |row| row.get(0)).optional()?))
                && all.insert(channel)
            {
                last = Some(channel);
            }
        }
        all
    }
}

impl Cache {
    /// Whether the damaged one may have messages of channels that one is not in any more, and that are not public.
    pub(crate) async fn former_may_have(&self, left: &[ChannelId]) -> Result<bool> {
        if left.is_empty() || !self.is_being_rebuilt() {
            return Ok(false);
        }
        let mut hidden = left.to_vec();
        let hidden = self
            .read(move |db, me| {
                let mut seen = BTreeSet::new();
                for channel in &hidden {
                    if is_seen(db, me, *channel)? {
                        seen.insert(*channel);
                    }
                }
                hidden.retain(|channel| !seen.contains(channel));
                Ok(hidden)
            })
            .await?;
        let asked = self.of_former(move |former, _| Some(hidden.into_iter().any(|channel| former.may_have(channel))));
        Ok(asked.await.unwrap_or(false))
    }

    /// Forgets files that no message here has, and what opens them.
    pub(super) async fn forget_files_of_none(&self) -> Result<()> {
        let held = self.held().await?;
        let running = held.readers.running().clone();
        self.write_of(&held, move |db| drop_files_of_none(db, &running)).await
    }

    /// Whether the damaged one is known to have messages of any channel that is not one's to see: it was to go with that channel, and
    /// something came in between.
    pub(super) async fn former_has_hidden(&self) -> Result<bool> {
        let Some(channels) = self.of_former(|former, _| Some(former.channels())).await else { return Ok(false) };
        self.read(move |db, me| {
            for channel in channels {
                if !is_seen(db, me, ChannelId::from_bytes(channel))? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}

/// Meanwhile the message may have been deleted.
fn drop_files_of_none(db: &Connection, running: &Running) -> Result<(), Error> {
    // Nothing is changed while it looks through all messages, so that closing need not wait for it.
    let live = running.run(db, files_of_all)?;
    for (table, id) in [("kept", "file"), ("files", "id")] {
        let mut query = db.prepare(&format!("SELECT {id} FROM {table}"))?;
        let known = query.query_map([], |row| row.get(0).map(FileId::from_bytes))?;
        let known = known.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut drop = db.prepare(&format!("DELETE FROM {table} WHERE {id} = ?1"))?;
        for file in known.iter().filter(|file| !live.contains(file)) {
            drop.execute([file.as_bytes()])?;
        }
    }
    Ok(())
}

fn files_of_all(db: &Connection) -> Result<BTreeSet<FileId>, Error> {
    let mut live = BTreeSet::new();
    let mut query = db.prepare("SELECT files FROM messages WHERE files IS NOT NULL AND deleted = 0")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let files: Vec<u8> = row.get(0)?;
        live.extend(wire::decode::<Vec<FileRow>>(&files).unwrap_or_default().into_iter().map(|file| file.id));
    }
    Ok(live)
}

/// Whether a channel is public, or one is in it.
fn is_seen(db: &Connection, me: &Me, channel: ChannelId) -> Result<bool, Error> {
    let mut query = db.prepare_cached(
        "SELECT 1 FROM channels c WHERE c.id = ?1 AND (c.kind = 0 OR c.kind > 0 AND EXISTS
            (SELECT 1 FROM members WHERE channel = c.id AND person = ?2 AND joined = 1))",
    )?;
    Ok(query.exists(params![channel.as_bytes(), me.id.as_bytes()])?)
}
