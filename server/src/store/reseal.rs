//! Sealing again, under the newest keys of channels, what lies under older ones: table by table, in the order of their
//! primary keys, a few rows at a time. Readers open and seal, the writer only exchanges bytes, and only of rows that did
//! not change meanwhile: those that did are under the newest keys already.
//!
//! How far it is stands in the table `resealing`, changed in the same commit. When nothing of an older epoch is left, the
//! older keys are deleted, in one commit with that row.

use super::{Tx, View, edits, polls, saved, signed, unsigned, wipes};
use crate::error::Fail;
use crate::keyring::{BodyPlace, FieldPlace, Keyring, Sealed, delete_before};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row as SqlRow};
use thechatapp_database::Error;
use thechatapp_protocol::{AccountId, ChannelId, FileId, MessageId};

/// Rows, and bytes of them, in one step: their commit holds up others for a few milliseconds.
const ROWS: i64 = 96;
const BYTES: usize = 256 * 1024;

/// The tables, in the order in which they are gone through.
const STAGES: [Stage; 6] =
    [Stage::Messages, Stage::Edits, Stage::Topics, Stage::Notes, Stage::PollOptions, Stage::Files];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Messages,
    Edits,
    Topics,
    Notes,
    PollOptions,
    Files,
}

impl Stage {
    /// Rows of an older epoch than ?1, and whether there are any.
    fn old(self) -> &'static str {
        match self {
            Self::Messages => "messages t WHERE body IS NOT NULL AND t.epoch < ?1",
            Self::Edits => "edits t WHERE t.epoch < ?1",
            Self::Topics => "channels t WHERE topic IS NOT NULL AND t.epoch < ?1",
            Self::Notes => "saved t WHERE note IS NOT NULL AND t.epoch < ?1",
            Self::PollOptions => "poll_options t WHERE t.epoch < ?1",
            Self::Files => "files t WHERE info IS NOT NULL AND t.epoch < ?1",
        }
    }

    /// Rows of an older epoch than ?1 after ?2 and ?3, at most ?4: their primary key, channel, epoch, guard (what changes
    /// with the value), one or two values, and what else says where they are sealed. What is left of a wiped channel has no
    /// key any more.
    fn select(self) -> &'static str {
        match self {
            Self::Messages => {
                "SELECT t.place, 0, c.id, t.epoch, t.revision, t.body, NULL, t.author, t.id
                 FROM messages t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE t.place > ?2 AND t.body IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL AND c.wiped = 0
                 ORDER BY t.place LIMIT ?4"
            }
            Self::Edits => {
                "SELECT t.place, t.revision, c.id, t.epoch, 0, t.body, NULL
                 FROM edits t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.place, t.revision) > (?2, ?3) AND t.epoch < ?1 AND c.wiped = 0
                 ORDER BY t.place, t.revision LIMIT ?4"
            }
            Self::Topics => {
                "SELECT t.number, 0, t.id, t.epoch, t.revision, t.topic, NULL FROM channels t
                 WHERE t.number > ?2 AND t.topic IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL
                 ORDER BY t.number LIMIT ?4"
            }
            Self::Notes => {
                "SELECT t.person, t.place, c.id, t.epoch, t.revision, t.note, NULL
                 FROM saved t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.person, t.place) > (?2, ?3) AND t.note IS NOT NULL AND t.epoch < ?1
                 ORDER BY t.person, t.place LIMIT ?4"
            }
            Self::PollOptions => {
                "SELECT t.place, t.number, c.id, t.epoch, 0, t.text, NULL
                 FROM poll_options t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.place, t.number) > (?2, ?3) AND t.epoch < ?1 AND c.wiped = 0
                 ORDER BY t.place, t.number LIMIT ?4"
            }
            Self::Files => {
                "SELECT t.id, 0, t.channel, t.epoch, t.state, t.info, t.key FROM files t
                 WHERE t.id > ?2 AND t.info IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL ORDER BY t.id LIMIT ?4"
            }
        }
    }

    /// Exchanges the values ?1 and ?2 of the row with the key ?4 and ?5, if its epoch is ?6 and its guard ?7 still; its
    /// epoch becomes ?3.
    fn update(self) -> &'static str {
        match self {
            Self::Messages => {
                "UPDATE messages SET body = ?1, epoch = ?3
                 WHERE place = ?4 AND epoch = ?6 AND revision = ?7 AND body IS NOT NULL"
            }
            Self::Edits => {
                "UPDATE edits SET body = ?1, epoch = ?3 WHERE place = ?4 AND revision = ?5 AND epoch = ?6 + 0 * ?7"
            }
            Self::Topics => {
                "UPDATE channels SET topic = ?1, epoch = ?3
                 WHERE number = ?4 AND epoch = ?6 AND revision = ?7 AND topic IS NOT NULL"
            }
            Self::Notes => {
                "UPDATE saved SET note = ?1, epoch = ?3
                 WHERE person = ?4 AND place = ?5 AND epoch = ?6 AND revision = ?7 AND note IS NOT NULL"
            }
            Self::PollOptions => {
                "UPDATE poll_options SET text = ?1, epoch = ?3 WHERE place = ?4 AND number = ?5 AND epoch = ?6 + 0 * ?7"
            }
            Self::Files => {
                "UPDATE files SET info = ?1, key = ?2, epoch = ?3
                 WHERE id = ?4 AND epoch = ?6 AND state = ?7 AND info IS NOT NULL"
            }
        }
    }
}

/// How far re-sealing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The epoch that everything comes to.
    pub epoch: u64,
    /// Values that were looked at.
    pub done: u64,
    /// How many there were; not known before they are counted.
    pub total: Option<u64>,
}

impl Progress {
    /// How many are left, as far as is known.
    pub fn left(&self) -> Option<u64> {
        self.total.map(|total| total.saturating_sub(self.done))
    }
}

/// Begins, or begins again for a newer epoch.
///
/// # Errors
/// SQLite's.
pub fn begin(db: &rusqlite::Connection, epoch: u64) -> Result<Progress, Fail> {
    db.execute(
        "INSERT OR REPLACE INTO resealing (one, epoch, stage, first, second, done, total) VALUES (1, ?1, 0, NULL, NULL, 0, NULL)",
        [signed(epoch)],
    )?;
    Ok(Progress { epoch, done: 0, total: None })
}

/// How many values, and keys of channels, are of an older epoch than the newest.
///
/// # Errors
/// SQLite's.
#[cfg(feature = "test-support")]
pub fn of_older_epochs(view: View<'_>) -> Result<(u64, u64), Fail> {
    let newest = signed(view.keyring.channel_epoch());
    let count = |sql: &str| Ok::<_, Fail>(unsigned(view.db.query_row(sql, [newest], |row| row.get(0))?));
    let values = STAGES.iter().map(|stage| count(&format!("SELECT count(*) FROM {}", stage.old())));
    let values = values.sum::<Result<u64, _>>()?;
    Ok((values, count("SELECT count(*) FROM keys WHERE what = 'channel' AND epoch < ?1")?))
}

struct Job {
    progress: Progress,
    stage: usize,
    first: Value,
    second: Value,
}

fn job(db: &rusqlite::Connection) -> Result<Option<Job>, Fail> {
    // Smaller than any key: integers come before blobs.
    let start = |value| if value == Value::Null { Value::Integer(i64::MIN) } else { value };
    let found = db
        .prepare_cached("SELECT epoch, stage, first, second, done, total FROM resealing")?
        .query_row([], |row| {
            let total: Option<i64> = row.get(5)?;
            Ok(Job {
                progress: Progress {
                    epoch: unsigned(row.get(0)?),
                    done: unsigned(row.get(4)?),
                    total: total.map(unsigned),
                },
                stage: usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                first: start(row.get(2)?),
                second: start(row.get(3)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// How far it is; `None` when everything is under the newest keys.
///
/// # Errors
/// SQLite's.
pub fn progress(db: &rusqlite::Connection) -> Result<Option<Progress>, Fail> {
    Ok(job(db)?.map(|job| job.progress))
}

/// A row's values, sealed again.
#[derive(Debug)]
struct Again {
    first: Value,
    second: Value,
    epoch: i64,
    guard: i64,
    /// Under which epoch they lie now: what is stored says what is, whatever keys came meanwhile.
    under: u64,
    value: Vec<u8>,
    more: Option<Vec<u8>>,
}

/// The next step, as a reader prepared it.
#[derive(Debug)]
pub struct Step {
    epoch: u64,
    /// The table; after the last one everything is done.
    stage: usize,
    rows: Vec<Again>,
    /// The rows of this table are done.
    ended: bool,
    total: Option<u64>,
}

/// Prepares the next step; `None` when there is nothing to do.
///
/// # Errors
/// SQLite's, and of seals: what does not open under an older key stays under it, and that key stays.
pub fn coming(view: View<'_>) -> Result<Option<Step>, Fail> {
    let Some(job) = job(view.db)? else { return Ok(None) };
    let epoch = job.progress.epoch;
    let mut step = Step { epoch, stage: job.stage, rows: Vec::new(), ended: false, total: None };
    if view.keyring.channel_epoch() != epoch || wipes::any(view.db)? {
        // The keys are committed, and come into use in this moment. Or a channel's texts, whose key is gone, follow it.
        return Ok(Some(step));
    }
    if job.progress.total.is_none() {
        let mut total = 0;
        for stage in STAGES {
            let sql = format!("SELECT count(*) FROM {}", stage.old());
            total += unsigned(view.db.query_row(&sql, [signed(epoch)], |row| row.get(0))?);
        }
        step.total = Some(total);
        return Ok(Some(step));
    }
    let Some(stage) = STAGES.get(job.stage).copied() else {
        // Nothing was written under older keys since their walk went by; a key is deleted only after one more look.
        for (number, stage) in STAGES.iter().enumerate() {
            let sql = format!("SELECT 1 FROM {} LIMIT 1", stage.old());
            if view.db.prepare(&sql)?.exists([signed(epoch)])? {
                tracing::warn!(stage = ?stage, "something of an older epoch was left, and is sealed again");
                step.stage = number;
                return Ok(Some(step));
            }
        }
        step.ended = true;
        return Ok(Some(step));
    };
    let mut select = view.db.prepare_cached(stage.select())?;
    let mut rows = select.query((signed(epoch), job.first, job.second, ROWS))?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let again = again(view.keyring, stage, row)?;
        bytes += again.value.len();
        step.rows.push(again);
        if bytes > BYTES {
            return Ok(Some(step));
        }
    }
    step.ended = (step.rows.len() as u64) < ROWS.unsigned_abs();
    Ok(Some(step))
}

fn again(keyring: &Keyring, stage: Stage, row: &SqlRow<'_>) -> Result<Again, Fail> {
    let channel = ChannelId::from_bytes(row.get(2)?);
    let (epoch, guard) = (row.get::<_, i64>(3)?, row.get::<_, i64>(4)?);
    let sealed = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
    let (under, revision) = (unsigned(epoch), unsigned(guard));
    let field = |place: &FieldPlace| -> Result<Sealed, Fail> {
        keyring.seal_field(place, &keyring.open_field(place, under, sealed)?)
    };
    let mut more = None;
    let fresh = match stage {
        Stage::Messages => {
            let (author, id) = (AccountId::from_bytes(row.get(7)?), MessageId::from_bytes(row.get(8)?));
            let place = BodyPlace { channel, author, id, revision };
            keyring.seal_body(&place, &keyring.open_body(&place, under, sealed)?)?
        }
        Stage::Edits => field(&edits::field(channel, row.get(0)?, unsigned(row.get(1)?)))?,
        Stage::Topics => {
            keyring.seal_topic(channel, revision, &keyring.open_topic(channel, revision, under, sealed)?)?
        }
        Stage::Notes => field(&saved::field(channel, AccountId::from_bytes(row.get(0)?), row.get(1)?, revision))?,
        Stage::PollOptions => {
            let number = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
            field(&polls::field(channel, row.get(0)?, number))?
        }
        Stage::Files => {
            let file = FileId::from_bytes(row.get(0)?);
            if let Some(wrapped) = row.get::<_, Option<Vec<u8>>>(6)? {
                let key = keyring.unwrap_file_key(channel, file, under, &wrapped)?;
                more = Some(keyring.wrap_file_key(channel, file, &key)?);
            }
            keyring.seal_file_info(channel, file, &keyring.open_file_info(channel, file, under, sealed)?)?
        }
    };
    // Of two values one epoch is stored: when they differ, newer keys came between the two, and this step is thrown away.
    if more.as_ref().is_some_and(|more: &Sealed| more.epoch != fresh.epoch) {
        return Err(Fail::Database(Error::Failed("newer keys came while a file was sealed again".into())));
    }
    let more = more.map(|more| more.bytes);
    Ok(Again { first: row.get(0)?, second: row.get(1)?, epoch, guard, under: fresh.epoch, value: fresh.bytes, more })
}

/// Writes a step. The answer is how far it is; `None` when it is done and the older keys are deleted.
///
/// # Errors
/// SQLite's.
pub fn take(tx: &Tx<'_>, step: &Step) -> Result<Option<Progress>, Fail> {
    let Some(job) = job(tx.db)? else { return Ok(None) };
    let mut progress = job.progress;
    if progress.epoch != step.epoch || tx.keyring.channel_epoch() != step.epoch {
        // Newer keys came meanwhile, and with them it begins again.
        return Ok(Some(progress));
    }
    if step.total.is_some() {
        progress.total = step.total;
        tx.db.execute("UPDATE resealing SET total = ?1", [step.total.map(signed)])?;
        return Ok(Some(progress));
    }
    if step.rows.is_empty() && !step.ended && step.stage == job.stage {
        return Ok(Some(progress));
    }
    let Some(stage) = STAGES.get(step.stage) else {
        delete_before(tx.db, step.epoch)?;
        tx.db.execute("DELETE FROM resealing", [])?;
        return Ok(None);
    };
    let mut update = tx.db.prepare_cached(stage.update())?;
    for row in &step.rows {
        let under = signed(row.under);
        update.execute((&row.value, &row.more, under, &row.first, &row.second, row.epoch, row.guard))?;
    }
    progress.done += step.rows.len() as u64;
    let (stage, first, second) = match step.rows.last() {
        Some(last) if !step.ended => (step.stage, last.first.clone(), last.second.clone()),
        _ if step.ended => (step.stage + 1, Value::Null, Value::Null),
        _ => (step.stage, Value::Null, Value::Null),
    };
    tx.db.prepare_cached("UPDATE resealing SET stage = ?1, first = ?2, second = ?3, done = ?4")?.execute((
        signed(stage as u64),
        first,
        second,
        signed(progress.done),
    ))?;
    Ok(Some(progress))
}

#[cfg(test)]
mod tests;
