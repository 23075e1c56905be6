//! How the profile gets out into the network.

use super::Local;
use crate::error::Result;
use crate::net::route::Setting;
use rusqlite::OptionalExtension;

impl Local {
    /// What the person chose; by itself the system's way.
    pub(crate) async fn network(&self) -> Result<Setting> {
        let stored: Option<String> =
            self.ask(|db| Ok(db.query_row("SELECT setting FROM network", [], |row| row.get(0)).optional()?)).await?;
        stored.map(zeroize::Zeroizing::new).map_or_else(|| Ok(Setting::default()), |stored| Setting::decode(&stored))
    }

    /// Keeps it.
    pub(crate) async fn set_network(&self, setting: &Setting) -> Result<()> {
        let setting = setting.encode()?;
        self.write(move |db| {
            db.execute("INSERT OR REPLACE INTO network VALUES (1, ?1)", [setting.as_str()])?;
            Ok(())
        })
        .await
    }
}
