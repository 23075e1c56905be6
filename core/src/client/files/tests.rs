use super::transfer::pieces;
use super::*;
use thechatapp_seal::{seal, sealed_len};

#[test]
fn a_range_needs_the_header_its_chunks_and_the_last() {
    let (header, sealed) = (56, 16_400);
    let total = sealed_len(100_000);
    assert_eq!(
        pieces((0, 0), 100_000).unwrap(),
        [(0, header), (header, header + sealed), (header + 6 * sealed, total)]
    );
    assert_eq!(
        pieces((16_384, 40_000), 100_000).unwrap(),
        [(0, header), (header + sealed, header + 3 * sealed), (header + 6 * sealed, total)]
    );
    // The range reaches into the last chunk, or past the end.
    assert_eq!(pieces((99_999, 99_999), 100_000).unwrap(), [(0, header), (header + 6 * sealed, total)]);
    assert_eq!(pieces((99_999, u64::MAX), 100_000).unwrap(), [(0, header), (header + 6 * sealed, total)]);
    // A length of whole chunks ends with an empty one.
    assert_eq!(
        pieces((0, 1), 16_384).unwrap(),
        [(0, header), (header, header + sealed), (header + sealed, sealed_len(16_384))]
    );
    for outside in [(5, 4), (100_000, 100_001), (u64::MAX, u64::MAX)] {
        assert!(pieces(outside, 100_000).is_err(), "{outside:?}");
    }
    assert!(pieces((0, 0), 0).is_err());
}

#[test]
fn every_range_opens_from_the_pieces_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[2; 16]));
    for size in [1, 16_383, 16_384, 16_385, 50_000] {
        let plain: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let whole = seal(&key, &context, &plain).unwrap();
        for (first, last) in [(0, 0), (0, u64::MAX), (size as u64 / 2, size as u64 - 1), (size as u64 - 1, size as u64)]
        {
            let (from, to) = (folder.path().join("sealed"), folder.path().join("plain"));
            let mut sparse = vec![0; whole.len()];
            for (begin, end) in pieces((first, last), size as u64).unwrap() {
                let place = begin as usize..end as usize;
                sparse[place.clone()].copy_from_slice(&whole[place]);
            }
            std::fs::write(&from, &sparse).unwrap();
            open_file(&from, &to, &key, &context, Some((first, last)), size as u64).unwrap();
            let end = (last.saturating_add(1) as usize).min(size);
            assert_eq!(std::fs::read(&to).unwrap(), &plain[first as usize..end], "{size} {first}-{last}");
        }
    }
}

#[test]
fn what_is_not_genuine_leaves_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let (key, context) = (Key::random().unwrap(), Context::file(&[1; 16], &[2; 16]));
    let (from, to) = (folder.path().join("sealed"), folder.path().join("plain"));
    std::fs::write(&to, "before").unwrap();
    let mut sealed = seal(&key, &context, &[7; 40_000]).unwrap();
    sealed[30_000] ^= 1;
    std::fs::write(&from, &sealed).unwrap();
    assert!(matches!(open_file(&from, &to, &key, &context, None, 40_000), Err(Error::Corrupt { .. })));
    assert_eq!(std::fs::read(&to).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_taken_name_gets_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| free_name(folder.path(), name).file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name("plan.tar.gz"), "plan.tar.gz");
    for taken in ["plan.tar.gz", "plan.tar (1).gz", ".hidden", "none"] {
        std::fs::write(folder.path().join(taken), "").unwrap();
    }
    assert_eq!(name("plan.tar.gz"), "plan.tar (2).gz");
    assert_eq!(name(".hidden"), ".hidden (1)");
    assert_eq!(name("none"), "none (1)");
}
