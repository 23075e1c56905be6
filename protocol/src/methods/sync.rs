//! Catching up and listening.

use crate::method::{Access, Scope, methods};
use serde::{Deserialize, Serialize};

/// Beyond this many visible rows a client gets channel heads instead of every row.
pub const HEADS_OVER: u64 = 10_000;

/// Parameters of [`StartSync`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartSyncParams {
    /// The last change this client has applied; 0 for none.
    pub after: u64,
}

/// Reply of [`StartSync`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncStarted {
    /// The newest change when the sync began.
    pub head: u64,
    /// Too far behind: the stream carries people, channels, memberships and read marks, but no messages up to `head`.
    /// The client pages through history where it wants them, and takes what it already has of those channels as stale.
    pub heads: bool,
}

methods! {
    /// From here on the session carries every visible row beyond the cursor, in pages of
    /// [`Changes`](crate::event::Changes), and then each change as it happens.
    StartSync = "sync.start", Access::SignedIn, StartSyncParams => SyncStarted, |_| Scope::Workspace;
}
