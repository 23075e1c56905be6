//! The command that wipes.

use crate::error::{Error, Result};
use crate::kms::PENDING_DAYS;
use crate::store::audit::By;
use crate::store::wipes;
use crate::tenants::{Host, Known};
use crate::wipe::Named;
use serde_json::{Value, json};
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// Wipes a workspace; with days also its own key in another service.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn workspace(host: &Host, name: String, destroy_remote_key: Option<u16>) -> Result<Value> {
    if destroy_remote_key.is_some_and(|days| !PENDING_DAYS.contains(&i64::from(days))) {
        let (least, most) = (PENDING_DAYS.start(), PENDING_DAYS.end());
        return Err(Error::bad_input(
            "Nothing was wiped",
            format!("a key that is to be deleted waits {least} to {most} days"),
            "give another --pending-window-days",
        ));
    }
    let place = host.workspace(&name)?.place().clone();
    // The key service may take its time.
    let ended = tokio::task::block_in_place(|| host.wipe_with_key(&name, destroy_remote_key))?;
    tracing::info!(workspace = name, "a workspace was wiped");
    // What is left there opens for nobody any more, and the server goes on deleting it.
    let left = host.remove_wiped_files().await.unwrap_or_else(|why| {
        tracing::error!(error = %why, "the files of a wiped workspace are still in the bucket");
        true
    });
    let open = tokio::task::block_in_place(|| still_open(host, place.created, place.id, &ended.destroyed))?;
    let scheduled = ended
        .scheduled
        .iter()
        .map(|(provider, key, at)| json!({ "provider": provider, "key": key, "at": time_of(*at) }));
    Ok(json!({
        "workspace": name,
        "wiped": true,
        "files_left": left,
        "keys_destroyed": ended.destroyed,
        "keys_scheduled": scheduled.collect::<Vec<_>>(),
        "keys_to_destroy": ended.left.iter().map(to_destroy).collect::<Vec<_>>(),
        "backups_still_open": open,
    }))
}

/// Wipes a channel or a person in a workspace.
///
/// # Errors
/// See [`crate::error::Kind`].
pub(super) async fn within(host: &Host, name: String, named: Named) -> Result<Value> {
    let (key, subject) = match &named {
        Named::Channel(channel) => ("channel", channel.clone()),
        Named::Person(person) => ("person", person.clone()),
    };
    let workspace = host.workspace(&name)?;
    let had_owner = workspace.look(wipes::has_owner).await?;
    let done = workspace.wipe(named, By::HOST).await?;
    tracing::info!(workspace = %workspace.id, what = key, messages = done.messages, files = done.files, "wiped");
    let mut said = json!({
        "workspace": name,
        "wiped": true,
        "messages": done.messages,
        "files": done.files,
        "backups_still_open": tokio::task::block_in_place(|| still_open(host, Timestamp(done.since), workspace.id, &[]))?,
    });
    if let Value::Object(fields) = &mut said {
        fields.insert(key.to_owned(), json!(subject));
        if had_owner && !workspace.look(wipes::has_owner).await? {
            fields.insert("invite".to_owned(), json!(host.invite_owner(&name).await?));
        }
    }
    Ok(said)
}

fn time_of(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}

/// A key in a service that this host did not end: it may wrap and unwrap with it, and no more, or was not told to.
fn to_destroy((provider, key): &(&str, String)) -> Value {
    json!({
        "provider": provider,
        "key": key,
        "why": "which was this workspace's alone: until it is destroyed there, it opens backups and copies of the folder",
    })
}

/// The backups that hold what was wiped and open still, and why. It looks into their folders, which may take its time. A wiped
/// workspace's own key file is gone, so a backup that only this one opened is not among them, unless another one holds the keys in it:
/// neither of them changes as a workspace moves to a service of its own.
fn still_open(host: &Host, since: Timestamp, of: WorkspaceId, destroyed: &[String]) -> Result<Vec<Value>> {
    let (provider, key) = host.guarded_by();
    let known = host.backups_still_open(since, of)?;
    let is_shut = |known: &Known| {
        let own = known.own.as_ref().filter(|_| !known.recovery);
        own.is_some_and(|own| destroyed.contains(&own.key))
    };
    let has_plain = |known: &&Known| known.own.is_none() || known.recovery;
    let plain = known.iter().find(has_plain);
    let opens = plain.or_else(|| known.iter().find(|known| !is_shut(known)));
    let Some(opener) = opens.map(|known| format!("{} in {}", known.name, known.folder)) else { return Ok(Vec::new()) };
    let has_plain = plain.is_some();
    Ok(known
        .into_iter()
        .map(|known| {
            let mut why = Vec::new();
            let is_shut = is_shut(&known);
            if known.making {
                why.push("it is being made, and holds what was kept before the wipe".to_owned());
            }
            if known.recovery {
                why.push("whoever has its recovery passphrase opens it".to_owned());
            }
            if is_shut {
                why.push(format!(
                    "the key that it opened with is destroyed, but whoever opens {opener} has the keys in it from there, unless the \
                     workspace's keys were rotated in between"
                ));
            } else if let (Some(own), false) = (&known.own, known.recovery) {
                let (key, provider) = (&own.key, &own.provider);
                why.push(format!(
                    "it opens with the key {key} of {provider}, which is the workspace's own, until that is destroyed"
                ));
                if has_plain {
                    why.push(format!("whoever opens {opener} has its keys from there, unless they were rotated in between"));
                }
            } else if let Some(service) = &known.service {
                let shared = if service.provider == provider && service.key == key {
                    "which all workspaces of this host share, and which a wipe does not destroy"
                } else {
                    "which this host used before, unless it was destroyed there"
                };
                why.push(format!("it opens with the key {} of {}, {shared}", service.key, service.provider));
            }
            json!({
                "backup": known.name,
                "folder": known.folder,
                "at": time_of(known.at.0),
                "recovery_passphrase": known.recovery,
                "key_service": known.service.map(|service| json!({ "provider": service.provider, "key": service.key })),
                "found": known.found,
                "why": why.join("; "),
            })
        })
        .collect())
}
