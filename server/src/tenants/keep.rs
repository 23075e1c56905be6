//! What a restored host begins with.

use super::Host;
use crate::backup::WorkspaceKept;
use crate::error::Result;
use crate::kms;
use thechatapp_seal::{Key, WrapContext, wrap};

impl Host {
    /// Takes in a workspace whose files are in place. It is open from the next start on.
    ///
    /// # Errors
    /// When the key service or the database fails.
    pub(crate) fn adopt(&self, kept: &WorkspaceKept, key: &Key, database_key: &Key) -> Result<()> {
        let wrapped =
            self.kms.wrap(&WrapContext::new(kept.id.to_string()), key).map_err(|why| kms::failed(&*self.kms, why))?;
        let wrapped_database = wrap(key, "database", kept.id.as_bytes(), 0, database_key)?;
        self.db()?.execute(
            "INSERT INTO workspaces (id, name, title, provider, key_id, wrapped_key, database_key, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                kept.id.as_bytes(),
                &kept.name,
                &kept.title,
                self.kms.provider(),
                self.kms.key_id(),
                wrapped,
                wrapped_database,
                kept.created.0,
            ),
        )?;
        Ok(())
    }
}
