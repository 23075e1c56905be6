//! What a restored host begins with.

use super::Host;
use crate::backup::WorkspaceKept;
use crate::error::Result;
use crate::kms;
use crate::state::wrap_database_key;
use crate::time::now;
use thechatapp_seal::{Key, WrapContext};

impl Host {
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
