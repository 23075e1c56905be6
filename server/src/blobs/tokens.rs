//! Permissions for requests over HTTPS. A token is minted in a session, counts for some minutes, for one file and one
//! direction, and only in a request that the device's signing key has signed, once.

use crate::error::Fail;
use crate::gate::Caller;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use thechatapp_protocol::http::proof_covers;
use thechatapp_protocol::methods::files::FileToken;
use thechatapp_protocol::{ChannelId, FileId};

/// How long a token counts.
const LASTS: Duration = Duration::from_secs(5 * 60);
/// Most tokens of one device; beyond it the oldest ends.
const PER_DEVICE: usize = 64;
/// Most requests with one token.
const REQUESTS: usize = 4096;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// To whom.
    pub caller: Caller,
    /// Of which channel.
    pub channel: ChannelId,
    /// Which file.
    pub file: FileId,
    /// To send it: so many sealed bytes in all. Otherwise to fetch it.
    pub upload: Option<u64>,
}

#[derive(Debug)]
struct Grant {
    allowed: Allowed,
    key: VerifyingKey,
    ends: Instant,
    used: HashSet<[u8; 16]>,
}

/// The tokens of one workspace, by their hashes.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<HashMap<[u8; 32], Grant>>);

impl Tokens {
    /// Makes a token for a device that signs with `key`.
    ///
    /// # Errors
    /// When the system gives no random bytes, or the device's key is none.
    pub fn mint(&self, allowed: Allowed, key: [u8; 32], now: Instant) -> Result<FileToken, Fail> {
        let key = VerifyingKey::from_bytes(&key).map_err(|_| Fail::Broken("a device's signing key is none"))?;
        let mut token = vec![0; 32];
        getrandom::fill(&mut token).map_err(|_| Fail::Broken("the system gave no random bytes"))?;
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        grants.retain(|_, grant| grant.ends > now);
        let own = |grant: &Grant| grant.allowed.caller.device == allowed.caller.device;
        while grants.values().filter(|grant| own(grant)).count() >= PER_DEVICE {
            let oldest = grants.iter().filter(|(_, grant)| own(grant)).min_by_key(|(_, grant)| grant.ends);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else { break };
            grants.remove(&oldest);
        }
        let grant = Grant { allowed, key, ends: now + LASTS, used: HashSet::new() };
        grants.insert(Sha256::digest(&token).into(), grant);
        Ok(FileToken { token, seconds: LASTS.as_secs() })
    }

    /// What a request may do, by its token and proof as they stand in its headers; `None` for whatever does not fit.
    pub fn check(&self, method: &str, path: &str, token: &str, proof: &str, now: Instant) -> Option<Allowed> {
        let token = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let proof: [u8; 80] = BASE64URL_NOPAD.decode(proof.as_bytes()).ok()?.try_into().ok()?;
        let (once, signature) = proof.split_first_chunk::<16>()?;
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let grant = grants.get_mut(&<[u8; 32]>::from(Sha256::digest(&token)))?;
        if grant.ends <= now || grant.used.len() >= REQUESTS || grant.used.contains(once) {
            return None;
        }
        let signature = Signature::from_slice(signature).ok()?;
        grant.key.verify_strict(&proof_covers(method, path, &token, once), &signature).ok()?;
        grant.used.insert(*once);
        Some(grant.allowed)
    }
}

#[cfg(test)]
mod tests;
