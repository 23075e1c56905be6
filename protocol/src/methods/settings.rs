//! The settings of a workspace ([`crate::settings`]). Each section is changed by a method of its own, under its own power.

use crate::id::AccountId;
use crate::method::{Access, Scope, methods};
use crate::permission::Power;
use crate::settings::Value;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A setting as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingRow {
    /// Its name.
    pub name: String,
    /// What it is.
    pub value: Value,
    /// What it would be by itself.
    pub default: Value,
    /// How often it was changed.
    pub version: u64,
    /// Whose power it is under.
    pub power: Power,
    /// What it is for.
    pub about: String,
}

/// Reply of [`ListSettings`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingList {
    /// Those that one may know: that clients act on, and those under one's powers.
    pub settings: Vec<SettingRow>,
}

/// Parameters of the methods that change a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SetSettingParams {
    /// Its name.
    pub name: String,
    /// What it is to be; as it would be by itself when absent.
    #[serde(default)]
    pub value: Option<Value>,
    /// Its version as one knows it: who knows another does not overwrite what they have not seen.
    pub version: u64,
}

/// Parameters of [`SettingHistory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingHistoryParams {
    /// Its name.
    pub name: String,
}

/// One version of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingVersion {
    /// Which.
    pub version: u64,
    /// What it was.
    pub value: Value,
    /// Who made it so.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Reply of [`SettingHistory`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingVersions {
    /// Every version, newest first.
    pub versions: Vec<SettingVersion>,
}

methods! {
    /// What is set.
    ListSettings = "settings.list", Access::SignedIn, crate::methods::account::Nothing => SettingList, |_| Scope::Workspace;
    /// What a setting was; for those who may know it.
    SettingHistory = "settings.history", Access::SignedIn, SettingHistoryParams => SettingVersions, |_| Scope::Workspace;
    /// Changes a setting of the section `server`.
    SetServer = "settings.set_server" fresh, Access::Power(Power::Server), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `authentication`.
    SetAuthentication = "settings.set_authentication" fresh, Access::Power(Power::Authentication), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `privacy`.
    SetPrivacy = "settings.set_privacy" fresh, Access::Power(Power::Privacy), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `web_chat`.
    SetWebChat = "settings.set_web_chat" fresh, Access::Power(Power::WebChat), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `analytics`.
    SetAnalytics = "settings.set_analytics" fresh, Access::Power(Power::Analytics), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `updates`.
    SetUpdates = "settings.set_updates" fresh, Access::Power(Power::Updates), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// Changes a setting of the section `storage`.
    SetStorage = "settings.set_storage" fresh, Access::Power(Power::Storage), SetSettingParams => SettingRow, |_| Scope::Workspace;
    /// How much the workspace is used.
    Usage = "analytics.usage", Access::Power(Power::Analytics), UsageParams => UsageReply, |_| Scope::Workspace;
}

/// Parameters of [`Usage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageParams {
    /// How many days, today included; at most 366.
    pub days: u32,
}

/// How much a workspace was used on one day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsedOn {
    /// When the day began.
    pub day: Timestamp,
    /// Messages that were written; imported ones are not counted.
    pub messages: u64,
    /// People who wrote any.
    pub people: u64,
}

/// Reply of [`Usage`]. Counts only: nobody is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageReply {
    /// Accounts that may sign in.
    pub accounts: u64,
    /// Channels that are not direct conversations.
    pub channels: u64,
    /// Messages in all.
    pub messages: u64,
    /// Bytes of files, sealed.
    pub file_bytes: u64,
    /// Days on which anything was written, newest first.
    pub days: Vec<UsedOn>,
}
