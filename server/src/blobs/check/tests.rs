use super::*;
use std::io::Write;
use thechatapp_protocol::FileId;
use thechatapp_seal::SealWriter;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn row(name: &str, media_type: &str, size: u64) -> FileRow {
    FileRow { id: FileId::from_bytes([9; 16]), name: name.into(), media_type: media_type.into(), size }
}

fn sealed(bytes: &[u8]) -> (Key, Context, Vec<u8>) {
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[9; 16]));
    let mut writer = SealWriter::new(Vec::new(), &key, &context).unwrap();
    writer.write_all(bytes).unwrap();
    let sealed = writer.finish().unwrap();
    (key, context, sealed)
}

#[test]
fn names_are_what_they_look_like() {
    for good in ["plan.pdf", "Relatório de março.odt", "設計図.png", ".gitignore", "a b", "конец.txt", "console.log"]
    {
        check_name(&row(good, "text/plain", 1)).unwrap();
    }
    for bad in [
        "",
        "   ",
        "../x",
        "a/b",
        "a\\b",
        "C:x",
        "a\nb",
        "a\0b",
        "\u{202e}gpj.exe",
        "a\u{200b}b",
        "nul",
        "COM1.txt",
        "x.",
        "x ",
        " x",
        "a|b",
        "\u{feff}x",
        "aux .h",
    ] {
        assert!(check_name(&row(bad, "text/plain", 1)).is_err(), "{bad:?}");
    }
    assert!(check_name(&row(&"x".repeat(256), "text/plain", 1)).is_err());
    for bad in ["", "text", "text/", "/plain", "text/pl ain", "text/html; charset=utf-8", "text/a/b"] {
        assert!(check_name(&row("x", bad, 1)).is_err(), "{bad:?}");
    }
}

#[test]
fn the_content_tells_the_type_where_it_can() {
    let look = |bytes: &[u8], declared: &str| {
        let (key, context, sealed) = sealed(bytes);
        look_at(sealed.as_slice(), &key, &context, &row("x", declared, bytes.len() as u64)).unwrap().media_type
    };
    assert_eq!(look(PNG, "image/png"), "image/png");
    // What runs does not pass as a picture, nor a picture as text.
    assert_eq!(look(b"MZ\x90\0\x03\0\0\0\x04\0", "image/png"), "application/vnd.microsoft.portable-executable");
    assert_eq!(look(PNG, "text/plain"), "image/png");
    assert_eq!(look(b"<script>alert(1)</script>", "image/png"), "text/html");
    assert_eq!(look(b"just words", "image/png"), "application/octet-stream");
    assert_eq!(look(b"hello", "application/pdf"), "application/octet-stream");
    assert_eq!(look(b"hello", "text/plain"), "text/plain");
    assert_eq!(look(b"", "text/plain"), "text/plain");
    assert_eq!(
        look(b"PK\x03\x04\x14\0\0\0", "application/vnd.oasis.opendocument.text"),
        "application/vnd.oasis.opendocument.text"
    );
}

#[test]
fn another_size_another_key_and_damage_are_refused() {
    let bytes = vec![b'x'; 40_000];
    let (key, context, good) = sealed(&bytes);
    let look = |sealed: &[u8], key: &Key, context: &Context, size| {
        look_at(sealed, key, context, &row("x", "text/plain", size))
    };
    look(&good, &key, &context, 40_000).unwrap();
    assert!(look(&good, &key, &context, 39_999).is_err());
    assert!(look(&good, &key, &context, 10_000_000_000).is_err());
    assert!(look(&good, &Key::random().unwrap(), &context, 40_000).is_err());
    assert!(look(&good, &key, &Context::file(&[2; 16], &[9; 16]), 40_000).is_err());
    assert!(look(&good[..good.len() - 1], &key, &context, 40_000).is_err());
    assert!(look(&good[..16_456], &key, &context, 16_384).is_err());
    for place in [0, 30, 60, 20_000, good.len() - 1] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(look(&bad, &key, &context, 40_000).is_err(), "{place}");
    }
}

#[test]
fn a_file_that_is_two_things_at_once_has_no_type() {
    const NONE: &str = "application/octet-stream";
    let look = |bytes: &[u8], declared: &str| {
        let (key, context, sealed) = sealed(bytes);
        look_at(sealed.as_slice(), &key, &context, &row("x", declared, bytes.len() as u64)).unwrap().media_type
    };
    let archive_end = |comment: &[u8]| {
        let length = (comment.len() as u16).to_le_bytes();
        [b"PK\x05\x06".as_slice(), &[0; 16], &length, comment].concat()
    };
    let gif = b"GIF89a\x01\0\x01\0\0\0\0".as_slice();
    let pdf = b"%PDF-1.7\n1 0 obj\n".as_slice();
    let much = vec![b'x'; 1_000_000];
    assert_eq!(look(gif, "image/gif"), "image/gif");
    assert_eq!(look(pdf, "application/pdf"), "application/pdf");
    for other in [pdf, b"<HTML><body>".as_slice(), b"*/=1;<script>alert(1)</script>"] {
        assert_eq!(look(&[gif, other].concat(), "image/gif"), NONE, "{}", other.escape_ascii());
    }
    for comment in [0, 100, 0xffff] {
        let end = archive_end(&vec![b'c'; comment]);
        assert_eq!(look(&[gif, &much, &end].concat(), "image/gif"), NONE, "{comment}");
        assert_eq!(look(&[pdf, &end].concat(), "application/pdf"), NONE, "{comment}");
        assert_eq!(look(&[b"words ", end.as_slice()].concat(), "text/plain"), NONE, "{comment}");
    }
    // An archive is one thing, whatever it holds; and a mark amid other bytes is no end.
    let held = [b"PK\x03\x04\x14\0\0\0".as_slice(), pdf, b"<html>", &archive_end(b"")].concat();
    assert_eq!(look(&held, "application/zip"), "application/zip");
    assert_eq!(look(&[gif, &archive_end(b""), b"more"].concat(), "image/gif"), "image/gif");
}
