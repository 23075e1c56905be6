//! The one window. Its web view keeps nothing: what it shows stays in memory.

use tauri::{App, WebviewWindowBuilder};

/// Opens the window that `tauri.conf.json` describes.
pub fn open(app: &App) -> tauri::Result<()> {
    let Some(config) = app.config().app.windows.first() else { return Ok(()) };
    let builder = WebviewWindowBuilder::from_config(app, config)?;
    // An ephemeral web view on WebKitGTK takes no driver. Only a program that was started to be driven does without it,
    // and leaves its data in a folder that the system clears.
    let driven = std::env::var("TAURI_WEBVIEW_AUTOMATION").is_ok_and(|value| value == "true");
    let builder = if driven {
        builder.data_directory(std::env::temp_dir().join(format!("thechatapp-driven-{}", std::process::id())))
    } else {
        builder.incognito(true)
    };
    builder.build()?;
    Ok(())
}
