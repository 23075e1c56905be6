use super::*;
use crate::blobs::look_at;
use std::io::Cursor;
use thechatapp_protocol::FileId;
use thechatapp_protocol::event::FileRow;
use thechatapp_seal::seal;

fn judged(bytes: &[u8]) -> Verdict {
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[9; 16]));
    let sealed = seal(&key, &context, bytes).unwrap();
    judge(Cursor::new(&sealed), &key, &context).unwrap()
}

fn looked_at(bytes: &[u8], declared: &str) -> String {
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[9; 16]));
    let sealed = seal(&key, &context, bytes).unwrap();
    let size = bytes.len() as u64;
    let row = FileRow { id: FileId::from_bytes([9; 16]), name: "x".into(), media_type: declared.into(), size };
    look_at(sealed.as_slice(), &key, &context, &row).unwrap().media_type
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Dangerous(_, why) => why,
        other => panic!("{other:?}"),
    }
}

/// An entry as a directory tells of it, and as it lies in the archive.
#[derive(Clone)]
struct Item {
    name: Vec<u8>,
    content: Vec<u8>,
    unpacked: u32,
    extra: Vec<u8>,
}

fn item(name: &str, content: &[u8]) -> Item {
    Item { name: name.into(), content: content.to_vec(), unpacked: content.len() as u32, extra: Vec::new() }
}

fn entry(item: &Item, packed: u32, offset: u32) -> Vec<u8> {
    let mut entry = b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    entry.extend(packed.to_le_bytes());
    entry.extend(item.unpacked.to_le_bytes());
    entry.extend((item.name.len() as u16).to_le_bytes());
    entry.extend((item.extra.len() as u16).to_le_bytes());
    entry.extend([0; 10]);
    entry.extend(offset.to_le_bytes());
    entry.extend(&item.name);
    entry.extend(&item.extra);
    entry
}

fn end(entries: u16, size: u32, offset: u32) -> Vec<u8> {
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    end.extend(size.to_le_bytes());
    end.extend(offset.to_le_bytes());
    end.extend([0, 0]);
    end
}

/// The entries, and where each begins.
fn bodies(items: &[Item]) -> (Vec<u8>, Vec<u32>) {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for item in items {
        places.push(bytes.len() as u32);
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend((item.content.len() as u32).to_le_bytes());
        bytes.extend(item.unpacked.to_le_bytes());
        bytes.extend((item.name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(&item.name);
        bytes.extend(&item.content);
    }
    (bytes, places)
}

fn zip(items: &[Item]) -> Vec<u8> {
    let (mut bytes, places) = bodies(items);
    let start = bytes.len() as u32;
    for (item, place) in items.iter().zip(places) {
        bytes.extend(entry(item, item.content.len() as u32, place));
    }
    let size = bytes.len() as u32 - start;
    bytes.extend(end(items.len() as u16, size, start));
    bytes
}

/// As large archives are written: the numbers in 64 bits.
fn wide_zip(content: &[u8], unpacked: u64) -> Vec<u8> {
    let extra = [[1, 0, 8, 0].as_slice(), &unpacked.to_le_bytes()].concat();
    let one = Item { unpacked: u32::MAX, extra, ..item("a", content) };
    let (mut bytes, _) = bodies(std::slice::from_ref(&one));
    let start = bytes.len() as u64;
    bytes.extend(entry(&one, content.len() as u32, 0));
    let record_at = bytes.len() as u64;
    bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for value in [1, 1, record_at - start, start] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(record_at.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes.extend(end(0xffff, u32::MAX, u32::MAX));
    bytes
}

fn docx() -> Vec<u8> {
    zip(&[
        item("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>"),
        item("_rels/.rels", b"<Relationships/>"),
        item("word/document.xml", &[b'w'; 50_000]),
        item("word/..notes..xml", b"dots in a name are no way out"),
    ])
}

fn png(width: u32, height: u32) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6, 0, 0, 0]]
        .concat()
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), &[0; 3]].concat()
}

/// With so many bytes of metadata before its size.
fn jpeg(width: u16, height: u16, metadata: usize) -> Vec<u8> {
    let mut bytes = b"\xff\xd8".to_vec();
    for piece in vec![b'm'; metadata].chunks(60_000) {
        bytes.extend([0xff, 0xe1]);
        bytes.extend((piece.len() as u16 + 2).to_be_bytes());
        bytes.extend(piece);
    }
    bytes.extend(b"\xff\xdb\0\x02\xff\xff\xc2\0\x11\x08");
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes
}

fn webp(kind: &[u8; 4], rest: &[u8]) -> Vec<u8> {
    [b"RIFF\0\0\0\0WEBP".as_slice(), kind, b"\0\0\0\0", rest].concat()
}

#[test]
fn ordinary_files_are_fine_and_keep_their_type() {
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (bytes, declared) in [
        (docx(), DOCX),
        (zip(&[item("a/", b""), item("a/b.txt", b"words")]), "application/zip"),
        (zip(&[]), "application/zip"),
        (png(1920, 1080), "image/png"),
        (gif(10, 10), "image/gif"),
        (jpeg(4000, 3000, 200_000), "image/jpeg"),
        (b"just words".to_vec(), "text/plain"),
        (Vec::new(), "text/plain"),
    ] {
        assert_eq!(judged(&bytes), Verdict::Fine, "{declared}");
        // Nothing can be told of an archive without an entry.
        if bytes.len() != 22 {
            assert_eq!(looked_at(&bytes, declared), declared);
        }
    }
    assert_eq!(judged(&wide_zip(&[b'x'; 1000], 2000)), Verdict::Fine);
    // Well packed, but little.
    assert_eq!(judged(&zip(&[Item { unpacked: 100 << 20, ..item("log", b"x") }])), Verdict::Fine);
    // Much, but not packed beyond what text is.
    let much = Item { unpacked: 101 << 20, ..item("log", &vec![b'x'; 2 << 20]) };
    assert_eq!(judged(&zip(&[much])), Verdict::Fine);
}

#[test]
fn what_unpacks_to_far_more_than_it_is_is_refused() {
    let bomb = zip(&[Item { unpacked: (100 << 20) + 1, ..item("zeros", &[0; 1000]) }]);
    assert!(why(judged(&bomb)).contains("unpacks to 104857601"));
    // Each entry alone is modest.
    let many: Vec<Item> = (0..200).map(|n| Item { unpacked: 1 << 20, ..item(&format!("{n}"), &[0; 1000]) }).collect();
    assert!(why(judged(&zip(&many))).contains("unpacks to"));
    // In 64 bits, up to what no sum holds; before something else; and followed by what programs forgive.
    for unpacked in [1 << 40, u64::MAX] {
        assert!(why(judged(&wide_zip(&[0; 1000], unpacked))).contains("unpacks to"));
    }
    let behind_another = [gif(1, 1), bomb.clone()].concat();
    assert!(why(judged(&behind_another)).contains("unpacks to"));
    let followed = [bomb.as_slice(), b"\n"].concat();
    assert!(why(judged(&followed)).contains("unpacks to"));
}

#[test]
fn more_entries_than_a_folder_takes_are_refused() {
    let names = |count: usize| {
        let items: Vec<Item> = (0..count).map(|n| item(&format!("{n}"), b"")).collect();
        zip(&items)
    };
    // More than sixteen bits count; the directory itself is counted.
    assert_eq!(judged(&names(100_000)), Verdict::Fine);
    assert!(why(judged(&names(100_001))).contains("100001 entries"));
}

#[test]
fn entries_over_one_another_are_refused() {
    let kernel = item("kernel", &[0; 1000]);
    let (mut bytes, _) = bodies(std::slice::from_ref(&kernel));
    let start = bytes.len() as u32;
    for _ in 0..50 {
        bytes.extend(entry(&kernel, 1000, 0));
    }
    let size = bytes.len() as u32 - start;
    bytes.extend(end(50, size, start));
    assert!(why(judged(&bytes)).contains("overlap"));

    // Fifield's way: each entry's data holds the next one's header.
    let items = [item("a", b""), item("b", b""), item("c", &[0; 500])];
    let (mut bytes, places) = bodies(&items);
    let start = bytes.len() as u32;
    for (item, place) in items.iter().zip(places) {
        bytes.extend(entry(item, start - place - 31, place));
    }
    let size = bytes.len() as u32 - start;
    bytes.extend(end(3, size, start));
    assert!(why(judged(&bytes)).contains("overlap"));

    // Into the directory.
    let (mut bytes, _) = bodies(std::slice::from_ref(&kernel));
    let start = bytes.len() as u32;
    bytes.extend(entry(&kernel, 1001, 0));
    let size = bytes.len() as u32 - start;
    bytes.extend(end(1, size, start));
    assert!(why(judged(&bytes)).contains("overlap"));
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in ["../x", "a/../../x", "a/..", "..", "..\\x", "a\\..\\x", "/etc/passwd", "\\x", "C:\\x", "c:x"] {
        assert!(why(judged(&zip(&[item("fine", b"1"), item(name, b"2")]))).contains("leaves its folder"), "{name}");
    }
    // The name that programs prefer stands apart.
    let extra = [[0x75, 0x70, 9, 0, 1, 0, 0, 0, 0].as_slice(), b"../x"].concat();
    assert!(why(judged(&zip(&[Item { extra, ..item("fine", b"1") }]))).contains("leaves its folder"));
}

#[test]
fn an_archive_that_cannot_be_followed_is_unclear() {
    let good = docx();
    assert_eq!(judged(b"PK\x03\x04\x14\0\0\0"), Verdict::Unclear);
    assert_eq!(judged(&good[..good.len() - 30]), Verdict::Unclear);
    // Another count, another offset, a damaged entry.
    for (place, value) in [(12, 1), (6, 0x40), (22 + 17 + 46, b'X')] {
        let mut bad = good.clone();
        let at = bad.len() - place;
        bad[at] ^= value;
        assert_eq!(judged(&bad), Verdict::Unclear, "{place}");
    }
    // The comment of one directory's end is another.
    let mut two = zip(&[item("a", b"1")]);
    let at = two.len() - 2;
    two[at] = 22;
    two.extend(end(0, 0, 0));
    assert!(why(judged(&two)).contains("two directories"));
}

#[test]
fn no_archive_breaks_the_look() {
    let good = [wide_zip(&[b'x'; 100], 200), docx()];
    for good in &good {
        let tail = good.len().min(400);
        for place in (0..60).chain(good.len() - tail..good.len()) {
            for value in [0, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[place] = value;
                judged(&bad);
            }
        }
    }
}

#[test]
fn pictures_that_fill_the_memory_are_refused() {
    for bytes in [
        png(30_000, 30_000),
        png(u32::MAX, u32::MAX),
        png(10_000, 10_001),
        gif(65_535, 2_000),
        jpeg(30_000, 30_000, 0),
        jpeg(30_000, 30_000, 300_000),
        webp(b"VP8X", &[0, 0, 0, 0, 0x30, 0x75, 0, 0x30, 0x75, 0]),
        webp(b"VP8L", &[0x2f, 0xff, 0xff, 0xff, 0x0f]),
        webp(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 0xff, 0xff, 0xff, 0x3f]),
    ] {
        assert!(why(judged(&bytes)).contains("megapixels"), "{}", bytes[..16].escape_ascii());
    }
    for bytes in [
        png(10_000, 10_000),
        webp(b"VP8X", &[0, 0, 0, 0, 0xff, 3, 0, 0xff, 3, 0]),
        webp(b"VP8L", &[0x2f, 0xff, 0xc0, 0x3f, 0]),
        // Scaled up when shown, which is not how it is decoded.
        webp(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 0, 0xc4, 0, 0xc4]),
    ] {
        assert_eq!(judged(&bytes), Verdict::Fine, "{}", bytes[..16].escape_ascii());
    }
    let hidden = jpeg(30_000, 30_000, 5 << 20);
    for bytes in
        [&png(1, 1)[..20], &hidden, b"\xff\xd8\xff\xda\0\x08", b"\xff\xd8\xff\xe1\0\0", &webp(b"ALPH", &[0; 9])]
    {
        assert_eq!(judged(bytes), Verdict::Unclear, "{}", bytes[..6].escape_ascii());
    }
}

#[test]
fn a_picture_with_another_file_in_it_has_no_type() {
    const NONE: &str = "application/octet-stream";
    let padding = vec![b'x'; 6000];
    for (bytes, declared) in [
        ([gif(1, 1), padding.clone(), b"<html><script>alert(1)</script>".to_vec()].concat(), "image/gif"),
        ([png(1, 1), padding.clone(), b"%PDF-1.7".to_vec()].concat(), "image/png"),
        ([jpeg(1, 1, 0), docx()].concat(), "image/jpeg"),
        ([jpeg(1, 1, 0), docx(), vec![0; 200_000]].concat(), "image/jpeg"),
        ([b"%PDF-1.7\n".to_vec(), padding, b"<!DOCTYPE html>".to_vec()].concat(), "application/pdf"),
        ([b"%PDF-1.7\n".to_vec(), docx()].concat(), "application/pdf"),
    ] {
        assert_eq!(looked_at(&bytes, declared), NONE, "{declared}");
        assert_eq!(judged(&bytes), Verdict::Fine, "{declared}");
    }
}
