//! Whether everything sealed opens: the part of `doctor` that reads values. It changes nothing, and names what does not open by
//! table and key, never by what is in it.

use super::sealed::{self, STAGES};
use super::{View, factors, groups, people, reports, roles, settings, unsigned};
use crate::error::Fail;
use crate::keyring::Keyring;
use data_encoding::HEXLOWER;
use rusqlite::types::Value;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::identity::Verified;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, FileId, GroupId, RoleId};
use thechatapp_seal::Key;

/// Rows in one step.
const ROWS: i64 = 1000;

/// How far a check is; it begins with the default.
#[derive(Clone, Debug)]
pub struct At {
    stage: usize,
    first: Value,
    second: Value,
}

impl Default for At {
    fn default() -> Self {
        // Smaller than any key: integers come before blobs.
        Self { stage: 0, first: Value::Integer(i64::MIN), second: Value::Integer(i64::MIN) }
    }
}

/// What a step found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Values that were opened, or tried.
    pub values: u64,
    /// Those that do not open, and why.
    pub problems: Vec<String>,
}

impl Found {
    fn note<T>(&mut self, opened: Result<T, Fail>, name: impl FnOnce() -> String) -> Result<(), Fail> {
        self.values += 1;
        match opened {
            Ok(_) => {}
            Err(why @ (Fail::Database(_) | Fail::File(_))) => return Err(why),
            Err(why) => self.problems.push(format!("{} does not open: {why}", name())),
        }
        Ok(())
    }
}

/// Opens the next values that channels' keys seal. The answer is where to go on; `None` at the end.
///
/// # Errors
/// SQLite's.
pub fn values(view: View<'_>, at: &At) -> Result<(Found, Option<At>), Fail> {
    let mut found = Found::default();
    let Some(stage) = STAGES.get(at.stage).copied() else { return Ok((found, None)) };
    let mut select = view.db.prepare_cached(stage.select())?;
    // Of whatever epoch.
    let mut rows = select.query((i64::MAX, &at.first, &at.second, ROWS))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        last = Some(At { stage: at.stage, first: row.get(0)?, second: row.get(1)? });
        found.note(sealed::open(view.keyring, stage, row), || stage.row_name(row))?;
    }
    let whole = found.values == ROWS.unsigned_abs();
    let next = last.filter(|_| whole).unwrap_or(At { stage: at.stage + 1, ..At::default() });
    Ok((found, Some(next)))
}

/// Opens what the workspace key seals and wraps: names of people and devices, secrets of second factors, settings, and every key.
/// Documents are verified.
///
/// # Errors
/// SQLite's.
pub fn names_and_keys(view: View<'_>) -> Result<Found, Fail> {
    let mut found = Found::default();
    let mut select = view.db.prepare("SELECT id FROM people")?;
    for id in select.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
        let id = id?;
        let person = AccountId::from_bytes(id);
        found.note(people::row(view, person), || format!("people.name of row {}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT id, name FROM devices")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, name): ([u8; 16], Vec<u8>) = (row.get(0)?, row.get(1)?);
        let opened = view.keyring.open_device(DeviceId::from_bytes(id), &name);
        found.note(opened, || format!("devices.name of row {}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT name, version, value FROM settings")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (name, version): (String, u64) = (row.get(0)?, unsigned(row.get(1)?));
        let sealed = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let opened = settings::open(view, &name, version, sealed);
        found.note(opened, || format!("settings.value of row {name}/{version}"))?;
    }
    for id in reports::ids(view)? {
        found.note(reports::find(view, id), || format!("reports.content or .note of row {id}"))?;
    }
    let mut select = view.db.prepare("SELECT id FROM roles")?;
    for id in select.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
        let id = id?;
        let opened = roles::find(view, RoleId::from_bytes(id));
        found.note(opened, || format!("roles.name of row {}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT id FROM groups WHERE deleted = 0")?;
    for id in select.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
        let id = id?;
        let opened = groups::row(view, GroupId::from_bytes(id));
        found.note(opened, || format!("groups.slug and name of row {}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT person FROM totp")?;
    for id in select.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
        let id = id?;
        let opened = factors::opens(view, AccountId::from_bytes(id));
        found.note(opened, || format!("totp.secret of row {}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT what, id, epoch, wrapped FROM keys")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (what, id, epoch): (String, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let opened = view.keyring.opens(&what, &id, unsigned(epoch), &row.get::<_, Vec<u8>>(3)?);
        found.note(opened, || format!("keys.wrapped of row {what}/{}/{epoch}", HEXLOWER.encode(&id)))?;
    }
    let mut select = view.db.prepare("SELECT epoch, encoded FROM documents")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (epoch, encoded): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        found.note(Verified::restore(&encoded).map_err(Fail::from), || format!("documents.encoded of row {epoch}"))?;
    }
    Ok(found)
}

/// A whole file, and what opens its bytes.
#[derive(Debug)]
pub struct WholeFile {
    /// What is known of it.
    pub row: FileRow,
    /// Its key.
    pub key: Key,
}

/// Whole files after one, in the order of their ids, a few at a time. Those whose key or info does not open are left out:
/// [`values`] names them.
///
/// # Errors
/// SQLite's.
pub fn whole_files(view: View<'_>, after: Option<FileId>) -> Result<(Vec<WholeFile>, Option<FileId>), Fail> {
    let mut select = view.db.prepare_cached(
        "SELECT id, info, size, epoch, channel, key FROM files
         WHERE state = 1 AND (?1 IS NULL OR id > ?1) ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query((after.map(|file| *file.as_bytes()), ROWS))?;
    let (mut files, mut last, mut count) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        count += 1;
        let id = FileId::from_bytes(row.get(0)?);
        last = Some(id);
        if let Ok(file) = whole_file(view.keyring, view, id, row) {
            files.push(file);
        }
    }
    Ok((files, last.filter(|_| count == ROWS)))
}

fn whole_file(keyring: &Keyring, view: View<'_>, id: FileId, row: &rusqlite::Row<'_>) -> Result<WholeFile, Fail> {
    let channel = ChannelId::from_bytes(row.get(4)?);
    let wrapped: Vec<u8> = row.get(5)?;
    let key = keyring.unwrap_file_key(channel, id, unsigned(row.get(3)?), &wrapped)?;
    Ok(WholeFile { row: super::files::read(view, channel, row)?, key })
}

#[cfg(test)]
mod tests;
