//! Destroying what this device keeps: of one account, or all of it. Also when the server says so, because somebody had a
//! lost device wiped.

use super::files::here::remove_parts;
use super::{Client, Inner};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use thechatapp_protocol::{Code, ErrorBody, WorkspaceId};
use tokio::sync::Notify;

/// The workspaces whose servers said that nothing of theirs is to stay here.
#[derive(Debug, Default)]
pub(crate) struct Wipes {
    state: Mutex<State>,
    more: Notify,
    /// Held by whoever does it: what was begun is not taken for done.
    hands: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    ordered: BTreeSet<WorkspaceId>,
    /// What was there, so that it can be said why it is not any more.
    done: BTreeSet<WorkspaceId>,
    /// A wipe took the last account: nothing of the profile is to stay.
    doomed: bool,
}

impl Wipes {
    /// Nothing of this workspace is to stay.
    pub(crate) fn order(&self, ws: WorkspaceId) {
        self.state().ordered.insert(ws);
        self.more.notify_one();
    }

    /// Somebody signed in: what was ordered before was about another device.
    pub(super) fn forget(&self, ws: WorkspaceId) {
        let mut state = self.state();
        state.ordered.remove(&ws);
        state.done.remove(&ws);
        state.doomed = false;
    }

    /// Whether nothing of this profile is to stay.
    pub(super) fn is_doomed(&self) -> bool {
        self.state().doomed
    }

    /// Why a workspace is not here.
    pub(super) fn why_not(&self, ws: WorkspaceId) -> Error {
        let state = self.state();
        if state.ordered.contains(&ws) || state.done.contains(&ws) {
            let (what, why) = ("this device is signed out", "it was wiped, as somebody asked for from elsewhere");
            return Error::Refused(ErrorBody::new(Code::SignedOut, what, why, "sign in again"));
        }
        Error::bad_input("there is no such workspace here", "this profile is not signed in to it")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what servers say, as soon as they say it, as long as the client lives.
pub(super) async fn run(inner: Weak<Inner>, wipes: Arc<Wipes>) {
    loop {
        wipes.more.notified().await;
        let Some(client) = inner.upgrade().map(Client) else { return };
        if let Err(why) = client.carry_out_wipes().await {
            tracing::error!(%why, "what was to be wiped is still here");
        }
    }
}

impl Client {
    /// Does what servers said. Without another account, closing destroys the rest.
    pub(super) async fn carry_out_wipes(&self) -> Result<()> {
        let wipes = &self.0.shared.wipes;
        let _hands = wipes.hands.lock().await;
        loop {
            let Some(ws) = wipes.state().ordered.first().copied() else { return Ok(()) };
            tracing::warn!(workspace = %ws, "the server had this account wiped from this device");
            self.forget(ws).await?;
            let last = self.0.shared.local.accounts().await?.is_empty();
            if last {
                // Whatever ends this program before it is closed.
                self.begin_wipe().await;
            }
            let mut state = wipes.state();
            if state.ordered.remove(&ws) {
                state.done.insert(ws);
                state.doomed = last;
            }
        }
    }

    /// Destroys what is kept of an account: the key of its cache first. What cannot be written out is no reason to keep it.
    pub(super) async fn forget(&self, ws: WorkspaceId) -> Result<()> {
        let drop_key = || {
            let profile = Arc::clone(&self.0.shared.profile);
            tokio::task::spawn_blocking(move || profile.drop_cache_key(ws))
        };
        // Without its key the cache is noise, whatever happens next.
        let mut dropped = drop_key().await.map_err(fault::internal)?;
        if let Err(why) = self.remove(ws).await {
            tracing::warn!(%why, "an account that goes was not closed cleanly");
        }
        // What lies open elsewhere, while it is still known where.
        match self.0.shared.local.downloads(ws).await {
            Ok(parts) => remove_parts(parts.into_iter().map(|(_, part)| part).collect()).await,
            Err(why) => tracing::warn!(%why, "where parts of files lie cannot be read"),
        }
        let folder = self.0.shared.profile.cache_path(ws).parent().map(Path::to_owned);
        let removed = tokio::task::spawn_blocking(move || match folder.map(std::fs::remove_dir_all) {
            Some(Err(why)) if why.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::DiskFull { why: why.to_string() })
            }
            _ => Ok(()),
        });
        let removed = removed.await.map_err(fault::internal)?;
        // There is room now, should there have been none.
        if dropped.is_err() {
            dropped = drop_key().await.map_err(fault::internal)?;
        }
        self.0.shared.local.remove_account(ws).await?;
        self.0.shared.events.push(ClientEvent::Workspaces);
        dropped.and(removed)
    }

    /// Revokes this device on a server, when it can be reached, and destroys the profile. Whatever ends this program amid it: the next
    /// that comes to the profile goes on.
    ///
    /// # Errors
    /// Those of [`Self::wipe`].
    pub async fn sign_out_and_wipe(self, ws: WorkspaceId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        self.begin_wipe().await;
        self.revoke_this(&workspace).await;
        drop(workspace);
        self.wipe().await
    }

    /// The same on every server of the profile, all at once: nothing of it is to stay.
    ///
    /// # Errors
    /// Those of [`Self::wipe`].
    pub async fn sign_out_everywhere_and_wipe(self) -> Result<()> {
        self.begin_wipe().await;
        let workspaces = self.all();
        futures_util::future::join_all(workspaces.iter().map(|workspace| self.revoke_this(workspace))).await;
        drop(workspaces);
        self.wipe().await
    }

    /// From now on the profile is to be destroyed, with what lies open outside it.
    pub(super) async fn begin_wipe(&self) {
        let parts = self.0.shared.local.all_downloads().await.unwrap_or_else(|why| {
            tracing::warn!(%why, "where parts of files lie cannot be read");
            Vec::new()
        });
        self.0.shared.profile.begin_wipe(&parts);
    }

    /// Destroys the profile: what lies open outside it and the entry in secure storage first, then the files.
    ///
    /// # Errors
    /// [`Error::Busy`] while other handles to it exist.
    pub async fn wipe(self) -> Result<()> {
        self.begin_wipe().await;
        let (profile, closed) = self.shut_down(true).await;
        if let Err(why) = closed {
            tracing::warn!(%why, "a profile that goes was not closed cleanly");
        }
        profile.ok_or(Error::Busy)?.wipe().await
    }
}
