//! Destroying what this device keeps: of one account, or all of it. Also when the server says so, because somebody had a
//! lost device wiped.

use super::{Client, Inner};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use thechatapp_protocol::{Code, ErrorBody, WorkspaceId};
use tokio::sync::Notify;

/// The workspaces whose servers said that nothing of theirs is to stay here.
#[derive(Debug, Default)]
pub(crate) struct Wipes {
    /// And whether that is done.
    ordered: Mutex<BTreeMap<WorkspaceId, bool>>,
    more: Notify,
    /// Held by whoever does it: what was begun is not taken for done.
    hands: tokio::sync::Mutex<()>,
}

impl Wipes {
    /// Nothing of this workspace is to stay.
    pub(crate) fn order(&self, ws: WorkspaceId) {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).entry(ws).or_insert(false);
        self.more.notify_one();
    }

    /// Waits for an order.
    pub(super) async fn ordered(&self) {
        self.more.notified().await;
    }

    /// Why a workspace is not here.
    pub(super) fn why_not(&self, ws: WorkspaceId) -> Error {
        if self.all().contains_key(&ws) {
            let (what, why) = ("this device is signed out", "it was wiped, as somebody asked for from elsewhere");
            return Error::Refused(ErrorBody::new(Code::SignedOut, what, why, "sign in again"));
        }
        Error::bad_input("there is no such workspace here", "this profile is not signed in to it")
    }

    fn all(&self) -> BTreeMap<WorkspaceId, bool> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Inner {
    /// Whether nothing of this profile is to stay: every account that it had was to be wiped.
    pub(super) fn is_doomed(&self) -> bool {
        let wipes = self.shared.wipes.all();
        !wipes.is_empty()
            && wipes.values().all(|done| *done)
            && self.workspaces.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Client {
    /// Does what servers said. Without another account, closing destroys the rest.
    pub(super) async fn carry_out_wipes(&self) -> Result<()> {
        let wipes = &self.0.shared.wipes;
        let _hands = wipes.hands.lock().await;
        for ws in wipes.all().into_iter().filter(|(_, done)| !done).map(|(ws, _)| ws) {
            tracing::warn!(workspace = %ws, "the server had this account wiped from this device");
            self.forget(ws).await?;
            wipes.ordered.lock().unwrap_or_else(PoisonError::into_inner).insert(ws, true);
        }
        Ok(())
    }

    /// Destroys what is kept of an account: the key of its cache first.
    pub(super) async fn forget(&self, ws: WorkspaceId) -> Result<()> {
        self.remove(ws).await?;
        // Without its key the cache is noise, whatever happens next.
        let profile = Arc::clone(&self.0.shared.profile);
        let removed = tokio::task::spawn_blocking(move || -> Result<()> {
            profile.drop_cache_key(ws)?;
            match profile.cache_path(ws).parent().map(std::fs::remove_dir_all) {
                Some(Err(why)) if why.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::DiskFull { why: why.to_string() })
                }
                _ => Ok(()),
            }
        })
        .await
        .map_err(fault::internal)?;
        self.0.shared.local.remove_account(ws).await?;
        self.0.shared.events.push(ClientEvent::Workspaces);
        removed
    }

    /// Destroys the profile: the entry in secure storage first, then the files.
    ///
    /// # Errors
    /// [`Error::Busy`] while other handles to it exist.
    pub async fn wipe(self) -> Result<()> {
        // What cannot be written out is no reason to keep it.
        let profile = self.shut_down().await?;
        profile.ok_or(Error::Busy)?.wipe().await
    }
}
