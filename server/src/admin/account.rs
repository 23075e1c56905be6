//! What whoever administers the host does with accounts: the way back for an owner whom strangers keep out, or who has lost what they
//! sign in with.

use crate::auth::reset;
use crate::error::{Fail, Result};
use crate::store::audit::By;
use crate::store::wipes;
use crate::tenants::Host;
use serde_json::{Value, json};
use thechatapp_protocol::identity::make_code;

/// Forgets failed attempts to sign in to an account, strangers' and those of its own devices.
///
/// # Errors
/// Bad input when there is no such person.
pub(super) async fn unlock(host: &Host, workspace: String, name: String) -> Result<Value> {
    let wanted = name.clone();
    let unlocked = host
        .workspace(&workspace)?
        .unguarded(move |tx| {
            let person = wipes::person_named(tx.view(), &wanted)?;
            reset::unlock(tx, person, By::HOST)
        })
        .await?;
    Ok(json!({ "workspace": workspace, "name": name, "unlocked": unlocked }))
}

/// Makes a code by which a person chooses a new password; with `totp` takes their second factor away, with `devices` revokes all that
/// they are signed in on.
///
/// # Errors
/// Bad input when there is no such person, or their account is not active.
pub(super) async fn reset(host: &Host, workspace: String, name: String, totp: bool, devices: bool) -> Result<Value> {
    let (wanted, code) = (name.clone(), make_code().map_err(Fail::Identity)?);
    let issued = code.clone();
    let (expires, removed, revoked) = host
        .workspace(&workspace)?
        .unguarded(move |tx| {
            let person = wipes::person_named(tx.view(), &wanted)?;
            let expires = reset::issue(tx, person, &issued, By::HOST)?;
            let removed = totp && reset::remove_factor(tx, person, By::HOST)?;
            let revoked = if devices { reset::sign_out(tx, person, None, By::HOST)? } else { 0 };
            Ok((expires, removed, revoked))
        })
        .await?;
    Ok(json!({
        "workspace": workspace,
        "name": name,
        "code": code,
        "expires": jiff::Timestamp::from_millisecond(expires.0).unwrap_or_default().to_string(),
        "second_factor_removed": removed,
        "devices_revoked": revoked,
    }))
}
