//! Key derivation and single chunks: what fields and streams share.
//!
//! Source: C2SP chunked encryption, sections "Key derivation" and "AEAD usage". Refuses a wrong commitment before any
//! chunk key is set up, and any chunk numbered 2^38 or more.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::Error;
use crate::record::{CHUNK, Context, Key, TAG};

pub(crate) const SALT: usize = 24;
pub(crate) const COMMITMENT: usize = 32;
const NONCE: usize = 12;
const MAX_CHUNKS: u64 = 1 << 38;

/// The single-use key and base nonce of one message.
pub(crate) struct Chunks {
    cipher: Aes256Gcm,
    base: [u8; NONCE],
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // The cipher wipes its round keys itself.
        self.base.zeroize();
    }
}

impl Chunks {
    /// For a new message: its chunk key, and the commitment to write after the salt.
    pub(crate) fn derive(key: &Key, context: &Context, salt: &[u8; SALT]) -> Result<(Self, [u8; COMMITMENT]), Error> {
        let okm = expand(key, context, salt)?;
        let mut commitment = [0; COMMITMENT];
        commitment.copy_from_slice(&okm[32 + NONCE..]);
        Ok((Self::from_okm(&okm), commitment))
    }

    /// For a message to open: its chunk key, once the commitment has matched (compared in constant time).
    pub(crate) fn check(
        key: &Key,
        context: &Context,
        salt: &[u8; SALT],
        commitment: &[u8; COMMITMENT],
    ) -> Result<Self, Error> {
        let okm = expand(key, context, salt)?;
        if !bool::from(okm[32 + NONCE..].ct_eq(commitment.as_slice())) {
            return Err(Error::WrongKey);
        }
        Ok(Self::from_okm(&okm))
    }

    fn from_okm(okm: &[u8; OKM]) -> Self {
        let mut base = [0; NONCE];
        base.copy_from_slice(&okm[32..32 + NONCE]);
        Self { cipher: Aes256Gcm::new(GenericArray::from_slice(&okm[..32])), base }
    }

    fn nonce(&self, number: u64) -> Result<[u8; NONCE], Error> {
        if number >= MAX_CHUNKS {
            return Err(Error::TooLong);
        }
        let mut nonce = self.base;
        for (byte, counter) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= counter;
        }
        Ok(nonce)
    }

    /// Appends chunk `number`, sealed, to `out`.
    pub(crate) fn seal_onto(&self, number: u64, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        out.extend_from_slice(plaintext);
        self.seal_tail(number, start, out)
    }

    /// Seals what `buffer` holds from `start` on, in place, as chunk `number`, and appends its tag.
    pub(crate) fn seal_tail(&self, number: u64, start: usize, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let body = buffer.get_mut(start..).ok_or(Error::Primitive)?;
        let nonce = self.nonce(number)?;
        let tag =
            self.cipher.encrypt_in_place_detached(&nonce.into(), b"", body).map_err(|_| Error::Primitive)?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Appends the plaintext of chunk `number` to `out`; after an error `out` is as long as before.
    pub(crate) fn open_onto(&self, number: u64, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        out.extend_from_slice(sealed);
        self.open_tail(number, start, out).inspect_err(|_| out.truncate(start))
    }

    /// Opens what `buffer` holds from `start` on, in place, as chunk `number`, and drops its tag.
    pub(crate) fn open_tail(&self, number: u64, start: usize, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let nonce = self.nonce(number)?;
        let sealed = buffer.get_mut(start..).ok_or(Error::Primitive)?;
        let (body, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Error::Truncated)?;
        debug_assert!(body.len() <= CHUNK, "a chunk is never longer than its kind");
        let end = start + body.len();
        // Tag first, then decryption: the primitive leaves the body untouched when the tag is wrong.
        self.cipher
            .decrypt_in_place_detached(&nonce.into(), b"", body, GenericArray::from_slice(tag))
            .map_err(|_| Error::Altered)?;
        buffer.truncate(end);
        Ok(())
    }
}

const OKM: usize = 32 + NONCE + COMMITMENT;

/// `HKDF-Expand(SHA-512, input key, "c2sp.org/chunked-encryption@v1+" || aead || 0x00 || salt || context)`.
fn expand(key: &Key, context: &Context, salt: &[u8; SALT]) -> Result<Zeroizing<[u8; OKM]>, Error> {
    // The library wants a pseudorandom key at least as long as the hash (RFC 5869, 2.3). HMAC pads its key with zeros to a
    // whole block (RFC 2104, 2), so padding it here changes nothing of the result; the published vectors prove it.
    let mut padded = Zeroizing::new([0; 64]);
    padded[..32].copy_from_slice(key.expose());
    let hkdf = Hkdf::<Sha512>::from_prk(padded.as_slice()).map_err(|_| Error::Primitive)?;
    let mut okm = Zeroizing::new([0; OKM]);
    hkdf.expand_multi_info(
        &[b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0", salt, context.as_bytes()],
        okm.as_mut_slice(),
    )
    .map_err(|_| Error::Primitive)?;
    Ok(okm)
}
