//! The way out: what was typed last goes to the disk, and the profile is closed, before the program ends. A window that is closed
//! stays where something cannot be saved, until it is closed once more; a system that ends the program is not kept waiting.

use crate::desktop::Desktop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent, async_runtime};

/// How long the page has to save what was typed.
const SAVING: Duration = Duration::from_secs(2);

/// Counts how often the page was asked to save.
static ASKED: AtomicU64 = AtomicU64::new(0);
/// Which of these it has not answered yet; 0 for none.
static OPEN: AtomicU64 = AtomicU64::new(0);
/// The system ends the program: nothing keeps it.
static TOLD: AtomicBool = AtomicBool::new(false);

/// What happens to the program. A window that is closed goes once its page has saved what was typed, or has had the time to.
pub fn on_event(app: &AppHandle, event: RunEvent) {
    match event {
        RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. } => {
            api.prevent_close();
            leave(app);
        }
        // Also where the system ends the program without asking its window.
        RunEvent::Exit => async_runtime::block_on(app.state::<Desktop>().close()),
        _ => {}
    }
}

/// Ends the program as closing its window does when the system says so: at the end of a session, by `kill`, in a terminal.
#[cfg(unix)]
pub fn when_told(app: &AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let app = app.clone();
        async_runtime::spawn(async move {
            match signal(kind) {
                Ok(mut told) => {
                    while told.recv().await.is_some() {
                        TOLD.store(true, Ordering::SeqCst);
                        leave(&app);
                    }
                }
                Err(why) => tracing::warn!(%why, "this program does not hear when it is to end"),
            }
        });
    }
}

/// The page saves, and calls `left`, or `stay`.
fn leave(app: &AppHandle) {
    let turn = ASKED.fetch_add(1, Ordering::SeqCst) + 1;
    if OPEN.compare_exchange(0, turn, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return;
    }
    for window in app.webview_windows().into_values() {
        if let Err(why) = window.eval("dispatchEvent(new Event('leaving'))") {
            tracing::warn!(%why, "the page could not be told that it is closed");
        }
    }
    let app = app.clone();
    async_runtime::spawn(async move {
        tokio::time::sleep(SAVING).await;
        if OPEN.load(Ordering::SeqCst) == turn {
            end(&app).await;
        }
    });
}

/// The page has told why something cannot be saved: the window stays, unless the system ends it.
pub async fn stay(app: &AppHandle) {
    if TOLD.load(Ordering::SeqCst) {
        return end(app).await;
    }
    OPEN.store(0, Ordering::SeqCst);
}

/// Nothing is shown any more while the profile is closed. Then the program ends.
pub async fn end(app: &AppHandle) {
    for window in app.webview_windows().into_values() {
        let _ = window.hide();
    }
    app.state::<Desktop>().close().await;
    app.exit(0);
}
