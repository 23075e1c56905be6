//! How a profile gets out into the network.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a profile gets out into the network. A password is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NetworkView {
    /// `system`, `none`, a proxy's address, or `pac:` and a script's.
    pub proxy: String,
    /// Whether one goes straight when the script does not work.
    pub or_direct: bool,
    /// The name that proxies are told.
    pub user: Option<String>,
    /// Where that leads now, for each workspace.
    pub ways: Vec<WaysOutView>,
}

/// Where one goes for a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WaysOutView {
    /// Its short name.
    pub workspace: String,
    /// Its server's address.
    pub url: String,
    /// `direct`, or proxies' addresses, in the order in which they are tried.
    pub by: Vec<String>,
    /// Why nobody knows.
    pub why: Option<String>,
}
