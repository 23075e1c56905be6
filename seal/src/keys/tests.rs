use super::*;

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn parent() -> Key {
    Key::from_bytes(std::array::from_fn(|i| i as u8))
}

#[test]
fn a_wrapped_key_has_its_golden_bytes() {
    let hex = include_str!("../../tests/golden/wrapped-key.hex");
    let expected = data_encoding::HEXLOWER.decode(hex.trim().as_bytes()).unwrap();
    let wrapped = wrap_with_salt(&parent(), "channel", b"general", 2, &key(0x11), &[0x24; SALT]).unwrap();
    assert_eq!(wrapped, expected);
    assert_eq!(wrapped.len(), 104);
    assert_eq!(unwrap(&parent(), "channel", b"general", 2, &expected).unwrap(), key(0x11));
}

#[test]
fn a_wrapped_key_opens_only_in_its_place() {
    let wrapped = wrap(&parent(), "channel", b"general", 2, &key(0x11)).unwrap();
    for other in [
        unwrap(&key(9), "channel", b"general", 2, &wrapped),
        unwrap(&parent(), "database", b"general", 2, &wrapped),
        unwrap(&parent(), "channel", b"random", 2, &wrapped),
        unwrap(&parent(), "channel", b"general", 3, &wrapped),
    ] {
        assert!(matches!(other, Err(Error::WrongKey)));
    }
}

#[test]
fn a_sealed_value_that_is_no_key_does_not_become_one() {
    let sealed = crate::seal(&parent(), &wrap_context("channel", b"general", 1), &[0; 33]).unwrap();
    assert!(matches!(unwrap(&parent(), "channel", b"general", 1, &sealed), Err(Error::KeyLength(33))));
}

#[test]
fn an_altered_or_cut_wrapped_key_does_not_open() {
    let wrapped = wrap(&parent(), "channel", b"general", 1, &key(0x11)).unwrap();
    for at in 0..wrapped.len() {
        let mut altered = wrapped.clone();
        altered[at] ^= 0x80;
        assert!(unwrap(&parent(), "channel", b"general", 1, &altered).is_err());
        assert!(unwrap(&parent(), "channel", b"general", 1, &wrapped[..at]).is_err());
    }
}

#[test]
fn a_token_has_its_golden_bytes() {
    // Python: hmac.new(key, 'héllo'.encode(), 'sha256').digest()[:8]
    let token = SearchKey::new(parent()).token("héllo");
    assert_eq!(data_encoding::HEXLOWER.encode(&token), "255e6588f0efdf78");
}

#[test]
fn a_token_tells_words_and_keys_apart() {
    let search = SearchKey::new(parent());
    assert_eq!(search.token("word"), search.token("word"));
    assert_ne!(search.token("word"), search.token("words"));
    assert_ne!(search.token("word"), SearchKey::new(key(1)).token("word"));
    assert_eq!(format!("{search:?}"), "SearchKey(..)");
}
