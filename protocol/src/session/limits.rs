//! Sizes and times of a session. `docs/decisions/` says how they were found.

/// Longest handshake message, in bytes.
pub const HANDSHAKE_MAX: usize = 4 * 1024;
/// Longest time a handshake may take, in milliseconds.
pub const HANDSHAKE_MILLIS: u64 = 10_000;
/// Longest frame as sent, in bytes (Noise, section 3).
pub const FRAME_MAX: usize = 65_535;
/// Bytes that Noise adds to a frame.
pub const TAG: usize = 16;
/// Bytes before a frame's payload.
pub const HEADER: usize = 6;
/// Longest payload of one frame.
pub const PAYLOAD_MAX: usize = FRAME_MAX - TAG - HEADER;
/// Longest logical message, and most bytes held for unfinished ones.
pub const MESSAGE_MAX: usize = 1024 * 1024;
/// Most unfinished messages at once.
pub const PARTIAL_MAX: usize = 8;

/// When a direction gets a new key, and how long a session may live. The defaults are what is used; tests lower them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames under one key.
    pub rekey_frames: u64,
    /// Bytes under one key.
    pub rekey_bytes: u64,
    /// Milliseconds under one key.
    pub rekey_millis: u64,
    /// Milliseconds until a fresh handshake is due.
    pub life_millis: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rekey_frames: 1 << 20,
            rekey_bytes: 1 << 30,
            rekey_millis: 15 * 60 * 1000,
            life_millis: 24 * 60 * 60 * 1000,
        }
    }
}
