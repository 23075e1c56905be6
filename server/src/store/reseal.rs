//! Sealing again, under the newest keys of channels, what lies under older ones: table by table, in the order of their
//! primary keys, a few rows at a time. Readers open and seal, the writer only exchanges bytes, and only of rows that did
//! not change meanwhile: those that did are under the newest keys already.
//!
//! How far it is stands in the table `resealing`, changed in the same commit. When nothing of an older epoch is left, the
//! older keys are deleted, in one commit with that row.

use super::sealed::{self, STAGES, Stage};
use super::{Tx, View, signed, unsigned, wipes};
use crate::error::Fail;
use crate::keyring::{Keyring, delete_before};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row as SqlRow};
use thechatapp_database::Error;

/// Rows, and bytes of them, in one step: their commit holds up others for a few milliseconds.
const ROWS: i64 = 96;
const BYTES: usize = 256 * 1024;

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
    /// How many rows were looked at, and the key of the last one: some may not open.
    seen: u64,
    last: Option<(Value, Value)>,
    /// The rows of this table are done.
    ended: bool,
    total: Option<u64>,
    unopened: Unopened,
}

impl Step {
    fn new(epoch: u64, stage: usize) -> Self {
        let (rows, unopened) = (Vec::new(), Unopened::default());
        Self { epoch, stage, rows, seen: 0, last: None, ended: false, total: None, unopened }
    }

    /// What does not open under any key, once that is all that is left of older epochs: it stays as it is, and so do the
    /// keys under which it lies.
    pub fn unopened(&self) -> Option<&Unopened> {
        (self.unopened.count > 0).then_some(&self.unopened)
    }
}

/// Values that do not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unopened {
    /// How many.
    pub count: u64,
    /// The first of them, by its place.
    pub first: String,
}

impl Unopened {
    fn add(&mut self, name: String) {
        if self.count == 0 {
            self.first = name;
        }
        self.count += 1;
    }
}

/// Prepares the next step; `None` when there is nothing to do.
///
/// # Errors
/// SQLite's. What does not open under an older key stays under it, and that key stays; the others go on.
pub fn coming(view: View<'_>) -> Result<Option<Step>, Fail> {
    let Some(job) = job(view.db)? else { return Ok(None) };
    let epoch = job.progress.epoch;
    let mut step = Step::new(epoch, job.stage);
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
            if opens_one(view, epoch, *stage, &mut step.unopened)? {
                tracing::warn!(stage = ?stage, "something of an older epoch was left, and is sealed again");
                return Ok(Some(Step::new(epoch, number)));
            }
        }
        step.ended = step.unopened.count == 0;
        return Ok(Some(step));
    };
    let mut select = view.db.prepare_cached(stage.select())?;
    let mut rows = select.query((signed(epoch), job.first, job.second, ROWS))?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        step.seen += 1;
        step.last = Some((row.get(0)?, row.get(1)?));
        match again(view.keyring, stage, row) {
            Ok(again) => {
                bytes += again.value.len();
                step.rows.push(again);
            }
            Err(why) if is_of_the_value(&why) => {
                tracing::error!(value = stage.row_name(row), error = %why, "a value does not open, and is not sealed again");
            }
            Err(why) => return Err(why),
        }
        if bytes > BYTES {
            return Ok(Some(step));
        }
    }
    step.ended = step.seen < ROWS.unsigned_abs();
    Ok(Some(step))
}

/// Whether any value of an older epoch opens; those before it that do not are counted.
fn opens_one(view: View<'_>, epoch: u64, stage: Stage, unopened: &mut Unopened) -> Result<bool, Fail> {
    let mut select = view.db.prepare(stage.select())?;
    let mut rows = select.query((signed(epoch), i64::MIN, i64::MIN, i64::MAX))?;
    while let Some(row) = rows.next()? {
        match sealed::open(view.keyring, stage, row) {
            Ok(_) => return Ok(true),
            Err(why) if is_of_the_value(&why) => unopened.add(stage.row_name(row)),
            Err(why) => return Err(why),
        }
    }
    Ok(false)
}

/// Whether a failure is a value's own, and others may open all the same.
fn is_of_the_value(why: &Fail) -> bool {
    !matches!(why, Fail::Database(_) | Fail::File(_))
}

fn again(keyring: &Keyring, stage: Stage, row: &SqlRow<'_>) -> Result<Again, Fail> {
    let (fresh, more) = sealed::open(keyring, stage, row)?.seal(keyring)?;
    // Of two values one epoch is stored: when they differ, newer keys came between the two, and this step is thrown away.
    if more.as_ref().is_some_and(|more| more.epoch != fresh.epoch) {
        return Err(Fail::Database(Error::Failed("newer keys came while a file was sealed again".into())));
    }
    Ok(Again {
        first: row.get(0)?,
        second: row.get(1)?,
        epoch: row.get(3)?,
        guard: row.get(4)?,
        under: fresh.epoch,
        value: fresh.bytes,
        more: more.map(|more| more.bytes),
    })
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
    if step.seen == 0 && !step.ended && step.stage == job.stage {
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
    progress.done += step.seen;
    let (stage, first, second) = match &step.last {
        Some((first, second)) if !step.ended => (step.stage, first.clone(), second.clone()),
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
