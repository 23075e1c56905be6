//! What the system knows of its network: by which proxies it goes, and whether what goes over it costs. On Linux the
//! desktop's portal and NetworkManager are asked, if they run already; neither is started. Windows and macOS keep their
//! proxies where the core finds them, and the address of a script where it is looked up here.

use thechatapp_core::SystemNetwork;

/// The system's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl SystemNetwork for System {
    #[cfg(windows)]
    fn script(&self) -> Result<Option<String>, String> {
        windows::script()
    }

    #[cfg(target_os = "macos")]
    fn script(&self) -> Result<Option<String>, String> {
        Ok(macos::script())
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn proxies(&self, url: &str) -> Result<Vec<String>, String> {
        linux::proxies(url)
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn metered(&self) -> bool {
        linux::metered().unwrap_or_default()
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod linux;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;
