//! Files that are two things at once: a picture whose end is an archive, or whose beginning a browser reads as a page. Whoever
//! opens one by its type may get another than the one that was looked at, so such a file has no type.
//!
//! Looked for is what programs find away from a file's first byte: a PDF's header (ISO 32000-1, annex H: in the first 1024
//! bytes), markup, an archive's first entry, and the end of a ZIP archive's directory (APPNOTE 4.3.16: the last 22 bytes and a comment of up to 64 KiB).

/// The last bytes in which the end of an archive's directory may lie.
pub(in crate::blobs) const END: usize = 22 + 0xffff;
/// How far from the start another beginning is looked for: farther than programs that guess a type look.
const SEARCHED: usize = 8192;
/// In small letters.
const OTHERS: [&[u8]; 7] = [b"%pdf-", b"<!doctype html", b"<html", b"<script", b"<svg", b"<body", b"pk\x03\x04"];

/// Whether content whose beginning says that it is of a type may be read as another too. The first of an archive's own
/// files may stand in its beginning, so only of what is shown by itself are other beginnings looked for.
pub(super) fn is_several(beginning: &[u8], end: &[u8], told: &str) -> bool {
    let shown = told == "application/pdf" || ["image/", "audio/", "video/"].iter().any(|kind| told.starts_with(kind));
    // Not its own first byte.
    let searched = beginning.get(1..SEARCHED).or(beginning.get(1..)).unwrap_or_default().to_ascii_lowercase();
    let also_begins = shown && OTHERS.iter().any(|mark| searched.windows(mark.len()).any(|window| window == *mark));
    also_begins || (!beginning.starts_with(b"PK") && ends_as_archive(end))
}

/// Whether the end is that of a ZIP archive's directory: the mark, and a comment that reaches to the last byte.
pub(super) fn ends_as_archive(end: &[u8]) -> bool {
    archive_ends(end).next().is_some()
}

/// Where in the end an archive's directory ends by a record whose comment reaches to the last byte.
pub(in crate::blobs) fn archive_ends(end: &[u8]) -> impl Iterator<Item = usize> {
    end.windows(22).enumerate().filter_map(|(start, record)| {
        let comment = match record {
            [b'P', b'K', 5, 6, .., low, high] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => return None,
        };
        (end.len() == start + record.len() + comment).then_some(start)
    })
}
