//! ZIP archives (APPNOTE 6.3): their directory is read, their entries are not.

use super::{Danger, Ended, Opened};
use crate::blobs::check::several;
use std::io::{Read, Seek};

/// More entries than this fill a disk with names alone.
const MOST_ENTRIES: u64 = 100_000;
/// An archive may unpack to this many times its size: ordinary text packs to a tenth, deflate ends near a thousandth.
const MOST_TIMES: u64 = 100;
/// What unpacks to less than this harms nobody, however small it is packed.
const HARMLESS: u64 = 100 << 20;
const RECORD: u64 = 22;
const LOCATOR: u64 = 20;
const RECORD_64: u64 = 56;
const LOCAL_HEADER: u64 = 30;
const ENTRY: u64 = 46;
/// A field that says that its value stands elsewhere, in 64 bits.
const ELSEWHERE: u64 = u32::MAX as u64;

/// Where the directory lies.
struct Directory {
    start: u64,
    end: u64,
    /// What stands before the archive; its offsets count from there.
    before: u64,
    entries: u64,
    /// Whether `entries` is all of the count, and not its last 16 bits.
    whole_count: bool,
}

/// An entry as the directory has it.
struct Entry {
    offset: u64,
    packed: u64,
    unpacked: u64,
    name_length: u64,
}

pub(super) fn check<R: Read + Seek>(file: &mut Opened<R>) -> Result<(), Ended> {
    let Some(directory) = find(file)? else { return Ok(()) };
    if directory.entries > MOST_ENTRIES {
        return Err(too_many(directory.entries));
    }
    let length = file.length()?;
    let (mut at, mut count, mut unpacked) = (directory.start, 0_u64, 0_u64);
    let mut extents = Vec::new();
    while at < directory.end {
        let (entry, next) = read_entry(file, at, directory.end)?;
        count += 1;
        if count > MOST_ENTRIES {
            return Err(too_many(count));
        }
        unpacked = unpacked.saturating_add(entry.unpacked);
        let start = entry.offset.saturating_add(directory.before);
        // The header beside the entry may have more than the directory says, never less.
        let end = start.saturating_add(LOCAL_HEADER + entry.name_length).saturating_add(entry.packed);
        if end > directory.start {
            return Err(overlap());
        }
        extents.push((start, end));
        at = next;
    }
    if unpacked > HARMLESS && unpacked / MOST_TIMES > length {
        return Err(Ended::Dangerous(
            Danger::Unpacks,
            format!(
                "it is an archive of {length} bytes that unpacks to {unpacked}, more than {MOST_TIMES} times as many"
            ),
        ));
    }
    extents.sort_unstable();
    if extents.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if end > start)) {
        return Err(overlap());
    }
    let counted = if directory.whole_count { count } else { count & 0xffff };
    if counted == directory.entries { Ok(()) } else { Err(Ended::Unclear) }
}

fn too_many(count: u64) -> Ended {
    Ended::Dangerous(
        Danger::Unpacks,
        format!("it is an archive of at least {count} entries, and {MOST_ENTRIES} are allowed"),
    )
}

/// By laying entries over one another a small archive unpacks to any size (Fifield, "A better zip bomb", 2019).
fn overlap() -> Ended {
    Ended::Dangerous(Danger::Ambiguous, "it is an archive whose entries overlap".to_owned())
}

/// The directory, if this is an archive: if it begins or ends as one.
fn find<R: Read + Seek>(file: &mut Opened<R>) -> Result<Option<Directory>, Ended> {
    let begins = matches!(file.beginning(4)?.as_slice(), [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] | [b'P', b'K', 7, 8]);
    let length = file.length()?;
    let tail_start = length.saturating_sub(several::END as u64);
    let tail = file.bytes(tail_start, length - tail_start)?;
    let mut ends = several::archive_ends(&tail);
    let place = match (ends.next(), ends.next()) {
        (Some(_), Some(_)) => {
            return Err(Ended::Dangerous(Danger::Ambiguous, "it is an archive with two directories".to_owned()));
        }
        (Some(place), None) => place,
        (None, _) if !begins => return Ok(None),
        // Programs forgive what follows the end.
        (None, _) => tail.windows(22).rposition(|record| record.starts_with(b"PK\x05\x06")).ok_or(Ended::Unclear)?,
    };
    let directory = directory(file, tail_start + place as u64)?;
    // Programs differ in where they look for the directory of an archive that does not begin where it says.
    if begins && directory.before != 0 { Err(Ended::Unclear) } else { Ok(Some(directory)) }
}

/// The directory by the record of its end.
fn directory<R: Read + Seek>(file: &mut Opened<R>, record_at: u64) -> Result<Directory, Ended> {
    let record: [u8; RECORD as usize] = file.take(record_at)?;
    let (entries, size, offset) = (short(&record, 10)?, long(&record, 12)?, long(&record, 16)?);
    let wide = record_at.checked_sub(LOCATOR).map(|at| wide(file, at)).transpose()?.flatten();
    let (end, entries, size, offset, whole_count) = match wide {
        Some((at, [all, wide_size, wide_offset])) => {
            let same = |narrow: u64, elsewhere: u64, wide: u64| narrow == elsewhere || narrow == wide;
            if !same(entries, 0xffff, all) || !same(size, ELSEWHERE, wide_size) || !same(offset, ELSEWHERE, wide_offset)
            {
                return Err(Ended::Unclear);
            }
            (at, all, wide_size, wide_offset, true)
        }
        None => (record_at, entries, size, offset, false),
    };
    let start = end.checked_sub(size).ok_or(Ended::Unclear)?;
    let before = start.checked_sub(offset).ok_or(Ended::Unclear)?;
    Ok(Directory { start, end, before, entries, whole_count })
}

/// The record of a large archive, by its locator: its place, and the count of entries, the directory's size and offset.
fn wide<R: Read + Seek>(file: &mut Opened<R>, locator_at: u64) -> Result<Option<(u64, [u64; 3])>, Ended> {
    let locator: [u8; LOCATOR as usize] = file.take(locator_at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // By its offset, or just before the locator if something stands before the archive.
    for at in [Some(huge(&locator, 8)?), locator_at.checked_sub(RECORD_64)].into_iter().flatten() {
        if at > locator_at.saturating_sub(RECORD_64) {
            continue;
        }
        let record: [u8; RECORD_64 as usize] = file.take(at)?;
        if record.starts_with(b"PK\x06\x06") {
            return Ok(Some((at, [huge(&record, 32)?, huge(&record, 40)?, huge(&record, 48)?])));
        }
    }
    Err(Ended::Unclear)
}

/// The entry that the directory has at a place, and the place of the next.
fn read_entry<R: Read + Seek>(file: &mut Opened<R>, at: u64, end: u64) -> Result<(Entry, u64), Ended> {
    let head: [u8; ENTRY as usize] = file.take(at)?;
    if !head.starts_with(b"PK\x01\x02") {
        return Err(Ended::Unclear);
    }
    let (name_length, extra_length, comment) = (short(&head, 28)?, short(&head, 30)?, short(&head, 32)?);
    let next = at + ENTRY + name_length + extra_length + comment;
    if next > end {
        return Err(Ended::Unclear);
    }
    let more = file.bytes(at + ENTRY, name_length + extra_length)?;
    let name_end = usize::try_from(name_length).map_err(|_| Ended::Unclear)?;
    let (name, extra) = more.split_at_checked(name_end).ok_or(Ended::Unclear)?;
    check_name(name)?;
    let mut entry =
        Entry { offset: long(&head, 42)?, packed: long(&head, 20)?, unpacked: long(&head, 24)?, name_length };
    for (id, field) in fields(extra) {
        match id {
            1 => {
                let mut wide = field.chunks_exact(8);
                for value in [&mut entry.unpacked, &mut entry.packed, &mut entry.offset] {
                    if *value == ELSEWHERE {
                        *value = huge(wide.next().ok_or(Ended::Unclear)?, 0)?;
                    }
                }
            }
            // The name again, in UTF-8, after a version and a checksum.
            0x7075 => check_name(field.get(5..).unwrap_or_default())?,
            _ => {}
        }
    }
    Ok((entry, next))
}

/// The extra fields of an entry, as far as they are whole; some programs fill up with zeros.
fn fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = extra.split_first_chunk::<4>()?;
        let [id_low, id_high, low, high] = *head;
        let (field, next) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
        extra = next;
        Some((u16::from_le_bytes([id_low, id_high]), field))
    })
}

/// An entry must not be able to leave the folder that it is unpacked to, on any system.
fn check_name(name: &[u8]) -> Result<(), Ended> {
    let drive = matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic());
    let separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    if drive || name.first().is_some_and(separator) || name.split(separator).any(|part| part == b"..") {
        let shown = name.get(..100).unwrap_or(name).escape_ascii();
        return Err(Ended::Dangerous(
            Danger::Escapes,
            format!("it is an archive with an entry that leaves its folder ({shown})"),
        ));
    }
    Ok(())
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Ended> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Ended::Unclear)
}

fn short(bytes: &[u8], at: usize) -> Result<u64, Ended> {
    Ok(u16::from_le_bytes(part(bytes, at)?).into())
}

fn long(bytes: &[u8], at: usize) -> Result<u64, Ended> {
    Ok(u32::from_le_bytes(part(bytes, at)?).into())
}

fn huge(bytes: &[u8], at: usize) -> Result<u64, Ended> {
    Ok(u64::from_le_bytes(part(bytes, at)?))
}
