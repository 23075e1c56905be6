//! The settings of a workspace: what each is called, what it may be, whose power it is under, and what it is when nobody has
//! set it. The server keeps every value it ever had (`methods/settings.rs`).

use crate::permission::Power;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A setting's value. In JSON and MessagePack it is the bare value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A whole number.
    Number(u64),
    /// One of several words, or a text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off; what it is by itself.
    Switch(bool),
    /// A number from the first to the second; what it is by itself.
    Number(u64, u64, u64),
    /// One of these words; the first by itself.
    Choice(&'static [&'static str]),
    /// A version of the app such as `1.4.0`, or nothing; nothing by itself.
    Version,
}

/// Why a value does not fit its setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is something else.
    #[error("{0} is on or off: true or false")]
    NoSwitch(&'static str),
    /// It is something else, or out of bounds.
    #[error("{0} is a number from {1} to {2}")]
    NoNumber(&'static str, u64, u64),
    /// It is none of them.
    #[error("{0} is one of: {1}")]
    NoChoice(&'static str, String),
    /// It is none.
    #[error("{0} is a version like 1.4.0, or empty")]
    NoVersion(&'static str),
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, `section.name`, stable.
    pub name: &'static str,
    /// Who may change it.
    pub power: Power,
    /// What it may be.
    pub kind: Kind,
    /// Whether every client may know it, because clients act on it.
    pub public: bool,
    /// What it is for.
    pub about: &'static str,
}

impl Setting {
    /// The setting of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        EACH.iter().copied().find(|setting| setting.name == name)
    }

    /// What it is when nobody has set it.
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::Switch(on) => Value::Switch(on),
            Kind::Number(_, _, number) => Value::Number(number),
            Kind::Choice(words) => Value::Text(words.first().copied().unwrap_or_default().to_owned()),
            Kind::Version => Value::Text(String::new()),
        }
    }

    /// Whether a value fits.
    ///
    /// # Errors
    /// Why it does not, and what would.
    pub fn check(&self, value: &Value) -> Result<(), Unfit> {
        let fits = match (self.kind, value) {
            (Kind::Switch(_), Value::Switch(_)) => true,
            (Kind::Number(least, most, _), Value::Number(number)) => (least..=most).contains(number),
            (Kind::Choice(words), Value::Text(text)) => words.contains(&text.as_str()),
            (Kind::Version, Value::Text(text)) => text.is_empty() || is_version(text),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(match self.kind {
            Kind::Switch(_) => Unfit::NoSwitch(self.name),
            Kind::Number(least, most, _) => Unfit::NoNumber(self.name, least, most),
            Kind::Choice(words) => Unfit::NoChoice(self.name, words.join(", ")),
            Kind::Version => Unfit::NoVersion(self.name),
        })
    }

    /// Reads a value as people write it.
    ///
    /// # Errors
    /// Why it does not fit.
    pub fn parse(&self, text: &str) -> Result<Value, Unfit> {
        let value = match self.kind {
            Kind::Switch(_) => match text {
                "true" | "on" => Value::Switch(true),
                "false" | "off" => Value::Switch(false),
                _ => Value::Text(text.to_owned()),
            },
            Kind::Number(..) => text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Number),
            Kind::Choice(_) | Kind::Version => Value::Text(text.to_owned()),
        };
        self.check(&value).map(|()| value)
    }
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.len() < 6 && part.parse::<u32>().is_ok())
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $power:ident, $kind:expr, $public:literal, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: &Setting =
                &Setting { name: $wire, power: Power::$power, kind: $kind, public: $public, about: $about };
        )*
        /// All of them.
        pub const EACH: &[&Setting] = &[$($name),*];
    };
}

settings! {
    EDIT_MINUTES = "server.edit_minutes", Server, Kind::Number(0, 525_600, 0), true,
        "For how many minutes authors may edit a message; 0 for ever.";
    DELETE_MINUTES = "server.delete_minutes", Server, Kind::Number(0, 525_600, 0), true,
        "For how many minutes authors may delete a message; 0 for ever.";
    CHANNELS_PER_DAY = "server.channels_per_day", Server, Kind::Number(1, 100_000, 100), false,
        "How many channels one person may make within a day.";
    CHANNELS_PER_PERSON = "server.channels_per_person", Server, Kind::Number(1, 1_000_000, 1_000), false,
        "How many channels one person may make in all.";
    CONVERSATIONS_PER_PERSON = "server.conversations_per_person", Server, Kind::Number(1, 1_000_000, 5_000), false,
        "How many direct and group conversations one person may begin.";
    PASSWORD_LENGTH = "authentication.password_length", Authentication, Kind::Number(8, 128, 10), true,
        "How many characters a new password has at least.";
    FRESH_MINUTES = "authentication.fresh_minutes", Authentication, Kind::Number(1, 60, 10), false,
        "For how many minutes a sign-in is fresh enough for what wants a fresh one.";
    BROWSER_IDLE_HOURS = "authentication.browser_idle_hours", Authentication, Kind::Number(1, 720, 72), false,
        "After how many hours without use a browser's session ends.";
    BROWSER_DAYS = "authentication.browser_days", Authentication, Kind::Number(1, 365, 30), false,
        "After how many days a browser's session ends in any case.";
    BROWSERS_PER_ACCOUNT = "authentication.browsers_per_account", Authentication, Kind::Number(1, 100, 20), false,
        "How many browsers' sessions an account has at most; one more ends the one that was not used for longest.";
    DEVICES_PER_ACCOUNT = "authentication.devices_per_account", Authentication, Kind::Number(1, 1_000, 100), false,
        "How many devices an account has at most; one more is refused.";
    FORMER_TEXTS = "privacy.former_texts", Privacy, Kind::Choice(&["members", "authors", "nobody"]), true,
        "Who may read what a message said before it was edited.";
    DELETED_CONTENT = "privacy.deleted_content", Privacy, Kind::Choice(&["keep", "remove"]), false,
        "What becomes of what people wrote when their account is deleted and the one who deletes it says nothing.";
    WEB_CHAT = "web_chat.enabled", WebChat, Kind::Switch(true), false,
        "Whether people may use a browser, where the host lets browsers in at all.";
    ANALYTICS = "analytics.enabled", Analytics, Kind::Switch(true), false,
        "Whether usage can be counted. Counts stay on the server.";
    UPDATE_CHANNEL = "updates.channel", Updates, Kind::Choice(&["stable", "beta"]), true,
        "Which releases the apps of this workspace take.";
    MINIMUM_VERSION = "updates.minimum_version", Updates, Kind::Version, true,
        "The oldest app that people are not asked to update.";
    LARGEST_FILE = "storage.largest_file", Storage, Kind::Number(1, 1 << 50, 1 << 50), true,
        "The largest file in bytes, where the host does not bound it lower.";
    FILES_PER_PERSON = "storage.files_per_person", Storage, Kind::Number(0, 1 << 50, 1 << 50), false,
        "How many bytes of files one person keeps at most, where the host does not bound it lower.";
    FILES_IN_ALL = "storage.files_in_all", Storage, Kind::Number(0, 1 << 50, 1 << 50), false,
        "How many bytes of files the workspace keeps at most, where the host does not bound it lower.";
    DEVICE_DAYS = "storage.device_days", Storage, Kind::Number(0, 36_500, 0), true,
        "Messages of how many days a device keeps at most; 0 for all. People may choose fewer.";
    DEVICE_MEGABYTES = "storage.device_megabytes", Storage, Kind::Number(0, 1 << 30, 0), true,
        "How many megabytes (MiB) of this workspace a device keeps at most, never less than 16; 0 for as many as there are. People may choose fewer.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_setting_is_by_itself_fits_it_and_its_name_leads_back_to_it() {
        for setting in EACH {
            assert_eq!(setting.check(&setting.default_value()), Ok(()), "{}", setting.name);
            assert_eq!(setting.parse(&setting.default_value().to_string()), Ok(setting.default_value()));
            assert_eq!(Setting::by_name(setting.name), Some(*setting));
        }
        assert_eq!(Setting::by_name("server.unheard_of"), None);
    }

    #[test]
    fn a_value_that_does_not_fit_says_what_would() {
        let said = |setting: &Setting, text: &str| setting.parse(text).unwrap_err().to_string();
        assert_eq!(said(PASSWORD_LENGTH, "7"), "authentication.password_length is a number from 8 to 128");
        assert_eq!(said(PASSWORD_LENGTH, "-9"), "authentication.password_length is a number from 8 to 128");
        assert_eq!(said(WEB_CHAT, "perhaps"), "web_chat.enabled is on or off: true or false");
        assert_eq!(said(FORMER_TEXTS, "all"), "privacy.former_texts is one of: members, authors, nobody");
        assert_eq!(said(MINIMUM_VERSION, "1.x.3"), "updates.minimum_version is a version like 1.4.0, or empty");
        assert_eq!(WEB_CHAT.parse("off"), Ok(Value::Switch(false)));
    }

    #[test]
    fn a_value_is_the_bare_value_on_the_wire() {
        for (value, json) in
            [(Value::Switch(true), "true"), (Value::Number(3), "3"), (Value::Text("keep".into()), "\"keep\"")]
        {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
            let packed = crate::wire::encode(&value).unwrap();
            assert_eq!(crate::wire::decode::<Value>(&packed).unwrap(), value);
        }
    }
}
