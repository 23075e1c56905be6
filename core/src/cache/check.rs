//! Everything that is in a cache, looked at: pages, indexes, each message as it is stored, and whether the index of words has what there
//! is to find and nothing else.

use super::view::{COLUMNS, stored};
use super::{Cache, search};
use crate::error::Result;
use rusqlite::{Connection, params};
use thechatapp_database::{self as database, Error};

/// Messages that are looked at in one go.
const SLICE: i64 = 1000;

/// Where the index and the messages do not agree.
#[derive(Debug, Default, PartialEq, Eq)]
struct Astray {
    /// Places of messages that it lacks.
    missing: Vec<i64>,
    /// Its entries that stand for no message.
    stray: Vec<i64>,
}

impl Cache {
    /// Every page, every index with its rows, every message, and the index of words with the messages. Nothing waits for it: messages are
    /// looked at a few at a time.
    pub(crate) async fn check(&self) -> Result<()> {
        let Astray { missing, stray } = self.astray().await?;
        if missing.is_empty() && stray.is_empty() {
            return Ok(());
        }
        let (missing, stray) = (missing.len(), stray.len());
        self.read(move |_, _| {
            Err(Error::Damaged(format!("the index lacks {missing} of the messages, and has {stray} entries of none")))
        })
        .await
    }

    /// The same; where the index alone is not as it should be, it is brought to it. Returns how many entries were wrong.
    pub(crate) async fn look_over(&self) -> Result<usize> {
        let Astray { missing, stray } = self.astray().await?;
        let wrong = missing.len() + stray.len();
        if wrong > 0 {
            self.write(move |db| {
                // Either may have changed since.
                let mut take_in =
                    db.prepare("INSERT OR IGNORE INTO unindexed SELECT place FROM messages WHERE place = ?1")?;
                for place in missing {
                    take_in.execute([place])?;
                }
                let mut drop = db.prepare(
                    "DELETE FROM search WHERE rowid = ?1 AND NOT EXISTS (SELECT 1 FROM messages WHERE place = ?1)",
                )?;
                for place in stray {
                    drop.execute([place])?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(wrong)
    }

    async fn astray(&self) -> Result<Astray> {
        self.read(|db, _| database::check_whole(db)).await?;
        let (mut all, mut after) = (Astray::default(), i64::MIN);
        loop {
            let (found, last) = self.read(move |db, _| slice(db, after)).await?;
            all.missing.extend(found.missing);
            all.stray.extend(found.stray);
            match last {
                Some(last) => after = last,
                None => return Ok(all),
            }
        }
    }
}

/// Looks at some messages after a place; answers the last of them, and none at the end.
fn slice(db: &Connection, after: i64) -> Result<(Astray, Option<i64>), Error> {
    let moment = db.unchecked_transaction()?;
    let mut select = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, m.change, m.place FROM messages m WHERE m.place > ?1 ORDER BY m.place LIMIT ?2"
    ))?;
    let mut rows = select.query(params![after, SLICE])?;
    let (mut count, mut last) = (0, i64::MAX);
    let mut words = db.prepare_cached(search::HAS)?;
    let mut found = Astray::default();
    while let Some(row) = rows.next()? {
        let message = stored(row)?;
        let place: i64 = row.get("place")?;
        if (!message.text.is_empty() || !message.files.is_empty()) && !words.exists([place])? {
            found.missing.push(place);
        }
        (count, last) = (count + 1, place);
    }
    let more = count == SLICE;
    let until = if more { last } else { i64::MAX };
    let mut strays = db.prepare_cached(search::STRAYS)?;
    found.stray = strays.query_map([after, until], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    moment.finish()?;
    Ok((found, more.then_some(last)))
}
