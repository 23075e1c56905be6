//! Devices and browsers: list, revoke.

use crate::args::{Devices, DevicesAction};
use crate::output::{Failure, Outcome};
use crate::run::Desk;
use crate::shape::{Device, device_text};
use serde::Serialize;
use thechatapp_core::{DeviceId, Error};

#[derive(Serialize)]
struct Revoked {
    revoked: u32,
}

/// `devices [--account NAME]`, `devices revoke ID|--all`.
pub async fn devices(desk: &Desk<'_>, devices: Devices) -> Outcome {
    let Devices { account, action } = devices;
    desk.connect().await?;
    let ws = desk.ws();
    let person = match &account {
        Some(name) => Some(desk.client.resolve_person(ws, name).await?),
        None => None,
    };
    let Some(DevicesAction::Revoke { device, all, wipe }) = action else {
        let devices = match person {
            None => desk.client.devices(ws).await?,
            Some(person) => desk.client.devices_of(ws, person).await?,
        };
        let shapes: Vec<Device> = devices.iter().map(Device::new).collect();
        return desk.output().show(&shapes, || devices.iter().map(device_text).collect::<Vec<_>>().join("\n"));
    };
    let revoked = match device {
        None if all => desk.client.revoke_devices(ws, person).await?,
        None => return Err(Failure::Usage { what: "say which device".into(), why: "none was given".into() }),
        Some(text) => {
            let device = text.parse::<DeviceId>().map_err(|_| Error::bad_input("this is no id of a device", text))?;
            desk.client.revoke_device(ws, person, device, wipe).await?
        }
    };
    desk.output().show(&Revoked { revoked }, || format!("{revoked} revoked"))
}
