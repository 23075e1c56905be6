//! How a profile key is wrapped and unwrapped: by the device key, a passphrase, or a recovery code.

use super::file::{ProfileFile, Slot, Stretched};
use crate::{Error, Result};
use thechatapp_database::scrub_stack;
use thechatapp_seal::{self as seal, Argon2Params, Key};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

const DEVICE: &str = "profile key by device key";
const PASSPHRASE: &str = "profile key by passphrase";
const RECOVERY: &str = "profile key by recovery code";

/// A key of a profile wrapped under its profile key.
pub(super) fn wrap(profile_key: &Key, what: &str, owner: &[u8], key: &Key) -> Result<Vec<u8>> {
    seal::wrap(profile_key, what, owner, 0, key).map_err(internal)
}

/// What [`wrap`] made. The profile key is right here, so a failure is damage.
pub(super) fn unwrap(profile_key: &Key, what: &str, owner: &[u8], wrapped: &[u8]) -> Result<Key> {
    let key = seal::unwrap(profile_key, what, owner, 0, wrapped);
    scrub_stack();
    key.map_err(|why| super::file::corrupt(format!("the {what} key does not open: {why}")))
}

pub(super) fn by_device(id: &str, device_key: &Key, profile_key: &Key) -> Result<Slot> {
    let wrapped = seal::wrap(device_key, DEVICE, id.as_bytes(), 0, profile_key).map_err(internal)?;
    Ok(Slot::SecretStore { wrapped })
}

pub(super) async fn by_passphrase(id: &str, passphrase: &Zeroizing<String>, profile_key: &Key) -> Result<Slot> {
    let passphrase = normalised(passphrase)?;
    Ok(Slot::Passphrase(stretched(PASSPHRASE, id, passphrase, profile_key).await?))
}

pub(super) async fn by_recovery(id: &str, secret: &[u8], profile_key: &Key) -> Result<Slot> {
    Ok(Slot::Recovery(stretched(RECOVERY, id, Zeroizing::new(secret.to_vec()), profile_key).await?))
}

pub(super) fn open_by_device(file: &ProfileFile, device_key: &Key) -> Result<Key> {
    let wrapped = file.slots.iter().find_map(|slot| match slot {
        Slot::SecretStore { wrapped } => Some(wrapped),
        _ => None,
    });
    let wrapped = wrapped.ok_or_else(|| super::file::corrupt("it has no slot for secure storage"))?;
    let key = seal::unwrap(device_key, DEVICE, file.id.as_bytes(), 0, wrapped);
    scrub_stack();
    key.map_err(|_| Error::WrongKey { why: "the key in secure storage opens no slot".into() })
}

pub(super) async fn open_by_passphrase(file: &ProfileFile, passphrase: &Zeroizing<String>) -> Result<Key> {
    let slot = file.slots.iter().find_map(|slot| match slot {
        Slot::Passphrase(slot) => Some(slot),
        _ => None,
    });
    let slot = slot.ok_or_else(|| Error::WrongKey { why: "this profile has no passphrase".into() })?;
    let secret = normalised(passphrase)?;
    open_stretched(PASSPHRASE, &file.id, secret, slot, "the passphrase opens no slot").await
}

pub(super) async fn open_by_recovery(file: &ProfileFile, secret: &[u8]) -> Result<Key> {
    let slot = file.slots.iter().find_map(|slot| match slot {
        Slot::Recovery(slot) => Some(slot),
        _ => None,
    });
    let slot = slot.ok_or_else(|| Error::WrongKey { why: "no recovery code was made for this profile".into() })?;
    let secret = Zeroizing::new(secret.to_vec());
    open_stretched(RECOVERY, &file.id, secret, slot, "the recovery code is another profile's, or an older one").await
}

async fn stretched(what: &str, id: &str, secret: Zeroizing<Vec<u8>>, profile_key: &Key) -> Result<Stretched> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|why| Error::Internal { id: "random".into(), why: why.to_string() })?;
    let params = Argon2Params::default();
    let key = stretch(secret, salt, params).await?;
    let wrapped = seal::wrap(&key, what, id.as_bytes(), 0, profile_key).map_err(internal)?;
    Ok(Stretched { salt: salt.to_vec(), params, wrapped })
}

async fn open_stretched(
    what: &str,
    id: &str,
    secret: Zeroizing<Vec<u8>>,
    slot: &Stretched,
    wrong: &str,
) -> Result<Key> {
    let salt = slot.salt.as_slice().try_into().map_err(|_| super::file::corrupt("a salt has not 16 bytes"))?;
    let key = stretch(secret, salt, slot.params).await?;
    let key = seal::unwrap(&key, what, id.as_bytes(), 0, &slot.wrapped);
    scrub_stack();
    key.map_err(|_| Error::WrongKey { why: wrong.into() })
}

/// Slow and hungry on purpose, so away from the threads that serve everything else.
async fn stretch(secret: Zeroizing<Vec<u8>>, salt: [u8; 16], params: Argon2Params) -> Result<Key> {
    let stretched = tokio::task::spawn_blocking(move || {
        let key = seal::stretch(&secret, &salt, &params);
        scrub_stack();
        key
    })
    .await;
    stretched.map_err(|why| Error::Internal { id: "stretch".into(), why: why.to_string() })?.map_err(internal)
}

/// The same passphrase on every keyboard: composed characters (NFC).
fn normalised(passphrase: &Zeroizing<String>) -> Result<Zeroizing<Vec<u8>>> {
    if passphrase.is_empty() {
        return Err(Error::bad_input("the passphrase is empty", "it is what seals everything on this device"));
    }
    // Room for the longest composition at once: growing would leave parts of it behind in memory.
    let mut composed = Zeroizing::new(String::with_capacity(passphrase.len() * 3));
    composed.extend(passphrase.nfc());
    Ok(Zeroizing::new(composed.as_bytes().to_vec()))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn internal(error: seal::Error) -> Error {
    Error::Internal { id: "seal".into(), why: error.to_string() }
}
