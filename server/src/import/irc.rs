//! Logs of IRC channels: `[HH:MM] <nick> text`, one file a day, the day in the file's name (`2005-02-06.log`), else the day
//! the file was last written. Times are taken as UTC. Bytes that are not UTF-8 are replaced; everything that is not a
//! message (joins, parts, actions) is left out and reported.

use super::Message;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::SystemTime;
use thechatapp_protocol::Timestamp;
use thechatapp_protocol::methods::messages::TEXT_MAX;

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub why: String,
}

/// A file as it is read.
#[derive(Debug)]
pub struct Log<'a> {
    bytes: &'a [u8],
    date: Date,
    name: String,
    line: u64,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A message.
    Message(Message),
    /// Something else.
    Skipped(Skipped),
}

/// The day of a log: in its name, else the day it was last written.
pub fn day(path: &Path, modified: Option<SystemTime>) -> Date {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let named = (0..name.len()).filter_map(|from| name.get(from..from + 10)).find_map(|part| {
        let digits = part.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        digits.then(|| part.parse::<Date>().ok()).flatten()
    });
    named.unwrap_or_else(|| {
        let at = modified.and_then(|at| jiff::Timestamp::try_from(at).ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned(TimeZone::UTC).date()
    })
}

/// The channel that a file is meant for when none is named: its name up to the first dot, without the day.
pub fn channel_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let kept: String = stem.chars().filter(|c| !c.is_ascii_digit()).collect();
    let channel = kept.trim_matches(|c: char| !c.is_alphanumeric());
    if channel.is_empty() { "imported".to_owned() } else { channel.to_owned() }
}

impl<'a> Log<'a> {
    /// A log of a day, from a file of this name.
    pub fn new(bytes: &'a [u8], date: Date, name: &str) -> Self {
        Self { bytes, date, name: name.to_owned(), line: 0 }
    }

    fn read(&self, line: &[u8]) -> Result<Message, &'static str> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        if text.trim().is_empty() {
            return Err("an empty line");
        }
        if text.starts_with("===") {
            return Err("a status line");
        }
        let (time, rest) =
            text.strip_prefix('[').and_then(|text| text.split_once("] ")).ok_or("no time at its beginning")?;
        let time = parse_time(time).ok_or("its time is none")?;
        let (author, text) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or("not a message")?;
        let author: String = author.trim().chars().filter(|c| !c.is_control()).collect();
        if author.is_empty() || author.chars().count() > 64 {
            return Err("its author has no usable name");
        }
        let text: String = text.trim().chars().filter(|c| !c.is_control() || *c == '\t').collect();
        if text.trim().is_empty() {
            return Err("a message without text");
        }
        if text.len() > TEXT_MAX {
            return Err("a message longer than 64 KiB");
        }
        let at = self.date.to_datetime(time).to_zoned(TimeZone::UTC).map_err(|_| "its time is none")?;
        let at = Timestamp(at.timestamp().as_millisecond());
        Ok(Message { author, at, text, place: format!("{}:{}", self.name, self.line) })
    }
}

fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

impl Iterator for Log<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.bytes.is_empty() {
            return None;
        }
        let end = self.bytes.iter().position(|byte| *byte == b'\n').unwrap_or(self.bytes.len());
        let (line, rest) = self.bytes.split_at(end);
        self.bytes = rest.get(1..).unwrap_or_default();
        self.line += 1;
        Some(match self.read(line) {
            Ok(message) => Line::Message(message),
            Err(why) => Line::Skipped(Skipped { line: self.line, why: why.to_owned() }),
        })
    }
}

#[cfg(test)]
mod tests;
