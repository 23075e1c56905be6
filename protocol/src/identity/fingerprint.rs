//! The fingerprint of an identity root: for machines a pin of 43 characters, for people eight pronounceable words
//! (proquints: D. S. Wilkerson, "A Proposal for Proquints", arXiv:0901.4016).

use super::IdentityError;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// SHA-256 of an identity root's public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin(pub [u8; 32]);

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

impl Pin {
    /// The first 128 bits as eight words, joined by hyphens.
    pub fn words(&self) -> String {
        let words: Vec<String> = self
            .0
            .chunks_exact(2)
            .take(8)
            .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
            .map(|pair| word(u16::from_be_bytes(pair)))
            .collect();
        words.join("-")
    }

    /// Whether what a person typed begins these words: at least two words, in any case, with hyphens or spaces.
    pub fn matches_words(&self, typed: &str) -> bool {
        let words = self.words();
        let typed: Vec<String> = typed
            .split(|c: char| c == '-' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let known: Vec<&str> = words.split('-').collect();
        typed.len() >= 2 && typed.len() <= known.len() && typed.iter().zip(known).all(|(a, b)| a == b)
    }
}

/// Five letters for sixteen bits: consonant, vowel, consonant, vowel, consonant of 4, 2, 4, 2, 4 bits.
fn word(value: u16) -> String {
    let consonant = |shift: u16| CONSONANTS.get(usize::from(value >> shift & 15)).copied().unwrap_or(b'b');
    let vowel = |shift: u16| VOWELS.get(usize::from(value >> shift & 3)).copied().unwrap_or(b'a');
    [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)].map(char::from).iter().collect()
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

impl FromStr for Pin {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = BASE64URL_NOPAD.decode(text.trim().as_bytes()).map_err(|_| IdentityError::BadPin)?;
        Ok(Self(bytes.try_into().map_err(|_| IdentityError::BadPin)?))
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
