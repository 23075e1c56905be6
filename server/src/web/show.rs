//! How a file is shown to a browser. A file comes from anybody in the workspace, and a browser would run what it takes for a
//! page, a script or a style: so only pictures and plain text are shown, everything else is saved, and what could be run does
//! not even keep its type. The type is the stored one, which was checked against the content when the upload ended.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shown in the page or in a tab of their own.
const SHOWN: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
/// Saved, and their type is told: nothing of these is run.
const TOLD: [&str; 2] = ["application/pdf", "application/zip"];
const UNTOLD: &str = "application/octet-stream";

/// For a response with a file: it may load nothing, run nothing, be framed by nobody, and has no origin.
pub const POLICY: &str = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `attr-char` of RFC 8187, section 3.2.1, stands for itself.
const OUTSIDE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The type to send for a stored one, and whether the file is shown and not saved.
pub fn manner(stored: &str) -> (&str, bool) {
    match stored {
        "text/plain" => ("text/plain; charset=utf-8", true),
        picture if SHOWN.contains(&picture) => (picture, true),
        told if TOLD.contains(&told) || told.starts_with("audio/") || told.starts_with("video/") => (told, false),
        _ => (UNTOLD, false),
    }
}

/// What a thumbnail is, by its first bytes: the server drew it, as one of two.
pub fn drawn(first: &[u8]) -> &'static str {
    match first {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ => UNTOLD,
    }
}

/// `Content-Disposition` (RFC 6266) with a name in both its forms: one of safe ASCII for whoever reads only that, and the
/// name itself. What cannot be seen or turns text around stands in neither, nor does a folder.
pub fn disposition(shown: bool, name: &str) -> String {
    let how = if shown { "inline" } else { "attachment" };
    let seen: String = name
        .chars()
        .map(|c| if c.is_control() || crate::blobs::is_hidden(c) || matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    let plain: String =
        seen.chars().map(|c| if c.is_ascii_alphanumeric() || " -_.()+".contains(c) { c } else { '_' }).collect();
    let whole = utf8_percent_encode(&seen, OUTSIDE);
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

#[cfg(test)]
mod tests;
