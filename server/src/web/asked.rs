//! What part of a file a request wants: conditions and ranges of RFC 9110, sections 13 and 14.

use http::HeaderMap;
use http::header::{self, HeaderName};
use http_range_header::{EndPosition, StartPosition};

/// What is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The asker has it already.
    NotModified,
    /// All of it.
    Whole,
    /// The bytes from the first to the last, both included.
    Part(u64, u64),
    /// A range beyond its end.
    Unmet,
}

/// Reads a request for something of `size` bytes whose strong validator is `tag`, quotes included. A request by `HEAD` has
/// no ranges (RFC 9110, section 14.2).
pub fn asked(headers: &HeaderMap, tag: &str, size: u64, head: bool) -> Asked {
    let says = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known =
        |known: &str| known.trim() == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    if says(header::IF_NONE_MATCH).is_some_and(is_known) {
        return Asked::NotModified;
    }
    let wanted = says(header::RANGE).filter(|_| !head && says(header::IF_RANGE).is_none_or(|known| known == tag));
    // What is no range, or several, is answered whole. Which of the one is here is not left to the library: it refuses a last
    // part longer than the whole, and one that is reversed.
    let Some(Ok(ranges)) = wanted.map(http_range_header::parse_range_header) else { return Asked::Whole };
    let [one] = ranges.ranges.as_slice() else { return Asked::Whole };
    let (first, last) = match (one.start, one.end) {
        (StartPosition::FromLast(count), _) => (size.saturating_sub(count), u64::MAX),
        (StartPosition::Index(first), EndPosition::Index(last)) if last < first => return Asked::Whole,
        (StartPosition::Index(first), EndPosition::Index(last)) => (first, last),
        (StartPosition::Index(first), EndPosition::LastByte) => (first, u64::MAX),
    };
    match size.checked_sub(1) {
        Some(end) if first <= end => Asked::Part(first, last.min(end)),
        _ => Asked::Unmet,
    }
}

#[cfg(test)]
mod tests;
