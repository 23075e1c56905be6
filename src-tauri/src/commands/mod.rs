//! What the page can ask for, one call of the core each.

pub mod channels;
pub mod device;
pub mod files;
pub mod messages;
pub mod network;
pub mod profile;
pub mod watch;
pub mod window;
pub mod workspace;

use thechatapp_core::{Error, ErrorReport};

/// The core's error as the page gets it.
fn report(error: Error) -> ErrorReport {
    error.report()
}
