//! What was wiped, by its ids: backups say it, so that an older one that is restored does not bring it back.

use super::{wipe_channel, wipe_person};
use crate::error::Fail;
use crate::store::audit::By;
use crate::store::{Tx, View, channels};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thechatapp_protocol::{AccountId, ChannelId};

/// Channels and people of a workspace that were wiped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Their ids, also those of conversations that went with a person.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub channels: BTreeSet<ChannelId>,
    /// Theirs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<AccountId>,
}

impl Past {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.people.is_empty()
    }

    /// What is there that was wiped elsewhere.
    ///
    /// # Errors
    /// SQLite's.
    pub fn left_in(&self, view: View<'_>) -> Result<Self, Fail> {
        let (mut left, done) = (Self::default(), of(view)?);
        for id in self.channels.difference(&done.channels) {
            if channels::find(view, *id)?.is_some() {
                left.channels.insert(*id);
            }
        }
        for id in self.people.difference(&done.people) {
            if view.db.prepare_cached("SELECT 1 FROM people WHERE id = ?1")?.exists([id.as_bytes()])? {
                left.people.insert(*id);
            }
        }
        Ok(left)
    }

    /// Begins to wipe it: nothing of it opens from this commit on, and the rest goes once the workspace is open.
    ///
    /// # Errors
    /// SQLite's.
    pub fn wipe_again(&self, tx: &mut Tx<'_>) -> Result<(), Fail> {
        for id in &self.people {
            wipe_person(tx, By::HOST, *id)?;
        }
        for id in &self.channels {
            // One may have gone with a person just now.
            let Some(channel) = channels::find(tx.view(), *id)? else { continue };
            if channels::is_wiped(tx.view(), *id)? {
                continue;
            }
            wipe_channel(tx, By::HOST, channel)?;
        }
        Ok(())
    }
}

/// What was wiped in a workspace.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>) -> Result<Past, Fail> {
    let mut past = Past::default();
    let mut rows = view.db.prepare("SELECT id FROM channels WHERE wiped = 1")?;
    for id in rows.query_map([], |row| row.get(0))? {
        past.channels.insert(ChannelId::from_bytes(id?));
    }
    // Who only closed their account is deleted, too, and has kept their name's hash.
    let mut rows = view.db.prepare("SELECT id, name_hash FROM people WHERE state = 3")?;
    for row in rows.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)))? {
        let (id, hash) = row?;
        let id = AccountId::from_bytes(id);
        if hash == super::hash_of_nobody(view.keyring, id) {
            past.people.insert(id);
        }
    }
    Ok(past)
}
