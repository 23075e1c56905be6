//! The one error of the bindings. Its cases are what an app has a screen or a sentence for; each carries the same exit code
//! as the command line and three sentences for a person: what happened, why, and what to do.

use thechatapp_core::{Error, ErrorReport};

#[cfg(test)]
mod tests;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident: $($kind:literal)|+;)*) => {
        /// What went wrong.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum ChatError {
            $($(#[$doc])*
            #[error("{what}: {why}")]
            $name {
                /// The command line's exit code for it.
                code: u8,
                /// What happened.
                what: String,
                /// Why.
                why: String,
                /// What to do.
                advice: String,
                /// Seconds to wait, where waiting helps.
                seconds: Option<u64>,
            },)*
            /// A fault of this program or of the server; the id in its text is in the log.
            #[error("{what}: {why}")]
            Internal {
                /// The command line's exit code for it.
                code: u8,
                /// What happened.
                what: String,
                /// Why.
                why: String,
                /// What to do.
                advice: String,
                /// Seconds to wait, where waiting helps.
                seconds: Option<u64>,
            },
        }

        impl From<ErrorReport> for ChatError {
            fn from(report: ErrorReport) -> Self {
                let ErrorReport { error, code, what, why, advice, seconds } = report;
                match error.as_str() {
                    $($($kind)|+ => Self::$name { code, what, why, advice, seconds },)*
                    _ => Self::Internal { code, what, why, advice, seconds },
                }
            }
        }
    };
}

errors! {
    /// The input was wrong; nothing was changed.
    BadInput: "bad_input" | "conflict";
    /// What was asked for is not there, or not any more.
    NotFound: "not_found" | "removed";
    /// The server cannot be reached, or is busy.
    Offline: "offline" | "unavailable" | "server_busy";
    /// The server shows an identity that was never announced: full stop.
    IdentityMismatch: "identity_mismatch";
    /// Nobody has compared the server's fingerprint yet.
    NotTrusted: "not_trusted";
    /// The server refused.
    Denied: "denied";
    /// This device is not signed in, or was revoked.
    SignedOut: "signed_out";
    /// Too many failures; wait.
    LockedOut: "locked_out";
    /// It wants a fresh sign-in first.
    StepUp: "step_up";
    /// The code of the second factor is wanted, too.
    SecondFactor: "second_factor";
    /// There is no secure storage.
    NoBackend: "no_backend";
    /// Secure storage is locked.
    Locked: "locked";
    /// Secure storage asked to be unlocked, and the person closed its prompt.
    Dismissed: "dismissed";
    /// The key is gone from secure storage.
    KeyMissing: "key_missing";
    /// The key in secure storage opens nothing here.
    WrongKey: "wrong_key";
    /// A file is damaged.
    Corrupt: "corrupt";
    /// Secure storage did not answer.
    Unreachable: "unreachable";
    /// The profile is open elsewhere.
    Busy: "busy";
    /// The files are of a newer release.
    Newer: "newer";
    /// No profile can be kept in the folder: its file system does not lock files.
    NoLocks: "no_locks";
    /// No room left, here or on the server.
    DiskFull: "disk_full" | "server_disk_full";
    /// The server's key service does not answer.
    KeyService: "key_service";
    /// What the server stores is damaged.
    ServerDamaged: "server_damaged";
}

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        error.report().into()
    }
}

impl ChatError {
    /// An input that was wrong.
    pub(crate) fn bad_input(what: impl Into<String>, why: impl Into<String>) -> Self {
        Error::bad_input(what, why).into()
    }
}
