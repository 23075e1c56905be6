//! Entries and checkpoints as syslog messages (RFC 5424): what is said stands in structured data, by the names of the entry's own
//! fields. Framed for TLS by their length (RFC 5425, section 4.3).

use std::fmt::Write;
use thechatapp_protocol::audit::checkpoint::Checkpoint;
use thechatapp_protocol::audit::{Actor, AuditEntry, Target};

/// Facility "log audit" (13), severity "informational" (6).
const PRIORITY: u8 = 13 * 8 + 6;
/// The name of our structured data. The number is the one that is kept for documentation (RFC 5612): we have none of our own.
const DATA: &str = "thechatapp@32473";

/// What is the same in every message of a workspace.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What the host is called.
    pub host: &'a str,
    /// The workspace's short name.
    pub workspace: &'a str,
}

/// The message of an entry, framed.
pub fn entry(place: Place<'_>, entry: &AuditEntry) -> String {
    let (actor, device) = actor(&entry.actor);
    let target = target(&entry.target);
    let seq = entry.seq.to_string();
    let fields = [
        ("workspace", Some(place.workspace)),
        ("seq", Some(seq.as_str())),
        ("class", Some(class(entry))),
        ("actor", Some(actor.as_str())),
        ("device", device.as_deref()),
        ("target", Some(target.as_str())),
        ("place", entry.place.as_deref()),
        ("before", entry.before.as_deref()),
        ("after", entry.after.as_deref()),
    ];
    let words = format!("{} of {target} by {actor}", entry.act);
    framed(place.host, &entry.at.to_string(), &entry.act, &fields, &words)
}

/// The message of a checkpoint, framed: what a signed note says, so that the note can be put together from it again.
pub fn checkpoint(place: Place<'_>, note: &str) -> Option<String> {
    let (text, signature) = note.split_once("\n\n")?;
    let checkpoint = Checkpoint::parse(&format!("{text}\n")).ok()?;
    let (size, root) = (checkpoint.head.size.to_string(), checkpoint.head.root.to_string());
    let fields = [
        ("workspace", Some(place.workspace)),
        ("origin", Some(checkpoint.origin.as_str())),
        ("size", Some(size.as_str())),
        ("root", Some(root.as_str())),
        ("signature", Some(signature.trim_end())),
    ];
    let words = format!("the audit log of {} entries", checkpoint.head.size);
    Some(framed(place.host, "-", "audit.checkpoint", &fields, &words))
}

/// The class's name, as everywhere else.
fn class(entry: &AuditEntry) -> &'static str {
    entry.class.name()
}

fn actor(actor: &Actor) -> (String, Option<String>) {
    match actor {
        Actor::Person(person, device) => (format!("person:{person}"), Some(device.to_string())),
        Actor::Stranger => ("stranger".to_owned(), None),
        Actor::Host => ("host".to_owned(), None),
        Actor::Server => ("server".to_owned(), None),
    }
}

fn target(target: &Target) -> String {
    target.to_string()
}

fn framed(host: &str, at: &str, name: &str, fields: &[(&str, Option<&str>)], words: &str) -> String {
    let mut data = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = write!(data, " {name}=\"{}\"", escaped(value));
        }
    }
    let (host, name) = (word(host, 255), word(name, 32));
    let message = format!("<{PRIORITY}>1 {at} {host} thechatapp - {name} [{DATA}{data}] {}", line(words));
    format!("{} {message}", message.len())
}

/// A header's field: visible ASCII, no longer than it may be.
fn word(text: &str, most: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A value of structured data (RFC 5424, section 6.3.3). Control characters, which some receivers take for ends, are left out.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in line(value).chars() {
        if matches!(c, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thechatapp_protocol::audit::Class;
    use thechatapp_protocol::audit::tree::{Hash, Head};
    use thechatapp_protocol::identity::RootKey;
    use thechatapp_protocol::{AccountId, DeviceId, Timestamp, WorkspaceId};

    const PLACE: Place<'_> = Place { host: "chat.example.org", workspace: "acme" };

    fn acted() -> AuditEntry {
        AuditEntry {
            seq: 7,
            at: Timestamp(1_795_000_000_123),
            class: Class::Setting,
            act: "setting.changed".into(),
            actor: Actor::Person(AccountId::from_bytes([0xa1; 16]), DeviceId::from_bytes([0xd1; 16])),
            target: Target::Setting("web.chat".into()),
            place: Some("192.0.2.1".into()),
            before: None,
            after: Some("a \"b\" \\ [c]\nd".into()),
        }
    }

    #[test]
    fn an_entry_is_a_message_with_its_fields() {
        let message = "<110>1 2026-11-18T11:06:40.123Z chat.example.org thechatapp - setting.changed [thechatapp@32473 \
             workspace=\"acme\" seq=\"7\" class=\"setting\" actor=\"person:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1\" \
             device=\"d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1\" target=\"setting:web.chat\" place=\"192.0.2.1\" \
             after=\"a \\\"b\\\" \\\\ [c\\] d\"] setting.changed of setting:web.chat by person:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1";
        assert_eq!(entry(PLACE, &acted()), format!("{} {message}", message.len()));
    }

    #[test]
    fn the_length_counts_bytes() {
        let framed = entry(PLACE, &AuditEntry { after: Some("ä€".into()), ..acted() });
        let (length, message) = framed.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
    }

    #[test]
    fn a_note_can_be_put_together_again_from_its_message() {
        let head = Head { size: 9, root: Hash::empty() };
        let note = Checkpoint::sign(WorkspaceId::from_bytes([1; 16]), head, &RootKey::from_bytes([2; 32]));
        let message = checkpoint(PLACE, &note).unwrap();
        let value = |name: &str| {
            let (_, rest) = message.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        let again = format!("{}\n{}\n{}\n\n{}\n", value("origin"), value("size"), value("root"), value("signature"));
        assert_eq!(again, note);
        assert_eq!(checkpoint(PLACE, "nothing"), None);
    }

    #[test]
    fn header_fields_are_words() {
        assert_eq!(word("ch at\n\u{e4}", 255), "chat");
        assert_eq!(word("\u{e4}", 255), "-");
        assert_eq!(word(&"x".repeat(40), 32).len(), 32);
    }
}
