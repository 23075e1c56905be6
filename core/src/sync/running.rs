//! A workspace and its tasks: how they begin, how a fresh cache takes a damaged one's place under them, and how they end.

use super::{Shared, Workspace, audit, drafts, follow, history, outbox};
use crate::cache::{Applied, Cache};
use crate::client::until_alone;
use crate::error::Result;
use crate::event::ClientEvent;
use crate::fault;
use crate::local::Account;
use crate::net::Https;
use crate::view::{Connection, Reason};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A workspace and its tasks, which end with it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) workspace: Arc<Workspace>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Running {
    /// Ends the tasks and closes the cache.
    pub(crate) async fn stop(mut self) -> Result<()> {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Aborted is how they end.
            let _ = task.await;
        }
        let workspace = Arc::clone(&self.workspace);
        // It has a key, and moves files.
        drop(workspace.replacing.lock().await);
        drop(self);
        workspace.session.send_replace(None);
        // Whoever asks it something still gets no answer any more, and lets go of it.
        workspace.cache.end().await;
        until_alone(&workspace).await;
        match Arc::try_unwrap(workspace) {
            Ok(workspace) => workspace.cache.close().await,
            // A call still runs; the file is closed when it ends.
            Err(workspace) => workspace.cache.flush().await,
        }
    }
}

impl Workspace {
    /// Opens an account's cache and starts its tasks. Nothing connects before [`Self::start`].
    pub(crate) fn run(cache: Cache, account: Account, shared: Shared) -> Running {
        let (link_orders, link_inbox) = mpsc::unbounded_channel();
        let (outbox_orders, outbox_inbox) = mpsc::unbounded_channel();
        let (wanted, wanted_inbox) = mpsc::unbounded_channel();
        let (draft_orders, draft_inbox) = mpsc::unbounded_channel();
        let workspace = Arc::new(Self {
            id: account.workspace,
            me: account.person,
            cache,
            local: shared.local,
            profile: shared.profile,
            platform: shared.platform,
            router: shared.router,
            events: shared.events,
            wipes: shared.wipes,
            account: RwLock::new(account),
            connection: watch::Sender::new(Connection::Offline {
                why: "not connected yet".into(),
                retry_in: 0,
                reason: Reason::Starting,
            }),
            session: watch::Sender::new(None),
            https: Https::default(),
            closed: Mutex::default(),
            troubles: Mutex::new(BTreeMap::new()),
            refused: Mutex::default(),
            eager: AtomicBool::new(false),
            looked: Mutex::default(),
            changed: watch::Sender::new(0),
            link_orders,
            outbox_orders,
            wanted,
            draft_orders,
            uploading: tokio::sync::Mutex::default(),
            listing: tokio::sync::Mutex::default(),
            audit: tokio::sync::Mutex::default(),
            replacing: Arc::default(),
            renewing: shared.renewing,
            #[cfg(test)]
            in_place: Mutex::default(),
        });
        let tasks = vec![
            tokio::spawn(follow::run(Arc::clone(&workspace), link_inbox)),
            tokio::spawn(outbox::run(Arc::clone(&workspace), workspace.session.subscribe(), outbox_inbox)),
            tokio::spawn(drafts::run(Arc::clone(&workspace), workspace.session.subscribe(), draft_inbox)),
            tokio::spawn(history::run(Arc::clone(&workspace), wanted_inbox)),
            tokio::spawn(audit::run(Arc::clone(&workspace))),
        ];
        Running { workspace, tasks }
    }

    /// Puts a fresh file in the place of a cache that is damaged; what waits to be sent and drafts are not in it. Once begun it comes to
    /// its end, whether or not somebody waits for it still: [`Running::stop`] does.
    pub(super) async fn rebuild(self: &Arc<Self>) -> Result<()> {
        let renewing = Arc::clone(&self.renewing).lock_owned().await;
        let replacing = Arc::clone(&self.replacing).lock_owned().await;
        let workspace = Arc::clone(self);
        let replaced = tokio::spawn(async move {
            let replaced = workspace.replace_cache().await;
            // In this order: whoever waits for the end finds that nobody has the workspace.
            drop((workspace, renewing));
            drop(replacing);
            replaced
        });
        replaced.await.map_err(fault::internal)??;
        self.events.push(ClientEvent::Connection { workspace: self.id });
        self.events.push(ClientEvent::Standing { workspace: self.id });
        for channel in self.looked() {
            self.announce_all(channel);
        }
        self.announce(&Applied { channels: true, ..Applied::default() });
        Ok(())
    }

    async fn replace_cache(&self) -> Result<()> {
        let (profile, id) = (Arc::clone(&self.profile), self.id);
        let key = tokio::task::spawn_blocking(move || profile.cache_key(id)).await.map_err(fault::internal)??;
        let listed = self.local.listed(id).await.unwrap_or_else(|why| {
            tracing::warn!(%why, "what is kept of the list of channels cannot be read");
            Vec::new()
        });
        self.cache.rebuild(key, listed).await
    }
}
