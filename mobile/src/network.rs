//! The way out into the network: what a person chose, and where it leads.

use crate::client::{ChatClient, Result};
use thechatapp_core::{route, view};
use zeroize::Zeroizing;

/// How a profile gets out into the network. A password is never shown.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NetworkChoice {
    /// `system`, `none`, a proxy's address, or `pac:` and a script's.
    pub proxy: String,
    /// Whether one goes straight when the script does not work.
    pub or_direct: bool,
    /// The name that proxies are told.
    pub user: Option<String>,
    /// Where that leads now, for each workspace.
    pub ways: Vec<WayOut>,
}

/// Where one goes for a workspace.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct WayOut {
    /// Its short name.
    pub workspace: String,
    /// Its server's address.
    pub url: String,
    /// `direct`, or proxies' addresses, in the order in which they are tried.
    pub by: Vec<String>,
    /// Why nobody knows.
    pub why: Option<String>,
}

/// Why one is offline, or a step of the way does not hold: what an app has its own words for. What was found exactly is told beside it,
/// in English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Reason {
    /// Nothing was tried yet.
    Starting,
    /// Nothing answers there.
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

impl From<view::Reason> for Reason {
    fn from(from: view::Reason) -> Self {
        match from {
            view::Reason::Starting => Self::Starting,
            view::Reason::Unreachable => Self::Unreachable,
            view::Reason::Address => Self::Address,
            view::Reason::Name => Self::Name,
            view::Reason::Portal => Self::Portal,
            view::Reason::ProxyUnreachable => Self::ProxyUnreachable,
            view::Reason::ProxyWantsLogin => Self::ProxyWantsLogin,
            view::Reason::ProxyWrongLogin => Self::ProxyWrongLogin,
            view::Reason::ProxyOtherLogin => Self::ProxyOtherLogin,
            view::Reason::ProxyRefuses => Self::ProxyRefuses,
            view::Reason::ProxyUnknown => Self::ProxyUnknown,
            view::Reason::Late => Self::Late,
            view::Reason::NoTls => Self::NoTls,
            view::Reason::Certificate => Self::Certificate,
            view::Reason::Clock => Self::Clock,
            view::Reason::OtherServer => Self::OtherServer,
            view::Reason::RolledBack => Self::RolledBack,
            view::Reason::Unproved => Self::Unproved,
            view::Reason::Closed => Self::Closed,
            view::Reason::SignedOut => Self::SignedOut,
            view::Reason::Restarting => Self::Restarting,
            view::Reason::Refused => Self::Refused,
            view::Reason::DiskFull => Self::DiskFull,
            view::Reason::Fault => Self::Fault,
        }
    }
}

/// A step on the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Step {
    /// The name is looked up: the server's, or its proxy's.
    Name,
    /// Something answers there.
    Route,
    /// The proxy lets one through.
    Proxy,
    /// TLS, with a certificate that is accepted.
    Tls,
    /// This device's clock.
    Time,
    /// The server is the one that is known.
    Identity,
    /// This device is signed in.
    SignIn,
    /// The workspace's key service gives its key.
    Key,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StepState {
    /// It holds.
    Holds,
    /// It holds, and something about it is not as it should be.
    Warning,
    /// It does not.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// One step, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Hop {
    /// Which.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    /// Milliseconds it took.
    pub took: u64,
    /// What was found.
    pub why: String,
    /// Of which kind that is, where the step does not hold or warns.
    pub reason: Option<Reason>,
    /// What to do; empty where nothing is to be done.
    pub advice: String,
}

impl From<route::Hop> for Hop {
    fn from(from: route::Hop) -> Self {
        let step = match from.hop {
            route::Step::Name => Step::Name,
            route::Step::Route => Step::Route,
            route::Step::Proxy => Step::Proxy,
            route::Step::Tls => Step::Tls,
            route::Step::Time => Step::Time,
            route::Step::Identity => Step::Identity,
            route::Step::SignIn => Step::SignIn,
            route::Step::Key => Step::Key,
        };
        let state = match from.state {
            route::State::Ok => StepState::Holds,
            route::State::Warning => StepState::Warning,
            route::State::Failed => StepState::Failed,
            route::State::Skipped => StepState::Skipped,
        };
        Self {
            step,
            state,
            took: from.took_ms,
            why: from.why,
            reason: from.reason.map(Into::into),
            advice: from.advice,
        }
    }
}

impl From<view::NetworkView> for NetworkChoice {
    fn from(from: view::NetworkView) -> Self {
        let way = |way: view::WaysOutView| WayOut { workspace: way.workspace, url: way.url, by: way.by, why: way.why };
        Self {
            proxy: from.proxy,
            or_direct: from.or_direct,
            user: from.user,
            ways: from.ways.into_iter().map(way).collect(),
        }
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// How this profile gets out into the network, and where that leads now.
    pub async fn network(&self) -> Result<NetworkChoice> {
        Ok(self.client()?.network().await?.into())
    }

    /// Chooses how this profile gets out, as [`NetworkChoice::proxy`] says it; what connects does so anew, the new way. Without a
    /// password the one before stays, for the same name at the same proxy.
    pub async fn set_network(
        &self,
        proxy: String,
        or_direct: bool,
        user: Option<String>,
        password: Option<String>,
    ) -> Result<()> {
        Ok(self.client()?.choose_network(&proxy, or_direct, user, password.map(Zeroizing::new)).await?)
    }

    /// The steps of the way to a workspace's server: which hold, and for the first that does not, why and what to do. It takes some
    /// seconds at most.
    pub async fn walk(&self, workspace: String) -> Result<Vec<Hop>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.walk(ws).await?.into_iter().map(Into::into).collect())
    }
}
