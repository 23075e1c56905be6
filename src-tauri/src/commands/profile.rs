//! The profile's key and its states.

use super::report;
use crate::desktop::{Answer, Desktop};
use serde::Serialize;
use tauri::State;
use thechatapp_core::view::KeyState;
use thechatapp_core::{Error, ErrorReport};
use zeroize::Zeroizing;

/// Where the profile stands.
#[derive(Debug, Serialize)]
pub struct ProfileState {
    state: KeyState,
    /// Whether a passphrase opens it, whatever secure storage says.
    passphrase: bool,
    /// Whether a recovery code does.
    recovery: bool,
    /// What went wrong while opening, if anything.
    detail: Option<ErrorReport>,
}

#[tauri::command]
pub async fn profile_state(desktop: State<'_, Desktop>) -> Answer<ProfileState> {
    let done = desktop.opened().await;
    Ok(standing(&desktop, done))
}

#[tauri::command]
pub async fn unlock(desktop: State<'_, Desktop>, passphrase: Option<String>) -> Answer<ProfileState> {
    let done = desktop.open_and_connect(passphrase.map(Zeroizing::new), true).await;
    Ok(standing(&desktop, done))
}

fn standing(desktop: &Desktop, done: Result<KeyState, Error>) -> ProfileState {
    let ways = desktop.ways();
    let (state, detail) = match done {
        Ok(state) => (state, None),
        Err(why) => (why.key_state(), Some(why.report())),
    };
    ProfileState {
        state,
        passphrase: ways.as_ref().is_some_and(|ways| ways.passphrase),
        recovery: ways.is_some_and(|ways| ways.recovery),
        detail,
    }
}

#[tauri::command]
pub async fn create_profile(desktop: State<'_, Desktop>, passphrase: Option<String>) -> Answer<()> {
    desktop.create(passphrase.map(Zeroizing::new)).await.map_err(report)
}

#[tauri::command]
pub async fn set_aside(desktop: State<'_, Desktop>) -> Answer<String> {
    desktop.set_aside().await.map(|folder| folder.display().to_string()).map_err(report)
}

#[tauri::command]
pub async fn repair(desktop: State<'_, Desktop>, passphrase: Option<String>) -> Answer<()> {
    desktop.repair(passphrase.map(Zeroizing::new)).await.map_err(report)
}

#[tauri::command]
pub async fn restore_with_code(desktop: State<'_, Desktop>, code: String, passphrase: Option<String>) -> Answer<()> {
    let code = Zeroizing::new(code);
    desktop.restore(&code, passphrase.map(Zeroizing::new)).await.map_err(report)
}

/// Signs out everywhere and destroys the profile.
#[tauri::command]
pub async fn wipe(desktop: State<'_, Desktop>) -> Answer<()> {
    desktop.wipe().await.map_err(report)
}

#[tauri::command]
pub async fn lock(desktop: State<'_, Desktop>) -> Answer<()> {
    desktop.lock().await.map_err(report)
}

/// A person did something in the window.
#[tauri::command]
pub async fn active(desktop: State<'_, Desktop>) -> Answer<()> {
    desktop.client().await?.active();
    Ok(())
}

/// After how many minutes without a person the profile is locked; none for never.
#[tauri::command]
pub async fn lock_after(desktop: State<'_, Desktop>) -> Answer<Option<u64>> {
    Ok(desktop.client().await?.lock_after())
}

#[tauri::command]
pub async fn set_lock_after(desktop: State<'_, Desktop>, minutes: Option<u64>) -> Answer<()> {
    desktop.client().await?.set_lock_after(minutes).await.map_err(report)
}
