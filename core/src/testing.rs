//! What several tests need: numbers that are the same in every run, and a system to run on.

#[cfg(test)]
use crate::platform::{Clock, PlainNetwork, Platform, SystemClock};
#[cfg(test)]
use crate::profile::memory::MemoryStore;
#[cfg(test)]
use std::{sync::Arc, time::Duration};
use thechatapp_protocol::identity::{Document, IdentityError, RootKey, SessionKey, SignedDocument};
use thechatapp_protocol::session::StaticKey;

/// Numbers that are the same in every run (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one, less than `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A system with this secure storage, and the right time.
#[cfg(test)]
pub(crate) fn platform(secrets: Arc<MemoryStore>) -> Platform {
    platform_at(secrets, Arc::new(SystemClock))
}

/// The same with a clock of the test's.
#[cfg(test)]
pub(crate) fn platform_at(secrets: Arc<MemoryStore>, clock: Arc<dyn Clock>) -> Platform {
    Platform {
        secrets,
        secret_wait: Duration::from_secs(5),
        clock,
        device_name: "test".into(),
        device_platform: "linux".into(),
        extra_roots: Vec::new(),
        network: Arc::new(PlainNetwork),
    }
}

/// The secret session key of these documents.
pub(crate) const SESSION_KEY: [u8; 32] = [2; 32];

/// A document of a server whose root is always the same.
pub(crate) fn signed_document(generation: [u8; 16]) -> Result<SignedDocument, IdentityError> {
    signed_document_at(generation, 5)
}

/// The same of an epoch.
pub(crate) fn signed_document_at(generation: [u8; 16], epoch: u64) -> Result<SignedDocument, IdentityError> {
    RootKey::from_bytes([1; 32]).sign_document(Document {
        workspace_id: [7; 16],
        workspace: "acme".into(),
        name: "Acme".into(),
        generation,
        epoch,
        previous: None,
        root: [0; 32],
        session_keys: vec![SessionKey {
            public: StaticKey::from_bytes(&SESSION_KEY).public(),
            not_before: 0,
            not_after: u64::MAX,
        }],
        tls_keys: Vec::new(),
        successor: None,
        protocol_min: 1,
        protocol_max: 1,
        allow_unbound: false,
    })
}
