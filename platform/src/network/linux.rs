//! The desktop's portal and NetworkManager, over D-Bus.

use std::time::Duration;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, Proxy};
use zbus::proxy::MethodFlags;
use zbus::zvariant::OwnedValue;

/// How long either may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// By which proxies the desktop would go to an address; none where there is no desktop, or none that could say.
pub(super) fn proxies(url: &str) -> Result<Vec<String>, String> {
    let Ok(bus) = Builder::session().and_then(|bus| bus.method_timeout(PATIENCE).build()) else {
        return Ok(Vec::new());
    };
    match lookup(&bus, url) {
        Ok(said) => Ok(said),
        Err(why) if is_absent(&why) => Ok(Vec::new()),
        Err(why) => Err(format!("the desktop's portal does not say: {why}")),
    }
}

/// Whether nobody is there who could answer.
fn is_absent(why: &zbus::Error) -> bool {
    const ABSENT: [&str; 5] =
        ["ServiceUnknown", "NameHasNoOwner", "UnknownInterface", "UnknownMethod", "UnknownObject"];
    let zbus::Error::MethodError(name, ..) = why else { return false };
    name.as_str().strip_prefix("org.freedesktop.DBus.Error.").is_some_and(|name| ABSENT.contains(&name))
}

/// Whether NetworkManager calls the connection metered.
pub(super) fn metered() -> zbus::Result<bool> {
    costs(&Builder::system()?.method_timeout(PATIENCE).build()?)
}

/// `org.freedesktop.portal.ProxyResolver`, which settles scripts and exceptions by itself.
fn lookup(bus: &Connection, url: &str) -> zbus::Result<Vec<String>> {
    let portal = Proxy::new(
        bus,
        "org.freedesktop.portal.Desktop",
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.ProxyResolver",
    )?;
    let said: Option<Vec<String>> = portal.call_with_flags("Lookup", MethodFlags::NoAutoStart.into(), &(url,))?;
    Ok(said.unwrap_or_default())
}

/// NetworkManager's `Metered`: 1 is yes, 3 is yes by guess.
fn costs(bus: &Connection) -> zbus::Result<bool> {
    let manager = Proxy::new(
        bus,
        "org.freedesktop.NetworkManager",
        "/org/freedesktop/NetworkManager",
        "org.freedesktop.DBus.Properties",
    )?;
    let about = ("org.freedesktop.NetworkManager", "Metered");
    let value: Option<OwnedValue> = manager.call_with_flags("Get", MethodFlags::NoAutoStart.into(), &about)?;
    Ok(value.and_then(|value| u32::try_from(value).ok()).is_some_and(|metered| matches!(metered, 1 | 3)))
}

#[cfg(test)]
mod tests;
