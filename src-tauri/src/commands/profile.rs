//! The profile's key and its states.

use super::report;
use crate::desktop::{Answer, Desktop};
use serde::Serialize;
use tauri::State;
use thechatapp_core::ErrorReport;
use thechatapp_core::view::KeyState;
use zeroize::Zeroizing;

/// Where the profile stands.
#[derive(Debug, Serialize)]
pub struct ProfileState {
    state: KeyState,
    /// Whether its key is behind a passphrase.
    passphrase: bool,
    /// What went wrong while opening, if anything.
    detail: Option<ErrorReport>,
}

#[tauri::command]
pub async fn profile_state(desktop: State<'_, Desktop>) -> Answer<ProfileState> {
    Ok(opened(desktop.opened().await))
}

#[tauri::command]
pub async fn unlock(desktop: State<'_, Desktop>, passphrase: Option<String>) -> Answer<ProfileState> {
    let typed = passphrase.is_some();
    let mut answer = opened(desktop.open_and_connect(passphrase.map(Zeroizing::new), true).await);
    // A mistyped passphrase is typed again.
    if typed && answer.state == KeyState::Wrong {
        answer.state = KeyState::Passphrase;
        answer.passphrase = true;
    }
    Ok(answer)
}

fn opened(done: Result<KeyState, thechatapp_core::Error>) -> ProfileState {
    match done {
        Ok(state) => ProfileState { state, passphrase: state == KeyState::Passphrase, detail: None },
        Err(why) => ProfileState { state: why.key_state(), passphrase: false, detail: Some(why.report()) },
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
pub async fn restore_with_code(desktop: State<'_, Desktop>, code: String) -> Answer<()> {
    desktop.restore(&code).await.map_err(report)
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
