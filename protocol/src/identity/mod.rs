//! Who a server is: its identity root, the signed document that names its current keys, and the chain by which one
//! document follows another.
//!
//! A document goes through states that consume themselves: [`Unverified`] as fetched, then [`Candidate`] (sound in
//! itself, but nobody vouched for its root) or [`Verified`]. Only a [`Verified`] one leads to a session.

mod chain;
mod document;
mod fingerprint;
mod invite;
mod root;

pub use chain::{Candidate, Endorser, Step, Unverified, Verified};
pub use document::{Document, Endorsement, SessionKey, SignedDocument};
pub use fingerprint::Pin;
pub use invite::{Address, Invite, make_code};
pub use root::{RootKey, RootPublic};

/// Longest signed document, in bytes.
pub const DOCUMENT_MAX: usize = 16 * 1024;

/// Why a document, a pin, an invite or an address was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The bytes are no document.
    #[error("this is not an identity document: {0}")]
    Malformed(String),
    /// The signature is not the root's.
    #[error("the identity document's signature is wrong")]
    Signature,
    /// The root is not the one that was expected.
    #[error("the server's identity is {shown}, it should be {known}")]
    PinMismatch {
        /// The pin that was expected.
        known: Pin,
        /// The pin that the document shows.
        shown: Pin,
    },
    /// An older document of the same generation.
    #[error("the server shows an older identity document (epoch {shown}) than one seen before (epoch {known})")]
    RolledBack {
        /// The epoch that is known.
        known: u64,
        /// The epoch that is shown.
        shown: u64,
    },
    /// Another document under the epoch of one that is known.
    #[error("the server shows two different identity documents of one epoch ({0})")]
    Forked(u64),
    /// Another workspace's document.
    #[error("the identity document is another workspace's")]
    OtherWorkspace,
    /// No session key is valid at this time.
    #[error("the identity document names no session key that is valid now; is this device's clock right?")]
    NoSessionKey,
    /// No protocol version in common.
    #[error("the server speaks protocol versions {min} to {max}, this program does not")]
    Version {
        /// The lowest it speaks.
        min: u16,
        /// The highest it speaks.
        max: u16,
    },
    /// A pin that is none.
    #[error("a pin is 43 characters of base64url; this is not one")]
    BadPin,
    /// An invite that is none, and what is wrong with it.
    #[error("this is not an invite: {0}")]
    BadInvite(&'static str),
    /// An address that is none, and what is wrong with it.
    #[error("this is not a server's address: {0}")]
    BadAddress(&'static str),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

#[cfg(test)]
mod tests;
