//! What a file says of itself is checked: its name when the upload begins, its size and type when it ends.

pub(super) mod several;

use crate::error::Fail;
use std::io::Read;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{FILE_NAME_MAX, MEDIA_TYPE_MAX};
use thechatapp_seal::{Context, Key, OpenReader};
use zeroize::Zeroizing;

/// What content begins with; types are told by it.
const BEGINNING: usize = 8192;
/// How much is read at once.
const PIECE: usize = 16 * 1024;
/// What a type is called that nothing is known of.
pub const UNKNOWN: &str = "application/octet-stream";
/// Types that programs show or run by themselves, and that always say so in their content. One that does not say it is not
/// one of them.
const TOLD_BY_CONTENT: [&str; 4] = ["image/", "audio/", "video/", "font/"];
/// Names that stand for devices on Windows, with whatever ending.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Whether a name can stand in a message and on a disk, and a type is one.
///
/// # Errors
/// Bad input, with what is wrong.
pub fn check_name(row: &FileRow) -> Result<(), Fail> {
    let bad = |why: &str| Fail::bad_input("This file's name cannot be used", why, "rename it");
    let name = row.name.as_str();
    if name.trim().is_empty() || name.len() > FILE_NAME_MAX {
        return Err(bad("it is empty, or longer than 255 bytes"));
    }
    if name.chars().any(|c| c.is_control() || is_hidden(c)) {
        return Err(bad("it has characters that cannot be seen, or that turn text around"));
    }
    if name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|'])
        || name.ends_with(['.', ' '])
        || name.starts_with(' ')
    {
        return Err(bad("it has characters that some systems do not allow in a name"));
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    if RESERVED.contains(&stem.as_str()) {
        return Err(bad("it is the name of a device on some systems"));
    }
    let token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let whole = row.media_type.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if !whole || row.media_type.len() > MEDIA_TYPE_MAX {
        return Err(Fail::bad_input(
            "This file's type cannot be used",
            "it is not of the form image/png (RFC 6838)",
            "leave it to the app",
        ));
    }
    Ok(())
}

/// Characters by which a name looks like another: direction overrides, joiners, and what has no width.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{061c}' | '\u{feff}'
        | '\u{2028}' | '\u{2029}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}')
}

/// Opens a sealed file from its start to its end, holding its beginning and at most 280 KiB of its end in memory, and
/// tells what it is.
///
/// # Errors
/// Bad input for a key that does not open it, damage, or another size than was declared.
pub fn look_at(sealed: impl Read, key: &Key, context: &Context, declared: &FileRow) -> Result<FileRow, Fail> {
    let bad = |why: String| Fail::bad_input("This upload is not the file that was begun", why, "upload it again");
    let mut reader = OpenReader::new(sealed, key, context).map_err(|why| bad(why.to_string()))?;
    // Allocated once: growing would leave content behind in memory.
    let mut beginning = Zeroizing::new(Vec::with_capacity(BEGINNING));
    let mut end = Zeroizing::new(Vec::with_capacity(4 * several::END + PIECE));
    let mut size = 0_u64;
    let mut buffer = Zeroizing::new([0; PIECE]);
    loop {
        let read = reader.read(buffer.as_mut_slice()).map_err(|why| bad(why.to_string()))?;
        let part = buffer.get(..read).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        size += read as u64;
        let wanted = BEGINNING.saturating_sub(beginning.len());
        beginning.extend_from_slice(part.get(..wanted).unwrap_or(part));
        end.extend_from_slice(part);
        // Not at each piece: what stays is moved.
        if end.len() > 4 * several::END {
            let past = end.len().saturating_sub(several::END);
            end.drain(..past);
        }
    }
    if size != declared.size {
        return Err(bad(format!("{} bytes were declared, {size} came", declared.size)));
    }
    Ok(FileRow { media_type: type_of(&beginning, &end, &declared.media_type), ..declared.clone() })
}

/// The type by the content where that tells, else the declared one.
fn type_of(beginning: &[u8], end: &[u8], declared: &str) -> String {
    let declared = declared.to_ascii_lowercase();
    match infer::get(beginning) {
        Some(found) if several::is_several(beginning, end, found.mime_type()) => UNKNOWN.to_owned(),
        None if several::ends_as_archive(end) => UNKNOWN.to_owned(),
        // A document of an office suite is a ZIP archive whose content tells no more.
        Some(found) if found.mime_type() == "application/zip" && is_packed(&declared) => declared,
        Some(found) => found.mime_type().to_owned(),
        // An image of text is a picture, and told by its name alone; it is never shown as one.
        None if declared == "image/svg+xml" => declared,
        None if TOLD_BY_CONTENT.iter().any(|kind| declared.starts_with(kind)) => UNKNOWN.to_owned(),
        None if declared == "application/pdf" || declared == "application/zip" => UNKNOWN.to_owned(),
        None => declared,
    }
}

fn is_packed(declared: &str) -> bool {
    declared.starts_with("application/vnd.")
        || declared == "application/epub+zip"
        || declared == "application/java-archive"
}

#[cfg(test)]
mod tests;
