//! Search in the sealed index, newest first.

use super::view::{COLUMNS, Names};
use super::{Cache, read, schema};
use crate::error::Result;
use crate::search::{highlights, question};
use crate::view::{HitView, SearchQuery};
use rusqlite::params;
use std::collections::HashMap;
use thechatapp_protocol::ChannelId;

/// Hits when no limit is given, and at most.
const LIMIT: u32 = 20;
const LIMIT_MAX: u32 = 1000;

impl Cache {
    /// Messages with all these words, newest first.
    pub(crate) async fn search(&self, query: SearchQuery) -> Result<Vec<HitView>> {
        let Some(question) = question(&query.words) else { return Ok(Vec::new()) };
        self.read(move |db, me| {
            // The index is walked from its newest entry; everything else is looked up for what it finds.
            let mut select = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM search s CROSS JOIN messages m ON m.place = s.rowid
                 WHERE s.search MATCH ?1 AND s.rowid < ?2 AND s.rowid >= ?3
                     AND (?4 IS NULL OR m.channel = ?4) AND (?5 IS NULL OR m.author = ?5)
                     AND (NOT ?7 OR m.files IS NOT NULL)
                 ORDER BY s.rowid DESC LIMIT ?6"
            ))?;
            let limit = if query.limit == 0 { LIMIT } else { query.limit.min(LIMIT_MAX) };
            let mut rows = select.query(params![
                question,
                query.before.map_or(i64::MAX, schema::floor),
                query.after.map_or(0, schema::floor),
                query.channel.as_ref().map(|id| id.as_bytes().as_slice()),
                query.author.as_ref().map(|id| id.as_bytes().as_slice()),
                limit,
                query.has_file,
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
        })
        .await
    }
}
