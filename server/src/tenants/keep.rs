//! What a backup takes from a host, and what a restored host begins with.

use super::Host;
use crate::backup::{KeysOf, WorkspaceKept};
use crate::error::Result;
use thechatapp_protocol::{Timestamp, WorkspaceId};
use thechatapp_seal::{Key, WrapContext, unwrap, wrap};

impl Host {
    /// The workspaces with the keys of their databases.
    ///
    /// # Errors
    /// When the database fails, or a key does not open.
    pub(crate) fn kept_keys(&self) -> Result<Vec<KeysOf>> {
        let rows = {
            let db = self.db();
            let mut query = db.prepare("SELECT id, name, created, database_key FROM workspaces ORDER BY name")?;
            let rows = query.query_map([], |row| {
                Ok((
                    WorkspaceId::from_bytes(row.get(0)?),
                    row.get::<_, String>(1)?,
                    Timestamp(row.get(2)?),
                    row.get::<_, Vec<u8>>(3)?,
                ))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()?
        };
        let mut all = Vec::new();
        for (id, name, created, wrapped) in rows {
            let workspace = self.workspace(&name)?;
            let database_key = unwrap(workspace.keyring.top(), "database", id.as_bytes(), 0, &wrapped)?;
            all.push(KeysOf { name, created, database_key });
        }
        Ok(all)
    }

    /// Takes in a workspace whose files are in place. It is open from the next start on.
    ///
    /// # Errors
    /// When the key service or the database fails.
    pub(crate) fn adopt(&self, kept: &WorkspaceKept, key: &Key, database_key: &Key) -> Result<()> {
        let wrapped = self.kms.wrap(&WrapContext::new(kept.id.to_string()), key)?;
        let wrapped_database = wrap(key, "database", kept.id.as_bytes(), 0, database_key)?;
        self.db().execute(
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
