//! What can be read of a cache that was damaged, while a fresh one takes its place: who is there, which channels there are, pages that
//! are not here yet. What does not open is passed over.
//!
//! Of its small tables the fresh one begins with what can be read, all of it to be confirmed: offline there is a list of channels to
//! read and write in, and what the server does not tell in the first sync is not one's to see any more.

use super::apply::{Applied, Origin};
use super::file::{former_path, remove};
use super::view::{COLUMNS, stored};
use super::{Cache, Gaps, Me, number, read, room, search, set_number};
use crate::error::Result;
use crate::fault;
use crate::view::{HitView, MessageView, SearchQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use thechatapp_database::{self as database, Durability, Error, Readers, has_met_damage};
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::{ChannelId, FileId, MessageId};

/// The change of a row that the server has not confirmed: below all of its own.
pub(super) const UNCONFIRMED: i64 = -1;
/// Whether rows are here that it has not confirmed.
pub(super) const SEEDED: &str = "seeded";
/// How many times a part that does not open is stepped over before the rest of a page is given up.
const PATIENCE: usize = 100;

/// Tables that a fresh cache begins with: their columns there, the same as read here, and by what they are put in order.
const SEED: [(&str, &str, &str, &str); 9] = [
    ("people", "id, name, imported, active, change, rank", "id, name, imported, active, -1, rank", "id"),
    (
        "channels",
        "id, kind, name, topic, head, created, change, archived",
        "id, kind, name, topic, head, created, -1, archived",
        "id",
    ),
    (
        "members",
        "channel, person, joined, change, moderator",
        "channel, person, joined, -1, moderator",
        "channel, person",
    ),
    ("reads", "channel, seq, change", "channel, seq, -1", "channel"),
    (
        "groups",
        "id, slug, name, visibility, change, inside, inside_change",
        "id, slug, name, visibility, -1, inside, -1",
        "id",
    ),
    ("standing", "one, rank, powers, change, within", "one, rank, powers, -1, within", "one"),
    ("horizons", "channel, seq", "channel, seq", "channel"),
    // What opens the sealed files that lie beside it.
    ("files", "id, channel", "id, channel", "id"),
    ("kept", "file, channel, row, sealed, key, at", "file, channel, row, sealed, key, at", "file"),
];

/// A damaged cache that stands aside.
#[derive(Debug)]
pub(crate) struct Former {
    path: PathBuf,
    pub(super) readers: Readers,
    /// Whether its log is right, without which nothing of it is read.
    pub(super) is_read: bool,
}

impl Former {
    /// The one beside a cache, if there is one.
    pub(super) fn beside(cache: &Path, key: &[u8; 32]) -> Result<Option<Arc<Self>>, Error> {
        let path = former_path(cache);
        if !path.exists() {
            // What a move or a removal left that was broken off.
            remove(&path)?;
            return Ok(None);
        }
        let readers = Readers::of_former(path.clone(), key, 1);
        // What is read past a log that is not right would be pages of two moments.
        let log = database::check_log(&path, Durability::Normal);
        if let Err(why) = &log {
            tracing::warn!(%why, "nothing of a damaged cache is read");
            readers.end();
        }
        Ok(Some(Arc::new(Self { path, readers, is_read: log.is_ok() })))
    }

    pub(super) fn ask<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        self.readers.read_here(query)
    }

    /// Something of it, should it open.
    fn some<T>(&self, query: impl FnOnce(&Connection) -> Result<Option<T>, Error>) -> Option<T> {
        self.ask(query).ok().flatten()
    }

    /// Rows as far as they open, from one end. What was being read as a page did not open is left out.
    fn each(&self, sql: &str, mut row: impl FnMut(Vec<Value>) -> Result<(), Error>) -> Result<(), Error> {
        let mut own = Ok(());
        let done = self.readers.read_here(|db| {
            let mut query = db.prepare(sql)?;
            let columns = query.column_count();
            let mut rows = query.query([])?;
            while let Some(next) = rows.next()? {
                let values = (0..columns).map(|column| next.get(column)).collect::<rusqlite::Result<_>>()?;
                if has_met_damage(db)? {
                    break;
                }
                own = row(values);
                if own.is_err() {
                    break;
                }
            }
            Ok::<_, Error>(())
        });
        if let Err(why) = done {
            tracing::debug!(%why, "a part of a damaged cache does not open");
        }
        own
    }

    /// The generation of the server's data that it was of, where that can be read.
    fn generation(&self) -> Option<Vec<u8>> {
        self.some(|db| {
            Ok(db.query_row("SELECT value FROM meta WHERE name = 'generation'", [], |row| row.get(0)).optional()?)
        })
    }

    /// Fills a cache into which nothing has come yet.
    pub(super) fn seed_new(&self, db: &Connection) -> Result<(), Error> {
        let begun: bool = db.prepare("SELECT 1 FROM meta")?.exists([])?;
        if begun {
            return Ok(());
        }
        let change = db.unchecked_transaction()?;
        self.seed(&change)?;
        Ok(change.commit()?)
    }

    /// Puts what can be read of the small tables into a cache in which they are empty.
    fn seed(&self, db: &Connection) -> Result<(), Error> {
        for (table, columns, read, order) in SEED {
            let places = vec!["?"; columns.split(',').count()].join(", ");
            let mut insert = db.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"))?;
            // From both ends: between them lies what does not open.
            for end in ["ASC", "DESC"] {
                let order = order.replace(',', &format!(" {end},"));
                self.each(&format!("SELECT {read} FROM {table} ORDER BY {order} {end}"), |values| {
                    match insert.execute(params_from_iter(values)).map_err(Error::from) {
                        Err(full @ Error::Full(_)) => Err(full),
                        // What this release would not have written is left out.
                        _ => Ok(()),
                    }
                })?;
            }
        }
        // No message of it is here.
        db.execute(
            "INSERT OR IGNORE INTO gaps (channel, first, last) SELECT id, 1, head FROM channels WHERE head > 0",
            [],
        )?;
        set_number(db, SEEDED, 1)?;
        Ok(())
    }

    /// Messages of a range that can be read, ascending.
    fn messages(&self, channel: ChannelId, first: u64, last: u64) -> Vec<MessageRow> {
        let mut found = Vec::new();
        // The newest first: they are what people look at.
        let mut until = last;
        for _ in 0..PATIENCE {
            let before = found.len();
            let which = "m.channel = ?1 AND m.seq BETWEEN ?2 AND ?3 ORDER BY m.seq DESC";
            let done = self.pick(which, params![channel.as_bytes(), first as i64, until as i64], &mut found);
            if done.is_ok() {
                break;
            }
            let lowest = if found.len() > before { found.last().map_or(until, |row| row.seq) } else { until + 1 };
            // One does not open: the next one is looked at by itself.
            let Some(next) = lowest.checked_sub(2).filter(|next| *next >= first) else { break };
            until = next;
        }
        found.reverse();
        found
    }

    /// Messages that a question finds, as far as they can be read.
    pub(super) fn picked(&self, which: &str, values: impl Params) -> Vec<MessageRow> {
        let mut found = Vec::new();
        let done = self.pick(which, values, &mut found);
        if let Err(why) = done {
            tracing::debug!(%why, "a part of a damaged cache does not open");
        }
        found
    }

    /// Adds messages that a question finds, up to what does not open.
    fn pick(&self, which: &str, values: impl Params, found: &mut Vec<MessageRow>) -> std::result::Result<(), Error> {
        let sql = format!("SELECT {COLUMNS}, m.change FROM messages m WHERE {which}");
        self.readers.read_here(|db| {
            let mut query = db.prepare(&sql)?;
            let mut rows = query.query(values)?;
            while let Some(row) = rows.next()? {
                let message = stored(row);
                if has_met_damage(db)? {
                    break;
                }
                // A value that does not open is one message less.
                found.extend(message.ok());
            }
            Ok(())
        })
    }

    /// The numbers that a channel had here, as far as that can be read.
    fn had(&self, channel: ChannelId) -> Vec<(u64, u64)> {
        let head = self.some(|db| {
            let mut query = db.prepare_cached("SELECT head FROM channels WHERE id = ?1 AND kind >= 0")?;
            Ok(query.query_row([channel.as_bytes()], |row| row.get::<_, i64>(0)).optional()?)
        });
        // Where that does not open, its messages may.
        let head = head.map_or_else(|| self.head(channel), |head| head as u64);
        if head == 0 {
            return Vec::new();
        }
        self.some(|db| {
            let mut had = Gaps::default();
            had.add(1, head);
            for (first, last) in Gaps::load(db, channel)?.all() {
                had.remove(*first, *last);
            }
            Ok(Some(had.all().to_vec()))
        })
        .unwrap_or_default()
    }

    /// The newest number of a channel that there is a message of; 0 where that cannot be read.
    pub(super) fn head(&self, channel: ChannelId) -> u64 {
        let head = self.some(|db| {
            let mut query = db.prepare_cached("SELECT max(seq) FROM messages WHERE channel = ?1")?;
            Ok(query.query_row([channel.as_bytes()], |row| row.get::<_, Option<i64>>(0))?)
        });
        head.map_or(0, i64::unsigned_abs)
    }

    /// One's own messages as [`Cache::own_messages`] has them, as far as they open from both ends.
    fn own_messages(&self, me: &Me, limit: usize) -> Vec<MessageRow> {
        let mut found: BTreeMap<i64, MessageRow> = BTreeMap::new();
        for newest in [true, false] {
            let done = self.ask(|db| {
                read::each_own_message(db, me.id, newest, |place, row| {
                    let go_on = !has_met_damage(db)? && found.len() < limit && !found.contains_key(&place);
                    if go_on {
                        found.insert(place, row);
                    }
                    Ok(go_on)
                })
            });
            if done.is_ok() {
                break;
            }
        }
        found.into_values().rev().collect()
    }

    fn search(&self, me: &Me, query: &SearchQuery) -> Vec<HitView> {
        self.some(|db| search::found(db, me, query).map(Some)).unwrap_or_default()
    }

    /// Closes it and removes it.
    pub(super) fn end(&self) -> Result<(), Error> {
        self.close();
        remove(&self.path)
    }

    pub(super) fn close(&self) {
        self.readers.end();
    }
}

impl Cache {
    /// Bytes of the damaged cache beside this one.
    pub(crate) async fn former_bytes(&self) -> u64 {
        self.of_former(|former, _| Some(super::file::bytes(&former.path))).await.unwrap_or(0)
    }

    /// The damaged cache whose place this one takes.
    pub(super) fn former(&self) -> Option<Arc<Former>> {
        self.former.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this one takes the place of a damaged one, and lacks something of what that one had.
    pub(crate) fn is_being_rebuilt(&self) -> bool {
        self.former().is_some()
    }

    /// Whether this one is damaged, or takes the place of one that is.
    pub(crate) fn has_damage(&self) -> bool {
        self.is_damaged() || self.is_being_rebuilt()
    }

    /// Asks the damaged one something, should there be one and should it answer.
    pub(super) async fn of_former<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Former, &Me) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let (former, me) = (self.former()?, Arc::clone(&self.me));
        tokio::task::spawn_blocking(move || ask(&former, &me)).await.ok().flatten()
    }

    /// What the damaged one had and this one has not yet, of the channels one is in. What is not kept here by choice is not lacking.
    pub(crate) async fn lacking(&self) -> Result<Vec<(ChannelId, u64, u64)>> {
        let Some(former) = self.former() else { return Ok(Vec::new()) };
        self.read(move |db, me| {
            let mut query = db.prepare_cached(
                "SELECT c.id FROM channels c JOIN members j ON j.channel = c.id AND j.person = ?1 AND j.joined = 1
                 WHERE c.kind >= 0 AND EXISTS (SELECT 1 FROM gaps WHERE channel = c.id) ORDER BY c.change DESC",
            )?;
            let channels = query.query_map([me.id.as_bytes()], |row| row.get(0).map(ChannelId::from_bytes))?;
            let mut lacking = Vec::new();
            for channel in channels {
                let channel = channel?;
                let (gaps, from) = (Gaps::load(db, channel)?, room::horizon(db, channel)? + 1);
                for (first, last) in former.had(channel).into_iter().rev() {
                    lacking.extend(
                        gaps.within(first.max(from), last)
                            .into_iter()
                            .rev()
                            .map(|(first, last)| (channel, first, last)),
                    );
                }
            }
            Ok(lacking)
        })
        .await
    }

    /// Lets the damaged one go, and forgets the files of which it alone told.
    pub(crate) async fn let_go(&self) -> Result<bool> {
        if !self.is_being_rebuilt() {
            return Ok(false);
        }
        // First: broken off in between, it is done once more. What is not one's to see goes all the same where this fails.
        let forgotten = self.forget_files_of_none().await;
        if forgotten.is_err() && self.is_ending() {
            return forgotten.map(|()| false);
        }
        let Some(former) = self.former.write().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(false) };
        let path = former.path.clone();
        let ended = tokio::task::spawn_blocking(move || former.end()).await.map_err(fault::internal)?;
        ended.map_err(|why| fault::database(&path, why))?;
        forgotten.map(|()| true)
    }

    /// The server has told all there is: what it did not confirm is not one's to see any more, and neither is a damaged cache that
    /// has it still. What was not confirmed counts as such until that one is gone: broken off in between, it is done once more.
    pub(crate) async fn confirm(&self) -> Result<Option<Applied>> {
        let seeded = self.read(|db, _| Ok(number(db, SEEDED)?)).await? > 0;
        let (applied, lost) = if seeded { self.drop_unconfirmed().await? } else { (Applied::default(), false) };
        if lost || self.former_has_hidden().await? {
            self.let_go().await?;
        }
        if !seeded {
            return Ok(None);
        }
        self.write(|db| set_number(db, SEEDED, 0)).await?;
        Ok(Some(Applied { channels: true, standing: true, ..applied }))
    }

    async fn drop_unconfirmed(&self) -> Result<(Applied, bool)> {
        self.batch_with(Origin::Aside, |batch, db| {
            let mut query = db.prepare("SELECT id FROM channels WHERE change = ?1 AND kind >= 0")?;
            let lost = query.query_map([UNCONFIRMED], |row| row.get(0).map(ChannelId::from_bytes))?;
            let lost = lost.collect::<rusqlite::Result<Vec<_>>>()?;
            for channel in &lost {
                batch.forget(*channel)?;
            }
            for sql in [
                "DELETE FROM members WHERE change = ?1",
                "DELETE FROM people WHERE change = ?1",
                "DELETE FROM standing WHERE change = ?1",
                "UPDATE groups SET inside = 0 WHERE inside_change = ?1",
                "UPDATE groups SET slug = NULL, name = NULL WHERE change = ?1",
            ] {
                db.execute(sql, [UNCONFIRMED])?;
            }
            Ok(!lost.is_empty())
        })
        .await
    }

    /// Fills in what the damaged one has of a range: of messages that are here these stay.
    pub(super) async fn filled_in(
        &self,
        channel: ChannelId,
        (first, last): (u64, u64),
        wanted: &[(u64, u64)],
    ) -> Result<Option<Vec<MessageView>>> {
        let Some(mut old) = self.of_former(move |former, _| Some(former.messages(channel, first, last))).await else {
            return Ok(None);
        };
        let (here, horizon) = self
            .read(move |db, me| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM messages m WHERE m.channel = ?1 AND m.seq BETWEEN ?2 AND ?3 ORDER BY m.seq"
                );
                let here = read::messages(db, me, &sql, params![channel.as_bytes(), first as i64, last as i64])?;
                Ok((here, room::horizon(db, channel)?))
            })
            .await?;
        let numbers: BTreeSet<Option<u64>> = here.iter().map(|message| message.seq).collect();
        let is_wanted = |seq: u64| wanted.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        old.retain(|row| row.seq > horizon && is_wanted(row.seq) && !numbers.contains(&Some(row.seq)));
        let mut all = self.shown(old).await?;
        all.extend(here);
        all.sort_by_key(|message| message.seq);
        Ok(Some(all))
    }

    /// One message of the damaged one.
    pub(crate) async fn message_before(&self, channel: ChannelId, seq: u64) -> Result<Option<MessageView>> {
        if seq <= self.read(move |db, _| room::horizon(db, channel)).await? {
            return Ok(None);
        }
        let found = self.of_former(move |former, _| former.messages(channel, seq, seq).pop()).await;
        Ok(self.shown(found.into_iter().collect()).await?.pop())
    }

    /// What the damaged one finds, of channels that are known here.
    pub(super) async fn found_before(&self, query: &SearchQuery) -> Result<Vec<HitView>> {
        let query = query.clone();
        let Some(hits) = self.of_former(move |former, me| Some(former.search(me, &query))).await else {
            return Ok(Vec::new());
        };
        self.read(move |db, me| {
            let ids = hits.iter().map(|hit| hit.message.id).collect();
            let here = read::here(db, ids)?;
            let mut kept = Vec::new();
            for hit in hits {
                // By choice it is not on this device any more.
                let horizon = room::horizon(db, hit.message.channel)?;
                if hit.message.seq.is_some_and(|seq| seq <= horizon) {
                    continue;
                }
                if !here.contains(&hit.message.id) && read::state(db, me, hit.message.channel)?.is_some() {
                    kept.push(hit);
                }
            }
            Ok(kept)
        })
        .await
    }

    /// The channel of a file that a message of the damaged one has.
    pub(super) async fn channel_of_file_before(&self, file: FileId) -> Option<ChannelId> {
        self.of_former(move |former, _| former.some(|db| read::channel_of_file(db, file))).await
    }

    /// The generation of the damaged one, where it tells.
    pub(crate) async fn former_generation(&self) -> Option<Vec<u8>> {
        self.of_former(|former, _| former.generation()).await
    }

    /// One's own messages of the damaged one, the newest first.
    pub(super) async fn own_messages_before(&self, limit: usize) -> Vec<MessageRow> {
        let own = self.of_former(move |former, me| Some(former.own_messages(me, limit)));
        own.await.unwrap_or_default()
    }

    /// The thread of a message of the damaged one.
    pub(super) async fn thread_before(&self, channel: ChannelId, id: MessageId) -> Option<MessageId> {
        self.of_former(move |former, _| former.some(|db| super::threads::root_of(db, channel, id))).await
    }
}

/// The rows of a table as they begin anew in the other generation, should the damaged one be of it.
pub(super) fn seed_again(db: &Connection, former: Option<&Former>, generation: &[u8]) -> Result<(), Error> {
    match former {
        Some(former) if former.generation().is_none_or(|known| known == generation) => former.seed(db),
        _ => Ok(()),
    }
}
