//! The session of a native client: Noise (revision 34) `IK_25519_AESGCM_SHA256`, sans-I/O.
//!
//! One round trip: the client's first message carries its device's static key, sealed for the server's session key; the
//! server's answer finishes it. Everything both sides must agree on stands in the [`Prologue`]. After that each side
//! seals and opens [`Message`]s, which travel as frames of at most 65,535 bytes.
//!
//! What it stops: reading and changing by whoever terminates TLS in between, and a device that cannot prove its key.
//! What it does not: an old first message may be replayed, so nothing may happen before
//! [`Transport::first_frame_seen`].

pub mod frame;
mod handshake;
pub mod limits;
mod resolver;
mod transport;

pub use frame::{Kind, Message};
pub use handshake::{Binding, DevicePublic, EXPORTER_LABEL, Initiator, Prologue, StaticKey, initiate, respond};
pub use limits::Limits;
pub use transport::Transport;

/// Why a session could not begin, or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The handshake does not fit: another server key, another prologue, or altered bytes.
    #[error("the handshake does not match this server, document or connection")]
    Handshake,
    /// A public key of low order, which would make the shared secret known to anyone.
    #[error("a public key of low order")]
    LowOrderKey,
    /// A handshake message past [`limits::HANDSHAKE_MAX`].
    #[error("a handshake message is too long")]
    HandshakeTooLong,
    /// A frame that does not decrypt: altered, replayed, or out of order.
    #[error("a frame does not decrypt")]
    Decrypt,
    /// A frame that decrypts but is malformed.
    #[error("a malformed frame: {0}")]
    Malformed(&'static str),
    /// A logical message, or all unfinished ones together, past their limit.
    #[error("a message is too long")]
    TooLong,
    /// The session failed before, or lived for its longest time.
    #[error("the session has ended")]
    Ended,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

#[cfg(test)]
mod tests;
