//! Who a server is: on first contact, and as it is pinned.

use serde::{Deserialize, Serialize};
use thechatapp_protocol::Timestamp;
use ts_rs::TS;

/// A server on first contact, before anything is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ContactView {
    /// The address that was asked.
    pub url: String,
    /// The workspace's short name.
    pub workspace: String,
    /// Its name as people read it.
    pub name: String,
    /// The fingerprint for machines, 43 characters.
    pub pin: String,
    /// The fingerprint for people, eight words.
    pub words: String,
    /// The fingerprint as a QR code, an SVG image.
    pub qr: String,
    /// Whether the invite or a policy vouched for it; else a person must compare.
    pub vouched: bool,
    /// Whether it came with a one-time code for a new account.
    pub invited: bool,
}

/// An earlier identity of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IdentityStepView {
    /// When this device saw it.
    #[ts(type = "number")]
    pub at: Timestamp,
    /// What happened: `first`, `rotated`, `new_root`, `restored`, `accepted`.
    pub what: String,
    /// The pin from then on.
    pub pin: String,
    /// Its words.
    pub words: String,
}

/// What is pinned for a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IdentityView {
    /// The workspace's short name.
    pub workspace: String,
    /// The server's address.
    pub url: String,
    /// The pin, 43 characters.
    pub pin: String,
    /// Its eight words.
    pub words: String,
    /// Its QR code, an SVG image.
    pub qr: String,
    /// Since when this root is known, Unix milliseconds.
    #[ts(type = "number")]
    pub since: Timestamp,
    /// How it became trusted: `invite`, `policy`, `compared`, `accepted`, `successor`.
    pub source: String,
    /// The epoch of the newest document.
    #[ts(type = "number")]
    pub epoch: u64,
    /// The different identity the server shows now, when it does.
    pub shown: Option<ShownIdentityView>,
    /// Every step this device saw, oldest first.
    pub history: Vec<IdentityStepView>,
}

/// An identity that was never announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ShownIdentityView {
    /// Its pin.
    pub pin: String,
    /// Its words.
    pub words: String,
    /// When it was first shown.
    #[ts(type = "number")]
    pub at: Timestamp,
}
