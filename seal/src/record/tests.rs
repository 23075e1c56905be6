use proptest::prelude::*;

use super::*;

fn key() -> Key {
    Key::from_bytes(std::array::from_fn(|i| i as u8))
}

fn context() -> Context {
    Context::field(b"acme", "messages", "body", b"row 7", 3)
}

/// Made by another implementation (Python's `hmac` and OpenSSL's AES-GCM).
fn golden(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.trim().as_bytes()).unwrap()
}

#[test]
fn a_field_has_its_golden_bytes() {
    let expected = golden(include_str!("../../tests/golden/field.hex"));
    assert_eq!(seal_with_salt(&key(), &context(), &[0x24; SALT], b"hello, alice").unwrap(), expected);
    assert_eq!(open(&key(), &context(), &expected).unwrap().as_slice(), b"hello, alice");
}

#[test]
fn a_field_context_has_its_golden_bytes() {
    assert_eq!(context().as_bytes(), golden(include_str!("../../tests/golden/context.hex")));
}

#[test]
fn every_part_of_the_place_counts() {
    let sealed = seal(&key(), &context(), b"hello").unwrap();
    for other in [
        Context::field(b"acmf", "messages", "body", b"row 7", 3),
        Context::field(b"acme", "message", "sbody", b"row 7", 3),
        Context::field(b"acme", "messages", "topic", b"row 7", 3),
        Context::field(b"acme", "messages", "body", b"row 8", 3),
        Context::field(b"acme", "messages", "body", b"row 7", 4),
        context().part(b""),
    ] {
        assert!(matches!(open(&key(), &other, &sealed), Err(Error::WrongKey)));
    }
    assert!(matches!(open(&Key::random().unwrap(), &context(), &sealed), Err(Error::WrongKey)));
}

#[test]
fn parts_cannot_be_split_another_way() {
    assert_ne!(Context::new("a").part(b"bc"), Context::new("a").part(b"b").part(b"c"));
    assert_ne!(Context::new("ab").part(b"c"), Context::new("a").part(b"bc"));
    assert_ne!(Context::new("a"), Context::new("a").part(b""));
}

#[test]
fn the_same_text_is_never_sealed_to_the_same_bytes() {
    let [one, two] = [(); 2].map(|()| seal(&key(), &context(), b"hello").unwrap());
    assert_ne!(one[..SALT], two[..SALT]);
    assert_ne!(one[HEADER..], two[HEADER..]);
}

#[test]
fn no_flipped_bit_opens() {
    let sealed = seal(&key(), &context(), b"hello, alice").unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let error = open(&key(), &context(), &altered).unwrap_err();
        assert_eq!(matches!(error, Error::WrongKey), bit / 8 < HEADER);
        assert_eq!(matches!(error, Error::Altered), bit / 8 >= HEADER);
    }
}

#[test]
fn no_shorter_or_longer_value_opens() {
    let sealed = seal(&key(), &context(), &[7; CHUNK]).unwrap();
    for end in (0..100).chain(SEALED_CHUNK..sealed.len()) {
        assert!(open(&key(), &context(), &sealed[..end]).is_err(), "{end}");
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert!(open(&key(), &context(), &longer).is_err());
}

#[test]
fn opening_allocates_once() {
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
        let sealed = seal(&key(), &context(), &vec![7; size]).unwrap();
        assert_eq!(sealed.capacity(), sealed.len());
        // Exactly what was asked for at first: plaintext was never moved to a larger place.
        let last = size % CHUNK + TAG;
        assert_eq!(open(&key(), &context(), &sealed).unwrap().capacity(), size / CHUNK * CHUNK + last);
    }
}

#[test]
fn keys_show_nothing_and_compare_by_value() {
    assert_eq!(format!("{:?}", key()), "Key(..)");
    assert_eq!(key(), Key::try_from(key().expose().as_slice()).unwrap());
    assert_ne!(Key::random().unwrap(), Key::random().unwrap());
    assert!(matches!(Key::try_from([0; 31].as_slice()), Err(Error::KeyLength(31))));
}

#[test]
fn lengths_agree_both_ways() {
    let chunk = CHUNK as u64;
    for plain in [0, 1, chunk - 1, chunk, chunk + 1, 5 * chunk, 1 << 52] {
        assert_eq!(opened_len(sealed_len(plain)), Some(plain));
    }
    let full = (HEADER + SEALED_CHUNK) as u64;
    for none in [0, 55, 56, 71, full, full + 15] {
        assert_eq!(opened_len(none), None);
    }
    assert_eq!(sealed_len(u64::MAX), u64::MAX);
    assert_eq!(sealed_len(5), 5 + OVERHEAD as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens(text in proptest::collection::vec(any::<u8>(), 0..3 * CHUNK), row: Vec<u8>, revision: u64) {
        let context = Context::field(b"acme", "t", "c", &row, revision);
        let sealed = seal(&key(), &context, &text).unwrap();
        prop_assert_eq!(sealed.len() as u64, sealed_len(text.len() as u64));
        prop_assert!(*open(&key(), &context, &sealed).unwrap() == text);
    }

    #[test]
    fn random_bytes_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..40_000)) {
        prop_assert!(open(&key(), &context(), &bytes).is_err());
    }
}
