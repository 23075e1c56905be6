//! Sealed bytes and key files from a disk nobody vouches for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Read};
use thechatapp_seal::{Context, Key, OpenReader, open};

fuzz_target!(|bytes: &[u8]| {
    let key = Key::from_bytes([7; 32]);
    let context = Context::new("fuzz");
    assert!(open(&key, &context, bytes).is_err(), "nobody guesses a sealed value");
    if let Ok(mut reader) = OpenReader::new(Cursor::new(bytes), &key, &context) {
        let mut out = Vec::new();
        assert!(reader.read_to_end(&mut out).is_err());
    }
});
