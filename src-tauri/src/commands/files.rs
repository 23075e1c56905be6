//! Files.

use super::report;
use crate::desktop::{Answer, Desktop};
use tauri::{AppHandle, Manager, State};
use thechatapp_core::{Error, FileId, WorkspaceId};

/// Puts a file into the person's folder for downloads; tells where it is.
#[tauri::command]
pub async fn save_file(
    app: AppHandle,
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    file: FileId,
) -> Answer<String> {
    let folder = app
        .path()
        .download_dir()
        .map_err(|why| Error::bad_input("there is no folder for downloads", why.to_string()).report())?;
    let client = desktop.client().await?;
    let saved = client.save_file(workspace, file, &folder, &mut |_, _| {}).await.map_err(report)?;
    Ok(saved.display().to_string())
}
