//! What is on this device: the ways into the profile, and how much of the past it keeps.

use super::report;
use crate::desktop::{Answer, Desktop};
use tauri::State;
use thechatapp_core::view::{StorageView, UnsentView, WaysView};
use zeroize::Zeroizing;

#[tauri::command]
pub async fn ways(desktop: State<'_, Desktop>) -> Answer<WaysView> {
    Ok(desktop.client().await?.ways())
}

/// A new recovery code; it is shown once.
#[tauri::command]
pub async fn make_recovery_code(desktop: State<'_, Desktop>) -> Answer<String> {
    desktop.client().await?.make_recovery_code().await.map_err(report)
}

#[tauri::command]
pub async fn set_passphrase(desktop: State<'_, Desktop>, passphrase: String) -> Answer<()> {
    desktop.client().await?.set_passphrase(Zeroizing::new(passphrase)).await.map_err(report)
}

#[tauri::command]
pub async fn drop_way(desktop: State<'_, Desktop>, way: String) -> Answer<()> {
    desktop.client().await?.drop_way(&way).map_err(report)
}

#[tauri::command]
pub async fn move_to_secure_storage(desktop: State<'_, Desktop>) -> Answer<()> {
    desktop.client().await?.move_to_secure_storage().await.map_err(report)
}

#[tauri::command]
pub async fn move_to_passphrase(desktop: State<'_, Desktop>, passphrase: String) -> Answer<()> {
    desktop.client().await?.move_to_passphrase(Zeroizing::new(passphrase)).await.map_err(report)
}

/// What is on this device and nowhere else.
#[tauri::command]
pub async fn unsent(desktop: State<'_, Desktop>) -> Answer<UnsentView> {
    desktop.client().await?.unsent().await.map_err(report)
}

#[tauri::command]
pub async fn storage(desktop: State<'_, Desktop>) -> Answer<StorageView> {
    desktop.client().await?.storage().await.map_err(report)
}

/// How much of the past is kept, in days and in bytes a workspace; none for all.
#[tauri::command]
pub async fn keep(desktop: State<'_, Desktop>, days: Option<u64>, bytes: Option<u64>) -> Answer<()> {
    desktop.client().await?.keep(days, bytes).await.map_err(report)
}
