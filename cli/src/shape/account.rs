//! Accounts and what they are signed in on.

use super::{minute, when};
use crate::output::line;
use serde::Serialize;
use thechatapp_core::view::{
    AccountStateView, AccountView, DeviceKindView, DeviceView, FailuresView, InviteView, ResetView, WithinView,
};

/// One of one's devices.
#[derive(Debug, Serialize)]
pub struct Device {
    id: String,
    name: String,
    platform: String,
    enrolled: String,
    last_seen: Option<String>,
    revoked: bool,
    this: bool,
    kind: DeviceKindView,
    address: Option<String>,
}

impl Device {
    /// From the core's form.
    pub fn new(device: &DeviceView) -> Self {
        Self {
            id: device.id.to_string(),
            name: device.name.clone(),
            platform: device.platform.clone(),
            enrolled: when(device.enrolled),
            last_seen: device.last_seen.map(when),
            revoked: device.revoked,
            this: device.this,
            kind: device.kind,
            address: device.address.clone(),
        }
    }
}

/// A device for people.
pub fn device_text(device: &DeviceView) -> String {
    let mut said = format!("{}  {} ({})", device.id, line(&device.name), line(&device.platform));
    said.push_str(&format!("  enrolled {}", minute(device.enrolled)));
    if let Some(seen) = device.last_seen {
        said.push_str(&format!(", last seen {}", minute(seen)));
    }
    if let Some(address) = &device.address {
        said.push_str(&format!(" from {}", line(address)));
    }
    for (is, word) in [(device.revoked, ", revoked"), (device.this, ", this one")] {
        if is {
            said.push_str(word);
        }
    }
    said
}

/// An account.
#[derive(Debug, Serialize)]
pub struct Account {
    id: String,
    name: String,
    state: AccountStateView,
    rank: String,
    powers: Vec<String>,
    within: Vec<WithinView>,
    second_factor: bool,
    recovery_codes: u32,
    reset_until: Option<String>,
    failures: Vec<FailuresView>,
    created: String,
    last_seen: Option<String>,
    devices: u32,
}

impl Account {
    /// From the core's form.
    pub fn new(account: &AccountView) -> Self {
        Self {
            id: account.person.id.to_string(),
            name: account.person.name.clone(),
            state: account.state,
            rank: account.rank.clone(),
            powers: account.powers.clone(),
            within: account.within.clone(),
            second_factor: account.second_factor,
            recovery_codes: account.recovery_codes,
            reset_until: account.reset_until.map(when),
            failures: account.failures.clone(),
            created: when(account.created),
            last_seen: account.last_seen.map(when),
            devices: account.devices,
        }
    }
}

/// An account for people.
pub fn account_text(account: &AccountView) -> String {
    let state = match account.state {
        AccountStateView::Invited => "invited",
        AccountStateView::Active => "active",
        AccountStateView::Suspended => "suspended",
        AccountStateView::Deleted => "deleted",
    };
    let mut said = format!("{}  {}\n  {state}, {}", account.person.id, line(&account.person.name), account.rank);
    if !account.powers.is_empty() {
        said.push_str(&format!("\n  powers         {}", account.powers.join(", ")));
    }
    for one in &account.within {
        said.push_str(&format!("\n  within {:<7} {}", line(&one.group), one.powers.join(", ")));
    }
    let factor = match (account.second_factor, account.recovery_codes) {
        (true, left) => format!("on, {left} recovery codes left"),
        (false, _) => "off".to_owned(),
    };
    said.push_str(&format!("\n  second factor  {factor}"));
    for one in &account.failures {
        let whose = if one.known { "a device of theirs" } else { "strangers" };
        said.push_str(&format!("\n  failures       {} by {whose}, closed for {} seconds", one.failures, one.seconds));
    }
    if let Some(until) = account.reset_until {
        said.push_str(&format!("\n  reset code     good until {}", minute(until)));
    }
    let seen = account.last_seen.map_or_else(|| "never".to_owned(), minute);
    said.push_str(&format!("\n  signed in on   {}, last seen {seen}", account.devices));
    said
}

/// An invite.
#[derive(Debug, Serialize)]
pub struct Invited {
    invite: String,
    expires: String,
    account: Option<String>,
}

impl Invited {
    /// From the core's form.
    pub fn new(invite: &InviteView) -> Self {
        let account = invite.person.map(|person| person.to_string());
        Self { invite: invite.invite.clone(), expires: when(invite.expires), account }
    }
}

/// A code for a new password.
#[derive(Debug, Serialize)]
pub struct Reset {
    code: String,
    expires: String,
}

impl Reset {
    /// From the core's form.
    pub fn new(reset: &ResetView) -> Self {
        Self { code: reset.code.clone(), expires: when(reset.expires) }
    }
}
