//! What a backup keeps of a workspace's keys, and what a restored host begins with.

use super::Host;
use super::rotate::wrap;
use crate::backup::{OwnKept, WorkspaceKept};
use crate::error::{Error, Result};
use crate::kms;
use crate::state::{Workspace, wrap_database_key};
use crate::time::now;
use std::sync::Arc;
use thechatapp_seal::{Key, WrapContext, unwrap};

impl Host {
    /// The keys of a workspace as only its own key service opens them; nothing where the host's guards it. The service need not be
    /// asked for that, unless they were rotated a moment ago.
    ///
    /// # Errors
    /// Those of the key service.
    pub(crate) async fn own_kept(
        &self,
        workspace: &Arc<Workspace>,
        key: &Key,
        database_key: &Key,
    ) -> Result<Option<OwnKept>> {
        let Some((own, keys)) = self.own_keys(workspace) else { return Ok(None) };
        if own.own.is_shared() {
            return Ok(None);
        }
        let wraps = |wrapped: &[u8]| {
            unwrap(key, "database", workspace.id.as_bytes(), 0, wrapped).is_ok_and(|given| given == *database_key)
        };
        let coming = keys.coming_database_key.filter(|coming| wraps(coming));
        let (wrapped, wrapped_database) = match coming {
            _ if wraps(&keys.database_key) => (keys.key, keys.database_key),
            Some(coming) => (keys.coming_key.unwrap_or(keys.key), coming),
            None => {
                let (kms, whose, top) = (own.kms.clone(), workspace.id.to_string(), key.clone());
                let wrapped = tokio::task::spawn_blocking(move || wrap(&*kms, &whose, &top));
                let wrapped = wrapped.await.map_err(|why| Error::internal("A key was not wrapped", why))??;
                (wrapped, wrap_database_key(workspace.id, key, database_key)?)
            }
        };
        Ok(Some(OwnKept {
            uri: own.own.uri_from_elsewhere(),
            provider: own.kms.provider().to_owned(),
            key_id: own.kms.key_id(),
            key: wrapped,
            database_key: wrapped_database,
        }))
    }

    /// Takes in a workspace whose files are in place. It is open from the next start on.
    ///
    /// # Errors
    /// When the key service or the database fails.
    pub(crate) fn adopt(&self, kept: &WorkspaceKept, key: &Key, database_key: &Key) -> Result<()> {
        let kms = self.kms();
        let wrapped = kms.wrap(&WrapContext::new(kept.id.to_string()), key).map_err(|why| kms::failed(&*kms, why))?;
        let wrapped_database = wrap_database_key(kept.id, key, database_key)?;
        self.db()?.execute(
            "INSERT INTO workspaces (id, name, title, provider, key_id, wrapped_key, database_key, created, key_made)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                kept.id.as_bytes(),
                &kept.name,
                &kept.title,
                kms.provider(),
                kms.key_id(),
                wrapped,
                wrapped_database,
                kept.created.0,
                now().0,
            ),
        )?;
        Ok(())
    }
}
