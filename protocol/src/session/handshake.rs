//! The handshake: pattern IK, one message each way (Noise, section 7.5).

use super::limits::HANDSHAKE_MAX;
use super::resolver::Resolver;
use super::{Limits, SessionError, Transport};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const PATTERN: &str = "Noise_IK_25519_AESGCM_SHA256";
const LABEL: &[u8] = b"thechatapp session v1";

/// The label under which TLS exports what a session is bound to (RFC 9266).
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// What binds a session to the connection below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// TLS's exporter: 32 bytes that only the two ends of this TLS connection have.
    TlsExporter([u8; 32]),
    /// Nothing, where the identity document allows it (terminating proxies).
    Unbound,
}

/// What both sides must agree on; any difference kills the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prologue {
    /// The protocol's version.
    pub protocol: u16,
    /// The workspace.
    pub workspace_id: [u8; 16],
    /// The hash of the signed identity document that the client knows.
    pub document_hash: [u8; 32],
    /// What the session is bound to.
    pub binding: Binding,
}

impl Prologue {
    /// `label || version (2) || workspace (16) || document hash (32) || binding type (1) || binding value (32 or 0)`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = LABEL.to_vec();
        out.extend_from_slice(&self.protocol.to_be_bytes());
        out.extend_from_slice(&self.workspace_id);
        out.extend_from_slice(&self.document_hash);
        match &self.binding {
            Binding::TlsExporter(value) => {
                out.push(1);
                out.extend_from_slice(value);
            }
            Binding::Unbound => out.push(0),
        }
        out
    }
}

/// An X25519 secret: a device's, or a server's session key. It stands in one place, whoever holds it, and is wiped when nobody
/// does any more.
#[derive(Clone)]
pub struct StaticKey(Arc<Zeroizing<[u8; 32]>>);

impl StaticKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`SessionError::Random`].
    pub fn random() -> Result<Self, SessionError> {
        let mut key = Arc::new(Zeroizing::new([0; 32]));
        if let Some(bytes) = Arc::get_mut(&mut key) {
            getrandom::fill(bytes.as_mut_slice()).map_err(|_| SessionError::Random)?;
        }
        Ok(Self(key))
    }

    /// A stored key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(*bytes)))
    }

    /// The key, to be stored sealed.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its public key.
    pub fn public(&self) -> [u8; 32] {
        x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(**self.0)).to_bytes()
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKey(..)")
    }
}

/// The static key that a device proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DevicePublic(pub [u8; 32]);

/// A client that waits for the server's answer.
pub struct Initiator {
    state: snow::HandshakeState,
    limits: Limits,
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(..)")
    }
}

/// Begins a session with the server whose session key this is; the bytes are message 1.
///
/// # Errors
/// [`SessionError::LowOrderKey`] when the server's key is one.
pub fn initiate(
    prologue: &Prologue,
    device: &StaticKey,
    server_public: &[u8; 32],
) -> Result<(Initiator, Vec<u8>), SessionError> {
    initiate_with(prologue, device, server_public, Limits::default(), None)
}

pub(super) fn initiate_with(
    prologue: &Prologue,
    device: &StaticKey,
    server_public: &[u8; 32],
    limits: Limits,
    fixed_ephemeral: Option<&[u8; 32]>,
) -> Result<(Initiator, Vec<u8>), SessionError> {
    let prologue = prologue.encode();
    let mut builder = builder()?
        .prologue(&prologue)
        .and_then(|builder| builder.local_private_key(device.expose()))
        .and_then(|builder| builder.remote_public_key(server_public))
        .map_err(|_| SessionError::Handshake)?;
    if let Some(key) = fixed_ephemeral {
        builder = builder.fixed_ephemeral_key_for_testing_only(key);
    }
    let mut state = builder.build_initiator().map_err(|_| SessionError::Handshake)?;
    let message = write(&mut state)?;
    Ok((Initiator { state, limits }, message))
}

impl Initiator {
    /// Takes the server's answer. `now` is in milliseconds of any steady clock.
    ///
    /// # Errors
    /// [`SessionError::Handshake`] when the answer is not this server's to this message.
    pub fn finish(mut self, message2: &[u8], now: u64) -> Result<Transport, SessionError> {
        read(&mut self.state, message2)?;
        Transport::begin(self.state, self.limits, now)
    }
}

/// Answers a client's message 1; the bytes are message 2. Nothing may take effect before
/// [`Transport::first_frame_seen`], because message 1 may be an old one sent again.
///
/// # Errors
/// [`SessionError::Handshake`], [`SessionError::LowOrderKey`], [`SessionError::HandshakeTooLong`].
pub fn respond(
    prologue: &Prologue,
    server: &StaticKey,
    message1: &[u8],
    now: u64,
) -> Result<(Transport, Vec<u8>, DevicePublic), SessionError> {
    respond_with(prologue, server, message1, now, Limits::default(), None)
}

pub(super) fn respond_with(
    prologue: &Prologue,
    server: &StaticKey,
    message1: &[u8],
    now: u64,
    limits: Limits,
    fixed_ephemeral: Option<&[u8; 32]>,
) -> Result<(Transport, Vec<u8>, DevicePublic), SessionError> {
    let prologue = prologue.encode();
    let mut builder = builder()?
        .prologue(&prologue)
        .and_then(|builder| builder.local_private_key(server.expose()))
        .map_err(|_| SessionError::Handshake)?;
    if let Some(key) = fixed_ephemeral {
        builder = builder.fixed_ephemeral_key_for_testing_only(key);
    }
    let mut state = builder.build_responder().map_err(|_| SessionError::Handshake)?;
    read(&mut state, message1)?;
    let device =
        state.get_remote_static().and_then(|key| <[u8; 32]>::try_from(key).ok()).ok_or(SessionError::Handshake)?;
    let message2 = write(&mut state)?;
    Ok((Transport::begin(state, limits, now)?, message2, DevicePublic(device)))
}

fn builder<'a>() -> Result<snow::Builder<'a>, SessionError> {
    let params = PATTERN.parse().map_err(|_| SessionError::Handshake)?;
    Ok(snow::Builder::with_resolver(params, Box::new(Resolver)))
}

fn write(state: &mut snow::HandshakeState) -> Result<Vec<u8>, SessionError> {
    let mut message = vec![0; 256];
    let length = state.write_message(&[], &mut message).map_err(|why| map(&why))?;
    message.truncate(length);
    Ok(message)
}

/// The payload of a handshake message is empty; a later version may use it, so anything in it is ignored.
fn read(state: &mut snow::HandshakeState, message: &[u8]) -> Result<(), SessionError> {
    if message.len() > HANDSHAKE_MAX {
        return Err(SessionError::HandshakeTooLong);
    }
    let mut payload = Zeroizing::new(vec![0; message.len()]);
    state.read_message(message, &mut payload).map_err(|why| map(&why))?;
    Ok(())
}

fn map(error: &snow::Error) -> SessionError {
    match error {
        snow::Error::Dh => SessionError::LowOrderKey,
        snow::Error::Rng => SessionError::Random,
        _ => SessionError::Handshake,
    }
}
