//! The devices of an account.

use super::account::Nothing;
use crate::id::{AccountId, DeviceId};
use crate::method::{Access, Scope, methods};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One enrolled device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub person: AccountId,
    /// Its name.
    pub name: String,
    /// `linux`, `macos`, `windows`, `android`, `ios`.
    pub platform: String,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was last connected.
    pub last_seen: Option<Timestamp>,
    /// Whether it was signed out or revoked.
    pub revoked: bool,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// Reply of [`ListDevices`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Devices {
    /// One's own devices, oldest first.
    pub devices: Vec<Device>,
}

methods! {
    /// One's own devices.
    ListDevices = "devices.list", Access::SignedIn, Nothing => Devices, |_| Scope::Workspace;
    /// Revokes the device that asks, or ends the session of the browser that does; it closes after the answer.
    SignOut = "devices.sign_out", Access::SignedIn, Nothing => Nothing, |_| Scope::Workspace;
}
