//! The core's one public error: about a dozen kinds a caller can act on, mapped from each module's own in this file.

use crate::view::KeyState;
use serde::{Deserialize, Serialize};
use thechatapp_protocol::{Code, ErrorBody};
use ts_rs::TS;

/// A result of the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input was wrong; nothing was changed.
    #[error("{what}: {why}")]
    BadInput {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The server cannot be reached.
    #[error("the server cannot be reached: {why}")]
    Offline {
        /// Why.
        why: String,
    },
    /// The server shows an identity that was never announced.
    #[error("this server is not the one you know: pinned {pinned}, shown {shown}")]
    PinMismatch {
        /// The pin that is known.
        pinned: String,
        /// The pin that is shown.
        shown: String,
    },
    /// First contact without a pin: somebody must compare the fingerprint.
    #[error("nobody has confirmed this server's identity yet: {pin}")]
    NotTrusted {
        /// The pin it shows.
        pin: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(ErrorBody),
    /// No secure storage on this system.
    #[error("there is no secure storage on this system: {why}")]
    NoBackend {
        /// Why.
        why: String,
    },
    /// Secure storage, or the profile's passphrase, is locked.
    #[error("the profile is locked: {why}")]
    Locked {
        /// Why.
        why: String,
    },
    /// Secure storage asked to be unlocked, and the person closed its question.
    #[error("secure storage was not unlocked: {why}")]
    Dismissed {
        /// Why.
        why: String,
    },
    /// The key is gone from secure storage.
    #[error("the profile's key is missing from secure storage")]
    KeyMissing,
    /// The key in secure storage, or the passphrase given, opens nothing here.
    #[error("the key does not belong to this profile: {why}")]
    WrongKey {
        /// Why.
        why: String,
    },
    /// A file is damaged.
    #[error("{file} is damaged: {why}")]
    Corrupt {
        /// Which file.
        file: String,
        /// How it shows.
        why: String,
    },
    /// What came of a file is not what was sent.
    #[error("the downloaded file is not genuine: {why}")]
    NotGenuine {
        /// How it shows.
        why: String,
    },
    /// Secure storage did not answer.
    #[error("the secure storage could not be reached: {why}")]
    Unreachable {
        /// Why.
        why: String,
    },
    /// Another process has the profile.
    #[error("another program is using this profile")]
    Busy,
    /// The folder's file system does not lock files, as on some network drives.
    #[error("a profile cannot be kept in this folder: {why}")]
    NoLocks {
        /// Why.
        why: String,
    },
    /// The files are of a newer release.
    #[error("{file} was written by a newer release")]
    Newer {
        /// Which file.
        file: String,
    },
    /// No room left, or the folder cannot be written.
    #[error("the disk is full: {why}")]
    DiskFull {
        /// Why.
        why: String,
    },
    /// A fault; the id is in the log.
    #[error("internal error {id}: {why}")]
    Internal {
        /// The id that is in the log.
        id: String,
        /// What the program knows.
        why: String,
    },
}

/// An error for a person or a script: `{error, code, what, why, do}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ErrorReport {
    /// The kind, snake case.
    pub error: String,
    /// The exit code.
    pub code: u8,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
    /// Seconds to wait, when locked out.
    #[ts(type = "number | null")]
    pub seconds: Option<u64>,
}

impl Error {
    /// The error with its three sentences and its exit code.
    pub fn report(&self) -> ErrorReport {
        let (error, code, what, why, advice): (&str, u8, String, String, &str) = match self {
            Self::BadInput { what, why } => {
                ("bad_input", 3, what.clone(), why.clone(), "correct it and try again; nothing was changed")
            }
            Self::Offline { why } => (
                "offline",
                10,
                "the server cannot be reached".into(),
                why.clone(),
                "check the network and the address, then try again",
            ),
            Self::PinMismatch { pinned, shown } => (
                "identity_mismatch",
                11,
                "this server is not the one you know".into(),
                format!("its identity should be {pinned} and is {shown}; nothing was sent"),
                "ask your administrator on another path which one is right; `identity accept PIN` accepts the new one",
            ),
            Self::NotTrusted { pin } => (
                "not_trusted",
                11,
                "nobody has confirmed this server's identity".into(),
                format!("it shows {pin}"),
                "compare it with what your administrator gave you and pass it with --trust-pin",
            ),
            Self::Refused(body) => return refused(body),
            Self::NoBackend { why } => (
                "no_backend",
                20,
                "there is no secure storage on this system".into(),
                why.clone(),
                "start one (for example gnome-keyring) and try again, or open it by a passphrase (`key restore --new-passphrase-file`)",
            ),
            Self::Locked { why } => {
                ("locked", 21, "the profile is locked".into(), why.clone(), "unlock it and try again")
            }
            Self::Dismissed { why } => (
                "dismissed",
                21,
                "secure storage was not unlocked".into(),
                why.clone(),
                "try again, and answer its question",
            ),
            Self::KeyMissing => (
                "key_missing",
                22,
                "the profile's key is missing".into(),
                "secure storage answers, but has no entry for this profile".into(),
                "try again, or restore with the recovery code, or set the profile aside (`key set-aside`) and sign in anew",
            ),
            Self::WrongKey { why } => (
                "wrong_key",
                23,
                "the key does not belong to this profile".into(),
                why.clone(),
                "bring the right key or passphrase back, or restore with the recovery code, or set the profile aside (`key set-aside`) and sign in anew",
            ),
            Self::Corrupt { file, why } => (
                "corrupt",
                24,
                format!("{file} is damaged"),
                why.clone(),
                match file.as_str() {
                    "cache.db" => "try again: it is set aside and rebuilt from the server by itself",
                    _ => "run `doctor --repair`: drafts and unsent messages come from their last good copy",
                },
            ),
            Self::NotGenuine { why } => (
                "corrupt",
                24,
                "the downloaded file is not what was sent".into(),
                why.clone(),
                "try again, and it is fetched anew; where that does not help, ask for it to be sent again, and tell those who look after the server",
            ),
            Self::Unreachable { why } => (
                "unreachable",
                25,
                "secure storage could not be reached".into(),
                why.clone(),
                "allow this program to use it and try again",
            ),
            Self::Busy => (
                "busy",
                26,
                "another program is using this profile".into(),
                "a profile is open in one program at a time".into(),
                "go to its window, or give another --profile",
            ),
            Self::Newer { file } => (
                "newer",
                27,
                "the profile is of a newer release".into(),
                format!("{file} has a format this release does not know"),
                "update this program",
            ),
            Self::DiskFull { why } => (
                "disk_full",
                28,
                "the disk is full or cannot be written".into(),
                why.clone(),
                "make room, or make the folder writable, and try again; nothing was lost",
            ),
            Self::NoLocks { why } => (
                "no_locks",
                3,
                "a profile cannot be kept in this folder".into(),
                format!("files cannot be locked there, as on some network file systems ({why})"),
                "move the profile's folder to a disk of this device, or choose one there; nothing was changed",
            ),
            Self::Internal { id, why } => {
                ("internal", 70, format!("internal error {id}"), why.clone(), "look for the id in the log")
            }
        };
        ErrorReport { error: error.into(), code, what, why, advice: advice.into(), seconds: None }
    }

    /// The state of a profile's key that an error of opening it stands for.
    pub fn key_state(&self) -> KeyState {
        match self {
            Self::NoBackend { .. } => KeyState::NoBackend,
            Self::Locked { .. } => KeyState::Locked,
            Self::Dismissed { .. } => KeyState::Dismissed,
            Self::KeyMissing => KeyState::Missing,
            Self::WrongKey { .. } => KeyState::Wrong,
            Self::Busy => KeyState::Busy,
            Self::Newer { .. } => KeyState::Newer,
            Self::NoLocks { .. } => KeyState::NoLocks,
            Self::Unreachable { .. } => KeyState::Unreachable,
            _ => KeyState::Corrupt,
        }
    }

    /// The exit code a program ends with on this error.
    pub fn exit_code(&self) -> u8 {
        self.report().code
    }

    /// An input that was wrong.
    pub fn bad_input(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::BadInput { what: what.into(), why: why.into() }
    }
}

fn refused(body: &ErrorBody) -> ErrorReport {
    let error = match body.code {
        Code::LockedOut => "locked_out",
        Code::StepUp => "step_up",
        Code::SecondFactor => "second_factor",
        Code::Denied => "denied",
        Code::SignedOut => "signed_out",
        Code::NotFound => "not_found",
        Code::Removed => "removed",
        Code::Conflict => "conflict",
        Code::BadInput => "bad_input",
        Code::DiskFull => "server_disk_full",
        Code::KeyService => "key_service",
        Code::Damaged => "server_damaged",
        Code::Busy => "server_busy",
        Code::Unavailable | Code::Resync | Code::Narrowed => "unavailable",
        Code::Internal => "server_internal",
    };
    ErrorReport {
        error: error.into(),
        code: body.code.exit_code(),
        what: body.what.clone(),
        why: body.why.clone(),
        advice: body.advice.clone(),
        seconds: body.seconds,
    }
}
