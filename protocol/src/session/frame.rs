//! Frames: the plaintext inside a session, and how logical messages are cut and put together.
//!
//! `kind (1) || flags (1) || stream (4, big-endian) || payload`. Flag bit 0 says that more of this message follows;
//! the other bits are zero. Fragments of different streams may interleave, those of one stream may not change kind.

use super::SessionError;
use super::limits::{HEADER, MESSAGE_MAX, PARTIAL_MAX, PAYLOAD_MAX};
use std::collections::HashMap;

const MORE: u8 = 1;
/// The control frame after which its sender uses a new key.
pub(super) const REKEY: u8 = 0x40;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A call of a method.
    Request = 1,
    /// Its answer.
    Reply = 2,
    /// Its error.
    Error = 3,
    /// Something the server tells.
    Event = 4,
    /// Is anybody there?
    Ping = 5,
    /// Yes.
    Pong = 6,
    /// The other side is about to close, and says why.
    Close = 7,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Request,
            2 => Self::Reply,
            3 => Self::Error,
            4 => Self::Event,
            5 => Self::Ping,
            6 => Self::Pong,
            7 => Self::Close,
            _ => return None,
        })
    }
}

/// A logical message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Which call it belongs to; 0 for none.
    pub stream: u32,
    /// Its content, at most [`MESSAGE_MAX`] bytes.
    pub payload: Vec<u8>,
}

impl Message {
    /// The message as plaintext frames, at least one.
    ///
    /// # Errors
    /// [`SessionError::TooLong`] past [`MESSAGE_MAX`].
    pub fn frames(&self) -> Result<impl Iterator<Item = Vec<u8>> + '_, SessionError> {
        if self.payload.len() > MESSAGE_MAX {
            return Err(SessionError::TooLong);
        }
        let count = self.payload.len().div_ceil(PAYLOAD_MAX).max(1);
        Ok((0..count).map(move |number| {
            let from = number * PAYLOAD_MAX;
            let to = self.payload.len().min(from + PAYLOAD_MAX);
            let part = self.payload.get(from..to).unwrap_or_default();
            let mut frame = Vec::with_capacity(HEADER + part.len());
            frame.push(self.kind as u8);
            frame.push(if number + 1 < count { MORE } else { 0 });
            frame.extend_from_slice(&self.stream.to_be_bytes());
            frame.extend_from_slice(part);
            frame
        }))
    }
}

/// What a plaintext frame led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A message is whole.
    Message(Message),
    /// More is to come, or the kind is of a later version and was skipped.
    Nothing,
    /// The sender uses a new key from its next frame on.
    Rekey,
}

/// Unfinished messages of one direction.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: HashMap<u32, (Kind, Vec<u8>)>,
    held: usize,
}

impl Reassembly {
    /// Takes one plaintext frame.
    ///
    /// # Errors
    /// [`SessionError::Malformed`] and [`SessionError::TooLong`].
    pub fn accept(&mut self, frame: &[u8]) -> Result<Accepted, SessionError> {
        let Some((&[kind, flags, a, b, c, d], payload)) = frame.split_first_chunk::<HEADER>() else {
            return Err(SessionError::Malformed("shorter than its header"));
        };
        if flags & !MORE != 0 {
            return Err(SessionError::Malformed("unknown flags"));
        }
        let stream = u32::from_be_bytes([a, b, c, d]);
        let more = flags & MORE != 0;
        if kind == REKEY {
            return if more || stream != 0 || !payload.is_empty() {
                Err(SessionError::Malformed("a rekey frame with content"))
            } else {
                Ok(Accepted::Rekey)
            };
        }
        let Some(kind) = Kind::from_byte(kind) else { return Ok(Accepted::Nothing) };
        if !more && !self.partial.contains_key(&stream) {
            return Ok(Accepted::Message(Message { kind, stream, payload: payload.to_vec() }));
        }
        if self.held + payload.len() > MESSAGE_MAX {
            return Err(SessionError::TooLong);
        }
        if !self.partial.contains_key(&stream) && self.partial.len() >= PARTIAL_MAX {
            return Err(SessionError::Malformed("too many unfinished messages"));
        }
        let (begun, held) = self.partial.entry(stream).or_insert_with(|| (kind, Vec::new()));
        if *begun != kind {
            return Err(SessionError::Malformed("a message that changes its kind"));
        }
        held.extend_from_slice(payload);
        self.held += payload.len();
        if more {
            return Ok(Accepted::Nothing);
        }
        let Some((kind, payload)) = self.partial.remove(&stream) else { return Ok(Accepted::Nothing) };
        self.held -= payload.len();
        Ok(Accepted::Message(Message { kind, stream, payload }))
    }
}
