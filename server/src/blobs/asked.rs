//! What part of a file a request wants, a native client's or a browser's: conditions and ranges of RFC 9110, sections 13 and 14.
//!
//! Nothing here has a time of its last change, so conditions on one are not looked at (sections 13.1.3 and 13.1.4).

use http::HeaderMap;
use http::header::{self, HeaderName};
use http_range_header::{EndPosition, StartPosition};

/// What is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is not what the asker takes it for.
    Failed,
    /// The asker has it already.
    NotModified,
    /// All of it.
    Whole,
    /// The bytes from the first to the last, both included.
    Part(u64, u64),
    /// A range beyond its end.
    Unmet,
}

impl Asked {
    /// From where, and how many bytes of something of this size are to be given.
    pub fn bytes(self, size: u64) -> (u64, u64) {
        match self {
            Self::Whole => (0, size),
            Self::Part(first, last) => (first, (last - first).saturating_add(1)),
            Self::Failed | Self::NotModified | Self::Unmet => (0, 0),
        }
    }
}

/// Reads a request for something of `size` bytes whose strong validator is `tag`, quotes included, in the order of RFC 9110,
/// section 13.2.2. A request by `HEAD` has no ranges (section 14.2), nor has what is given only whole.
pub fn asked(headers: &HeaderMap, tag: &str, size: u64, ranges: bool) -> Asked {
    // A list of tags may stand in several lines, and none of ours has a comma in it.
    let tags = |name: HeaderName| {
        let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',').map(str::trim))
    };
    // Compared strongly: a weak one is not the same.
    if headers.contains_key(header::IF_MATCH) && !tags(header::IF_MATCH).any(|one| one == "*" || one == tag) {
        return Asked::Failed;
    }
    if tags(header::IF_NONE_MATCH).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag) {
        return Asked::NotModified;
    }
    let says = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same = || match headers.get(header::IF_RANGE) {
        None => true,
        Some(known) => known.as_bytes() == tag.as_bytes(),
    };
    let wanted = says(header::RANGE).filter(|_| ranges && is_same());
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
