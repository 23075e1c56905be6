//! The way out: what was typed last goes to the disk, and the profile is closed, before the program ends.

use crate::desktop::Desktop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent, async_runtime};

/// How long the page has to save what was typed.
const SAVING: Duration = Duration::from_secs(2);

/// Whether somebody closed the window already.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// What happens to the program. A window that is closed goes once its page has saved what was typed, or has had the time to.
pub fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } => {
            api.prevent_close();
            if !LEAVING.swap(true, Ordering::SeqCst) {
                ask_page(app);
            }
        }
        // Also where the system ends the program without asking its window.
        RunEvent::Exit => async_runtime::block_on(app.state::<Desktop>().close()),
        _ => {}
    }
}

/// The page saves, and calls `left`.
fn ask_page(app: &AppHandle) {
    for window in app.webview_windows().into_values() {
        if let Err(why) = window.eval("dispatchEvent(new Event('leaving'))") {
            tracing::warn!(%why, "the page could not be told that it is closed");
        }
    }
    let app = app.clone();
    async_runtime::spawn(async move {
        tokio::time::sleep(SAVING).await;
        end(&app).await;
    });
}

/// Nothing is shown any more while the profile is closed. Then the program ends.
pub async fn end(app: &AppHandle) {
    for window in app.webview_windows().into_values() {
        let _ = window.hide();
    }
    app.state::<Desktop>().close().await;
    app.exit(0);
}
