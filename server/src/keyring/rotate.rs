//! How the keys of a workspace change while it is open.
//!
//! New keys come into memory only once they are committed, on the writer's thread, so nothing is ever sealed under a key
//! that is not stored. Old ones stay in memory for a while after they have left the database: a reader that began before
//! still meets what they sealed.

use super::{Channels, Keyring, Purpose, store};
use crate::error::Fail;
use crate::store::{signed, unsigned};
use rusqlite::Connection;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use thechatapp_protocol::{AccountId, ChannelId, DeviceId};
use thechatapp_seal::{Key, unwrap, wrap};

/// How long old keys stay in memory: longer than any query runs.
const GRACE: Duration = Duration::from_secs(60);

/// Keys of a new epoch, one for each channel, stored and not in use yet.
pub(crate) struct Fresh {
    epoch: u64,
    keys: Vec<(ChannelId, Key)>,
}

impl Fresh {
    /// Their epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Keyring {
    /// Stores keys of a new epoch for all channels.
    ///
    /// # Errors
    /// When the database or the system's randomness fails.
    pub(crate) fn store_epoch(&self, db: &Connection) -> Result<Fresh, Fail> {
        let top = self.top();
        let epoch = self.channel_epoch() + 1;
        let mut rows = db.prepare("SELECT id FROM channels WHERE wiped = 0")?;
        let mut keys = Vec::new();
        for id in rows.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
            let (id, key) = (ChannelId::from_bytes(id?), Key::random()?);
            store(db, &top, Purpose::Channel, id.as_bytes(), epoch, &key)?;
            keys.push((id, key));
        }
        Ok(Fresh { epoch, keys })
    }

    /// From here on channels are sealed under these keys. They are committed, and this is the writer's thread.
    pub(crate) fn use_epoch(&self, fresh: Fresh) {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        channels.epoch = fresh.epoch;
        channels.retired = None;
        for (id, key) in fresh.keys {
            channels.keys.entry(id).or_default().push((fresh.epoch, key));
        }
    }

    /// The older keys of channels have left the database.
    pub(crate) fn retire_epochs(&self, at: Instant) {
        self.channels.write().unwrap_or_else(PoisonError::into_inner).retired = Some(at);
    }

    /// A channel's keys have left the database; here they leave the memory.
    pub(crate) fn forget_channel(&self, id: ChannelId) {
        self.channels.write().unwrap_or_else(PoisonError::into_inner).keys.remove(&id);
    }

    /// Wraps every key of the database under another workspace key, and seals again what the workspace key itself seals.
    ///
    /// # Errors
    /// When the database fails, or something does not open.
    pub(crate) fn rewrap(&self, db: &Connection, next: &Key) -> Result<(), Fail> {
        let top = self.top();
        {
            let mut rows = db.prepare("SELECT what, id, epoch, wrapped FROM keys")?;
            let mut update = db.prepare("UPDATE keys SET wrapped = ?4 WHERE what = ?1 AND id = ?2 AND epoch = ?3")?;
            let all = rows.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?, row.get(3)?))
            })?;
            for row in all.collect::<Result<Vec<(_, _, _, Vec<u8>)>, _>>()? {
                let (what, id, epoch, wrapped) = row;
                let key = unwrap(&top, &what, &id, unsigned(epoch), &wrapped)?;
                update.execute((&what, &id, epoch, wrap(next, &what, &id, unsigned(epoch), &key)?))?;
            }
        }
        let mut rows = db.prepare("SELECT id, revision, name FROM people")?;
        let mut update = db.prepare("UPDATE people SET name = ?2 WHERE id = ?1")?;
        let people = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for row in people.collect::<Result<Vec<([u8; 16], i64, Vec<u8>)>, _>>()? {
            let (id, revision, sealed) = row;
            let (person, revision) = (AccountId::from_bytes(id), unsigned(revision));
            let name = self.open_name(person, revision, &sealed)?;
            update.execute((id, self.seal_name_under(next, person, revision, &name)?))?;
        }
        let mut rows = db.prepare("SELECT id, name FROM devices")?;
        let mut update = db.prepare("UPDATE devices SET name = ?2 WHERE id = ?1")?;
        let devices = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in devices.collect::<Result<Vec<([u8; 16], Vec<u8>)>, _>>()? {
            let (id, sealed) = row;
            let device = DeviceId::from_bytes(id);
            let name = self.open_device(device, &sealed)?;
            update.execute((id, self.seal_device_under(next, device, &name)?))?;
        }
        Ok(())
    }

    /// Another workspace key is about to be committed: a reader that sees that commit has to open what it finds.
    pub(crate) fn announce_top(&self, next: &Key) {
        let mut tops = self.tops.write().unwrap_or_else(PoisonError::into_inner);
        (tops.other, tops.retired) = (Some(next.clone()), None);
    }

    /// It was not committed.
    pub(crate) fn withdraw_top(&self) {
        self.tops.write().unwrap_or_else(PoisonError::into_inner).other = None;
    }

    /// It was. The one before it stays for those who read what was before.
    pub(crate) fn use_top(&self, next: Key, at: Instant) {
        let mut tops = self.tops.write().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut tops.current, next);
        (tops.other, tops.retired) = (Some(former), Some(at));
    }

    /// Forgets old keys that nobody can need any longer as of `at`.
    pub(crate) fn settle(&self, at: Instant) {
        let over = |retired: Option<Instant>| retired.is_some_and(|since| at.saturating_duration_since(since) >= GRACE);
        if over(self.tops.read().unwrap_or_else(PoisonError::into_inner).retired) {
            let mut tops = self.tops.write().unwrap_or_else(PoisonError::into_inner);
            (tops.other, tops.retired) = (None, None);
        }
        if over(self.channels.read().unwrap_or_else(PoisonError::into_inner).retired) {
            let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
            let Channels { epoch, keys, retired } = &mut *channels;
            for keys in keys.values_mut() {
                keys.retain(|(of, _)| of >= epoch);
            }
            *retired = None;
        }
    }
}

/// Deletes the keys of channels before an epoch.
///
/// # Errors
/// SQLite's.
pub(crate) fn delete_before(db: &Connection, epoch: u64) -> Result<(), Fail> {
    db.execute("DELETE FROM keys WHERE what = ?1 AND epoch < ?2", (Purpose::Channel.name(), signed(epoch)))?;
    Ok(())
}

/// Deletes all keys of a channel.
///
/// # Errors
/// SQLite's.
pub(crate) fn delete_channel(db: &Connection, id: ChannelId) -> Result<(), Fail> {
    db.execute("DELETE FROM keys WHERE what = ?1 AND id = ?2", (Purpose::Channel.name(), id.as_bytes()))?;
    Ok(())
}
