//! The way into the network.

use super::report;
use crate::desktop::{Answer, Desktop};
use tauri::State;
use thechatapp_core::WorkspaceId;
use thechatapp_core::route::Hop;
use thechatapp_core::view::NetworkView;
use zeroize::Zeroizing;

#[tauri::command]
pub async fn network(desktop: State<'_, Desktop>) -> Answer<NetworkView> {
    desktop.client().await?.network().await.map_err(report)
}

/// Without a password the one before stays, for the same name at the same proxy.
#[tauri::command]
pub async fn set_network(
    desktop: State<'_, Desktop>,
    proxy: String,
    or_direct: bool,
    user: Option<String>,
    password: Option<String>,
) -> Answer<()> {
    let password = password.map(Zeroizing::new);
    desktop.client().await?.choose_network(&proxy, or_direct, user, password).await.map_err(report)
}

/// The steps of the way to a workspace's server, as they are found now.
#[tauri::command]
pub async fn walk(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<Vec<Hop>> {
    desktop.client().await?.walk(workspace).await.map_err(report)
}
