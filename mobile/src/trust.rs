//! What an app shows of trust: a server on first contact, what is pinned, and the states of the profile's key.

use thechatapp_core::view;

/// A server on first contact, before anything is trusted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
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

impl From<view::ContactView> for Contact {
    fn from(from: view::ContactView) -> Self {
        Self {
            url: from.url,
            workspace: from.workspace,
            name: from.name,
            pin: from.pin,
            words: from.words,
            qr: from.qr,
            vouched: from.vouched,
            invited: from.invited,
        }
    }
}

/// An earlier identity of a server.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct IdentityStep {
    /// When this device saw it, Unix milliseconds.
    pub at: i64,
    /// What happened: `first`, `rotated`, `new_root`, `restored`, `accepted`.
    pub what: String,
    /// The pin from then on.
    pub pin: String,
    /// Its words.
    pub words: String,
}

impl From<view::IdentityStepView> for IdentityStep {
    fn from(from: view::IdentityStepView) -> Self {
        Self { at: from.at.0, what: from.what, pin: from.pin, words: from.words }
    }
}

/// An identity that was never announced.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ShownIdentity {
    /// Its pin.
    pub pin: String,
    /// Its words.
    pub words: String,
    /// When it was first shown, Unix milliseconds.
    pub at: i64,
}

impl From<view::ShownIdentityView> for ShownIdentity {
    fn from(from: view::ShownIdentityView) -> Self {
        Self { pin: from.pin, words: from.words, at: from.at.0 }
    }
}

/// What is pinned for a workspace.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
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
    pub since: i64,
    /// How it became trusted: `invite`, `policy`, `compared`, `accepted`, `successor`.
    pub source: String,
    /// The epoch of the newest document.
    pub epoch: u64,
    /// The different identity the server shows now, when it does.
    pub shown: Option<ShownIdentity>,
    /// Every step this device saw, oldest first.
    pub history: Vec<IdentityStep>,
}

impl From<view::IdentityView> for Identity {
    fn from(from: view::IdentityView) -> Self {
        Self {
            workspace: from.workspace,
            url: from.url,
            pin: from.pin,
            words: from.words,
            qr: from.qr,
            since: from.since.0,
            source: from.source,
            epoch: from.epoch,
            shown: from.shown.map(Into::into),
            history: from.history.into_iter().map(Into::into).collect(),
        }
    }
}

/// The state of a profile's key; each has a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum KeyState {
    /// The key was read and opens the profile.
    Ready,
    /// No profile yet.
    Absent,
    /// No secure storage on this device.
    NoBackend,
    /// The storage is locked.
    Locked,
    /// The storage asked to be unlocked, and the person closed its prompt.
    Dismissed,
    /// The storage answers, the entry is gone, files exist.
    Missing,
    /// The entry does not open the profile.
    Wrong,
    /// The storage did not answer in time, or refused this app.
    Unreachable,
    /// Another process has the profile.
    Busy,
    /// The files are of a newer release.
    Newer,
    /// The folder's file system does not lock files: no profile can be kept there.
    NoLocks,
    /// The key is right, a file is not.
    Corrupt,
    /// A passphrase profile, or one that was locked and has one: it wants its passphrase.
    Passphrase,
    /// It was locked, and opens when a person asks for it.
    AppLocked,
}

impl From<view::KeyState> for KeyState {
    fn from(from: view::KeyState) -> Self {
        match from {
            view::KeyState::Ready => Self::Ready,
            view::KeyState::Absent => Self::Absent,
            view::KeyState::NoBackend => Self::NoBackend,
            view::KeyState::Locked => Self::Locked,
            view::KeyState::Dismissed => Self::Dismissed,
            view::KeyState::Missing => Self::Missing,
            view::KeyState::Wrong => Self::Wrong,
            view::KeyState::Unreachable => Self::Unreachable,
            view::KeyState::Busy => Self::Busy,
            view::KeyState::Newer => Self::Newer,
            view::KeyState::NoLocks => Self::NoLocks,
            view::KeyState::Corrupt => Self::Corrupt,
            view::KeyState::Passphrase => Self::Passphrase,
            view::KeyState::AppLocked => Self::AppLocked,
        }
    }
}
