//! What rows from the server change beside the cache: who shows it is told, and what one may not see any more goes everywhere.

use super::{Workspace, history};
use crate::cache::Applied;
use crate::client::files::here;
use crate::error::Result;
use crate::event::ClientEvent;
use crate::view::Connection;
use thechatapp_protocol::Row;
use thechatapp_protocol::event::DraftRow;

impl Workspace {
    /// Applies rows that an answer carried, and says so.
    pub(crate) async fn take(&self, mut rows: Vec<Row>) -> Result<()> {
        self.take_drafts(drafts_in(&mut rows)).await?;
        self.settle(self.cache.apply_aside(rows).await?).await
    }

    /// Says what rows changed, and has nothing stay of what one may not see any more.
    pub(crate) async fn settle(&self, applied: Applied) -> Result<()> {
        self.announce(&applied);
        // First: what takes its time below may be broken off.
        if !applied.left.is_empty() {
            let _listing = self.listing.lock().await;
            self.local.unlist(self.id, Some(&applied.left)).await?;
        }
        // No damaged file that has it still, whether or not the one in its place had got any of it; and no words in the index.
        if !applied.lost.is_empty() || self.cache.former_may_have(&applied.left).await? {
            self.let_damaged_go().await?;
        }
        if !applied.lost.is_empty() {
            self.cache.tidy().await?;
        }
        // While everything is caught up with, it is done at the end.
        if applied.listed && self.connection() != Connection::Syncing {
            self.keep_list().await?;
        }
        if !applied.left.is_empty() {
            here::end_uploads(self, &applied.left).await?;
        }
        if applied.files || !applied.left.is_empty() {
            here::sweep(self).await?;
        }
        // Until everything is caught up with, what is missing may be on its way; then all of it is asked for anyway.
        if applied.missing && self.is_eager() && self.connection() == Connection::Online {
            self.want(history::Wanted::Everything);
        }
        Ok(())
    }

    /// Keeps the list of channels in `local.db`, where the server has confirmed it. It writes what changed, which mostly is nothing.
    pub(crate) async fn keep_list(&self) -> Result<()> {
        let _listing = self.listing.lock().await;
        match self.cache.listed().await? {
            Some(listed) => self.local.list(self.id, listed).await,
            None => Ok(()),
        }
    }

    /// Lets go of a damaged file whose place another one takes. Returns whether there was one.
    pub(crate) async fn let_damaged_go(&self) -> Result<bool> {
        let gone = self.cache.let_go().await?;
        if gone {
            self.events.push(ClientEvent::Connection { workspace: self.id });
            self.bump();
            // Of some files it alone told.
            here::sweep(self).await?;
        }
        Ok(gone)
    }

    /// Lets it go once the other one has all that it had, as far as this session gets it.
    pub(super) async fn let_go_when_whole(&self) -> Result<()> {
        let refused = self.refused().clone();
        let lacks = self.cache.lacking().await?.iter().any(|(channel, _, _)| !refused.contains(channel));
        if !lacks && self.let_damaged_go().await? {
            tracing::info!("a cache that was damaged is whole again");
        }
        Ok(())
    }
}

/// Takes the drafts out of rows: they go into the local database, all else into the cache.
pub(super) fn drafts_in(rows: &mut Vec<Row>) -> Vec<DraftRow> {
    let mut drafts = Vec::new();
    rows.retain_mut(|row| match row {
        Row::Draft(draft) => {
            drafts.push(draft.clone());
            false
        }
        _ => true,
    });
    drafts
}
