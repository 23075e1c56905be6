//! What people type into the search field: words, and filters such as `from:ana` among them, the same for the index on this
//! device and the server's.
//!
//! A filter's value ends at a space or is put in quotes. What only looks like a filter (`std::vec`, `https://...`) is words. A
//! filter without a value is one that somebody is still typing, and filters nothing.

use crate::error::{Error, Result};
use thechatapp_protocol::Timestamp;

/// A search as it was typed: people and channels by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// All that is no filter.
    pub(crate) words: String,
    /// `in:`
    pub(crate) channel: Option<String>,
    /// `from:`
    pub(crate) author: Option<String>,
    /// `before:`
    pub(crate) before: Option<Timestamp>,
    /// `after:`
    pub(crate) after: Option<Timestamp>,
    /// `has:file`
    pub(crate) has_file: bool,
    /// `order:relevance`
    pub(crate) relevance: bool,
}

/// Reads what was typed. An order is no filter, and stands among them all the same. With `typing` the last word may be the beginning of one.
///
/// # Errors
/// Bad input for a day that is none, and a thing that a message cannot have.
pub(crate) fn read(typed: &str, typing: bool) -> Result<Typed> {
    let mut found = Typed::default();
    let mut last_is_word = false;
    for piece in pieces(typed) {
        last_is_word = false;
        let filter = piece.split_once(':').map(|(key, value)| (key.to_lowercase(), value.trim_matches('"').trim()));
        match filter.as_ref().map(|(key, value)| (key.as_str(), *value)) {
            Some(("in" | "from" | "before" | "after" | "has" | "order", "")) => {}
            Some(("in", name)) => found.channel = Some(name.to_owned()),
            Some(("from", name)) => found.author = Some(name.to_owned()),
            Some(("before", day)) => found.before = whole(moment(day), typing)?,
            Some(("after", day)) => found.after = whole(moment(day), typing)?,
            Some(("has", "file" | "files")) => found.has_file = true,
            Some(("has", _)) if typing => {}
            Some(("has", what)) => {
                return Err(Error::bad_input(format!("has:{what} is no filter"), "has:file finds messages with files"));
            }
            Some(("order", "relevance")) => found.relevance = true,
            Some(("order", "time")) => found.relevance = false,
            Some(("order", _)) if typing => {}
            Some(("order", what)) => {
                let why = "order:relevance shows the fittest first, order:time the newest";
                return Err(Error::bad_input(format!("there is no order:{what}"), why));
            }
            _ => {
                if !found.words.is_empty() {
                    found.words.push(' ');
                }
                found.words.push_str(piece);
                last_is_word = true;
            }
        }
    }
    if typing && last_is_word && !typed.ends_with([' ', '"', '*']) {
        found.words.push('*');
    }
    Ok(found)
}

/// A filter's value; none of one that somebody is still typing.
///
/// # Errors
/// That of the value, once nobody types.
pub(crate) fn whole<T>(value: Result<T>, typing: bool) -> Result<Option<T>> {
    match value {
        Err(Error::BadInput { .. }) if typing => Ok(None),
        value => value.map(Some),
    }
}

/// A day (from its midnight, UTC) or a moment.
///
/// # Errors
/// Bad input for neither.
pub fn moment(text: &str) -> Result<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_millisecond()));
    }
    let day = text.parse::<jiff::civil::Date>().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    match day {
        Ok(midnight) => Ok(Timestamp(midnight.timestamp().as_millisecond())),
        Err(_) => {
            Err(Error::bad_input(format!("{text} is no time"), "a day is 2026-11-24, a moment 2026-11-24T09:12:00Z"))
        }
    }
}

/// What stands between spaces that are in no quotes.
fn pieces(typed: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    typed
        .split(move |c: char| {
            quoted ^= c == '"';
            c.is_whitespace() && !quoted
        })
        .filter(|piece| !piece.is_empty())
}
