//! The way out into the network: what was chosen, and where it leads.

use super::Client;
use crate::error::Result;
use crate::local::Local;
use crate::net::Router;
use crate::net::route::{Choice, Setting};
use crate::platform::Platform;
use crate::view::{NetworkView, WaysOutView};
use std::sync::Arc;

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
            let found = crate::net::ways(router, &account.url).await;
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
}
