//! The network: one way out, one TLS verifier, the fetch of identity documents, sessions, and the link that keeps one up.
//!
//! Nothing here stores anything. TLS is strict: a server's key is accepted when the platform's verifier accepts it or the
//! verified identity document lists it; the one exception is the public, self-authenticating document itself.

mod connect;
mod enrol;
mod fetch;
mod files;
mod https;
#[cfg(test)]
pub(crate) mod in_place;
mod link;
mod portal;
pub(crate) mod probe;
pub mod route;
mod session;
mod verify;
mod wake;

pub use enrol::{Enrolled, enrol};
pub use fetch::fetch_identity;
pub use files::{Https, Moved, Remote};
pub use link::Link;
pub use route::Router;
pub use session::Session;

use crate::trust::Known;
use crate::view::Reason;
use crate::{Clock, WorkspaceId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::identity::Candidate;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{ErrorBody, Event};

/// What a link needs to know.
#[derive(Clone)]
pub struct LinkConfig {
    /// The server's address, `https://host[:port]`.
    pub url: String,
    /// The workspace's short name, as in its address.
    pub workspace: String,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// This device's key.
    pub device: StaticKey,
    /// The identity that is trusted.
    pub known: Known,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Certificate authorities trusted beside the system's, DER.
    pub extra_roots: Vec<Vec<u8>>,
    /// The way out.
    pub router: Router,
    /// A server within this process, in the place of one at the address.
    #[cfg(test)]
    pub(crate) in_place: Option<Arc<in_place::InPlace>>,
}

impl fmt::Debug for LinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkConfig").field("url", &self.url).field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

/// What a link tells, in order. The receiver must not wait for a [`Session::call`] before it takes the next event: events
/// and answers come over one connection, and a full queue holds up both.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// An attempt begins.
    Connecting,
    /// Connected, the server's identity verified.
    Up(Session),
    /// The server tells something.
    Event(Event),
    /// Not connected.
    Down {
        /// Why, in words for people.
        why: String,
        /// Of which kind that is.
        reason: Reason,
        /// Until the next attempt.
        retry_in: Duration,
        /// The server's own words, when it is there and its workspace is closed.
        closed: Option<ErrorBody>,
    },
    /// The identity moved on by an announced step: store it (and its pin copy).
    Known {
        /// The new state.
        known: Box<Known>,
        /// A new generation: drop the cursor, and offer again what the server lacks.
        restored: bool,
    },
    /// Full stop: an identity that was never announced. Nothing is sent until [`Link::replace_known`] or [`Link::poke`].
    IdentityChanged {
        /// What the server shows.
        shown: Box<Candidate>,
    },
    /// Full stop: this device was signed out, revoked or denied. The link has ended.
    Refused(ErrorBody),
}

/// The ways to a server's address, to be tried in this order; or why nobody knows them.
pub(crate) async fn ways(router: &Router, url: &str) -> Result<Vec<route::Way>, String> {
    let (host, port) = connect::place(url)?;
    router.ways(&host, port).await.map_err(|why| why.to_string())
}
