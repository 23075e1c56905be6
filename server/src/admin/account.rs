//! What whoever administers the host does with accounts: the way back for an owner whom strangers keep out.

use crate::error::Result;
use crate::store::audit::{self, Act, By};
use crate::store::{lockouts, people, wipes};
use crate::tenants::Host;
use serde_json::{Value, json};
use thechatapp_protocol::audit::{Class, Target};

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
            let known = people::row(tx.view(), person)?.name;
            let unlocked = lockouts::forget(tx, person, &people::fold(&known))?;
            if unlocked {
                audit::record(tx, By::HOST, Act::new(Class::Access, "lockout.clear", Target::Person(person)))?;
            }
            Ok(unlocked)
        })
        .await?;
    Ok(json!({ "workspace": workspace, "name": name, "unlocked": unlocked }))
}
