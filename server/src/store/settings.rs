//! Settings: every value each ever had, the newest in force. Whoever asks in a transaction gets what is so at that moment.

use super::audit::{self, Act, By};
use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::keyring::RecordPlace;
use crate::time::now;
use rusqlite::OptionalExtension;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::settings::{SettingRow, SettingVersion};
use thechatapp_protocol::settings::{Setting, Value};
use thechatapp_protocol::{AccountId, Code, ErrorBody, Timestamp, wire};

/// What a setting is, and how often it was changed.
///
/// # Errors
/// SQLite's, or when the value does not open.
pub fn current(view: View<'_>, setting: &Setting) -> Result<(Value, u64), Fail> {
    let found: Option<(i64, Vec<u8>)> = view
        .db
        .prepare_cached("SELECT version, value FROM settings WHERE name = ?1 ORDER BY version DESC LIMIT 1")?
        .query_row([setting.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((version, sealed)) = found else { return Ok((setting.default_value(), 0)) };
    let (version, value) = (unsigned(version), open(view, setting.name, unsigned(version), &sealed)?);
    // A release may have narrowed what fits.
    Ok((if setting.check(&value).is_ok() { value } else { setting.default_value() }, version))
}

/// The number that a setting is.
///
/// # Errors
/// As [`current`].
pub fn number(view: View<'_>, setting: &Setting) -> Result<u64, Fail> {
    match current(view, setting)?.0 {
        Value::Number(number) => Ok(number),
        _ => Err(Fail::Broken("a setting that is no number")),
    }
}

/// Whether a setting is on.
///
/// # Errors
/// As [`current`].
pub fn is_on(view: View<'_>, setting: &Setting) -> Result<bool, Fail> {
    match current(view, setting)?.0 {
        Value::Switch(on) => Ok(on),
        _ => Err(Fail::Broken("a setting that is no switch")),
    }
}

/// The word that a setting is.
///
/// # Errors
/// As [`current`].
pub fn word(view: View<'_>, setting: &Setting) -> Result<String, Fail> {
    match current(view, setting)?.0 {
        Value::Text(text) => Ok(text),
        _ => Err(Fail::Broken("a setting that is no word")),
    }
}

/// Refuses what comes later than so many minutes after something was written; 0 is for ever.
///
/// # Errors
/// Denied.
pub fn in_time(view: View<'_>, setting: &Setting, written: Timestamp, now: Timestamp) -> Result<(), Fail> {
    let minutes = number(view, setting)?;
    if minutes == 0 || now.unix_millis() <= written.unix_millis().saturating_add(minutes * 60_000) {
        return Ok(());
    }
    Err(Fail::denied(&format!("a message may be changed for {minutes} minutes here")))
}

/// A setting as it is shown.
///
/// # Errors
/// As [`current`].
pub fn row(view: View<'_>, setting: &Setting) -> Result<SettingRow, Fail> {
    let (value, version) = current(view, setting)?;
    Ok(SettingRow {
        name: setting.name.to_owned(),
        value,
        default: setting.default_value(),
        version,
        power: setting.power,
        about: setting.about.to_owned(),
    })
}

/// Sets one, as its next version, and writes down what it was and is. What is so already stays as it is.
///
/// # Errors
/// Bad input for a value that does not fit; a conflict when it was changed since `version`.
pub fn set(
    tx: &mut Tx<'_>,
    by: (AccountId, By),
    setting: &Setting,
    value: Option<Value>,
    version: u64,
) -> Result<SettingRow, Fail> {
    let value = value.unwrap_or_else(|| setting.default_value());
    if let Err(why) = setting.check(&value) {
        return Err(Fail::bad_input("This setting cannot be that", why.to_string(), "give it a value that fits"));
    }
    let (before, last) = current(tx.view(), setting)?;
    if before == value {
        return row(tx.view(), setting);
    }
    if last != version {
        return Err(ErrorBody::new(
            Code::Conflict,
            "This setting was changed meanwhile",
            format!("it is at version {last} now, and the change was made for version {version}"),
            "look at it again",
        )
        .into());
    }
    let next = last + 1;
    let encoded = wire::encode(&value).map_err(|_| Fail::Broken("a setting that does not encode"))?;
    let sealed = tx.keyring.seal_record(&place(setting.name, next), &encoded)?;
    tx.db
        .prepare_cached("INSERT INTO settings (name, version, value, by, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((setting.name, signed(next), sealed, by.0.as_bytes(), now().0))?;
    let act = Act::new(Class::Setting, "setting.changed", Target::Setting(setting.name.to_owned()));
    audit::record(tx, by.1, act.before(before.to_string()).after(value.to_string()))?;
    row(tx.view(), setting)
}

/// Every version of one, newest first.
///
/// # Errors
/// SQLite's, or when a value does not open.
pub fn history(view: View<'_>, setting: &Setting) -> Result<Vec<SettingVersion>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT version, value, by, at FROM settings WHERE name = ?1 ORDER BY version DESC LIMIT 1000",
    )?;
    let mut rows = rows.query([setting.name])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        let version = unsigned(row.get(0)?);
        versions.push(SettingVersion {
            version,
            value: open(view, setting.name, version, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?,
            by: AccountId::from_bytes(row.get(2)?),
            at: Timestamp(row.get(3)?),
        });
    }
    Ok(versions)
}

pub(super) fn open(view: View<'_>, name: &str, version: u64, sealed: &[u8]) -> Result<Value, Fail> {
    let opened = view.keyring.open_record(&place(name, version), sealed)?;
    wire::decode(&opened).map_err(|_| Fail::Broken("a setting that does not decode"))
}

fn place(name: &str, version: u64) -> RecordPlace<'_> {
    RecordPlace { table: "settings", column: "value", row: name.as_bytes(), revision: version }
}

#[cfg(test)]
mod tests;
