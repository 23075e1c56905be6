//! An established session: seals and opens messages, renews keys, and ends for good at the first failure.

use super::frame::{Accepted, Message, REKEY, Reassembly};
use super::limits::{FRAME_MAX, HEADER, TAG};
use super::{Limits, SessionError};
use std::fmt;
use zeroize::Zeroizing;

/// How much one key has sealed, and since when.
#[derive(Clone, Copy)]
struct Use {
    frames: u64,
    bytes: u64,
    since: u64,
}

/// An established session. Times are milliseconds of one steady clock.
pub struct Transport {
    state: snow::TransportState,
    hash: [u8; 32],
    limits: Limits,
    begun: u64,
    sent: Use,
    reassembly: Reassembly,
    seen: bool,
    ended: bool,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn begin(state: snow::HandshakeState, limits: Limits, now: u64) -> Result<Self, SessionError> {
        // The hash is gone once snow is in transport mode.
        let hash = state.get_handshake_hash().try_into().map_err(|_| SessionError::Handshake)?;
        let state = state.into_transport_mode().map_err(|_| SessionError::Handshake)?;
        let sent = Use { frames: 0, bytes: 0, since: now };
        Ok(Self { state, hash, limits, begun: now, sent, reassembly: Reassembly::default(), seen: false, ended: false })
    }

    /// The hash over the whole handshake: unique to this session, known to both sides, no secret.
    pub fn handshake_hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether a frame from the other side was valid. Before that the handshake may have been an old one sent again.
    pub fn first_frame_seen(&self) -> bool {
        self.seen
    }

    /// Whether a fresh handshake is due.
    pub fn expired(&self, now: u64) -> bool {
        now.saturating_sub(self.begun) >= self.limits.life_millis
    }

    /// Seals a message as one or more frames, to be sent in this order and each once.
    ///
    /// # Errors
    /// [`SessionError::TooLong`], which leaves the session usable; [`SessionError::Ended`].
    pub fn seal(&mut self, message: &Message, now: u64) -> Result<Vec<Vec<u8>>, SessionError> {
        if self.ended {
            return Err(SessionError::Ended);
        }
        let plain = message.frames()?;
        let mut frames = Vec::with_capacity(1);
        for frame in plain {
            if self.rekey_due(now) {
                frames.push(self.write(&[REKEY, 0, 0, 0, 0, 0])?);
                self.state.rekey_outgoing();
                self.sent = Use { frames: 0, bytes: 0, since: now };
            }
            frames.push(self.write(&Zeroizing::new(frame))?);
        }
        Ok(frames)
    }

    /// Opens one frame. `None` for a fragment, a control frame, or a kind of a later version.
    ///
    /// # Errors
    /// Any error ends the session: the connection must be closed.
    pub fn open(&mut self, frame: &[u8], now: u64) -> Result<Option<Message>, SessionError> {
        // An hour past its day, so that whoever renews in time is never cut off in the middle of it.
        if self.ended || self.expired(now.saturating_sub(60 * 60 * 1000)) {
            return Err(SessionError::Ended);
        }
        let opened = self.open_inner(frame);
        self.ended = opened.is_err();
        opened
    }

    fn open_inner(&mut self, frame: &[u8]) -> Result<Option<Message>, SessionError> {
        if frame.len() > FRAME_MAX || frame.len() < HEADER + TAG {
            return Err(SessionError::Decrypt);
        }
        let mut plain = Zeroizing::new(vec![0; frame.len()]);
        let length = self.state.read_message(frame, &mut plain).map_err(|_| SessionError::Decrypt)?;
        self.seen = true;
        match self.reassembly.accept(plain.get(..length).unwrap_or_default())? {
            Accepted::Message(message) => Ok(Some(message)),
            Accepted::Nothing => Ok(None),
            Accepted::Rekey => {
                self.state.rekey_incoming();
                Ok(None)
            }
        }
    }

    fn rekey_due(&self, now: u64) -> bool {
        self.sent.frames >= self.limits.rekey_frames
            || self.sent.bytes >= self.limits.rekey_bytes
            || now.saturating_sub(self.sent.since) >= self.limits.rekey_millis
    }

    fn write(&mut self, plain: &[u8]) -> Result<Vec<u8>, SessionError> {
        let mut sealed = vec![0; plain.len() + TAG];
        let Ok(length) = self.state.write_message(plain, &mut sealed) else {
            self.ended = true;
            return Err(SessionError::Ended);
        };
        sealed.truncate(length);
        self.sent.frames += 1;
        self.sent.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        Ok(sealed)
    }
}
