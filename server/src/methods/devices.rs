//! Devices and browsers' sessions: one's own, and for administrators those of others.

use super::Handle;
use super::people::over;
use crate::auth::reset;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::{Tx, devices};
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::{
    Devices, DevicesOf, ListDevices, RevokeDevice, RevokeDeviceOf, RevokeDeviceOfParams, RevokeDeviceParams,
    RevokeDevices, RevokeDevicesOf, RevokeDevicesParams, Revoked, SignOut,
};
use thechatapp_protocol::methods::people::OnePerson;
use thechatapp_protocol::{AccountId, DeviceId, Method, Scope};

impl Handle for ListDevices {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Devices, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, |view, permit| {
                Ok(Devices { devices: devices::of(view, permit.person(), permit.device())? })
            })
            .await
    }
}

impl Handle for DevicesOf {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Devices, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                Ok(Devices { devices: devices::of(view, params.person, permit.device())? })
            })
            .await
    }
}

impl Handle for SignOut {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Scope::Workspace, |tx, permit| {
                let left = Act::new(Class::Access, "device.signed_out", Target::Device(permit.device()));
                devices::revoke(tx, permit.device())?;
                audit::record(tx, permit.by(), left)?;
                Ok(Nothing {})
            })
            .await
    }
}

/// Revokes one that is this person's and good; of others nothing is said. One that is to be wiped may have been revoked before.
fn revoke_of(tx: &mut Tx<'_>, by: By, person: AccountId, device: DeviceId, wipe: bool) -> Result<Revoked, Fail> {
    let good = devices::owner(tx.view(), device)? == Some(person);
    if !(good || wipe && devices::was_of(tx.view(), device, person)?) {
        return Err(Fail::not_found("No such device"));
    }
    let act = if wipe { "device.wipe_ordered" } else { "device.revoked" };
    // First: what is live of it is told when it is closed.
    if wipe {
        devices::order_wipe(tx, device)?;
    }
    if good {
        devices::revoke(tx, device)?;
    }
    audit::record(tx, by, Act::new(Class::Device, act, Target::Device(device)))?;
    Ok(Revoked { count: 1 })
}

impl Handle for RevokeDevice {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: RevokeDeviceParams) -> Result<Revoked, Fail> {
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                revoke_of(tx, permit.by(), permit.person(), params.device, params.wipe)
            })
            .await
    }
}

impl Handle for RevokeDevices {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: RevokeDevicesParams) -> Result<Revoked, Fail> {
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                let except = params.except_this.then_some(permit.device());
                Ok(Revoked { count: reset::sign_out(tx, permit.person(), except, permit.by())? })
            })
            .await
    }
}

impl Handle for RevokeDeviceOf {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: RevokeDeviceOfParams) -> Result<Revoked, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                over(tx.view(), &permit, params.person)?;
                revoke_of(tx, permit.by(), params.person, params.device, params.wipe)
            })
            .await
    }
}

impl Handle for RevokeDevicesOf {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OnePerson) -> Result<Revoked, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                over(tx.view(), &permit, params.person)?;
                Ok(Revoked { count: reset::sign_out(tx, params.person, None, permit.by())? })
            })
            .await
    }
}
