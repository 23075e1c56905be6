//! The settings of a workspace, and how much it is used. Both are the server's and asked for; nothing of them stays here.

use super::Client;
use crate::error::{Error, Result};
use crate::sync::Workspace;
use std::sync::Arc;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::settings::{
    ListSettings, SetAnalytics, SetAuthentication, SetPrivacy, SetServer, SetSettingParams, SetStorage, SetUpdates,
    SetWebChat, SettingHistory, SettingHistoryParams, SettingRow, SettingVersion, Usage, UsageParams, UsageReply,
};
use thechatapp_protocol::permission::Power;
use thechatapp_protocol::settings::{Setting, Value};
use thechatapp_protocol::{Method, WorkspaceId};

impl Client {
    /// What is set, as far as one may know it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn settings(&self, ws: WorkspaceId) -> Result<Vec<SettingRow>> {
        Ok(self.workspace(ws)?.session()?.call::<ListSettings>(&Nothing {}).await?.settings)
    }

    /// What a setting was, the newest first; for those who may change it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn setting_history(&self, ws: WorkspaceId, name: &str) -> Result<Vec<SettingVersion>> {
        let params = SettingHistoryParams { name: name.to_owned() };
        Ok(self.workspace(ws)?.session()?.call::<SettingHistory>(&params).await?.versions)
    }

    /// Changes a setting to what people write; without it to what it is by itself. Somebody else's change that was made
    /// since this one was asked for is not overwritten.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a setting or value that there is not; [`Error::Offline`], [`Error::Refused`].
    pub async fn change_setting(&self, ws: WorkspaceId, name: &str, text: Option<&str>) -> Result<SettingRow> {
        let setting = known(name)?;
        let value = match text {
            Some(text) => Some(
                setting.parse(text).map_err(|why| Error::bad_input("this setting cannot be that", why.to_string()))?,
            ),
            None => None,
        };
        let version = self.version(ws, name).await?;
        set(&self.workspace(ws)?, setting, value, version).await
    }

    /// Makes a setting what it was in a version, or before its last change.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a setting or version that there is not; [`Error::Offline`], [`Error::Refused`].
    pub async fn revert_setting(&self, ws: WorkspaceId, name: &str, to: Option<u64>) -> Result<SettingRow> {
        let setting = known(name)?;
        let history = self.setting_history(ws, name).await?;
        let newest = history.first().map_or(0, |version| version.version);
        let to = match to {
            Some(to) => to,
            None => newest.checked_sub(1).ok_or_else(|| {
                Error::bad_input("there is nothing to go back to", format!("{name} was never changed"))
            })?,
        };
        let value = match history.into_iter().find(|version| version.version == to) {
            Some(version) => Some(version.value),
            None if to == 0 => None,
            None => {
                return Err(Error::bad_input("no such version", format!("{name} is at version {newest}")));
            }
        };
        set(&self.workspace(ws)?, setting, value, newest).await
    }

    /// How much a workspace was used within so many days.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn usage(&self, ws: WorkspaceId, days: u32) -> Result<UsageReply> {
        self.workspace(ws)?.session()?.call::<Usage>(&UsageParams { days }).await
    }

    async fn version(&self, ws: WorkspaceId, name: &str) -> Result<u64> {
        let found = self.settings(ws).await?.into_iter().find(|setting| setting.name == name);
        // Who may not know it is told by the change itself.
        Ok(found.map_or(0, |setting| setting.version))
    }
}

fn known(name: &str) -> Result<&'static Setting> {
    Setting::by_name(name)
        .ok_or_else(|| Error::bad_input("no such setting", format!("{name} is none; `settings list` shows them")))
}

async fn set(workspace: &Arc<Workspace>, setting: &Setting, value: Option<Value>, version: u64) -> Result<SettingRow> {
    let params = SetSettingParams { name: setting.name.to_owned(), value, version };
    async fn call<M>(workspace: &Arc<Workspace>, params: SetSettingParams) -> Result<SettingRow>
    where
        M: Method<Params = SetSettingParams, Reply = SettingRow>,
    {
        workspace.session()?.call::<M>(&params).await
    }
    match setting.power {
        Power::Server => call::<SetServer>(workspace, params).await,
        Power::Authentication => call::<SetAuthentication>(workspace, params).await,
        Power::Privacy => call::<SetPrivacy>(workspace, params).await,
        Power::WebChat => call::<SetWebChat>(workspace, params).await,
        Power::Analytics => call::<SetAnalytics>(workspace, params).await,
        Power::Updates => call::<SetUpdates>(workspace, params).await,
        Power::Storage => call::<SetStorage>(workspace, params).await,
        _ => Err(Error::bad_input("no such setting", "no section has this power")),
    }
}
