//! The states of a document on its way to being trusted, and the rules by which one follows another.

use super::document::{Document, SignedDocument};
use super::root::RootPublic;
use super::{IdentityError, Pin};
use crate::PROTOCOL;
use sha2::{Digest, Sha256};

/// A document as it came: nothing is known about it.
#[derive(Clone, Debug)]
pub struct Unverified(SignedDocument);

/// A document that is sound in itself, whose root nobody has vouched for: its fingerprint may be shown.
#[derive(Clone, Debug)]
pub struct Candidate(Verified);

/// A document whose root is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    document: Document,
    signed: SignedDocument,
    hash: [u8; 32],
}

/// Who vouched for a new root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endorser {
    /// The root that was known.
    OldRoot,
    /// The successor to which the known document had committed.
    Successor,
}

/// How a document follows the one that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is the same.
    Same(Verified),
    /// The same root with new keys: silent.
    Rotated(Verified),
    /// Another root that was announced: silent, and recorded where the user can see it.
    NewRoot {
        /// The document.
        verified: Verified,
        /// Who vouched.
        by: Endorser,
    },
    /// A new generation of the same root, after a restore: cursors are dropped.
    Restored(Verified),
}

impl Unverified {
    /// Takes a document as fetched.
    pub fn new(signed: SignedDocument) -> Self {
        Self(signed)
    }

    /// Checks the document against itself: its signature, its versions, its session keys. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Any but [`IdentityError::PinMismatch`].
    pub fn verify_self(self, now: u64) -> Result<Candidate, IdentityError> {
        let found = Verified::of(self.0)?;
        let document = &found.document;
        if document.protocol_max < *PROTOCOL.start() || document.protocol_min > *PROTOCOL.end() {
            return Err(IdentityError::Version { min: document.protocol_min, max: document.protocol_max });
        }
        if document.session_key(now).is_none() {
            return Err(IdentityError::NoSessionKey);
        }
        Ok(Candidate(found))
    }

    /// First contact with a pin from an invite, a policy or a person.
    ///
    /// # Errors
    /// [`IdentityError::PinMismatch`] when the root is another, and all of [`Self::verify_self`].
    pub fn verify_first(self, pin: &Pin, now: u64) -> Result<Verified, IdentityError> {
        self.verify_self(now)?.accept(pin)
    }

    /// A later document of a server that is known.
    ///
    /// # Errors
    /// [`IdentityError::PinMismatch`] for a root that was never announced, [`IdentityError::RolledBack`],
    /// [`IdentityError::Forked`], [`IdentityError::OtherWorkspace`], and all of [`Self::verify_self`].
    pub fn verify_next(self, known: &Verified, now: u64) -> Result<Step, IdentityError> {
        let Candidate(next) = self.verify_self(now)?;
        if next.hash == known.hash {
            return Ok(Step::Same(next));
        }
        // Who it is comes before everything else: of a stranger's document nothing else matters.
        let by = next.vouched_by(known)?;
        if next.document.workspace_id != known.document.workspace_id {
            return Err(IdentityError::OtherWorkspace);
        }
        match next.document.epoch.cmp(&known.document.epoch) {
            std::cmp::Ordering::Less => {
                return Err(IdentityError::RolledBack { known: known.document.epoch, shown: next.document.epoch });
            }
            std::cmp::Ordering::Equal => return Err(IdentityError::Forked(known.document.epoch)),
            std::cmp::Ordering::Greater => {}
        }
        Ok(match by {
            Some(by) => Step::NewRoot { verified: next, by },
            None if next.document.generation == known.document.generation => Step::Rotated(next),
            None => Step::Restored(next),
        })
    }
}

impl Candidate {
    /// The document, to be shown.
    pub fn document(&self) -> &Document {
        &self.0.document
    }

    /// The fingerprint of its root.
    pub fn pin(&self) -> Pin {
        self.0.pin()
    }

    /// Trusts it, because somebody compared its pin.
    ///
    /// # Errors
    /// [`IdentityError::PinMismatch`] when it is another pin.
    pub fn accept(self, pin: &Pin) -> Result<Verified, IdentityError> {
        if self.pin() == *pin { Ok(self.0) } else { Err(IdentityError::PinMismatch { known: *pin, shown: self.pin() }) }
    }

    /// The bytes, to be kept until somebody decides.
    pub fn encode(&self) -> Vec<u8> {
        self.0.signed.encode()
    }
}

impl Verified {
    /// What the document says.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document as it was signed.
    pub fn signed(&self) -> &SignedDocument {
        &self.signed
    }

    /// What names this document in a prologue and in the next document.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The fingerprint of its root.
    pub fn pin(&self) -> Pin {
        RootPublic(self.document.root).pin()
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        self.signed.encode()
    }

    /// What [`Self::encode`] stored, in a place that nobody else can write to. The signature is checked again.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`], [`IdentityError::Signature`].
    pub fn restore(bytes: &[u8]) -> Result<Self, IdentityError> {
        Self::of(SignedDocument::decode(bytes)?)
    }

    /// A document that its own root signed.
    fn of(signed: SignedDocument) -> Result<Self, IdentityError> {
        let document = signed.document()?;
        RootPublic(document.root).verify_document(&signed)?;
        let hash = signed.hash();
        Ok(Self { document, signed, hash })
    }

    /// `None` when the root is the known one, else who announced the new one. Where several followed each other since, each of them
    /// announced the next.
    fn vouched_by(&self, known: &Self) -> Result<Option<Endorser>, IdentityError> {
        let (mut at, mut by) = (known.clone(), None);
        for link in &self.signed.chain {
            let Ok(link) = Self::of(link.clone()) else { continue };
            let later =
                link.document.epoch > at.document.epoch && link.document.workspace_id == at.document.workspace_id;
            // What leads away from the way there is none of it; the end shows whether there is one.
            if later && let Ok(Some(endorser)) = link.announced_by(&at) {
                (at, by) = (link, Some(endorser));
            }
        }
        // Whoever was led on by a link is no older than that, which may be itself.
        if by.is_some() && self.document.epoch < at.document.epoch {
            return Err(IdentityError::PinMismatch { known: known.pin(), shown: self.pin() });
        }
        match self.announced_by(&at) {
            Ok(last) => Ok(last.or(by)),
            Err(IdentityError::PinMismatch { shown, .. }) => {
                Err(IdentityError::PinMismatch { known: known.pin(), shown })
            }
            Err(why) => Err(why),
        }
    }

    /// The same for a root right after the known one.
    fn announced_by(&self, known: &Self) -> Result<Option<Endorser>, IdentityError> {
        let own = self.document.root;
        if own == known.document.root {
            return Ok(None);
        }
        let is_successor = |key: &[u8; 32]| known.document.successor == Some(Sha256::digest(key).into());
        if is_successor(&own) {
            return Ok(Some(Endorser::Successor));
        }
        if let Some(endorsement) = self.signed.endorsement() {
            let by = if endorsement.by.0 == known.document.root {
                Some(Endorser::OldRoot)
            } else if is_successor(&endorsement.by.0) {
                Some(Endorser::Successor)
            } else {
                None
            };
            if by.is_some() {
                endorsement.by.verify_endorsement(&self.signed.bytes, &endorsement.signature)?;
                return Ok(by);
            }
        }
        Err(IdentityError::PinMismatch { known: known.pin(), shown: self.pin() })
    }
}
