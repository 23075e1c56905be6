//! The sealed copy of a workspace on this device: channels, people, messages and their index, in one file per account.
//!
//! Everything in it can be fetched again, so a damaged one is set aside and rebuilt; a newer one, or one on a full disk,
//! is left alone and said so. One thread writes, queries run beside it.

mod apply;
mod check;
pub(crate) mod file;
mod former;
mod gaps;
mod kept;
mod list;
mod moments;
mod parting;
mod read;
mod replace;
mod rights;
mod room;
mod schema;
mod search;
mod threads;
mod thumbnails;
mod view;

use crate::error::{Error, Result};
use crate::fault::{self, first_damage, note_damage};
use crate::local::Listed;
use apply::{Batch, Origin};
use file::Open;
use former::Former;
use moments::Moments;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use thechatapp_database as database;
use thechatapp_protocol::event::{MessageRow, ReadRow};
use thechatapp_protocol::methods::sync::{ChangedRange, DeviceBounds, Updates};
use thechatapp_protocol::{AccountId, Changes, ChannelId, FileId, Row, wire};
use thechatapp_seal::Key;
use tokio::sync::{RwLockReadGuard, watch};

pub(crate) use apply::{Applied, HistoryPage};
pub(crate) use gaps::Gaps;
pub(crate) use kept::KeptFile;
pub(crate) use moments::Moment;
pub(crate) use room::{Bounds, FILES_ROOM, Used};
pub(crate) use search::INDEX_TOGETHER;

/// What may have changed on the server unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// Channels one is not in: nothing keeps them up to date.
    Outside,
    /// All.
    All,
    /// What the server names.
    Changed(Vec<ChangedRange>),
}

/// Where the cursor stood before the server told heads instead of messages, which may be at the beginning; and where it came
/// with them: what changed later is told one by one again.
const HEADS_FROM: &str = "heads_from";
const HEADS_TO: &str = "heads_to";
/// What the writer keeps of the file in memory: so many KiB, as SQLite's negative numbers say.
const PAGES: i32 = -16_384;
/// Idle reading connections that stay open.
const READERS: usize = 4;

/// How long a question waits for a damaged file to be replaced.
const RECOVERY: Duration = Duration::from_secs(10);

/// Whose cache this is.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    /// The workspace's short name, as views show it.
    pub(crate) workspace: String,
}

impl Me {
    /// Whether a text says `@name`, or `@slug` of one of these groups, whatever the case.
    fn is_named_in(&self, text: &str, slugs: &[String]) -> bool {
        if !text.contains('@') {
            return false;
        }
        let text = text.to_lowercase();
        let is_mentioned = |name: &str| {
            let name = format!("@{}", name.to_lowercase());
            text.match_indices(&name).any(|(at, found)| {
                let next = text.get(at + found.len()..).and_then(|rest| rest.chars().next());
                !next.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
            })
        };
        std::iter::once(self.name.as_str())
            .chain(slugs.iter().map(String::as_str))
            .any(|name| !name.is_empty() && is_mentioned(name))
    }
}

/// An open cache.
#[derive(Debug)]
pub(crate) struct Cache {
    /// The file, or why there is none while a damaged one is being replaced.
    open: tokio::sync::RwLock<Result<Open>>,
    /// The damaged file whose place this one takes.
    former: RwLock<Option<Arc<Former>>>,
    path: PathBuf,
    me: Arc<Me>,
    moments: Arc<Moments>,
    /// The first sign that the file is damaged.
    damage: watch::Sender<Option<Error>>,
    /// Whether it is being closed.
    ending: watch::Sender<bool>,
}

/// Where a cache stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The last change that was applied.
    pub(crate) cursor: u64,
    /// The server's generation it belongs to; empty before the first sync.
    pub(crate) generation: Vec<u8>,
}

impl Cache {
    /// Opens an account's cache, or makes an empty one where there is none, or where it is damaged: see [`Former`].
    pub(crate) async fn open(path: &Path, key: &[u8; 32], me: Me) -> Result<Self> {
        // Not the bytes themselves: what is handed to another thread is copied on the way.
        let key = Key::try_from(key.as_slice()).map_err(fault::internal)?;
        let (open, former) = replace::opened(path.to_owned(), key, false).await?;
        open.readers.warm_up();
        Ok(Self {
            open: tokio::sync::RwLock::new(Ok(open)),
            former: RwLock::new(former),
            path: path.to_owned(),
            me: Arc::new(me),
            moments: Arc::default(),
            damage: watch::Sender::new(None),
            ending: watch::Sender::new(false),
        })
    }

    /// Writes the log into the file.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.apart(|db| {
            database::flush(db)?;
            Ok(())
        })
        .await
    }

    /// Applies a batch of the stream and moves the cursor, in one transaction.
    pub(crate) async fn apply(&self, changes: Changes, from_the_start: bool) -> Result<Applied> {
        let origin = if from_the_start { Origin::FromTheStart } else { Origin::Stream };
        self.batch(origin, move |batch, db| {
            batch.rows(&changes.rows)?;
            if changes.live && kept_number(db, HEADS_FROM)?.is_some() && kept_number(db, HEADS_TO)?.is_none() {
                set_number(db, HEADS_TO, changes.to)?;
            }
            set_number(db, "cursor", changes.to)
        })
        .await
    }

    /// Applies rows that an answer carried.
    pub(crate) async fn apply_aside(&self, rows: Vec<Row>) -> Result<Applied> {
        self.batch(Origin::Aside, move |batch, _| batch.rows(&rows)).await
    }

    /// What a page is to say that is asked for from now on.
    pub(crate) fn moment(&self) -> Moment {
        self.moments.now()
    }

    /// Applies pages of history, of whichever channels, in one transaction.
    pub(crate) async fn apply_pages(&self, pages: Vec<HistoryPage>) -> Result<Applied> {
        self.batch(Origin::Aside, move |batch, _| batch.pages(&pages)).await
    }

    /// Applies messages of a channel that an answer carried, with others missing in between.
    pub(crate) async fn apply_some(&self, channel: ChannelId, rows: Vec<MessageRow>) -> Result<Applied> {
        self.batch(Origin::Aside, move |batch, _| batch.some(channel, &rows)).await
    }

    /// Applies a read mark that this device sets before the server knows.
    pub(crate) async fn mark_read(&self, channel: ChannelId, seq: u64) -> Result<Applied> {
        self.batch(Origin::Aside, move |batch, _| batch.read(ReadRow { channel, seq, change: 0 })).await
    }

    /// Takes messages as stale.
    pub(crate) async fn mark_stale(&self, what: Stale) -> Result<Applied> {
        let (me, moments) = (Arc::clone(&self.me), Arc::clone(&self.moments));
        self.batch(Origin::Aside, move |batch, db| {
            moments.everything_stale();
            // The cursor will go beyond messages that come only as history. Whoever follows along waits for them here.
            if what != Stale::Outside {
                if kept_number(db, HEADS_FROM)?.is_none() || !read::is_incomplete(db, &me)? {
                    set_number(db, HEADS_FROM, number(db, "cursor")?)?;
                }
                db.execute("DELETE FROM meta WHERE name = ?1", [HEADS_TO])?;
                batch.drop_beyond()?;
            }
            if let Stale::Changed(ranges) = what {
                return ranges.iter().try_for_each(|at| batch.stale(at.channel, at.first, at.last));
            }
            let mut query = db.prepare_cached(
                "SELECT id FROM channels WHERE head > 0 AND (?1 OR NOT EXISTS
                    (SELECT 1 FROM members WHERE channel = channels.id AND person = ?2 AND joined = 1))",
            )?;
            let all = what == Stale::All;
            let channels = query.query_map(params![all, me.id.as_bytes()], |row| row.get::<_, [u8; 16]>(0))?;
            for channel in channels.collect::<Result<Vec<_>, _>>()? {
                batch.stale(ChannelId::from_bytes(channel), 1, u64::MAX)?;
            }
            Ok(())
        })
        .await
    }

    /// Where the cache stands.
    pub(crate) async fn standing(&self) -> Result<Standing> {
        self.read(|db, _| {
            Ok(Standing {
                cursor: number(db, "cursor")?,
                generation: db
                    .query_row("SELECT value FROM meta WHERE name = 'generation'", [], |row| row.get(0))
                    .optional()?
                    .unwrap_or_default(),
            })
        })
        .await
    }

    /// Which apps the server asked for when a session began last, where it said so.
    pub(crate) async fn updates(&self) -> Result<Option<Updates>> {
        self.told("updates").await
    }

    /// Keeps which apps the server asks for; nothing when it does not say.
    pub(crate) async fn set_updates(&self, updates: Option<Updates>) -> Result<()> {
        self.set_told("updates", updates).await.map(drop)
    }

    /// How much the server lets devices keep, as it said when a session began last.
    pub(crate) async fn device_bounds(&self) -> Result<Option<DeviceBounds>> {
        self.told("bounds").await
    }

    /// Keeps how much the server lets devices keep.
    pub(crate) async fn set_device_bounds(&self, bounds: Option<DeviceBounds>) -> Result<()> {
        let bounds = bounds.filter(|bounds| *bounds != DeviceBounds::default());
        if self.set_told("bounds", bounds).await? {
            // What was kept out until now may be let in.
            self.forget_horizons().await?;
        }
        Ok(())
    }

    async fn told<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>> {
        let kept = self.read(move |db, _| {
            let mut query = db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
            Ok(query.query_row([name], |row| row.get::<_, Vec<u8>>(0)).optional()?)
        });
        Ok(kept.await?.and_then(|kept| wire::decode(&kept).ok()))
    }

    /// Returns whether it was something else before.
    async fn set_told<T: Serialize + DeserializeOwned + PartialEq>(
        &self,
        name: &'static str,
        value: Option<T>,
    ) -> Result<bool> {
        if self.told(name).await? == value {
            return Ok(false);
        }
        let encoded = value.as_ref().map(wire::encode).transpose().map_err(fault::internal)?;
        self.write(move |db| {
            match &encoded {
                Some(encoded) => db
                    .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
                    .execute(params![name, encoded])?,
                None => db.execute("DELETE FROM meta WHERE name = ?1", [name])?,
            };
            Ok(true)
        })
        .await
    }

    /// Empties the cache for another generation of the server's data. Until that tells of them, the channels that one was in stay.
    pub(crate) async fn begin_generation(&self, generation: Vec<u8>, listed: Vec<Listed>) -> Result<()> {
        let (me, former, moments) = (Arc::clone(&self.me), self.former(), Arc::clone(&self.moments));
        self.write(move |db| {
            moments.emptied();
            db.execute_batch(
                "DELETE FROM people; DELETE FROM channels; DELETE FROM members; DELETE FROM reads; DELETE FROM gaps;
                 DELETE FROM messages; DELETE FROM unindexed; DELETE FROM horizons; DELETE FROM thumbnails; DELETE FROM kept; DELETE FROM files; DELETE FROM groups; DELETE FROM standing; INSERT INTO search (search) VALUES ('delete-all'); DELETE FROM meta;",
            )?;
            db.execute("INSERT INTO meta (name, value) VALUES ('generation', ?1)", [&generation])?;
            former::seed_again(db, former.as_deref(), &generation)?;
            list::seed(db, &me, former.as_deref(), &listed)
        })
        .await
    }

    /// Takes words of removed texts out of the index, and removed rows out of the file and its log. Closing does not wait for it:
    /// what is broken off is as if it had not begun, and is done another time.
    pub(crate) async fn tidy(&self) -> Result<()> {
        let held = self.held().await?;
        let running = held.readers.running().clone();
        self.apart_of(&held, move |db| {
            running.run(db, |db| {
                Ok::<_, database::Error>(db.execute("INSERT INTO search (search) VALUES ('optimize')", [])?)
            })?;
            set_number(db, "untidy", 0)?;
            database::flush(db)?;
            Ok(())
        })
        .await
    }

    /// Whether the index still has words of removed texts.
    pub(crate) async fn is_untidy(&self) -> Result<bool> {
        self.read(|db, _| Ok(number(db, "untidy")? > 0)).await
    }

    /// The channel of a file that a message here has.
    pub(crate) async fn channel_of_file(&self, file: FileId) -> Result<Option<ChannelId>> {
        let here = self.read(move |db, _| read::channel_of_file(db, file)).await?;
        Ok(if here.is_some() { here } else { self.channel_of_file_before(file).await })
    }

    /// One's own newest messages as first sent, not edited, not deleted, no polls, those of a damaged cache among them: what a restored
    /// server may lack.
    pub(crate) async fn own_messages(&self, limit: usize) -> Result<Vec<MessageRow>> {
        let mut own = self.read(move |db, me| read::own_messages(db, me.id, limit)).await?;
        let before = self.own_messages_before(limit).await;
        // What became of it since, that one does not know.
        let here = before.iter().map(|row| row.id).collect();
        let here = self.read(move |db, _| read::here(db, here)).await?;
        own.extend(before.into_iter().filter(|row| !here.contains(&row.id)));
        own.sort_by_key(|row| std::cmp::Reverse((row.at, row.seq)));
        own.truncate(limit);
        Ok(own)
    }

    /// Whether the file is known to be damaged, and has not been replaced yet.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damage.borrow().is_some()
    }

    /// Waits until anything that reads or writes finds the file damaged.
    pub(crate) fn damaged(&self) -> impl Future<Output = Error> + Send + use<> {
        first_damage(&self.damage)
    }

    fn fault(&self, why: database::Error) -> Error {
        // What was broken off for a fresh file to take this one's place is answered by that one, where one will.
        if matches!(why, database::Error::Closed)
            && !self.is_ending()
            && let Some(damage) = self.damage.borrow().clone()
        {
            return damage;
        }
        let error = fault::database(&self.path, why);
        note_damage(&self.damage, &error);
        error
    }

    /// Waits until a damaged file has been replaced, where that comes within a moment and the cache is not being closed.
    pub(crate) async fn recovered(&self) -> bool {
        let (mut damage, mut ending) = (self.damage.subscribe(), self.ending.subscribe());
        let replaced = async {
            tokio::select! {
                biased;
                _ = ending.wait_for(|ending| *ending) => false,
                whole = damage.wait_for(Option::is_none) => whole.is_ok(),
            }
        };
        tokio::time::timeout(RECOVERY, replaced).await.unwrap_or(false)
    }

    /// Whether it is being closed: nothing is asked of it any more, and no other file takes its place.
    fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// The file, which stays the same while this is held.
    async fn held(&self) -> Result<RwLockReadGuard<'_, Open>> {
        let held = self.open.read().await;
        RwLockReadGuard::try_map(held, |held| held.as_ref().ok())
            .map_err(|held| held.as_ref().err().cloned().unwrap_or_else(|| fault::internal("the cache is closed")))
    }

    /// Runs a query beside the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection, &Me) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        let me = Arc::clone(&self.me);
        let held = self.held().await?;
        held.readers.read(move |db| query(db, &me)).await.map_err(|why| self.fault(why))
    }

    /// Runs a query here and now.
    async fn peek<T>(&self, query: impl FnOnce(&Connection, &Me) -> Result<T, database::Error>) -> Result<T> {
        let held = self.held().await?;
        held.readers.read_here(|db| query(db, &self.me)).map_err(|why| self.fault(why))
    }

    async fn batch(
        &self,
        origin: Origin,
        job: impl FnOnce(&mut Batch<'_>, &Connection) -> Result<(), database::Error> + Send + 'static,
    ) -> Result<Applied> {
        self.batch_with(origin, job).await.map(|(applied, ())| applied)
    }

    async fn batch_with<T: Send + 'static>(
        &self,
        origin: Origin,
        job: impl FnOnce(&mut Batch<'_>, &Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<(Applied, T)> {
        let (me, moments) = (Arc::clone(&self.me), Arc::clone(&self.moments));
        self.write(move |db| {
            let mut batch = Batch::new(db, (&me, &moments), origin)?;
            let answer = job(&mut batch, db)?;
            let applied = batch.finish()?;
            if applied.removed || !applied.lost.is_empty() {
                set_number(db, "untidy", 1)?;
            }
            Ok((applied, answer))
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        let held = self.held().await?;
        self.write_of(&held, job).await
    }

    async fn write_of<T: Send + 'static>(
        &self,
        held: &Open,
        job: impl FnOnce(&Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        held.writer.write(move |db, _| job(db)).await.map_err(|why| self.fault(why))
    }

    async fn apart<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        let held = self.held().await?;
        self.apart_of(&held, job).await
    }

    async fn apart_of<T: Send + 'static>(
        &self,
        held: &Open,
        job: impl FnOnce(&mut Connection) -> Result<T, database::Error> + Send + 'static,
    ) -> Result<T> {
        held.writer.apart(job).await.map_err(|why| self.fault(why))
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Cache {
    /// As a newer release leaves it.
    pub(crate) async fn make_newer(&self) -> Result<()> {
        self.apart(|db| Ok(db.pragma_update(None, "user_version", schema::CACHE.len() as i64 + 1)?)).await
    }
}

fn number(db: &Connection, name: &str) -> rusqlite::Result<u64> {
    Ok(kept_number(db, name)?.unwrap_or(0))
}

/// `None` where it was never kept.
fn kept_number(db: &Connection, name: &str) -> rusqlite::Result<Option<u64>> {
    let value: Option<Vec<u8>> =
        db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()?;
    Ok(value.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes))
}

fn set_number(db: &Connection, name: &str, value: u64) -> Result<(), database::Error> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value.to_be_bytes().as_slice()])?;
    Ok(())
}

#[cfg(test)]
mod tests;
