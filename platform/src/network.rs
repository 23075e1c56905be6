//! What the system knows of its network: by which proxies it goes, and whether what goes over it costs. On Linux the
//! desktop's portal and NetworkManager are asked, if they run already; neither is started. Windows and macOS keep their
//! proxies where the core finds them.

use thechatapp_core::SystemNetwork;

/// The system's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl SystemNetwork for System {
    #[cfg(all(unix, not(target_os = "macos")))]
    fn proxies(&self, url: &str) -> Vec<String> {
        linux::proxies(url).unwrap_or_default()
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn metered(&self) -> bool {
        linux::metered().unwrap_or_default()
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod linux {
    use std::time::Duration;
    use zbus::blocking::Proxy;
    use zbus::blocking::connection::Builder;
    use zbus::proxy::MethodFlags;
    use zbus::zvariant::OwnedValue;

    /// How long either may take.
    const PATIENCE: Duration = Duration::from_millis(1500);

    /// `org.freedesktop.portal.ProxyResolver`, which settles scripts and exceptions by itself.
    pub(super) fn proxies(url: &str) -> zbus::Result<Vec<String>> {
        let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
        let portal = Proxy::new(
            &bus,
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.ProxyResolver",
        )?;
        let said: Option<Vec<String>> = portal.call_with_flags("Lookup", MethodFlags::NoAutoStart.into(), &(url,))?;
        Ok(said.unwrap_or_default())
    }

    /// NetworkManager's `Metered`: 1 is yes, 3 is yes by guess.
    pub(super) fn metered() -> zbus::Result<bool> {
        let bus = Builder::system()?.method_timeout(PATIENCE).build()?;
        let manager = Proxy::new(
            &bus,
            "org.freedesktop.NetworkManager",
            "/org/freedesktop/NetworkManager",
            "org.freedesktop.DBus.Properties",
        )?;
        let about = ("org.freedesktop.NetworkManager", "Metered");
        let value: Option<OwnedValue> = manager.call_with_flags("Get", MethodFlags::NoAutoStart.into(), &about)?;
        Ok(value.and_then(|value| u32::try_from(value).ok()).is_some_and(|metered| matches!(metered, 1 | 3)))
    }
}
