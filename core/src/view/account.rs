//! Accounts as shown, one's own and for administrators those of others: where they stand, what proves whose they are, and on what
//! they are signed in.

use super::{PersonView, WithinView};
use serde::{Deserialize, Serialize};
use std::fmt;
use thechatapp_protocol::methods::devices::{Device, DeviceKind};
use thechatapp_protocol::methods::people::{Account, AccountState, ClosedFor};
use thechatapp_protocol::{AccountId, DeviceId, Timestamp};
use ts_rs::TS;

/// What something is that somebody is signed in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKindView {
    /// A device with keys of its own.
    Device,
    /// A browser, for as long as its session lasts.
    Browser,
}

/// A device or a browser that somebody is signed in on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DeviceView {
    /// The device.
    #[ts(type = "string")]
    pub id: DeviceId,
    /// Its name; of a browser, what it says it is.
    pub name: String,
    /// Its platform.
    pub platform: String,
    /// When it was enrolled.
    #[ts(type = "number")]
    pub enrolled: Timestamp,
    /// When it was last connected.
    #[ts(type = "number | null")]
    pub last_seen: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether it is this one.
    pub this: bool,
    /// What it is.
    pub kind: DeviceKindView,
    /// The address that it was last connected from, as the server sees it.
    pub address: Option<String>,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            id: device.id,
            name: device.name,
            platform: device.platform,
            enrolled: device.enrolled,
            last_seen: device.last_seen,
            revoked: device.revoked,
            this: device.this,
            kind: match device.kind {
                DeviceKind::Device => DeviceKindView::Device,
                DeviceKind::Browser => DeviceKindView::Browser,
            },
            address: device.address,
        }
    }
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AccountStateView {
    /// Invited by name, and has not come yet.
    Invited,
    /// Signs in.
    Active,
    /// Does not, until somebody reinstates it.
    Suspended,
    /// Never will again.
    Deleted,
}

/// Failed attempts to prove that one is somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FailuresView {
    /// Whether on a device of their own; else by strangers.
    pub known: bool,
    /// How many.
    #[ts(type = "number")]
    pub failures: u64,
    /// For how many seconds it is closed.
    #[ts(type = "number")]
    pub seconds: u64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AccountView {
    /// Whose.
    pub person: PersonView,
    /// Where it stands.
    pub state: AccountStateView,
    /// Its rank.
    pub rank: String,
    /// Its powers.
    pub powers: Vec<String>,
    /// Its powers within groups, besides these.
    pub within: Vec<WithinView>,
    /// Whether a second factor is asked for.
    pub second_factor: bool,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
    /// Until when a code for a new password is good, where there is one.
    #[ts(type = "number | null")]
    pub reset_until: Option<Timestamp>,
    /// Failed attempts that count still.
    pub failures: Vec<FailuresView>,
    /// When it was made.
    #[ts(type = "number")]
    pub created: Timestamp,
    /// When one of its devices or browsers was last used.
    #[ts(type = "number | null")]
    pub last_seen: Option<Timestamp>,
    /// How many devices and browsers it is signed in on.
    pub devices: u32,
}

impl AccountView {
    pub(crate) fn new(account: Account, within: Vec<WithinView>) -> Self {
        let failures = account.failures.iter().map(|one| FailuresView {
            known: one.closed_for == ClosedFor::Known,
            failures: one.failures,
            seconds: one.seconds,
        });
        Self {
            person: PersonView {
                id: account.person.id,
                name: account.person.name,
                imported: account.person.imported,
                rank: Some(account.rank.into()),
            },
            state: match account.state {
                AccountState::Invited => AccountStateView::Invited,
                AccountState::Active => AccountStateView::Active,
                AccountState::Suspended => AccountStateView::Suspended,
                AccountState::Deleted => AccountStateView::Deleted,
            },
            rank: account.rank.name().to_owned(),
            powers: account.powers.each().map(|power| power.name().to_owned()).collect(),
            within,
            second_factor: account.second_factor,
            recovery_codes: account.recovery_codes,
            reset_until: account.reset_until,
            failures: failures.collect(),
            created: account.created,
            last_seen: account.last_seen,
            devices: account.devices,
        }
    }
}

/// A new secret for a second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TotpView {
    /// The secret, base32 without padding.
    pub secret: String,
    /// The same as `otpauth://`.
    pub uri: String,
    /// The same as a QR code, an SVG image.
    pub qr: String,
}

/// An invite for one person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InviteView {
    /// The invite as it is given to them.
    pub invite: String,
    /// Until when it is good.
    #[ts(type = "number")]
    pub expires: Timestamp,
    /// The account that waits for them, where they were invited by name.
    #[ts(type = "string | null")]
    pub person: Option<AccountId>,
}

/// A code for a new password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ResetView {
    /// The code as it is given to them.
    pub code: String,
    /// Until when it is good.
    #[ts(type = "number")]
    pub expires: Timestamp,
}

macro_rules! secret {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
secret!(TotpView, InviteView, ResetView);
