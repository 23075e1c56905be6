use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A bus of its own, on which what this module asks is played.
struct Bus(Child, String);

impl Bus {
    fn start() -> Option<Self> {
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--session", "--nofork", "--print-address=1"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = daemon.spawn().ok()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut address).ok()?;
        Some(Self(child, address.trim().to_owned()))
    }

    fn connect(&self) -> Builder<'_> {
        Builder::address(self.1.as_str()).unwrap().method_timeout(PATIENCE)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Portal;

#[zbus::interface(name = "org.freedesktop.portal.ProxyResolver")]
impl Portal {
    fn lookup(&self, uri: &str) -> zbus::fdo::Result<Vec<String>> {
        match uri {
            "https://chat.example.org:443/" => Ok(vec!["http://proxy.example.org:3128".into(), "direct://".into()]),
            _ => Err(zbus::fdo::Error::Failed("its script cannot be had".into())),
        }
    }
}

struct Manager(u32);

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl Manager {
    #[zbus(property)]
    fn metered(&self) -> u32 {
        self.0
    }
}

#[test]
fn the_portal_says_where_to_go_and_network_manager_whether_it_costs() {
    let Some(bus) = Bus::start() else {
        eprintln!("there is no dbus-daemon here");
        return;
    };
    let client = bus.connect().build().unwrap();
    // Nobody there: said at once, and nobody is started.
    let begun = Instant::now();
    assert!(is_absent(&lookup(&client, "https://chat.example.org:443/").unwrap_err()));
    assert!(costs(&client).is_err());
    assert!(begun.elapsed() < PATIENCE);
    let portal = bus.connect().serve_at("/org/freedesktop/portal/desktop", Portal).unwrap();
    let _portal = portal.name("org.freedesktop.portal.Desktop").unwrap().build().unwrap();
    let said = lookup(&client, "https://chat.example.org:443/").unwrap();
    assert_eq!(said, ["http://proxy.example.org:3128", "direct://"]);
    // One that is there and fails is no desktop without proxies.
    let broken = lookup(&client, "https://broken.example.org:443/").unwrap_err();
    assert!(!is_absent(&broken), "{broken}");
    for (metered, is) in [(0, false), (1, true), (2, false), (3, true), (4, false)] {
        let manager = bus.connect().serve_at("/org/freedesktop/NetworkManager", Manager(metered)).unwrap();
        let manager = manager.name("org.freedesktop.NetworkManager").unwrap().build().unwrap();
        assert_eq!(costs(&client).unwrap(), is, "{metered}");
        manager.close().unwrap();
    }
}
