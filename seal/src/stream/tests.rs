use std::io::Cursor;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::record::{open, seal, sealed_len};

fn key() -> Key {
    Key::from_bytes(std::array::from_fn(|i| i as u8))
}

fn context() -> Context {
    Context::new("file")
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_file_has_its_golden_bytes() {
    let mut writer = SealWriter::with_salt(Vec::new(), &key(), &context(), &[0x24; SALT]).unwrap();
    writer.write_all(&text(40_000)).unwrap();
    let digest = Sha256::digest(writer.finish().unwrap());
    // Of the file another implementation makes (Python's `hmac` and OpenSSL's AES-GCM).
    let expected = "2330c6aea3109e74972514d916603ac143c908bc413f07ded0796ea45955fc5d";
    assert_eq!(data_encoding::HEXLOWER.encode(&digest), expected);
}

#[test]
fn an_opened_chunk_is_known_again_by_its_tag_and_nothing_else_is() {
    let sealed = seal(&key(), &context(), &text(2 * CHUNK + 10)).unwrap();
    let header = sealed.first_chunk().unwrap();
    let mut reader = OpenReader::new(sealed.as_slice(), &key(), &context()).unwrap();
    let mut proofs = Proofs::new(header, &key(), &context()).unwrap();
    let mut came = Vec::new();
    loop {
        let chunk = reader.fill_buf().unwrap().to_vec();
        if chunk.is_empty() {
            break;
        }
        reader.consume(chunk.len());
        came.push((chunk, *reader.tag()));
    }
    assert_eq!(came.iter().map(|(chunk, _)| chunk.len()).collect::<Vec<_>>(), [CHUNK, CHUNK, 10]);
    for (number, (chunk, tag)) in (0..).zip(&came) {
        assert!(proofs.holds(number, chunk, tag).unwrap());
        assert!(!proofs.holds(number + 1, chunk, tag).unwrap(), "it has its place");
        let mut altered = chunk.clone();
        altered[5] ^= 1;
        assert!(!proofs.holds(number, &altered, tag).unwrap());
        assert!(!proofs.holds(number, &chunk[..chunk.len() - 1], tag).unwrap());
        let mut other = *tag;
        other[0] ^= 1;
        assert!(!proofs.holds(number, chunk, &other).unwrap());
    }
    assert!(!proofs.holds(0, &text(CHUNK + 1), &came[0].1).unwrap());
    assert!(matches!(Proofs::new(header, &key(), &Context::new("another")), Err(Error::WrongKey)));
}

#[test]
fn a_file_never_finished_opens_as_truncated() {
    for size in [0, 10, CHUNK, CHUNK + 10, 2 * CHUNK] {
        let mut sealed = Vec::new();
        let mut writer = SealWriter::new(&mut sealed, &key(), &context()).unwrap();
        writer.write_all(&text(size)).unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert!(matches!(open(&key(), &context(), &sealed), Err(Error::Truncated)), "{size}");
        let mut reader = OpenReader::new(sealed.as_slice(), &key(), &context()).unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).is_err(), "{size}");
        let mut ranges = OpenSeek::new(Cursor::new(&sealed), &key(), &context()).unwrap();
        assert!(matches!(ranges.read_range(0, 0), Err(Error::Truncated)), "{size}");
    }
}

/// Takes `room` bytes, then fails.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = data.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_whose_disk_was_full_refuses_to_go_on() {
    let mut writer = SealWriter::new(Full { room: 1000 }, &key(), &context()).unwrap();
    let error = writer.write_all(&text(CHUNK)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    writer.inner.room = usize::MAX;
    assert!(writer.write_all(b"more").is_err());
    assert!(matches!(writer.finish(), Err(Error::Failed)));
}

/// Counts what passes and the largest piece.
#[derive(Default)]
struct Meter {
    total: u64,
    largest: usize,
}

impl Write for Meter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.total += data.len() as u64;
        self.largest = self.largest.max(data.len());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_large_file_takes_the_memory_of_one_chunk() {
    const SIZE: u64 = 16 << 20;
    let mut writer = SealWriter::new(Meter::default(), &key(), &context()).unwrap();
    io::copy(&mut io::repeat(7).take(SIZE), &mut writer).unwrap();
    assert_eq!(writer.buffer.capacity(), SEALED_CHUNK);
    let meter = writer.finish().unwrap();
    assert_eq!((meter.total, meter.largest), (sealed_len(SIZE), SEALED_CHUNK));

    let sealed = seal(&key(), &context(), &vec![7; SIZE as usize]).unwrap();
    let mut reader = OpenReader::new(sealed.as_slice(), &key(), &context()).unwrap();
    assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), SIZE);
    assert_eq!(reader.buffer.capacity(), SEALED_CHUNK);

    let mut ranges = OpenSeek::new(Cursor::new(&sealed), &key(), &context()).unwrap();
    let mut meter = Meter::default();
    ranges.copy_range(5, SIZE - 5, &mut meter).unwrap();
    assert_eq!((meter.total, meter.largest), (SIZE - 10, CHUNK));
    assert_eq!(ranges.buffer.capacity(), SEALED_CHUNK);
}

/// Counts the bytes read from it.
struct Counted<R> {
    inner: R,
    read: usize,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.read += count;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn a_range_reads_only_the_chunks_it_touches() {
    let text = text(100 * CHUNK + 5);
    let sealed = seal(&key(), &context(), &text).unwrap();
    let mut ranges = OpenSeek::new(Counted { inner: Cursor::new(&sealed), read: 0 }, &key(), &context()).unwrap();
    let start = 50 * CHUNK - 1;
    let got = ranges.read_range(start as u64, start as u64 + 2).unwrap();
    assert_eq!(got.as_slice(), &text[start..start + 2]);
    // The header, the last chunk for the length, and two chunks.
    assert_eq!(ranges.inner.read, HEADER + (5 + TAG) + 2 * SEALED_CHUNK);
    // The chunk at hand is not read twice.
    ranges.read_range(50 * CHUNK as u64, 50 * CHUNK as u64 + 9).unwrap();
    assert_eq!(ranges.inner.read, HEADER + (5 + TAG) + 2 * SEALED_CHUNK);
}

#[test]
fn a_range_past_the_end_or_backwards_is_refused() {
    let sealed = seal(&key(), &context(), &text(CHUNK + 10)).unwrap();
    let mut ranges = OpenSeek::new(Cursor::new(&sealed), &key(), &context()).unwrap();
    let length = ranges.length().unwrap();
    assert_eq!(length, CHUNK as u64 + 10);
    for (start, end) in [(0, length + 1), (length + 1, length + 1), (5, 4), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        assert!(matches!(ranges.read_range(start, end), Err(Error::Range)), "{start}..{end}");
    }
    assert!(ranges.read_range(length, length).unwrap().is_empty());
}

#[test]
fn damage_spoils_its_own_chunk_and_no_other_range() {
    let text = text(3 * CHUNK + 10);
    let mut sealed = seal(&key(), &context(), &text).unwrap();
    sealed[HEADER + SEALED_CHUNK + 100] ^= 1;
    let mut ranges = OpenSeek::new(Cursor::new(&sealed), &key(), &context()).unwrap();
    let chunk = CHUNK as u64;
    assert_eq!(ranges.read_range(0, chunk).unwrap().as_slice(), &text[..CHUNK]);
    // Twice: the spoilt chunk must not be taken for one at hand.
    for _ in 0..2 {
        assert!(matches!(ranges.read_range(chunk + 5, chunk + 6), Err(Error::Altered)));
        assert!(ranges.buffer.is_empty());
    }
    // Nor the chunk held before for one still there.
    assert_eq!(ranges.read_range(0, chunk).unwrap().as_slice(), &text[..CHUNK]);
    assert!(ranges.read_range(chunk + 5, chunk + 6).is_err());
    assert_eq!(ranges.read_range(5, 6).unwrap().as_slice(), &text[5..6]);
    assert_eq!(ranges.read_range(2 * chunk, 3 * chunk + 10).unwrap().as_slice(), &text[2 * CHUNK..]);
}

#[test]
fn a_file_cut_at_a_chunk_answers_no_range() {
    let sealed = seal(&key(), &context(), &text(3 * CHUNK)).unwrap();
    for end in [HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK + 50, HEADER + TAG] {
        let mut ranges = OpenSeek::new(Cursor::new(&sealed[..end]), &key(), &context()).unwrap();
        assert!(ranges.read_range(0, 1).is_err());
    }
}

#[test]
fn another_key_or_context_fails_at_the_header() {
    let sealed = seal(&key(), &context(), b"hello").unwrap();
    let other = Context::new("thumbnail");
    assert!(matches!(OpenReader::new(sealed.as_slice(), &key(), &other), Err(Error::WrongKey)));
    assert!(matches!(OpenSeek::new(Cursor::new(&sealed), &Key::random().unwrap(), &context()), Err(Error::WrongKey)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_pieces_in_any_pieces_out(size in 0..4 * CHUNK, pieces in proptest::collection::vec(1usize..20_000, 1..9)) {
        let text = text(size);
        let mut writer = SealWriter::new(Vec::new(), &key(), &context()).unwrap();
        let mut rest = text.as_slice();
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*piece));
            writer.write_all(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let sealed = writer.finish().unwrap();
        prop_assert_eq!(sealed.len() as u64, sealed_len(size as u64));
        prop_assert!(*open(&key(), &context(), &sealed).unwrap() == text);

        let mut reader = OpenReader::new(sealed.as_slice(), &key(), &context()).unwrap();
        let mut got = Vec::new();
        for piece in pieces.iter().cycle() {
            let mut buffer = vec![0; *piece];
            let count = reader.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&buffer[..count]);
        }
        prop_assert!(got == text);
    }

    #[test]
    fn a_range_equals_the_same_part_of_the_whole(size in 0..4 * CHUNK, cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6)) {
        let text = text(size);
        let sealed = seal(&key(), &context(), &text).unwrap();
        let mut ranges = OpenSeek::new(Cursor::new(&sealed), &key(), &context()).unwrap();
        for (one, two) in cuts {
            let (one, two) = (one.index(size + 1), two.index(size + 1));
            let (start, end) = (one.min(two), one.max(two));
            let got = ranges.read_range(start as u64, end as u64).unwrap();
            prop_assert!(got.as_slice() == &text[start..end]);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_fails_and_gives_nothing_false(size in 0..3 * CHUNK, at: prop::sample::Index, bit in 0..8u32) {
        let text = text(size);
        let mut sealed = seal(&key(), &context(), &text).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        prop_assert!(open(&key(), &context(), &sealed).is_err());
        if let Ok(mut reader) = OpenReader::new(sealed.as_slice(), &key(), &context()) {
            let mut got = Vec::new();
            prop_assert!(reader.read_to_end(&mut got).is_err());
            prop_assert!(text.starts_with(&got));
        }
        if let Ok(mut ranges) = OpenSeek::new(Cursor::new(&sealed), &key(), &context()) {
            prop_assert!(ranges.read_range(0, size as u64).is_err());
        }
    }
}
