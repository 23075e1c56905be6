//! How a profile is doing: its key, its connections, its files.

use crate::output::{Failure, Outcome, line};
use crate::run::{Place, close, connect};
use crate::shape::{Standing, standing_text};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use thechatapp_core::audit::AuditStatus;
use thechatapp_core::view::{Connection, KeyState, WorkspaceView};
use thechatapp_core::{Client, Error};

/// How long each server may take to answer.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Status {
    version: &'static str,
    profile: PathBuf,
    key: KeyState,
    workspaces: Vec<Standing>,
}

/// `status`. Being offline is a state, not a failure; another identity of a server ends with its code.
pub async fn status(place: &Place) -> Outcome {
    if Client::state(&place.dir, &place.platform).await == KeyState::Absent {
        return show(place, KeyState::Absent, &[]);
    }
    let client = place.open().await?;
    let outcome = standing(place, &client).await;
    let (workspaces, worst) = close(client, outcome).await?;
    show(place, KeyState::Ready, &workspaces)?;
    worst.map_or(Ok(()), |error| Err(Failure::Said(error.exit_code())))
}

async fn standing(place: &Place, client: &Client) -> Outcome<(Vec<(WorkspaceView, AuditStatus)>, Option<Error>)> {
    let turning = place.progress("connecting");
    let wait = LOOK.min(place.timeout);
    let all = match &place.workspace {
        Some(name) => vec![client.resolve_workspace(Some(name)).await?],
        None => client.workspaces().await?,
    };
    let mut worst = None;
    for workspace in &all {
        if let Err(error @ Error::PinMismatch { .. }) = connect(client, workspace.id, wait).await {
            worst = Some(error);
        }
    }
    let mut now = client.workspaces().await?;
    now.retain(|workspace| all.iter().any(|wanted| wanted.id == workspace.id));
    let mut watched = Vec::new();
    for workspace in now {
        let audit = client.audit_status(workspace.id).await?;
        watched.push((workspace, audit));
    }
    drop(turning);
    Ok((watched, worst))
}

fn show(place: &Place, key: KeyState, workspaces: &[(WorkspaceView, AuditStatus)]) -> Outcome {
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        profile: place.dir.clone(),
        key,
        workspaces: workspaces.iter().map(|(workspace, audit)| Standing::new(workspace, audit)).collect(),
    };
    place.output.show(&status, || {
        let key = if key == KeyState::Absent { "no profile yet" } else { "the key opens it" };
        let mut said = format!("profile {}: {key}", place.dir.display());
        for (workspace, audit) in workspaces {
            said.push('\n');
            said.push_str(&standing_text(workspace));
            if workspace.connection == Connection::IdentityChanged {
                said.push_str("\n  this server is not the one you know; see `identity`");
            }
            if let Some(alarm) = audit.alarm() {
                said.push_str(&format!("\n  {}; see `audit status`", line(&alarm.why)));
            }
        }
        said
    })
}

/// `doctor`. Without `--repair` nothing is changed but what repairs itself: a damaged cache.
pub async fn doctor(place: &Place, repair: bool, let_go: bool) -> Outcome {
    let client = match place.open().await {
        Err(Failure::Core(Error::Corrupt { .. })) if repair => mend(place).await?,
        other => other?,
    };
    if let_go {
        for workspace in client.workspaces().await? {
            client.let_damaged_go(workspace.id).await?;
        }
    }
    let mut found = client.doctor().await?;
    // Damaged files may not close cleanly either; what was found is said all the same.
    match client.close().await {
        Err(Error::Corrupt { .. }) if !sound(&found) => {}
        closed => closed?,
    }
    if repair && !sound(&found) {
        let client = mend(place).await?;
        let again = client.doctor().await.map_err(Failure::Core);
        found = close(client, again).await?;
    }
    place.output.show(&found, || diagnosis(&found))?;
    if sound(&found) { Ok(()) } else { Err(Failure::Said(24)) }
}

/// In plain lines: the files, and for each workspace where the way to its server fails, why, and what to do.
fn diagnosis(found: &Value) -> String {
    let mut said = match sound(found) {
        true => "The profile's files are sound.".to_owned(),
        false => "The profile's files are not all sound; --json tells everything that was looked at.".to_owned(),
    };
    let text = |value: &Value, name: &str| line(value.get(name).and_then(Value::as_str).unwrap_or_default());
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let damage = |of: Option<&Value>| {
        let error = of.and_then(|of| of.get("error"))?;
        Some(format!("\n  {}: {}. What to do: {}.", text(error, "what"), text(error, "why"), text(error, "do")))
    };
    said.extend(damage(found.get("local")));
    for workspace in list(found, "workspaces") {
        let hops = list(&workspace, "hops");
        let in_state = |state: &str| hops.iter().filter(|hop| text(hop, "state") == state).cloned().collect::<Vec<_>>();
        said.push_str(&format!("\n{} at {}: ", text(&workspace, "workspace"), text(&workspace, "url")));
        match in_state("failed").first() {
            Some(hop) => said.push_str(&format!("fails at {}", complaint(hop, &text))),
            None if in_state("skipped").is_empty() => said.push_str("reached, and signed in."),
            None => said.push_str("the way there was not looked at to its end."),
        }
        said.extend(damage(workspace.get("cache")));
        if workspace.get("rebuilding").and_then(Value::as_bool).unwrap_or(false) {
            said.push_str("\n  its copy on this device was damaged and is being rebuilt; what can be read of the old one is shown.");
        }
        for hop in in_state("warning").iter().filter(|hop| !text(hop, "do").is_empty()) {
            said.push_str(&format!("\n  besides, {}", complaint(hop, &text)));
        }
    }
    said
}

fn complaint(hop: &Value, text: &impl Fn(&Value, &str) -> String) -> String {
    format!("{}: {}. What to do: {}.", text(hop, "hop").replace('_', " "), text(hop, "why"), text(hop, "do"))
}

async fn mend(place: &Place) -> Outcome<Client> {
    let _turning = place.progress("repairing");
    Ok(Client::repair(&place.dir, place.unlock()?, place.platform.clone()).await?)
}

fn sound(found: &Value) -> bool {
    found.get("ok").and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_damaged_is_said_in_words_with_what_to_do() {
        let error = json!({"what": "cache.db is damaged", "why": "a page does not open", "do": "try again"});
        let hops = json!([{"hop": "name", "state": "ok"}]);
        let workspace = |cache: Value| json!({"workspace": "acme", "url": "https://a", "hops": hops, "cache": cache});
        let (whole, broken) = (json!({"ok": true}), json!({"ok": false, "error": error}));
        let said = diagnosis(&json!({"ok": false, "local": whole, "workspaces": [workspace(broken)]}));
        let expected = "The profile's files are not all sound; --json tells everything that was looked at.
acme at https://a: reached, and signed in.
  cache.db is damaged: a page does not open. What to do: try again.";
        assert_eq!(said, expected);
        let said = diagnosis(&json!({"ok": true, "local": whole, "workspaces": [workspace(whole.clone())]}));
        assert_eq!(said, "The profile's files are sound.\nacme at https://a: reached, and signed in.");
    }
}
