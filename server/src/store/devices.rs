//! Enrolled devices. A device is its static key; a revoked one stays, so that its key cannot be enrolled anew. A browser has
//! no key of its own: its session (see [`super::browsers`]) stands beside the devices under an id like theirs.

use super::{Tx, View};
use crate::error::Fail;
use crate::hub::Note;
use crate::time::now;
use rusqlite::OptionalExtension;
use std::net::IpAddr;
use thechatapp_protocol::methods::devices::{Device, DeviceKind};
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{AccountId, DeviceId, Timestamp};

pub use super::reach::{Standing, standing};

/// The device that has this static key, and whose it is.
///
/// # Errors
/// SQLite's.
pub fn by_key(view: View<'_>, key: &DevicePublic) -> Result<Option<(DeviceId, AccountId)>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT id, person FROM devices WHERE static_key = ?1")?
        .query_row([key.0], |row| Ok((DeviceId::from_bytes(row.get(0)?), AccountId::from_bytes(row.get(1)?))))
        .optional()?;
    Ok(found)
}

/// The key with which a device signs.
///
/// # Errors
/// SQLite's.
pub fn signing_key(view: View<'_>, device: DeviceId) -> Result<Option<[u8; 32]>, Fail> {
    Ok(view
        .db
        .prepare_cached("SELECT signing_key FROM devices WHERE id = ?1")?
        .query_row([device.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// What is kept of a new device.
#[derive(Clone, Debug)]
pub struct New {
    /// Its id.
    pub id: DeviceId,
    /// The static key it proved.
    pub key: DevicePublic,
    /// The signing key it proved.
    pub signing_key: [u8; 32],
    /// Its name.
    pub name: String,
    /// Its platform.
    pub platform: String,
}

/// Enrols a device.
///
/// # Errors
/// SQLite's.
pub fn insert(tx: &Tx<'_>, person: AccountId, device: &New) -> Result<(), Fail> {
    let name = tx.keyring.seal_device(device.id, &device.name)?;
    tx.db
        .prepare_cached(
            "INSERT INTO devices
                (id, person, static_key, signing_key, name, platform, enrolled, last_seen, revoked, fresh)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 0, ?7)",
        )?
        .execute((
            device.id.as_bytes(),
            person.as_bytes(),
            device.key.0,
            device.signing_key,
            name,
            &device.platform,
            now().0,
        ))?;
    Ok(())
}

/// Notes that a device is connected, and from where.
///
/// # Errors
/// SQLite's.
pub fn seen(tx: &Tx<'_>, device: DeviceId, from: IpAddr) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE devices SET last_seen = ?2, address = ?3 WHERE id = ?1")?.execute((
        device.as_bytes(),
        now().0,
        from.to_string(),
    ))?;
    Ok(())
}

/// Notes that somebody proved on a device who they are. In a browser that counts for the token it gets: [`super::browsers::confirmed`].
///
/// # Errors
/// SQLite's.
pub fn confirmed(tx: &Tx<'_>, device: DeviceId, at: Timestamp) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE devices SET fresh = ?2 WHERE id = ?1")?.execute((device.as_bytes(), at.0))?;
    Ok(())
}

/// Revokes a device, or ends a browser's session, and closes what is live of it. Answers whether it was good until now.
///
/// # Errors
/// SQLite's.
pub fn revoke(tx: &mut Tx<'_>, device: DeviceId) -> Result<bool, Fail> {
    let good = owner(tx.view(), device)?.is_some();
    tx.db.prepare_cached("UPDATE devices SET revoked = 1 WHERE id = ?1")?.execute([device.as_bytes()])?;
    super::browsers::remove(tx, device)?;
    tx.note(Note::SignedOut(device));
    Ok(good)
}

/// Whether a device, not a browser, was ever this person's.
///
/// # Errors
/// SQLite's.
pub fn was_of(view: View<'_>, device: DeviceId, person: AccountId) -> Result<bool, Fail> {
    let sql = "SELECT EXISTS (SELECT 1 FROM devices WHERE id = ?1 AND person = ?2)";
    Ok(view.db.prepare_cached(sql)?.query_row([device.as_bytes(), person.as_bytes()], |row| row.get(0))?)
}

/// From now on a device is told to destroy what it keeps. Of a browser there is nothing.
///
/// # Errors
/// SQLite's.
pub fn order_wipe(tx: &Tx<'_>, device: DeviceId) -> Result<(), Fail> {
    tx.db.prepare_cached("UPDATE devices SET wipe = 0 WHERE id = ?1")?.execute([device.as_bytes()])?;
    Ok(())
}

/// The device of this key, when it is to destroy what it keeps, and whether it was not told yet.
///
/// # Errors
/// SQLite's.
pub fn to_wipe(view: View<'_>, key: &DevicePublic) -> Result<Option<(DeviceId, bool)>, Fail> {
    let sql = "SELECT id, wipe = 0 FROM devices WHERE static_key = ?1 AND revoked = 1 AND wipe IS NOT NULL";
    let found = view.db.prepare_cached(sql)?.query_row([key.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(id, untold)| (DeviceId::from_bytes(id), untold)))
}

/// A device was told to destroy what it keeps.
///
/// # Errors
/// SQLite's.
pub fn wipe_told(tx: &Tx<'_>, device: DeviceId) -> Result<(), Fail> {
    let now = now().0;
    tx.db.prepare_cached("UPDATE devices SET wipe = ?2 WHERE id = ?1")?.execute((device.as_bytes(), now))?;
    Ok(())
}

/// Revokes all devices of a person and ends their browsers' sessions, but for one. Answers which were good until now.
///
/// # Errors
/// SQLite's.
pub fn revoke_all(tx: &mut Tx<'_>, person: AccountId, except: Option<DeviceId>) -> Result<Vec<DeviceId>, Fail> {
    let mut revoked = good(tx.view(), person)?;
    revoked.retain(|device| Some(*device) != except);
    for device in &revoked {
        revoke(tx, *device)?;
    }
    Ok(revoked)
}

/// Closes everything that is live of a person, whose devices stay enrolled.
///
/// # Errors
/// SQLite's.
pub fn close(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    for device in good(tx.view(), person)? {
        tx.note(Note::SignedOut(device));
    }
    Ok(())
}

/// Whose a device or a browser's session is; nobody's when it is revoked.
///
/// # Errors
/// SQLite's.
pub fn owner(view: View<'_>, device: DeviceId) -> Result<Option<AccountId>, Fail> {
    let found = view
        .db
        .prepare_cached(
            "SELECT person FROM devices WHERE id = ?1 AND revoked = 0
             UNION ALL SELECT person FROM browsers WHERE id = ?1",
        )?
        .query_row([device.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.map(AccountId::from_bytes))
}

fn good(view: View<'_>, person: AccountId) -> Result<Vec<DeviceId>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT id FROM devices WHERE person = ?1 AND revoked = 0 UNION ALL SELECT id FROM browsers WHERE person = ?1",
    )?;
    let rows = rows.query_map([person.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(DeviceId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// On how many devices and browsers somebody is signed in, and when one of them was last used.
///
/// # Errors
/// SQLite's.
pub fn summary(view: View<'_>, person: AccountId) -> Result<(u32, Option<Timestamp>), Fail> {
    let sql = "SELECT count(*), max(used) FROM (SELECT last_seen AS used FROM devices WHERE person = ?1 AND revoked = 0
        UNION ALL SELECT used FROM browsers WHERE person = ?1)";
    let found = view
        .db
        .prepare_cached(sql)?
        .query_row([person.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(Timestamp))))?;
    Ok(found)
}

/// Somebody's devices, oldest first, then the sessions of their browsers.
///
/// # Errors
/// SQLite's.
pub fn of(view: View<'_>, person: AccountId, this: DeviceId) -> Result<Vec<Device>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT id, name, platform, enrolled, last_seen, revoked, address FROM devices WHERE person = ?1
         ORDER BY enrolled, id",
    )?;
    let mut rows = rows.query([person.as_bytes()])?;
    let mut devices = Vec::new();
    while let Some(row) = rows.next()? {
        let id = DeviceId::from_bytes(row.get(0)?);
        let sealed: Vec<u8> = row.get(1)?;
        devices.push(Device {
            id,
            person,
            name: view.keyring.open_device(id, &sealed)?,
            platform: row.get(2)?,
            enrolled: Timestamp(row.get(3)?),
            last_seen: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            revoked: row.get(5)?,
            this: id == this,
            kind: DeviceKind::Device,
            address: row.get(6)?,
        });
    }
    let mut rows = view.db.prepare_cached(
        "SELECT id, agent, created, used, address FROM browsers WHERE person = ?1 ORDER BY created, id",
    )?;
    let rows = rows.query_map([person.as_bytes()], |row| {
        let id = DeviceId::from_bytes(row.get(0)?);
        Ok(Device {
            id,
            person,
            name: row.get(1)?,
            platform: "browser".to_owned(),
            enrolled: Timestamp(row.get(2)?),
            last_seen: Some(Timestamp(row.get(3)?)),
            revoked: false,
            this: id == this,
            kind: DeviceKind::Browser,
            address: Some(row.get(4)?),
        })
    })?;
    for browser in rows {
        devices.push(browser?);
    }
    Ok(devices)
}
