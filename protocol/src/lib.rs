//! What a `TheChatApp` client and server say to each other, and nothing about how either does its work.
//!
//! Everything here is sans-I/O: no sockets, no async, no clock. Time is passed in, bytes go in and come out. The
//! encodings are MessagePack with named fields in a native session and JSON for browsers; both come from the same types.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod access_table;
pub mod audit;
pub mod error;
pub mod event;
pub mod http;
pub mod id;
pub mod identity;
pub mod method;
pub mod methods;
pub mod permission;
pub mod search;
pub mod session;
pub mod settings;
pub mod time;
pub mod wire;

pub use error::{Code, ErrorBody};
pub use event::{Changes, Event, Row};
pub use id::{AccountId, ChannelId, DeviceId, FileId, GroupId, MessageId, ReportId, RoleId, WorkspaceId};
pub use method::{Access, Method, Scope};
pub use time::Timestamp;

/// The protocol versions this build speaks, lowest and highest. A server serves the last two.
pub const PROTOCOL: std::ops::RangeInclusive<u16> = 1..=1;

/// Compares with a kept file. A changed form is a breaking change: only a new file is ever written here.
#[cfg(test)]
fn golden(name: &str, now: &str) {
    // Asked when the test runs: checkouts that share their build output share the program, not the place.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let path = std::path::Path::new(&package).join("tests/golden").join(name);
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
        panic!("{} was not there and is now written: look at it and commit it", path.display());
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), now);
}
