//! The devices of an account, and the browsers that are signed in to it.

use super::account::Nothing;
use super::people::OnePerson;
use crate::id::{AccountId, DeviceId};
use crate::method::{Access, Scope, methods};
use crate::permission::Power;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What something is that somebody is signed in on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A device with keys of its own.
    #[default]
    Device,
    /// A browser, for as long as its session lasts.
    Browser,
}

impl DeviceKind {
    fn is_device(&self) -> bool {
        *self == Self::Device
    }
}

/// One enrolled device, or one browser's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub person: AccountId,
    /// Its name; of a browser, what it says it is.
    pub name: String,
    /// `linux`, `macos`, `windows`, `android`, `ios`; `browser`.
    pub platform: String,
    /// When it was enrolled.
    pub enrolled: Timestamp,
    /// When it was last connected.
    pub last_seen: Option<Timestamp>,
    /// Whether it was signed out or revoked.
    pub revoked: bool,
    /// Whether it is the one that asks.
    pub this: bool,
    /// What it is.
    #[serde(default, skip_serializing_if = "DeviceKind::is_device")]
    pub kind: DeviceKind,
    /// The address that it was last connected from, as the server sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Reply of [`ListDevices`] and [`DevicesOf`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Devices {
    /// A person's devices, oldest first, then their browsers.
    pub devices: Vec<Device>,
}

/// Parameters of [`RevokeDevice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeDeviceParams {
    /// Which.
    pub device: DeviceId,
    /// Whether it is to destroy what it keeps of the workspace, at its next contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wipe: bool,
}

/// Parameters of [`RevokeDevices`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeDevicesParams {
    /// Whether the one that asks stays.
    #[serde(default)]
    pub except_this: bool,
}

/// Parameters of [`RevokeDeviceOf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeDeviceOfParams {
    /// Whose.
    pub person: AccountId,
    /// Which.
    pub device: DeviceId,
    /// Whether it is to destroy what it keeps of the workspace, at its next contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wipe: bool,
}

/// Reply of what revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Revoked {
    /// How many devices and sessions that were good until now.
    pub count: u32,
}

methods! {
    /// One's own devices and browsers.
    ListDevices = "devices.list", Access::SignedIn, Nothing => Devices, |_| Scope::Workspace;
    /// Revokes one of one's own devices, or ends the session of one of one's browsers.
    RevokeDevice = "devices.revoke", Access::SignedIn, RevokeDeviceParams => Revoked, |_| Scope::Workspace;
    /// Revokes all of one's own.
    RevokeDevices = "devices.revoke_all", Access::SignedIn, RevokeDevicesParams => Revoked, |_| Scope::Workspace;
    /// Somebody's devices and browsers.
    DevicesOf = "devices.of", Access::Power(Power::Users), OnePerson => Devices, |p| Scope::Person(p.person);
    /// Revokes one of somebody's.
    RevokeDeviceOf = "devices.revoke_of" fresh, Access::Power(Power::Users), RevokeDeviceOfParams => Revoked, |p| Scope::Person(p.person);
    /// Revokes all of somebody's.
    RevokeDevicesOf = "devices.revoke_all_of" fresh, Access::Power(Power::Users), OnePerson => Revoked, |p| Scope::Person(p.person);
    /// Revokes the device that asks, or ends the session of the browser that does; it closes after the answer.
    SignOut = "devices.sign_out", Access::SignedIn, Nothing => Nothing, |_| Scope::Workspace;
}
