//! Catching up and listening.

use crate::id::ChannelId;
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

/// Which apps a workspace asks for, as those with the power over updates have set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Updates {
    /// Which releases its apps take: `stable` or `beta`.
    pub channel: String,
    /// The oldest app that people are not asked to update, as `1.4.0`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
}

impl Updates {
    /// Whether an app of this version is older than what is asked for. What is no version is asked for by nobody.
    pub fn require(&self, version: &str) -> bool {
        let asked = self.minimum.as_deref().and_then(parts);
        matches!((parts(version), asked), (Some(version), Some(asked)) if version < asked)
    }
}

/// A version's three numbers; what follows them (`-beta.1`) says that it comes before, which nobody asks about.
fn parts(version: &str) -> Option<[u32; 3]> {
    let numbers = version.split(['-', '+']).next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    let parts = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(parts)
}

/// How much of a workspace its devices keep at most, as those with the power over storage have set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceBounds {
    /// Messages of so many days; of all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    /// So many megabytes (MiB); as many as there are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<u64>,
}

/// Messages of a channel, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedRange {
    /// The channel.
    pub channel: ChannelId,
    /// The first one.
    pub first: u64,
    /// The last one.
    pub last: u64,
}

/// Reply of [`StartSync`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncStarted {
    /// The newest change when the sync began.
    pub head: u64,
    /// Too far behind: the stream carries people, channels, memberships and read marks, but no messages up to `head`.
    /// The client pages through history where it wants them, and takes what it already has of those channels as stale, or
    /// what `changed` names.
    pub heads: bool,
    /// With `heads`: ranges that hold every message, of the channels one is in, that changed since `after`. All of them may have when
    /// absent: an older server, a device that begins, or more than can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<ChangedRange>>,
    /// Which apps the workspace asks for; an older server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<Updates>,
    /// How much a device keeps at most; an older server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<DeviceBounds>,
}

methods! {
    /// From here on the session carries every visible row beyond the cursor, in pages of
    /// [`Changes`](crate::event::Changes), and then each change as it happens.
    StartSync = "sync.start", Access::SignedIn, StartSyncParams => SyncStarted, |_| Scope::Workspace;
}

#[cfg(test)]
mod tests {
    use super::Updates;

    #[test]
    fn an_app_that_is_older_than_what_is_asked_for_is_told_by_its_numbers() {
        let asked = |minimum: &str| Updates { channel: "stable".into(), minimum: Some(minimum.into()) };
        for (minimum, version, required) in [
            ("1.4.0", "1.3.9", true),
            ("1.4.0", "1.4.0", false),
            ("1.4.0", "1.10.0", false),
            ("1.10.0", "1.9.20", true),
            ("2.0.0", "2.0.0-beta.1", false),
            ("2.0.0", "1.99.0+build.7", true),
            ("2.0.0", "a version", false),
            ("whenever", "0.1.0", false),
        ] {
            assert_eq!(asked(minimum).require(version), required, "{version} where {minimum} is asked for");
        }
        assert!(!Updates { channel: "beta".into(), minimum: None }.require("0.0.1"));
    }
}
