//! What can go wrong between a client and a server, as codes that a caller can act on.
//!
//! A code has a stable name on the wire and a stable exit code for the command line (`docs/command-line.md`).

use serde::{Deserialize, Serialize};

/// A kind of error. Unknown names read as [`Code::Internal`], so that a newer server can add some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The input was wrong; nothing was changed.
    BadInput,
    /// What was asked for is not there, or not visible to the asker.
    NotFound,
    /// What was asked for was there and was removed; the reason says why.
    Removed,
    /// The asker may not do this.
    Denied,
    /// Too many failures; wait [`ErrorBody::seconds`].
    LockedOut,
    /// The method wants a fresh sign-in first.
    StepUp,
    /// The password was right; the code of the second factor is wanted, too.
    SecondFactor,
    /// The device is not enrolled, or its enrolment was revoked.
    SignedOut,
    /// Another request already used this id with another content.
    Conflict,
    /// The client must drop its cursor and sync anew.
    Resync,
    /// The asker may see less than before: the client drops what it holds and syncs anew. The server lost nothing.
    Narrowed,
    /// Too many requests at once; try again after [`ErrorBody::seconds`].
    Busy,
    /// The server has no room left on its disk; nothing was changed.
    DiskFull,
    /// The key service does not answer; the workspace is closed until it does.
    KeyService,
    /// What the server stores for this workspace is damaged; it is closed until somebody has restored it.
    Damaged,
    /// The server is draining or restarting.
    Unavailable,
    /// A fault of the server, with an id that is in its log.
    #[serde(other)]
    Internal,
}

impl Code {
    /// Whether the workspace is closed: nothing is wrong with what was asked, and asking again later is right.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::KeyService | Self::Damaged)
    }

    /// All of them.
    pub const EACH: [Self; 17] = [
        Self::BadInput,
        Self::NotFound,
        Self::Removed,
        Self::Denied,
        Self::LockedOut,
        Self::StepUp,
        Self::SecondFactor,
        Self::SignedOut,
        Self::Conflict,
        Self::Resync,
        Self::Narrowed,
        Self::Busy,
        Self::DiskFull,
        Self::KeyService,
        Self::Damaged,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The status with which a browser gets this error (RFC 9110, section 15).
    pub fn http_status(self) -> u16 {
        match self {
            Self::BadInput => 400,
            Self::SignedOut => 401,
            Self::Denied | Self::StepUp | Self::SecondFactor => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::Resync | Self::Narrowed => 409,
            Self::Removed => 410,
            Self::LockedOut => 429,
            Self::Internal => 500,
            Self::Busy | Self::KeyService | Self::Damaged | Self::Unavailable => 503,
            Self::DiskFull => 507,
        }
    }

    /// The exit code a program ends with on this error.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::BadInput | Self::NotFound | Self::Removed | Self::Conflict => 3,
            Self::Unavailable | Self::Busy | Self::Resync | Self::Narrowed => 10,
            Self::Denied | Self::SignedOut => 12,
            Self::LockedOut => 13,
            Self::StepUp | Self::SecondFactor => 14,
            Self::DiskFull => 28,
            // Not 24: what is damaged is the server's, and nothing on the device is to be repaired.
            Self::KeyService | Self::Damaged => 30,
            Self::Internal => 70,
        }
    }
}

/// An error as it travels: what happened, why, and what to do, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{what}: {why}")]
pub struct ErrorBody {
    /// The kind of error.
    pub code: Code,
    /// What happened, one short sentence without a full stop.
    pub what: String,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// What to do about it.
    #[serde(default, rename = "do")]
    pub advice: String,
    /// Seconds to wait, for [`Code::LockedOut`] and [`Code::Busy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// With [`Code::SignedOut`]: whether this device is to destroy what it keeps of the workspace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wipe: bool,
}

impl ErrorBody {
    /// An error with its three sentences.
    pub fn new(code: Code, what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code, what: what.into(), why: why.into(), advice: advice.into(), seconds: None, wipe: false }
    }

    /// The same error, with the seconds to wait.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }
}
