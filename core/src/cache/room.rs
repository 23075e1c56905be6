//! How much of the past is kept on this device. What leaves is the least valuable first: files that were opened, then
//! thumbnails, then the oldest messages; of each channel the newest stay, and so do pinned messages and those that unread
//! counts are made of. What left can be fetched again when somebody looks there; by itself it does not come back.

use super::{Cache, Gaps, Moments, kept, schema, thumbnails};
use crate::error::Result;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use thechatapp_database::Error;
use thechatapp_protocol::{ChannelId, Timestamp};

/// Messages of a channel that always stay.
const NEWEST: i64 = 100;
/// Messages that leave in one commit.
const TOGETHER: u64 = 1000;
/// More than so many messages that leave are worth tidying the index and making the file smaller.
const WORTH_TIDYING: u64 = 1000;
/// How often the size is looked at again: what leaves the index frees its room only when that is tidied.
const LOOKS: usize = 4;
/// Sealed bytes of files that are kept when nothing else was chosen.
pub(crate) const FILES_ROOM: u64 = 1 << 30;

/// What may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Only messages from this time on.
    pub(crate) since: Option<Timestamp>,
    /// At most this many bytes, of the file in use and of sealed files beside it together.
    pub(crate) bytes: Option<u64>,
}

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Bytes of the file that are in use.
    pub(crate) bytes: u64,
    /// Messages.
    pub(crate) messages: u64,
    /// Sealed bytes of the files beside it that can be opened.
    pub(crate) files: u64,
}

impl Cache {
    /// How much is here.
    pub(crate) async fn used(&self) -> Result<Used> {
        self.read(|db, _| used(db)).await
    }

    /// Brings the cache within its bounds, as far as what stays allows. Returns how many messages left. Sealed files that it does
    /// not know any more are to be removed by the caller.
    pub(crate) async fn keep_within(&self, bounds: Bounds) -> Result<u64> {
        let mut gone = 0;
        self.drop_files(bounds).await?;
        if let Some(since) = bounds.since {
            gone += self.drop_oldest(schema::floor(since), u64::MAX).await?;
        }
        // A few that leave every day are not worth a new index; their words stay sealed until it is tidied for another reason.
        if gone > WORTH_TIDYING {
            self.give_back().await?;
        }
        let Some(most) = bounds.bytes else { return Ok(gone) };
        for look in 0..LOOKS {
            let now = self.used().await?;
            if now.bytes <= most {
                break;
            }
            if look == 0 {
                let room = i64::try_from(most / 8).unwrap_or(i64::MAX);
                self.write(move |db| thumbnails::make_room(db, room)).await?;
            }
            let now = self.used().await?;
            let each = (now.bytes / now.messages.max(1)).max(1);
            let more = self.drop_oldest(i64::MAX, now.bytes.saturating_sub(most) / each + 1).await?;
            gone += more;
            if more == 0 {
                break;
            }
            self.give_back().await?;
        }
        Ok(gone)
    }

    async fn drop_files(&self, bounds: Bounds) -> Result<()> {
        if self.read(|db, _| kept::bytes(db)).await? == 0 {
            return Ok(());
        }
        let room = match bounds.bytes {
            // To look at all that is used takes long where there are many messages.
            Some(most) => most.saturating_sub(self.used().await?.bytes).min(FILES_ROOM),
            None => FILES_ROOM,
        };
        self.write(move |db| {
            if let Some(since) = bounds.since {
                kept::drop_unwanted(db, since)?;
            }
            kept::make_room(db, room)
        })
        .await
    }

    async fn drop_oldest(&self, before: i64, most: u64) -> Result<u64> {
        let (mut after, mut gone) = (-1, 0);
        while gone < most {
            let (room, moments) = (most - gone, Arc::clone(&self.moments));
            let step = self.write(move |db| drop_some(db, &moments, (after, before), room)).await?;
            let Some((last, dropped)) = step else { break };
            (after, gone) = (last, gone + dropped);
        }
        Ok(gone)
    }

    /// Tidies the index and gives free pages back to the system.
    async fn give_back(&self) -> Result<()> {
        self.tidy().await?;
        let held = self.held().await?;
        let running = held.readers.running().clone();
        self.apart_of(&held, move |db| {
            running.run(db, |db| {
                let mut step = db.prepare("PRAGMA incremental_vacuum")?;
                let mut rows = step.query([])?;
                while rows.next()?.is_some() {}
                Ok::<_, Error>(())
            })?;
            thechatapp_database::flush(db)?;
            Ok(())
        })
        .await
    }
}

impl Cache {
    /// Nothing is kept out by choice any longer; what is missing may come by itself again.
    pub(crate) async fn forget_horizons(&self) -> Result<()> {
        self.write(|db| {
            db.execute("DELETE FROM horizons", [])?;
            Ok(())
        })
        .await
    }
}

/// Up to which numbers channels' pasts are not kept here by choice.
pub(super) fn horizons(db: &Connection) -> Result<Vec<(ChannelId, u64)>, Error> {
    let mut query = db.prepare_cached("SELECT channel, seq FROM horizons")?;
    let rows = query.query_map([], |row| Ok((ChannelId::from_bytes(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What lies beyond the horizons is not brought up to date by itself: where much was missed, it leaves, lest something that was
/// deleted meanwhile stays here. Returns whether bytes beside the cache lost with it what opens them.
pub(super) fn drop_beyond(db: &Connection) -> Result<bool, Error> {
    const BEYOND: &str = "SELECT m.place FROM horizons h JOIN messages m ON m.channel = h.channel AND m.seq <= h.seq";
    let mut with_files =
        db.prepare(&format!("SELECT channel, seq FROM messages WHERE files IS NOT NULL AND place IN ({BEYOND})"))?;
    let found =
        with_files.query_map([], |row| Ok((ChannelId::from_bytes(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    let mut files = false;
    for (channel, seq) in found.collect::<rusqlite::Result<Vec<_>>>()? {
        files |= thumbnails::drop_of(db, channel, seq)?;
    }
    db.execute(&format!("DELETE FROM search WHERE rowid IN ({BEYOND})"), [])?;
    db.execute(&format!("DELETE FROM unindexed WHERE place IN ({BEYOND})"), [])?;
    db.execute(&format!("DELETE FROM messages WHERE place IN ({BEYOND})"), [])?;
    Ok(files)
}

/// Up to which number a channel's past is not kept here by choice.
pub(super) fn horizon(db: &Connection, channel: ChannelId) -> Result<u64, Error> {
    let mut query = db.prepare_cached("SELECT coalesce(max(seq), 0) FROM horizons WHERE channel = ?1")?;
    Ok(query.query_row([channel.as_bytes()], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

fn used(db: &Connection) -> Result<Used, Error> {
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u32>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    // SQLCipher answers for SQLite, and in its own way: with a text.
    let size: String = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let size: u64 = size.parse().map_err(|_| Error::Unfit(format!("pages of {size} bytes")))?;
    let messages: i64 = db.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
    Ok(Used { bytes: u64::from(pages) * size, messages: messages.unsigned_abs(), files: kept::bytes(db)? })
}

/// Looks at some of the oldest messages after one place and before another, and drops those that need not stay, so many at most.
/// Answers how far it came and how many left; `None` at the end.
fn drop_some(
    db: &Connection,
    moments: &Moments,
    (after, before): (i64, i64),
    most: u64,
) -> Result<Option<(i64, u64)>, Error> {
    let mut oldest = db.prepare_cached(
        "SELECT m.place, m.channel, m.seq,
            m.pinned_at IS NOT NULL OR m.seq + ?4 > c.head
                OR (m.quiet OR m.mention) AND m.seq > coalesce((SELECT seq FROM reads WHERE channel = m.channel), 0)
         FROM messages m JOIN channels c ON c.id = m.channel
         WHERE m.place > ?1 AND m.place < ?2 ORDER BY m.place LIMIT ?3",
    )?;
    let mut rows = oldest.query(params![after, before, TOGETHER as i64, NEWEST])?;
    let mut last = None;
    let mut gone: BTreeMap<ChannelId, Vec<u64>> = BTreeMap::new();
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        if places.len() as u64 == most {
            break;
        }
        last = Some(place);
        if !row.get::<_, bool>(3)? {
            gone.entry(ChannelId::from_bytes(row.get(1)?)).or_default().push(row.get::<_, i64>(2)? as u64);
            places.push(place);
        }
    }
    let Some(last) = last else { return Ok(None) };
    for (channel, numbers) in &gone {
        let mut gaps = Gaps::load(db, *channel)?;
        for seq in numbers {
            thumbnails::drop_of(db, *channel, *seq)?;
            gaps.add(*seq, *seq);
        }
        gaps.save(db, *channel)?;
        let highest = numbers.iter().max().copied().unwrap_or(0);
        moments.left(*channel, highest);
        db.prepare_cached(
            "INSERT INTO horizons (channel, seq) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)",
        )?
        .execute(params![channel.as_bytes(), highest as i64])?;
    }
    for place in &places {
        for sql in [
            "DELETE FROM search WHERE rowid = ?1",
            "DELETE FROM unindexed WHERE place = ?1",
            "DELETE FROM messages WHERE place = ?1",
        ] {
            db.prepare_cached(sql)?.execute([place])?;
        }
    }
    Ok(Some((last, places.len() as u64)))
}
