//! The window itself: events, links, and when it was first painted.

use crate::desktop::{Answer, Desktop};
use crate::watches::Watches;
use tauri::{AppHandle, State};
use thechatapp_core::{ClientEvent, Error};

/// What changed; waits until something did, or the profile is closed.
#[tauri::command]
pub async fn next_events(desktop: State<'_, Desktop>, watches: State<'_, Watches>) -> Answer<Vec<ClientEvent>> {
    let client = desktop.client().await?;
    tokio::select! {
        biased;
        // What comes next is for the page after it.
        () = watches.page_gone() => Err(Error::bad_input("nothing more is told", "this page is gone").report()),
        events = client.next_events() => Ok(events),
    }
}

/// The first timeline is on the screen. With `THECHATAPP_TRACE_START` set, says when, in microseconds since 1970.
#[tauri::command]
#[allow(clippy::print_stdout)] // What measures the start reads it there.
pub fn painted(desktop: State<'_, Desktop>) {
    desktop.painted();
    if std::env::var_os("THECHATAPP_TRACE_START").is_some() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        println!("painted {}", now.as_micros());
    }
}

/// The page has saved what was typed: the program can end.
#[tauri::command]
pub async fn left(app: AppHandle) {
    crate::leaving::end(&app).await;
}

/// Something that was typed cannot be saved, and the page has said so: the window stays until it is closed again.
#[tauri::command]
pub async fn stay(app: AppHandle) {
    crate::leaving::stay(&app).await;
}

/// Opens a link outside, after a look at where it leads.
#[tauri::command]
pub fn open_link(url: &str) -> Answer<()> {
    let safe = ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
    if !safe || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::bad_input("this link is not opened", "it is neither a web page nor a mail address").report());
    }
    open::that_detached(url).map_err(|why| Error::bad_input("this link could not be opened", why.to_string()).report())
}
