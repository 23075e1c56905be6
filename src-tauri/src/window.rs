//! The one window. Its web view keeps nothing: what it shows stays in memory. It goes nowhere but to this program's own
//! page, opens no other window and takes no download, whatever stands in a message.

use crate::watches::Watches;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{App, Manager, Url, WebviewWindowBuilder};

/// Opens the window that `tauri.conf.json` describes.
pub fn open(app: &App) -> tauri::Result<()> {
    let Some(config) = app.config().app.windows.first() else { return Ok(()) };
    let builder = WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                window.state::<Watches>().end_page();
            }
        });
    // An ephemeral web view on WebKitGTK takes no driver. Only a program that was started to be driven does without it,
    // and leaves its data in a folder that the system clears.
    let driven = std::env::var("TAURI_WEBVIEW_AUTOMATION").is_ok_and(|value| value == "true");
    let builder = if driven {
        builder.data_directory(std::env::temp_dir().join(format!("thechatapp-driven-{}", std::process::id())))
    } else {
        builder.incognito(true)
    };
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    paint_without_gpu_where_there_is_none(&window)?;
    Ok(())
}

/// WebKitGTK draws through OpenGL even where no graphics card is, as in most virtual machines; there each kind of drawing is
/// first compiled for the processor, which takes longer than drawing a whole window without it.
#[cfg(target_os = "linux")]
fn paint_without_gpu_where_there_is_none(window: &tauri::WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};
    let cards = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    // A card that only shows pictures has no render node.
    if cards.into_iter().any(|card| card.file_name().to_string_lossy().starts_with("renderD")) {
        return Ok(());
    }
    window.with_webview(|view| {
        if let Some(settings) = view.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Whether an address is this program's own page, as each system's web view writes it, or the empty one it begins with.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => true,
        "http" | "https" => url.host_str() == Some("tauri.localhost") && url.port().is_none(),
        _ => url.as_str() == "about:blank",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_goes_nowhere_but_to_its_own_page() {
        for own in ["tauri://localhost/", "tauri://localhost/index.html", "http://tauri.localhost/", "about:blank"] {
            assert!(is_own_page(&own.parse().unwrap()), "{own}");
        }
        for other in [
            "https://example.org/",
            "http://tauri.localhost.example.org/",
            "http://tauri.localhost:8080/",
            "file:///etc/passwd",
            "data:text/html,hello",
            "about:srcdoc",
        ] {
            assert!(!is_own_page(&other.parse().unwrap()), "{other}");
        }
    }
}
