//! New keys for a workspace as a whole, and for its database. Two files say which keys are in use, `host.db` and the
//! workspace's own; the first holds both the present and the coming one until the second has changed. Broken off at any
//! moment, opening finds out which is in use (see `crate::state`).

use super::Host;
use crate::crash;
use crate::error::Result;
use crate::kms;
use crate::rotation::What;
use crate::state::{Given, Workspace, WrappedKeys, wrap_database_key};
use crate::store::{signed, unsigned};
use crate::time::now;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use thechatapp_protocol::{Timestamp, WorkspaceId};
use thechatapp_seal::{Key, KeyService, WrapContext};

/// What stands for the host where workspaces have their ids.
const OF_HOST: [u8; 16] = [0; 16];

impl Host {
    /// A new random workspace key. Blocks, on a thread of the runtime that may. Answers its epoch.
    ///
    /// # Errors
    /// Those of the key service and of databases.
    pub fn rotate_workspace_key(&self, name: &str) -> Result<u64> {
        let _rotating = self.rotating.lock();
        let workspace = self.workspace(name)?;
        let (former, next) = (workspace.keyring()?.top(), Key::random()?);
        let wrapped = wrap(&*self.to_ask(&workspace).0, &workspace.id.to_string(), &next)?;
        let mut keys = self.settled(&workspace)?;
        let coming = wrap_database_key(workspace.id, &next, &workspace.database_key()?)?;
        (keys.coming_key, keys.coming_database_key) = (Some(wrapped.clone()), Some(coming.clone()));
        self.keep_keys(&workspace, keys.clone())?;
        crash::point("workspace: coming");
        if let Err(why) = block_on(workspace.rewrap(next.clone())) {
            self.settle(&workspace, &Given { key: former, coming: Some(next) });
            return Err(why.into());
        }
        crash::point("workspace: rewrapped");
        let epoch = keys.epoch + 1;
        let keys = WrappedKeys {
            key: wrapped,
            database_key: coming,
            coming_key: None,
            coming_database_key: None,
            epoch,
            made: now(),
        };
        self.keep_keys(&workspace, keys)?;
        Ok(epoch)
    }

    /// A new key for a workspace's database. Blocks as above. Answers how long writers waited.
    ///
    /// # Errors
    /// Those of databases and of the disk.
    pub fn rotate_database_key(&self, name: &str) -> Result<Duration> {
        let _rotating = self.rotating.lock();
        let workspace = self.workspace(name)?;
        let (top, next) = (workspace.keyring()?.top(), Key::random()?);
        let mut keys = self.settled(&workspace)?;
        let coming = wrap_database_key(workspace.id, &top, &next)?;
        keys.coming_database_key = Some(coming.clone());
        self.keep_keys(&workspace, keys.clone())?;
        crash::point("database: coming");
        let paused = match block_on(workspace.rekey(next)) {
            Ok(paused) => paused,
            Err(why) => {
                self.settle(&workspace, &Given { key: top, coming: None });
                return Err(why);
            }
        };
        crash::point("database: replaced");
        (keys.database_key, keys.coming_database_key) = (coming, None);
        self.keep_keys(&workspace, keys)?;
        Ok(paused)
    }

    /// Writes a workspace's wrapped keys to `host.db`, and nothing of those before stays there.
    pub(super) fn keep_keys(&self, workspace: &Workspace, keys: WrappedKeys) -> Result<()> {
        self.settle_change()?;
        let emptied = {
            let db = self.db()?;
            db.execute(
                "UPDATE workspaces SET wrapped_key = ?2, database_key = ?3, coming_key = ?4, coming_database_key = ?5,
                    key_epoch = ?6, key_made = ?7 WHERE id = ?1",
                (
                    workspace.id.as_bytes(),
                    &keys.key,
                    &keys.database_key,
                    &keys.coming_key,
                    &keys.coming_database_key,
                    signed(keys.epoch),
                    keys.made.0,
                ),
            )?;
            thechatapp_database::empty_wal(&db)
        };
        // As the row has them from here on.
        workspace.set_keys(keys);
        emptied?;
        Ok(())
    }

    /// The keys in use, where what an earlier rotation left behind could not be stored before.
    pub(super) fn settled(&self, workspace: &Workspace) -> Result<WrappedKeys> {
        let keys = workspace.settled_keys()?;
        if keys != workspace.keys() {
            self.keep_keys(workspace, keys.clone())?;
        }
        Ok(keys)
    }

    /// Opens a workspace, and stores which of its keys are in use where that was open.
    pub(super) fn open_workspace(&self, workspace: &Workspace, given: &Given) -> Result<()> {
        let before = workspace.keys();
        workspace.open(given)?;
        let found = workspace.keys();
        if found != before {
            let came = found.epoch != before.epoch || found.database_key != before.database_key;
            tracing::info!(workspace = %workspace.id, came, "a rotation that was broken off is settled");
            self.keep_keys(workspace, found)?;
        }
        Ok(())
    }

    /// After a failure: what is on the disk counts.
    fn settle(&self, workspace: &Arc<Workspace>, given: &Given) {
        workspace.close();
        if let Err(why) = self.open_workspace(workspace, given) {
            tracing::error!(workspace = %workspace.id, error = %why, "a workspace is closed after a failed rotation");
            let mut health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
            health.ended();
            health.failed(Instant::now(), why.to_string());
        }
    }

    /// Remembers when keys were rotated: a workspace's, or the host's.
    pub(crate) fn note_rotation(&self, of: Option<WorkspaceId>, what: What, at: Timestamp) -> Result<()> {
        let id = of.map_or(OF_HOST, |workspace| *workspace.as_bytes());
        self.db()?.execute(
            "INSERT INTO rotations (id, what, at) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET at = excluded.at",
            (id, what.name(), at.0),
        )?;
        Ok(())
    }

    /// When keys of a workspace, and of the host, were rotated last.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rotations(&self, id: WorkspaceId) -> Result<BTreeMap<String, Timestamp>> {
        let db = self.db()?;
        // What the key service of the host wrapped anew is not under one of the workspace's own.
        let mut all = self.workspaces().into_iter();
        let own = all.find(|workspace| workspace.id == id).and_then(|workspace| workspace.own());
        let own = own.is_some_and(|own| !own.own.is_shared());
        let host = if own { *id.as_bytes() } else { OF_HOST };
        let mut rows = db.prepare("SELECT what, at FROM rotations WHERE id IN (?1, ?2) ORDER BY id = ?1")?;
        let rows = rows.query_map((id.as_bytes(), host), |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// Wrapped keys of a workspace out of a row of `host.db`, whose columns begin at `first`.
    pub(super) fn keys_of(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<WrappedKeys> {
        Ok(WrappedKeys {
            key: row.get(first)?,
            database_key: row.get(first + 1)?,
            coming_key: row.get(first + 2)?,
            coming_database_key: row.get(first + 3)?,
            epoch: unsigned(row.get(first + 4)?),
            made: Timestamp(row.get(first + 5)?),
        })
    }
}

/// Wraps a key, and proves that the service gives it back.
pub(super) fn wrap(service: &dyn KeyService, whose: &str, key: &Key) -> Result<Vec<u8>> {
    let context = WrapContext::new(whose);
    let wrapped = service.wrap(&context, key).map_err(|why| kms::failed(service, why))?;
    let given = service.unwrap(&context, &wrapped).map_err(|why| kms::failed(service, why))?;
    if given == *key { Ok(wrapped) } else { Err(kms::away("it gave another key back than it was given")) }
}

/// Waits on this thread, which the runtime has set free for that.
fn block_on<F: Future>(job: F) -> F::Output {
    tokio::runtime::Handle::current().block_on(job)
}
