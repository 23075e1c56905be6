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

/// Why one is offline, or a step of the way does not hold: what shells have their own words for. What was found exactly is told beside
/// it, in English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing was tried yet.
    Starting,
    /// Nothing answers there.
    #[default]
    Unreachable,
    /// The server's address is none.
    Address,
    /// The server's name is not found.
    Name,
    /// The network wants one to sign in to it first.
    Portal,
    /// The proxy does not answer.
    ProxyUnreachable,
    /// The proxy wants to know who one is.
    ProxyWantsLogin,
    /// The proxy does not take the name and the password.
    ProxyWrongLogin,
    /// The proxy wants to know it in a way that is not spoken here.
    ProxyOtherLogin,
    /// The proxy does not let one through.
    ProxyRefuses,
    /// It is not known by which proxy to go: a script or the system does not say.
    ProxyUnknown,
    /// It answers too late.
    Late,
    /// What answers there speaks no TLS.
    NoTls,
    /// The certificate is not accepted.
    Certificate,
    /// This device's clock is wrong.
    Clock,
    /// The server is another one.
    OtherServer,
    /// The server shows an older identity than before.
    RolledBack,
    /// The server does not prove that it is the one that is known.
    Unproved,
    /// The workspace is closed on its server.
    Closed,
    /// This device is not signed in.
    SignedOut,
    /// The server restarts.
    Restarting,
    /// The server refuses it for now.
    Refused,
    /// This device's disk is full.
    DiskFull,
    /// Something failed on this device.
    Fault,
}
