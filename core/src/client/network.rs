//! The way out into the network: what was chosen, and where it leads.

use super::Client;
use crate::error::{Error, Result};
use crate::local::Local;
use crate::net::Router;
use crate::net::probe::{Hop, probe};
use crate::net::route::{Choice, Login, Setting};
use crate::platform::Platform;
use crate::view::{NetworkView, WaysOutView};
use std::sync::Arc;
use thechatapp_protocol::WorkspaceId;
use zeroize::Zeroizing;

/// The router of a profile.
pub(super) async fn router(platform: &Platform, local: &Local) -> Result<Router> {
    let router = Router::new(Arc::clone(&platform.network), Arc::clone(&platform.clock), platform.extra_roots.clone());
    router.choose(local.network().await?);
    Ok(router)
}

impl Client {
    /// How this profile gets out into the network, and where that leads now.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn network(&self) -> Result<NetworkView> {
        let router = &self.0.shared.router;
        let setting = router.setting();
        let mut ways = Vec::new();
        for workspace in self.all() {
            let account = workspace.account();
            let found = self.unless_closed(async { Ok(crate::net::ways(router, &account.url).await) }).await?;
            let (by, why) = match found {
                Ok(ways) => (ways.iter().map(ToString::to_string).collect(), None),
                Err(why) => (Vec::new(), Some(why)),
            };
            ways.push(WaysOutView { workspace: account.short, url: account.url, by, why });
        }
        Ok(NetworkView {
            proxy: setting.text(),
            or_direct: matches!(setting.choice, Choice::Pac { or_direct: true, .. }),
            user: setting.login.as_ref().map(|login| login.user.clone()),
            ways,
        })
    }

    /// What was chosen.
    pub fn network_setting(&self) -> Arc<Setting> {
        self.0.shared.router.setting()
    }

    /// Chooses how this profile gets out; what connects does so anew, the new way.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn set_network(&self, setting: Setting) -> Result<()> {
        self.0.shared.local.set_network(&setting).await?;
        self.0.shared.router.choose(setting);
        for workspace in self.all() {
            workspace.reroute();
        }
        Ok(())
    }

    /// The same from what a person typed. Without a password the one that was given before stays, for the same name at the same
    /// proxy: no other is told it.
    ///
    /// # Errors
    /// [`Error::BadInput`] for what is no way, and for a name that has no password; when it cannot be stored.
    pub async fn choose_network(
        &self,
        proxy: &str,
        or_direct: bool,
        user: Option<String>,
        password: Option<Zeroizing<String>>,
    ) -> Result<()> {
        let mut setting = Setting::parse(proxy, or_direct, None)?;
        if let Some(user) = user {
            let now = self.network_setting();
            let known = now.login.as_ref().filter(|login| login.user == user && now.text() == setting.text());
            let password = password.or_else(|| known.map(|login| login.password.clone())).ok_or_else(|| {
                Error::bad_input(
                    "the proxy's password is missing",
                    "it is kept for the same name at the same proxy only",
                )
            })?;
            setting = Setting::parse(proxy, or_direct, Some(Login { user, password }))?;
        }
        self.set_network(setting).await
    }

    /// The steps of the way to a workspace's server: which hold, and for the first that does not, why and what to do. It changes
    /// nothing, and takes some seconds at most.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a workspace that is not known.
    pub async fn walk(&self, ws: WorkspaceId) -> Result<Vec<Hop>> {
        let workspace = self.workspace(ws)?;
        self.unless_closed(async { Ok(probe(&workspace.link_config(), workspace.session().ok()).await) }).await
    }

    /// What may take long ends when the profile is to be closed: it holds its keys.
    async fn unless_closed<T>(&self, what: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = what => done,
            () = self.0.shared.events.closed() => Err(super::closed()),
        }
    }
}

#[cfg(test)]
mod tests;
