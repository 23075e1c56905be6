//! How a profile is opened.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The ways into a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WaysView {
    /// The secure storage's name, or `passphrase`.
    pub backend: String,
    /// Whether a passphrase opens it.
    pub passphrase: bool,
    /// Whether a recovery code opens it.
    pub recovery: bool,
}

/// What a person typed on a device that no server has as a message yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UnsentView {
    /// Messages that wait to be sent.
    #[ts(type = "number")]
    pub messages: u64,
    /// Drafts.
    #[ts(type = "number")]
    pub drafts: u64,
}
