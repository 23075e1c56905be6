//! The caller's devices.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act};
use crate::store::devices;
use std::sync::Arc;
use thechatapp_protocol::Scope;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::{Devices, ListDevices, SignOut};

impl Handle for ListDevices {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Devices, Fail> {
        workspace
            .read::<Self, _>(caller, Scope::Workspace, |view, permit| {
                Ok(Devices { devices: devices::of(view, permit.person(), permit.device())? })
            })
            .await
    }
}

impl Handle for SignOut {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<Nothing, Fail> {
        workspace
            .write::<Self, _>(caller, Scope::Workspace, |tx, permit| {
                devices::revoke(tx, permit.device())?;
                let left = Act::new(Class::Access, "device.sign_out", Target::Device(permit.device()));
                audit::record(tx, permit.by(), left)?;
                Ok(Nothing {})
            })
            .await
    }
}
