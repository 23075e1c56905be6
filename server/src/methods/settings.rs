//! Settings, and counts of usage.

use super::Handle;
use crate::error::Fail;
use crate::gate::{Caller, Permit};
use crate::state::Workspace;
use crate::store::{settings, usage};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::settings::{
    ListSettings, SetAnalytics, SetAuthentication, SetPrivacy, SetServer, SetSettingParams, SetStorage, SetUpdates,
    SetWebChat, SettingHistory, SettingHistoryParams, SettingList, SettingRow, SettingVersions, Usage, UsageParams,
    UsageReply,
};
use thechatapp_protocol::settings::{ANALYTICS, EACH, Setting};
use thechatapp_protocol::{Access, Method, Scope};

fn may_know<M: Method>(permit: &Permit<M>, setting: &Setting) -> bool {
    setting.public || permit.powers().has(setting.power)
}

impl Handle for ListSettings {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<SettingList, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, |view, permit| {
                let known = EACH.iter().filter(|setting| may_know(&permit, setting));
                Ok(SettingList {
                    settings: known.map(|setting| settings::row(view, setting)).collect::<Result<_, _>>()?,
                })
            })
            .await
    }
}

impl Handle for SettingHistory {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: SettingHistoryParams,
    ) -> Result<SettingVersions, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, permit| {
                // Who set it when is for those who may set it.
                let setting = Setting::by_name(&params.name).filter(|setting| permit.powers().has(setting.power));
                let setting = setting.ok_or_else(|| Fail::not_found("No such setting"))?;
                Ok(SettingVersions { versions: settings::history(view, setting)? })
            })
            .await
    }
}

/// The setting of a name, if it is under the power that this method asks for.
fn of_section<M: Method>(name: &str) -> Result<&'static Setting, Fail> {
    let setting = Setting::by_name(name).filter(|setting| M::ACCESS == Access::Power(setting.power));
    setting.ok_or_else(|| Fail::not_found("No such setting"))
}

macro_rules! sections {
    ($($method:ident)*) => {$(
        impl Handle for $method {
            async fn handle(
                workspace: Arc<Workspace>,
                caller: Caller,
                params: SetSettingParams,
            ) -> Result<SettingRow, Fail> {
                workspace
                    .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                        let setting = of_section::<Self>(&params.name)?;
                        let by = (permit.person(), permit.by());
                        settings::set(tx, by, setting, params.value, params.version)
                    })
                    .await
            }
        }
    )*};
}
sections!(SetServer SetAuthentication SetPrivacy SetWebChat SetAnalytics SetUpdates SetStorage);

impl Handle for Usage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: UsageParams) -> Result<UsageReply, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, _| {
                if !settings::is_on(view, ANALYTICS)? {
                    return Err(Fail::bad_input(
                        "Usage is not counted here",
                        "analytics.enabled is off",
                        "switch it on if it is to be",
                    ));
                }
                usage::count(view, params.days, now())
            })
            .await
    }
}
