//! Finding messages: by the sealed index on this device, by the server's, and by both where this device has only a part.

use super::{Client, asked};
use crate::cache::INDEX_TOGETHER;
use crate::error::{Error, Result};
use crate::search::{highlights, typed};
use crate::sync::Workspace;
use crate::view::{ChannelKindView, ChannelView, FoundView, HitView, RemoteFound, SearchQuery};
use std::collections::BTreeSet;
use thechatapp_protocol::methods::messages::{Search, SearchParams};
use thechatapp_protocol::{AccountId, ChannelId, WorkspaceId};

/// Hits when no limit is given.
const LIMIT: u32 = 20;
/// How much of an index that is not complete yet a search completes first.
const INDEX_FIRST: usize = 10;

impl Client {
    /// Reads what was typed: words, `"phrases"`, `beginnings*`, and the filters `in:`, `from:`, `before:`, `after:` and
    /// `has:file`, and `order:relevance`. While somebody is `typing`, the last word may be the beginning of one.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a filter that fits nothing; when the files cannot be read.
    pub async fn read_search(&self, ws: WorkspaceId, typed: &str, typing: bool) -> Result<SearchQuery> {
        let workspace = self.workspace(ws)?;
        let typed::Typed { words, channel, author, before, after, has_file, relevance } = typed::read(typed, typing)?;
        let channel = match channel {
            Some(name) => typed::whole(self.channel_named(ws, &name).await, typing)?,
            None => None,
        };
        let author = match author {
            Some(name) => typed::whole(person_named(&workspace, &name).await, typing)?,
            None => None,
        };
        Ok(SearchQuery { words, channel, author, before, after, has_file, relevance, ..SearchQuery::default() })
    }

    /// Finds messages by the index on this device; where messages are missing on it the server looks, too, should it be there,
    /// and both answers are one. With `here` only this device looks.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn find(&self, ws: WorkspaceId, query: &SearchQuery, here: bool) -> Result<FoundView> {
        let workspace = self.workspace(ws)?;
        // Nearly always there is nothing to do, and a search costs no commit.
        for _ in 0..INDEX_FIRST {
            if !workspace.cache.lacks_index().await? || !workspace.cache.index_some(INDEX_TOGETHER).await? {
                break;
            }
        }
        let hits = asked(&workspace, || workspace.cache.search(query.clone())).await?;
        let mut found = FoundView { hits, partial: workspace.cache.is_partial(query.channel).await?, asked: false };
        // The server's index wants a word.
        if !found.partial || here || query.words.is_empty() || workspace.session().is_err() {
            return Ok(found);
        }
        match self.hits_there(ws, query).await {
            Ok(more) => {
                (found.partial, found.asked) = (more.is_partial(), true);
                found.hits = merged(found.hits, more.hits, query);
            }
            // It cannot be asked this, or not now: what is here is what there is.
            Err(Error::Refused(_) | Error::Offline { .. }) => {}
            Err(why) => return Err(why),
        }
        Ok(found)
    }

    /// Finds messages in the sealed index on this device.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn search(&self, ws: WorkspaceId, query: &SearchQuery) -> Result<Vec<HitView>> {
        self.workspace(ws)?.cache.search(query.clone()).await
    }

    /// Finds messages by the server's index, the newest first: it does not know how well they fit.
    ///
    /// # Errors
    /// [`Error::BadInput`] for hits by relevance; [`Error::Offline`], [`Error::Refused`].
    pub async fn search_remote(&self, ws: WorkspaceId, query: &SearchQuery) -> Result<RemoteFound> {
        if query.relevance {
            let why = "its index is of words it cannot read; search on this device, or leave order:relevance out";
            return Err(Error::bad_input("the server cannot put the fittest first", why));
        }
        self.hits_there(ws, query).await
    }

    async fn hits_there(&self, ws: WorkspaceId, query: &SearchQuery) -> Result<RemoteFound> {
        let workspace = self.workspace(ws)?;
        let params = SearchParams {
            words: query.words.clone(),
            channel: query.channel,
            author: query.author,
            before: query.before,
            after: query.after,
            has_file: query.has_file,
            limit: if query.limit == 0 { LIMIT } else { query.limit },
        };
        let found = workspace.session()?.call::<Search>(&params).await?;
        let mut hits = Vec::new();
        for message in workspace.cache.shown(found.messages).await? {
            hits.push(HitView {
                channel_name: workspace.cache.channel_name(message.channel).await?,
                highlights: highlights(&message.text, &query.words),
                message,
            });
        }
        Ok(RemoteFound { hits, reaches_back_to: found.reaches_back_to, behind: found.behind })
    }

    /// A channel as it is named in a search: `#name`, or `@person` for the conversation with them. None is opened for it.
    async fn channel_named(&self, ws: WorkspaceId, name: &str) -> Result<ChannelId> {
        let channels = self.channels(ws, true).await?;
        let wanted = name.trim_start_matches(['#', '@']).to_lowercase();
        let direct = name.starts_with('@');
        let fits = |channel: &&ChannelView| {
            (channel.kind == ChannelKindView::Direct) == direct && channel.name.to_lowercase() == wanted
        };
        let found = channels.iter().find(fits).map(|channel| channel.id);
        found.ok_or_else(|| Error::bad_input("there is no such channel", format!("none is called {name}")))
    }
}

async fn person_named(workspace: &Workspace, name: &str) -> Result<AccountId> {
    let wanted = name.trim_start_matches('@').to_lowercase();
    let people = workspace.cache.people().await?;
    let found = people.iter().find(|person| person.name.to_lowercase() == wanted || person.id.to_string() == wanted);
    found
        .map(|person| person.id)
        .ok_or_else(|| Error::bad_input("there is no such person", format!("nobody is called {name}")))
}

/// Both answers as one. By fitness the device's come first, for the server does not tell how well its own fit.
fn merged(here: Vec<HitView>, there: Vec<HitView>, query: &SearchQuery) -> Vec<HitView> {
    let known: BTreeSet<_> = here.iter().map(|hit| hit.message.id).collect();
    let mut all = here;
    all.extend(there.into_iter().filter(|hit| !known.contains(&hit.message.id)));
    if !query.relevance {
        all.sort_by_key(|hit| std::cmp::Reverse((hit.message.at, hit.message.seq)));
    }
    all.truncate(if query.limit == 0 { LIMIT } else { query.limit } as usize);
    all
}
