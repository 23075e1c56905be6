//! What the command line and the desktop window tell the core about the system they run on: its secure storage, its
//! network, the device's name, where profiles live. Phones bring their own.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod guard;
mod network;
mod store;

pub use store::Keyring;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_core::Platform;
use thechatapp_core::platform::SystemClock;

/// This system; a call to its secure storage may take so long.
pub fn platform(secret_wait: Duration) -> Platform {
    Platform {
        secrets: Arc::new(Keyring),
        secret_wait,
        clock: Arc::new(SystemClock),
        device_name: device_name(),
        device_platform: std::env::consts::OS.to_owned(),
        extra_roots: Vec::new(),
        network: Arc::new(network::System),
    }
}

/// Where a person's profile is when nobody says otherwise: the system's folder for application data.
pub fn default_profile() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        folder("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        folder("HOME")?.join("Library/Application Support")
    } else {
        folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?
    };
    Some(data.join("thechatapp"))
}

fn device_name() -> String {
    let named = std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME"));
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = named.or_else(|_| kernel()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { format!("a {} computer", std::env::consts::OS) } else { name.to_owned() }
}
