//! Workspaces: first contact, signing in and out, identity.

use super::report;
use crate::desktop::{Answer, Desktop};
use tauri::State;
use thechatapp_core::WorkspaceId;
use thechatapp_core::view::{ContactView, IdentityView, WorkspaceView};
use zeroize::Zeroizing;

#[tauri::command]
pub async fn contact(desktop: State<'_, Desktop>, address: String) -> Answer<ContactView> {
    desktop.client().await?.contact(&address, None).await.map_err(report)
}

#[tauri::command]
pub async fn join(
    desktop: State<'_, Desktop>,
    invite: String,
    name: String,
    password: String,
    pin: Option<String>,
) -> Answer<WorkspaceView> {
    let password = Zeroizing::new(password);
    let client = desktop.client().await?;
    let joined = client.join(&invite, &name, &password, pin.as_deref()).await.map_err(report)?;
    client.start();
    Ok(joined)
}

#[tauri::command]
pub async fn login(
    desktop: State<'_, Desktop>,
    address: String,
    name: String,
    password: String,
    pin: Option<String>,
) -> Answer<WorkspaceView> {
    let password = Zeroizing::new(password);
    let client = desktop.client().await?;
    let joined = client.login(&address, None, &name, &password, pin.as_deref()).await.map_err(report)?;
    client.start();
    Ok(joined)
}

#[tauri::command]
pub async fn workspaces(desktop: State<'_, Desktop>) -> Answer<Vec<WorkspaceView>> {
    desktop.client().await?.workspaces().await.map_err(report)
}

#[tauri::command]
pub async fn reconnect(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<()> {
    desktop.client().await?.reconnect(workspace);
    Ok(())
}

#[tauri::command]
pub async fn let_damaged_go(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<bool> {
    desktop.client().await?.let_damaged_go(workspace).await.map_err(report)
}

#[tauri::command]
pub async fn sign_out(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<()> {
    desktop.client().await?.sign_out(workspace).await.map_err(report)
}

#[tauri::command]
pub async fn identity(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<IdentityView> {
    desktop.client().await?.identity(workspace).await.map_err(report)
}

#[tauri::command]
pub async fn accept_identity(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    confirmation: String,
) -> Answer<IdentityView> {
    desktop.client().await?.accept_identity(workspace, &confirmation).await.map_err(report)
}
