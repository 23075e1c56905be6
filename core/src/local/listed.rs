//! The channels one is in, as a list of them shows them. They are in the cache, too; but where that is damaged so that it does not tell,
//! and its server is away, they are nowhere else, and without them nothing can be read or written.

use super::Local;
use crate::error::Result;
use crate::fault;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thechatapp_protocol::event::{ChannelRow, PersonRow};
use thechatapp_protocol::{ChannelId, WorkspaceId, wire};

/// A channel one is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// Without its head and its change, which are others with every message.
    pub(crate) channel: ChannelRow,
    /// Whether one looks after it.
    #[serde(default)]
    pub(crate) moderator: bool,
    /// Everybody else in a direct conversation, which has no name but theirs; without their changes.
    #[serde(default)]
    pub(crate) people: Vec<PersonRow>,
}

impl Local {
    /// The channels one is in, as they were when the server told of them last.
    pub(crate) async fn listed(&self, workspace: WorkspaceId) -> Result<Vec<Listed>> {
        let rows = self.stored(workspace).await?;
        // What another release wrote so that this one does not read it comes again from the server.
        Ok(rows.values().filter_map(|row| wire::decode(row).ok()).collect())
    }

    async fn stored(&self, workspace: WorkspaceId) -> Result<BTreeMap<[u8; 16], Vec<u8>>> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT channel, row FROM listed WHERE workspace = ?1")?;
            let rows = query.query_map([workspace.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Keeps these and no others. Writes what is another than before, and mostly nothing.
    pub(crate) async fn list(&self, workspace: WorkspaceId, listed: Vec<Listed>) -> Result<()> {
        let mut gone = self.stored(workspace).await?;
        let mut changed = Vec::new();
        for one in listed {
            let (channel, row) = (*one.channel.id.as_bytes(), wire::encode(&one).map_err(fault::internal)?);
            if gone.remove(&channel).is_none_or(|before| before != row) {
                changed.push((channel, row));
            }
        }
        if !changed.is_empty() {
            self.write(move |db| {
                let mut put = db.prepare_cached("INSERT OR REPLACE INTO listed VALUES (?1, ?2, ?3)")?;
                for (channel, row) in changed {
                    put.execute(params![workspace.as_bytes(), channel, row])?;
                }
                Ok(())
            })
            .await?;
        }
        self.drop_listed(workspace, gone.into_keys().collect()).await
    }

    /// Forgets channels that are not one's to see any more; all of them where none is named.
    pub(crate) async fn unlist(&self, workspace: WorkspaceId, channels: Option<&[ChannelId]>) -> Result<()> {
        let here = self.stored(workspace).await?.into_keys();
        let is_meant = |id: &[u8; 16]| channels.is_none_or(|all| all.contains(&ChannelId::from_bytes(*id)));
        self.drop_listed(workspace, here.filter(is_meant).collect()).await
    }

    /// They leave the last good copy, too.
    async fn drop_listed(&self, workspace: WorkspaceId, channels: Vec<[u8; 16]>) -> Result<()> {
        if channels.is_empty() {
            return Ok(());
        }
        self.write(move |db| {
            let mut drop = db.prepare_cached("DELETE FROM listed WHERE workspace = ?1 AND channel = ?2")?;
            for channel in channels {
                drop.execute(params![workspace.as_bytes(), channel])?;
            }
            Ok(())
        })
        .await?;
        self.keep_good().await?;
        self.flush().await
    }
}
