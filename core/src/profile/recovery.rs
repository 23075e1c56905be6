//! The recovery code: 128 random bits and a check sum, as eight groups of four letters and digits (RFC 4648 base32) that
//! can be written on paper. A slip of the pen is told apart from a code of another profile.

use crate::{Error, Result};
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SECRET: usize = 16;
const CHECK: usize = 4;

/// The secret inside a recovery code.
pub(super) struct Code(Zeroizing<[u8; SECRET]>);

impl Code {
    pub(super) fn random() -> Result<Self> {
        let mut secret = Zeroizing::new([0; SECRET]);
        getrandom::fill(&mut *secret).map_err(|why| Error::Internal { id: "random".into(), why: why.to_string() })?;
        Ok(Self(secret))
    }

    pub(super) fn secret(&self) -> &[u8] {
        &*self.0
    }

    /// As a person writes it down.
    pub(super) fn show(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.0.to_vec());
        bytes.extend_from_slice(&check(&self.0));
        let letters = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        let mut shown = Zeroizing::new(String::with_capacity(40));
        for (number, letter) in letters.chars().enumerate() {
            if number > 0 && number % 4 == 0 {
                shown.push('-');
            }
            shown.push(letter);
        }
        shown
    }

    /// As a person types it: any case, any grouping, and digits that look like letters.
    pub(super) fn read(typed: &str) -> Result<Self> {
        let wrong = |why: &str| Error::bad_input("this is not a recovery code", why);
        let letters: Zeroizing<String> = Zeroizing::new(
            typed
                .chars()
                .filter(|c| c.is_alphanumeric())
                .map(|c| match c.to_ascii_uppercase() {
                    '0' => 'O',
                    '1' => 'I',
                    '8' => 'B',
                    other => other,
                })
                .collect(),
        );
        let bytes = BASE32_NOPAD
            .decode(letters.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| wrong("it has 32 letters and digits in eight groups; some are missing or too many"))?;
        let (secret, sum) = bytes
            .split_first_chunk::<SECRET>()
            .filter(|(_, sum)| sum.len() == CHECK)
            .ok_or_else(|| wrong("it has 32 letters and digits in eight groups; some are missing or too many"))?;
        if check(secret) != sum {
            return Err(wrong("a letter or digit is wrong; compare it with what was written down"));
        }
        Ok(Self(Zeroizing::new(*secret)))
    }
}

fn check(secret: &[u8; SECRET]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(b"thechatapp recovery code v1").chain_update(secret).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    [a, b, c, d]
}
