//! The steps of the way to a server, and how each was found.

use crate::view::Reason;
use serde::Serialize;
use ts_rs::TS;

/// A step on the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
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

pub(super) const STEPS: [Step; 8] =
    [Step::Name, Step::Route, Step::Proxy, Step::Tls, Step::Time, Step::Identity, Step::SignIn, Step::Key];

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(rename = "StepState")]
pub enum State {
    /// It holds.
    Ok,
    /// It holds, and something about it is not as it should be.
    Warning,
    /// It does not.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// One step, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Hop {
    /// Which.
    pub hop: Step,
    /// How it stands.
    pub state: State,
    /// Whether it holds; nothing when it was not looked at.
    pub ok: Option<bool>,
    /// How long it took.
    pub took_ms: u64,
    /// What was found.
    pub why: String,
    /// Why it does not hold, or not as it should: nothing where it does.
    pub reason: Option<Reason>,
    /// What to do; empty where nothing is to be done.
    #[serde(rename = "do")]
    pub advice: String,
}
