//! The identity root: an Ed25519 key (RFC 8032) that signs identity documents and checkpoints of the audit log, and nothing else.

use super::document::{Document, Endorsement, SignedDocument};
use super::{IdentityError, Pin};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const DOCUMENT_LABEL: &[u8] = b"thechatapp identity document v1\0";
const ENDORSE_LABEL: &[u8] = b"thechatapp identity endorsement v1\0";

/// The secret half. Wiped when dropped.
#[derive(Clone)]
pub struct RootKey(SigningKey);

impl RootKey {
    /// A fresh root.
    ///
    /// # Errors
    /// [`IdentityError::Random`].
    pub fn random() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| IdentityError::Random)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// A stored root.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The secret, to be stored sealed.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> RootPublic {
        RootPublic(self.0.verifying_key().to_bytes())
    }

    /// Signs a document, whose `root` becomes this one.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`] when it would be too long.
    pub fn sign_document(&self, mut document: Document) -> Result<SignedDocument, IdentityError> {
        document.root = self.public().0;
        let bytes = document.encode()?;
        let signature = self.0.sign(&labelled(DOCUMENT_LABEL, &bytes)).to_bytes();
        Ok(SignedDocument { bytes, signature, endorsement: None, chain: Vec::new() })
    }

    /// Vouches, as the old root or as the committed successor, for a document that another root signed.
    #[must_use]
    pub fn endorse(&self, mut signed: SignedDocument) -> SignedDocument {
        let signature = self.0.sign(&labelled(ENDORSE_LABEL, &signed.bytes)).to_bytes();
        signed.endorsement = Some(Endorsement { by: self.public(), signature });
        signed
    }

    /// Signs the text of a checkpoint, which only [`crate::audit::checkpoint`] writes: it begins with a workspace's id, and
    /// so with no label of this file.
    pub(crate) fn sign_note(&self, text: &str) -> [u8; 64] {
        self.0.sign(text.as_bytes()).to_bytes()
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.public().pin())
    }
}

/// The public half of an identity root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootPublic(pub [u8; 32]);

impl RootPublic {
    /// Its fingerprint.
    pub fn pin(&self) -> Pin {
        Pin(Sha256::digest(self.0).into())
    }

    pub(super) fn verify_document(&self, signed: &SignedDocument) -> Result<(), IdentityError> {
        self.verify(DOCUMENT_LABEL, &signed.bytes, &signed.signature)
    }

    pub(super) fn verify_endorsement(&self, bytes: &[u8], signature: &[u8; 64]) -> Result<(), IdentityError> {
        self.verify(ENDORSE_LABEL, bytes, signature)
    }

    pub(crate) fn verify_note(&self, text: &str, signature: &[u8; 64]) -> Result<(), IdentityError> {
        self.verify(b"", text.as_bytes(), signature)
    }

    fn verify(&self, label: &[u8], bytes: &[u8], signature: &[u8; 64]) -> Result<(), IdentityError> {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(&labelled(label, bytes), &Signature::from_bytes(signature)))
            .map_err(|_| IdentityError::Signature)
    }
}

fn labelled(label: &[u8], bytes: &[u8]) -> Vec<u8> {
    [label, bytes].concat()
}
