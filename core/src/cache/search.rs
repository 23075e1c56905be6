//! Search in the sealed index, newest first or the fittest of the newest.

use super::view::{COLUMNS, Names, decoded};
use super::{Cache, Me, read, schema};
use crate::error::Result;
use crate::search::{highlights, question};
use crate::view::{HitView, SearchQuery};
use data_encoding::HEXLOWER;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use thechatapp_database::Error;
use thechatapp_protocol::event::{FileRow, Poll};
use thechatapp_protocol::search::folded_text;
use thechatapp_protocol::{AccountId, ChannelId};

/// Hits when no limit is given, and at most.
const LIMIT: u32 = 20;
const LIMIT_MAX: u32 = 1000;
/// The newest hits among which the fittest are looked for.
const FITTEST_OF: u32 = 2000;

/// Messages that are taken into the index in one commit.
pub(crate) const INDEX_TOGETHER: u32 = 2000;

/// Takes a message into the index: its place, its folded words, its marks.
pub(super) const INDEX: &str = "INSERT OR REPLACE INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)";

/// Whether a place is in the index, or waits to be taken into it.
pub(super) const HAS: &str =
    "SELECT 1 FROM search_docsize WHERE id = ?1 UNION ALL SELECT 1 FROM unindexed WHERE place = ?1";

/// Entries of the index, after one place and up to another, of which no message is here that could be found.
pub(super) const STRAYS: &str = "SELECT id FROM search_docsize d WHERE id > ?1 AND id <= ?2 AND NOT EXISTS
    (SELECT 1 FROM messages m WHERE m.place = d.id AND (m.deleted = 0 OR m.text <> '' OR m.files IS NOT NULL))";

/// What the index knows of a message beside its words. No word looks like one.
pub(super) fn marks(channel: ChannelId, author: AccountId, has_file: bool) -> String {
    let file = if has_file { " f" } else { "" };
    format!("{} {}{file}", channel_mark(channel), author_mark(author))
}

fn channel_mark(channel: ChannelId) -> String {
    format!("c{}", HEXLOWER.encode(channel.as_bytes()))
}

fn author_mark(author: AccountId) -> String {
    format!("a{}", HEXLOWER.encode(author.as_bytes()))
}

/// The question to FTS5; `None` when nothing is asked.
fn asked(query: &SearchQuery) -> Option<String> {
    let mut parts: Vec<String> = question(&query.words).map(|words| format!("words : ({words})")).into_iter().collect();
    let marks = [query.channel.map(channel_mark), query.author.map(author_mark), query.has_file.then(|| "f".into())];
    parts.extend(marks.into_iter().flatten().map(|mark| format!("marks : {mark}")));
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

impl Cache {
    /// Messages that hold all that is asked.
    pub(crate) async fn search(&self, query: SearchQuery) -> Result<Vec<HitView>> {
        let asked = query.clone();
        let mut hits = self.read(move |db, me| found(db, me, &asked)).await?;
        let more = self.found_before(&query).await?;
        if !more.is_empty() {
            hits.extend(more);
            if !query.relevance {
                hits.sort_by_key(|hit| std::cmp::Reverse((hit.message.at, hit.message.seq)));
            }
            hits.truncate(limit(&query) as usize);
        }
        Ok(hits)
    }

    /// Whether messages that could be found are missing here, or not in the index yet: of one channel, or of all that one is
    /// in.
    pub(crate) async fn is_partial(&self, channel: Option<ChannelId>) -> Result<bool> {
        self.read(move |db, me| {
            if lacks(db)? {
                return Ok(true);
            }
            match channel {
                Some(channel) => {
                    let gaps =
                        db.prepare_cached("SELECT 1 FROM gaps WHERE channel = ?1")?.exists([channel.as_bytes()])?;
                    Ok(gaps || read::state(db, me, channel)?.is_none_or(|state| !state.joined))
                }
                None => {
                    let mut missing = db.prepare_cached(
                        "SELECT 1 FROM members j WHERE j.person = ?1 AND j.joined = 1
                            AND EXISTS (SELECT 1 FROM gaps WHERE channel = j.channel) LIMIT 1",
                    )?;
                    Ok(missing.exists([me.id.as_bytes()])?)
                }
            }
        })
        .await
    }

    /// Whether the index lacks messages that are here.
    pub(crate) async fn lacks_index(&self) -> Result<bool> {
        self.read(|db, _| lacks(db)).await
    }

    /// Takes some of the messages into the index that an older build had there in another form, the newest first. Tells
    /// whether there are more.
    pub(crate) async fn index_some(&self, some: u32) -> Result<bool> {
        self.write(move |db| index_some(db, some)).await
    }
}

/// How many hits are wanted.
fn limit(query: &SearchQuery) -> u32 {
    if query.limit == 0 { LIMIT } else { query.limit.min(LIMIT_MAX) }
}

/// What a cache finds.
pub(super) fn found(db: &Connection, me: &Me, query: &SearchQuery) -> Result<Vec<HitView>, Error> {
    let Some(question) = asked(query) else { return Ok(Vec::new()) };
    // The index is walked from its newest entry; a row is looked up only for what it finds.
    let newest = "SELECT rowid AS at FROM search WHERE search MATCH ?1 AND rowid < ?2 AND rowid >= ?3
         ORDER BY rowid DESC LIMIT ?4";
    let fittest = format!(
        "SELECT rowid AS at, bm25(search, 1.0, 0.0) AS fit FROM search
         WHERE search MATCH ?1 AND rowid < ?2 AND rowid >= ?3 ORDER BY rowid DESC LIMIT {FITTEST_OF}"
    );
    let sql = if query.relevance {
        format!(
            "SELECT {COLUMNS} FROM ({fittest}) s CROSS JOIN messages m ON m.place = s.at
             ORDER BY s.fit, s.at DESC LIMIT ?4"
        )
    } else {
        format!("SELECT {COLUMNS} FROM ({newest}) s CROSS JOIN messages m ON m.place = s.at ORDER BY s.at DESC")
    };
    let mut select = db.prepare_cached(&sql)?;
    let mut rows = select.query(params![
        question,
        query.before.map_or(i64::MAX, schema::floor),
        query.after.map_or(0, schema::floor),
        limit(query),
    ])?;
    let mut names = Names::new(db, me);
    let mut channels: HashMap<ChannelId, String> = HashMap::new();
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        let message = names.message(row)?;
        let channel_name = match channels.get(&message.channel) {
            Some(name) => name.clone(),
            None => {
                let found = read::channels(db, me, true, Some(message.channel))?.pop();
                let name = found.map(|channel| channel.name).unwrap_or_default();
                channels.insert(message.channel, name.clone());
                name
            }
        };
        hits.push(HitView { channel_name, highlights: highlights(&message.text, &query.words), message });
    }
    Ok(hits)
}

fn lacks(db: &Connection) -> Result<bool, Error> {
    Ok(db.prepare_cached("SELECT 1 FROM unindexed LIMIT 1")?.exists([])?)
}

fn index_some(db: &Connection, some: u32) -> Result<bool, Error> {
    let mut select = db.prepare_cached(
        "SELECT u.place, m.channel, m.author, m.text, m.files, m.poll FROM unindexed u
         LEFT JOIN messages m ON m.place = u.place AND m.deleted = 0 ORDER BY u.place DESC LIMIT ?1",
    )?;
    let mut index = db.prepare_cached(INDEX)?;
    let mut rows = select.query([some])?;
    let mut done = Vec::new();
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        done.push(place);
        let (Some(channel), Some(author)) = (row.get(1)?, row.get(2)?) else { continue };
        let mut text: String = row.get(3)?;
        let files: Vec<FileRow> = decoded(row.get(4)?)?.unwrap_or_default();
        let poll: Option<Poll> = decoded(row.get(5)?)?;
        let options = poll.iter().flat_map(|poll| poll.options.iter().map(String::as_str));
        for more in options.chain(files.iter().map(|file| file.name.as_str())) {
            text.push('\n');
            text.push_str(more);
        }
        let marks = marks(ChannelId::from_bytes(channel), AccountId::from_bytes(author), !files.is_empty());
        index.execute(params![place, folded_text(&text), marks])?;
    }
    let mut delete = db.prepare_cached("DELETE FROM unindexed WHERE place = ?1")?;
    for place in &done {
        delete.execute([place])?;
    }
    Ok(done.len() == some as usize)
}
