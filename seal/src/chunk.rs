//! Key derivation and single chunks: what fields and streams share.
//!
//! Source: C2SP chunked encryption, sections "Key derivation" and "AEAD usage". Refuses a wrong commitment before
//! anything is decrypted, and any chunk numbered 2^38 or more.

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
    ///
    /// `HKDF-Expand(SHA-512, input key, "c2sp.org/chunked-encryption@v1+" || aead || 0x00 || salt || context)`.
    pub(crate) fn derive(key: &Key, context: &Context, salt: &[u8; SALT]) -> Result<(Self, [u8; COMMITMENT]), Error> {
        // The library wants a pseudorandom key at least as long as the hash (RFC 5869, 2.3). HMAC pads its key with zeros to
        // a whole block (RFC 2104, 2), so padding it here changes nothing of the result; the published vectors prove it.
        let padded = Zeroizing::new([*key.expose(), [0; 32]]);
        let hkdf = Hkdf::<Sha512>::from_prk(padded.as_flattened()).map_err(|_| Error::Primitive)?;
        let mut derived = Zeroizing::new([0; 32 + NONCE + COMMITMENT]);
        hkdf.expand_multi_info(
            &[b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0", salt, context.as_bytes()],
            derived.as_mut_slice(),
        )
        .map_err(|_| Error::Primitive)?;
        let (chunk_key, rest) = derived.split_at(32);
        let (base, commitment) = rest.split_first_chunk().ok_or(Error::Primitive)?;
        let commitment = commitment.try_into().map_err(|_| Error::Primitive)?;
        let cipher = Aes256Gcm::new_from_slice(chunk_key).map_err(|_| Error::Primitive)?;
        Ok((Self { cipher, base: *base }, commitment))
    }

    /// For a message to open: its chunk key, once the commitment has matched (compared in constant time).
    pub(crate) fn check(
        key: &Key,
        context: &Context,
        salt: &[u8; SALT],
        commitment: &[u8; COMMITMENT],
    ) -> Result<Self, Error> {
        let (chunks, expected) = Self::derive(key, context, salt)?;
        if !bool::from(expected.ct_eq(commitment)) {
            return Err(Error::WrongKey);
        }
        Ok(chunks)
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
        let tag = self.cipher.encrypt_in_place_detached(&nonce.into(), b"", body).map_err(|_| Error::Primitive)?;
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
