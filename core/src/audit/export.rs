//! Entries as other programs read them: JSON, one object a line, and `ArcSight`'s Common Event Format (CEF, version 0), whose
//! header fields and extension values have escaping rules of their own.

use std::fmt::Write;
use std::net::IpAddr;
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::audit::{Actor, AuditEntry};

/// In which form entries are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON objects, one a line.
    Jsonl,
    /// Common Event Format.
    Cef,
}

/// One entry in this form, without a line end. `version` is the product's.
pub fn line(entry: &AuditEntry, format: Format, version: &str) -> String {
    match format {
        Format::Jsonl => serde_json::to_string(&Shape::from(entry)).unwrap_or_default(),
        Format::Cef => cef(entry, version),
    }
}

/// An entry as JSON for people's programs: flat, with times as RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shape {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: String,
    /// What kind of act.
    pub class: &'static str,
    /// Which act.
    pub act: String,
    /// Who: `person:ID`, `stranger`, `host` or `server`.
    pub actor: String,
    /// On which device.
    pub device: Option<String>,
    /// On what: `kind:ID`.
    pub target: String,
    /// From which address.
    pub place: Option<String>,
    /// What was so before.
    pub before: Option<String>,
    /// What is so now.
    pub after: Option<String>,
}

impl From<&AuditEntry> for Shape {
    fn from(entry: &AuditEntry) -> Self {
        let (actor, device) = actor(&entry.actor);
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            class: entry.class.name(),
            act: entry.act.clone(),
            actor,
            device,
            target: entry.target.to_string(),
            place: entry.place.clone(),
            before: entry.before.clone(),
            after: entry.after.clone(),
        }
    }
}

fn actor(actor: &Actor) -> (String, Option<String>) {
    match actor {
        Actor::Person(person, device) => (format!("person:{person}"), Some(device.to_string())),
        Actor::Stranger => ("stranger".to_owned(), None),
        Actor::Host => ("host".to_owned(), None),
        Actor::Server => ("server".to_owned(), None),
    }
}

/// Severity of every entry, from 0 to 10: what is remarkable is for rules to say.
const SEVERITY: u8 = 3;

fn cef(entry: &AuditEntry, version: &str) -> String {
    let Shape { seq, class, act, actor, device, target, place, before, after, .. } = entry.into();
    let Timestamp(millis) = entry.at;
    let mut line = String::from("CEF:0");
    for field in ["TheChatApp", "thechatapp-server", version, &act, &act] {
        line.push('|');
        line.push_str(&header(field));
    }
    let _ = write!(line, "|{SEVERITY}|rt={millis} externalId={seq}");
    let mut add = |name: &str, value: &str| {
        let _ = write!(line, " {name}={}", value_of(value));
    };
    add("cat", class);
    add("suid", &actor);
    match place.as_deref().map(str::parse) {
        Some(Ok(IpAddr::V4(address))) => add("src", &address.to_string()),
        Some(Ok(IpAddr::V6(address))) => {
            add("c6a2Label", "Source IPv6 Address");
            add("c6a2", &address.to_string());
        }
        Some(Err(_)) | None => {}
    }
    for (number, label, value) in
        [(1, "device", device), (2, "target", Some(target)), (3, "before", before), (4, "after", after)]
    {
        if let Some(value) = value {
            add(&format!("cs{number}Label"), label);
            add(&format!("cs{number}"), &value);
        }
    }
    line
}

/// A field of the header: a bar and a backslash are escaped, and there are no line ends.
fn header(text: &str) -> String {
    text.replace(['\r', '\n'], " ").replace('\\', "\\\\").replace('|', "\\|")
}

/// A value of the extension: an equals sign and a backslash are escaped, and line ends are written as such.
fn value_of(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use thechatapp_protocol::audit::{Class, Target};
    use thechatapp_protocol::{AccountId, DeviceId};

    fn entry() -> AuditEntry {
        AuditEntry {
            seq: 7,
            at: Timestamp(1_795_000_000_123),
            class: Class::Setting,
            act: "setting.changed".into(),
            actor: Actor::Person(AccountId::from_bytes([0xa1; 16]), DeviceId::from_bytes([0xd1; 16])),
            target: Target::Setting("web.chat".into()),
            place: Some("192.0.2.1".into()),
            before: None,
            after: Some("a=b|c\\d\ne".into()),
        }
    }

    #[test]
    fn an_entry_is_one_line_of_cef_with_its_values_escaped() {
        assert_eq!(
            line(&entry(), Format::Cef, "0.1|0"),
            "CEF:0|TheChatApp|thechatapp-server|0.1\\|0|setting.changed|setting.changed|3|rt=1795000000123 externalId=7 \
             cat=setting suid=person:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1 src=192.0.2.1 cs1Label=device \
             cs1=d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1 cs2Label=target cs2=setting:web.chat cs4Label=after \
             cs4=a\\=b|c\\\\d\\ne"
        );
    }

    #[test]
    fn headers_and_values_have_rules_of_their_own() {
        assert_eq!(header("a|b\\c=d\ne"), "a\\|b\\\\c=d e");
        assert_eq!(value_of("a|b\\c=d\r\ne"), "a|b\\\\c\\=d\\r\\ne");
    }

    #[test]
    fn an_address_of_the_newer_protocol_has_a_field_of_its_own() {
        let entry = AuditEntry { place: Some("2001:db8::1".into()), ..entry() };
        let line = line(&entry, Format::Cef, "1");
        assert!(line.contains(" c6a2Label=Source IPv6 Address c6a2=2001:db8::1 "), "{line}");
        assert!(!line.contains(" src="));
    }

    #[test]
    fn an_entry_is_one_line_of_json() {
        let line = line(&entry(), Format::Jsonl, "1");
        assert!(!line.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["at"], "2026-11-18T11:06:40.123Z");
        assert_eq!((&read["class"], &read["target"]), (&"setting".into(), &"setting:web.chat".into()));
        assert_eq!(read["before"], serde_json::Value::Null);
    }
}
