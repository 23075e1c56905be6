//! Keeping a profile well: checks, repair, wiping, setting aside.

use super::events::Events;
use super::{Client, Inner, apart, open_cache};
use crate::cache::{INDEX_TOGETHER, file as cache_file};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault;
use crate::local::{Local, drafts_behind, good_path};
use crate::net::probe::{Hop, probe};
use crate::platform::{Clock, Platform, SystemClock};
use crate::profile::{Profile, Unlock, Vault};
use crate::view::UpdateView;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use thechatapp_protocol::WorkspaceId;

/// When all files were last read whole, in seconds since 1970, and how often that is done.
const LOOKED_OVER: &str = "looked_over";
const LOOK_OVER_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after the opening of a profile it begins to be looked after.
const SOON: Duration = Duration::from_secs(1);

/// Tidies indexes and renews the last good copy, as long as the client lives.
pub(super) async fn run(inner: Weak<Inner>, every: Duration) {
    // Whoever opens a profile is to read its first page before any of this.
    tokio::time::sleep(every.min(SOON)).await;
    if let Some(client) = inner.upgrade().map(Client) {
        // What came between two commits the last time.
        for workspace in client.all() {
            if let Err(why) = workspace.keep_list().await {
                tracing::warn!(%why, workspace = %workspace.id, "the list of channels cannot be kept");
            }
        }
    }
    loop {
        let Some(client) = inner.upgrade().map(Client) else { return };
        if let Err(why) = client.index_all().await {
            tracing::warn!(%why, "an index cannot be completed");
        }
        drop(client);
        tokio::time::sleep(every).await;
        let Some(client) = inner.upgrade().map(Client) else { return };
        if let Err(why) = client.care().await {
            tracing::warn!(%why, "taking care of the profile failed");
        }
    }
}

/// Says that what cannot be fetched again is damaged, when that shows.
pub(super) async fn tell_damage(damaged: impl Future<Output = Error>, events: Arc<Events>) {
    let why = damaged.await;
    tracing::error!(%why, "what exists on this device only is damaged");
    if let Error::Corrupt { file, why } = why {
        events.push(ClientEvent::Damaged { file, why });
    }
}

impl Client {
    /// What an older build had indexed in another form is taken in again.
    async fn index_all(&self) -> Result<()> {
        let mut done = Ok(());
        for workspace in self.all() {
            let indexed = async {
                while workspace.cache.lacks_index().await? {
                    workspace.cache.index_some(INDEX_TOGETHER).await?;
                }
                Ok(())
            };
            done = done.and(indexed.await);
        }
        done
    }

    /// Whatever fails, the rest is done all the same; the first that failed is told.
    async fn care(&self) -> Result<()> {
        let sound = self.look_over().await;
        let mut done = Ok(());
        for workspace in self.all() {
            let tidied = async {
                if workspace.cache.is_untidy().await? {
                    workspace.cache.tidy().await?;
                }
                Ok(())
            };
            done = done.and(tidied.await);
        }
        done = done.and(self.keep_within().await);
        // What cannot be fetched again is not copied over its last good copy when it is damaged.
        sound?;
        self.0.shared.local.keep_good().await.and(done)
    }

    /// Reads every page and every row of all files, once a day. What turns out to be damaged says so by itself: a cache is rebuilt, of
    /// `local.db` shells are told. Fails only for `local.db`.
    async fn look_over(&self) -> Result<()> {
        let local = &self.0.shared.local;
        if let Some(damage) = local.damage() {
            return Err(damage);
        }
        let now = self.now().unix_seconds();
        let last = local.choice(LOOKED_OVER).await?.unwrap_or(0);
        // A clock that was set back does not put it off for ever.
        if last <= now && now - last < LOOK_OVER_EVERY.as_secs() {
            return Ok(());
        }
        let sound = local.check().await;
        for workspace in self.all() {
            match workspace.cache.look_over().await {
                Ok(0) => {}
                Ok(wrong) => tracing::warn!(wrong, workspace = %workspace.id, "the index was not as its messages are"),
                Err(why) => tracing::error!(%why, workspace = %workspace.id, "the cache is damaged"),
            }
        }
        sound?;
        local.choose(LOOKED_OVER, Some(now)).await
    }

    /// Moves the files of a profile that is not open into a dated folder; nothing is deleted.
    ///
    /// # Errors
    /// [`Error::Busy`] when it is open somewhere.
    pub async fn set_aside(dir: &Path) -> Result<PathBuf> {
        Profile::set_aside(dir, SystemClock.now()).await
    }

    /// Opens a profile whose files are damaged: a damaged `profile.json` is set aside and its copy put in its place, a damaged cache
    /// is set aside and fetched again while what can be read of it is shown, a damaged `local.db` is set aside and its last good copy put in its place.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is no good copy of what cannot be fetched again.
    pub async fn repair(dir: &Path, unlock: Unlock, platform: Platform) -> Result<Self> {
        let aside = dir.join("set-aside").join(platform.clock.now().to_string().replace(':', "-"));
        Profile::mend(dir, &aside).await?;
        let profile = Profile::open(dir, unlock, Vault::new(&platform)).await?;
        // Before any file is made that an older release would take for a damaged one.
        let profile = Arc::new(apart(profile, Profile::raise).await?);
        let path = profile.local_path();
        let open = async || {
            // The file may have either of two keys, and so may its last good copy.
            let keys = Arc::clone(&profile);
            tokio::task::spawn_blocking(move || keys.find_keys()).await.map_err(fault::internal)??;
            Local::open(&path, profile.local_key(), profile.profile_key().clone(), false).await
        };
        let local = match open().await {
            Err(Error::Corrupt { file, why }) => {
                // Without a copy to put in its place a damaged file is better than none.
                if good_path(&path).exists() {
                    move_aside(&path, &aside).await?;
                }
                if !Local::restore_good(&path).await? {
                    return Err(Error::Corrupt { file, why: format!("{why}; there is no good copy of it") });
                }
                let local = open().await?;
                // Drafts of the copy are older than the caches beside it.
                for account in local.accounts().await? {
                    local.choose(drafts_behind(account.workspace), Some(1)).await?;
                }
                local
            }
            opened => opened?,
        };
        for account in local.accounts().await? {
            let opened = match open_cache(&profile, &local, &account).await {
                Ok(cache) => {
                    let checked = cache.check().await;
                    cache.close().await.and(checked)
                }
                Err(why) => Err(why),
            };
            match opened {
                Err(Error::Corrupt { .. }) => {
                    set_aside(profile.cache_path(account.workspace)).await?;
                }
                done => done?,
            }
        }
        local.close().await?;
        let profile = Arc::try_unwrap(profile).map_err(|_| Error::Busy)?;
        Self::with(profile, platform, false).await
    }

    /// The steps of the way to each server, all servers at once.
    async fn hops(&self) -> BTreeMap<WorkspaceId, Vec<Hop>> {
        let probes = self.all().into_iter().map(|workspace| async move {
            (workspace.id, probe(&workspace.link_config(), workspace.session().ok()).await)
        });
        futures_util::future::join_all(probes).await.into_iter().collect()
    }

    /// Checks the files, and every step of the way to each server; both take no longer than some seconds, also offline. `ok` is
    /// about the files; `hops` of each workspace is about the way.
    ///
    /// # Errors
    /// Only when the checks themselves cannot run; what they find is in the answer.
    pub async fn doctor(&self) -> Result<Value> {
        let shared = &self.0.shared;
        let mut ok = true;
        let mut seen = |result: Result<()>| match result {
            Ok(()) => json!({"ok": true}),
            Err(why) => {
                ok = false;
                json!({"ok": false, "error": why.report()})
            }
        };
        let local = seen(shared.local.check().await);
        let mut workspaces = Vec::new();
        let mut hops = self.hops().await;
        for workspace in self.all() {
            let account = workspace.account();
            // What a damaged file does not tell is left open; the check below says that it is damaged.
            let cursor = workspace.cache.standing().await.ok().map(|standing| standing.cursor);
            let tidy = workspace.cache.is_untidy().await.ok().map(|untidy| !untidy);
            workspaces.push(json!({
                "workspace": account.short,
                "id": account.workspace,
                "url": account.url,
                "pin": account.known.pin().to_string(),
                "connection": workspace.connection(),
                "cache": seen(workspace.cache.check().await),
                "rebuilding": workspace.cache.is_being_rebuilt(),
                "cursor": cursor,
                "waiting": workspace.waiting_count().await.ok(),
                "tidy": tidy,
                "update": workspace.cache.updates().await.ok().flatten().map(UpdateView::from),
                "pin_copy": shared.profile.pin_copies().contains_key(&account.of_server()),
                "hops": hops.remove(&account.workspace),
            }));
        }
        Ok(json!({
            "ok": ok,
            "profile": shared.profile.dir(),
            "backend": shared.profile.backend(),
            "slots": shared.profile.slots(),
            "sqlite": rusqlite::version(),
            "cipher": shared.local.cipher().await.ok(),
            "local": local,
            "good_copy": good_path(&shared.profile.local_path()).exists(),
            "workspaces": workspaces,
        }))
    }
}

/// Sets a damaged cache aside, to be read as far as it opens until another one has taken its place.
async fn set_aside(path: PathBuf) -> Result<()> {
    let aside =
        tokio::task::spawn_blocking(move || cache_file::set_aside(&path).map_err(|why| fault::database(&path, why)));
    aside.await.map_err(fault::internal)?
}

/// Moves a database and what belongs to it.
async fn move_aside(path: &Path, to: &Path) -> Result<()> {
    let (path, to) = (path.to_owned(), to.to_owned());
    tokio::task::spawn_blocking(move || {
        let full = |why: std::io::Error| Error::DiskFull { why: why.to_string() };
        std::fs::create_dir_all(&to).map_err(full)?;
        for ending in ["", "-wal", "-shm", "-mark"] {
            let mut from = path.clone().into_os_string();
            from.push(ending);
            let from = PathBuf::from(from);
            let Some(name) = from.file_name() else { continue };
            match std::fs::rename(&from, to.join(name)) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(full(why)),
                _ => {}
            }
        }
        Ok(())
    })
    .await
    .map_err(fault::internal)?
}

#[cfg(test)]
mod tests;
