//! Finding messages, on this device and on the server.

use crate::client::{ChatClient, Result};
use crate::record::{Hit, Query};
use std::sync::Arc;
use thechatapp_core::client::{Looked, Watched};
use thechatapp_core::view::{self, Difference, HitView};
use tokio::sync::Mutex;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Found {
    /// Messages, each once.
    pub hits: Vec<Hit>,
    /// Whether more messages may match: some are not on this device, and the server did not look at all of them.
    pub partial: bool,
    /// Whether the server looked, too.
    pub asked: bool,
}

/// One step from the hits that are shown to those there are. Steps are done in their order.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum HitStep {
    /// Forget everything: these are the hits now.
    Resync {
        /// All of them.
        hits: Vec<Hit>,
    },
    /// Take the hit at this place away.
    Remove {
        /// Its place.
        at: u64,
    },
    /// Put a hit in at this place.
    Insert {
        /// Its place.
        at: u64,
        /// The hit.
        hit: Hit,
    },
    /// The hit at this place has changed.
    Change {
        /// Its place.
        at: u64,
        /// What it is now.
        hit: Hit,
    },
}

/// What changed in a search.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SearchChange {
    /// The steps.
    pub steps: Vec<HitStep>,
    /// Whether more messages may match.
    pub partial: bool,
}

/// A search that is watched.
#[derive(Debug, uniffi::Object)]
pub struct SearchWatch(Mutex<Watched<HitView, Looked>>);

#[uniffi::export(async_runtime = "tokio")]
impl SearchWatch {
    /// Waits for the next change; the first is all there is, at once. None once the profile is closed, or the account is gone from it.
    pub async fn next(&self) -> Result<Option<SearchChange>> {
        let changed = self.0.lock().await.next().await?;
        Ok(changed.map(|changed| SearchChange {
            steps: changed.rows.into_iter().map(step).collect(),
            partial: changed.about.partial,
        }))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// Reads what was typed: words, `"phrases"`, `beginnings*`, the filters `in:`, `from:`, `before:`, `after:` and `has:file`,
    /// and `order:relevance`.
    /// While somebody is `typing`, the last word may be the beginning of one.
    pub async fn read_search(&self, workspace: String, typed: String, typing: bool) -> Result<Query> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.read_search(ws, &typed, typing).await?.into())
    }

    /// Finds messages by the index on this device; where messages are missing on it the server looks, too, should it be there, and both
    /// answers are one. With `here` only this device looks.
    pub async fn find(&self, workspace: String, query: Query, here: bool) -> Result<Found> {
        let (client, ws) = self.with(&workspace)?;
        let view::FoundView { hits, partial, asked } = client.find(ws, &query.try_into()?, here).await?;
        Ok(Found { hits: hits.into_iter().map(Into::into).collect(), partial, asked })
    }

    /// Finds messages in the sealed index on this device, newest first, or by relevance.
    pub async fn search(&self, workspace: String, query: Query) -> Result<Vec<Hit>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.search(ws, &query.try_into()?).await?.into_iter().map(Into::into).collect())
    }
}

#[uniffi::export]
impl ChatClient {
    /// Watches what a search finds on this device.
    pub fn watch_search(&self, workspace: String, query: Query) -> Result<Arc<SearchWatch>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(Arc::new(SearchWatch(Mutex::new(client.watch_search(ws, query.try_into()?)?))))
    }
}

fn step(step: Difference<HitView>) -> HitStep {
    match step {
        Difference::Resync(all) => HitStep::Resync { hits: all.into_iter().map(Into::into).collect() },
        Difference::Remove(at) => HitStep::Remove { at: at as u64 },
        Difference::Insert(at, row) => HitStep::Insert { at: at as u64, hit: row.into() },
        Difference::Change(at, row) => HitStep::Change { at: at as u64, hit: row.into() },
    }
}
