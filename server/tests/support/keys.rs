//! What a host is told about the keys of its workspaces.

use super::Host;
use super::vault::TOKEN;
use serde_json::Value;
use thechatapp_server::Error;
use thechatapp_server::admin::{self, Command, MoveOne, MoveTo};
use thechatapp_server::config::KeySection;

pub fn to(to: &str, passphrase: Option<&str>) -> MoveTo {
    let section = Box::new(KeySection { vault_token: Some(TOKEN.into()), timeout_seconds: 1, ..KeySection::default() });
    MoveTo { to: to.into(), passphrase: passphrase.map(str::to_owned), section }
}

pub async fn move_one(host: &Host, workspace: &str, place: &str, passphrase: Option<&str>) -> Result<Value, Error> {
    let command = Command::KeyMoveWorkspace(MoveOne { workspace: workspace.into(), to: to(place, passphrase) });
    admin::run(host.running().host(), command).await
}

pub async fn status(host: &Host, workspace: &str) -> Value {
    admin::run(host.running().host(), Command::KeyStatus { workspace: workspace.into() }).await.unwrap()
}

pub async fn wipe(host: &Host, workspace: &str) -> Value {
    wipe_with_key(host, workspace, None).await.unwrap()
}

/// With days also the workspace's own key in another service.
pub async fn wipe_with_key(host: &Host, workspace: &str, destroy_remote_key: Option<u16>) -> Result<Value, Error> {
    let command =
        Command::WorkspaceWipe { workspace: workspace.into(), channel: None, person: None, destroy_remote_key };
    admin::run(host.running().host(), command).await
}
