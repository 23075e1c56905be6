//! The command that wipes.

use crate::error::{Error, Result};
use crate::store::wipes;
use crate::tenants::Host;
use crate::wipe::Named;
use serde_json::{Value, json};

/// Wipes a workspace, or a channel or a person in it.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn run(host: &Host, name: String, channel: Option<String>, person: Option<String>) -> Result<Value> {
    let (named, key, subject) = match (channel, person) {
        (None, None) => {
            host.wipe_workspace(&name)?;
            tracing::info!(workspace = name, "a workspace was wiped");
            return Ok(json!({ "workspace": name, "wiped": true }));
        }
        (Some(channel), None) => (Named::Channel(channel.clone()), "channel", channel),
        (None, Some(person)) => (Named::Person(person.clone()), "person", person),
        (Some(_), Some(_)) => {
            return Err(Error::bad_input(
                "Nothing was wiped",
                "a channel and a person were named",
                "wipe one, then the other",
            ));
        }
    };
    let workspace = host.workspace(&name)?;
    let done = workspace.wipe(named).await?;
    tracing::info!(workspace = %workspace.id, what = key, messages = done.messages, files = done.files, "wiped");
    let mut said = json!({ "workspace": name, "wiped": true, "messages": done.messages, "files": done.files });
    if let Value::Object(fields) = &mut said {
        fields.insert(key.to_owned(), json!(subject));
        if key == "person" && !workspace.look(wipes::has_owner).await? {
            fields.insert("invite".to_owned(), json!(host.invite_owner(&name).await?));
        }
    }
    Ok(said)
}
