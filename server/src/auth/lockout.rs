//! Progressive lockout. Failures are counted before anything is computed, and given back by what was no failure, so that guesses
//! that are made at once gain nothing. Some are free; then each closes the way in for longer, from a minute up to an hour.
//!
//! Four counts: of strangers against a name, of each device or browser that its account knows, of an address, and of all
//! strangers together. A known one has only its own, so that no stranger can close it. Who nobody knows has the other three.

use crate::error::Fail;
use thechatapp_protocol::{Code, ErrorBody, Timestamp};

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
/// Milliseconds after the last failure at which all of a count are forgotten.
pub const FORGOTTEN: i64 = 24 * HOUR;

/// Whose failures are counted. The number is how it is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Of strangers against one name, whether somebody has it or not.
    Strangers = 0,
    /// Of one device or browser that the account knows.
    Known = 1,
    /// Of one address of the network.
    Address = 2,
    /// Of all strangers.
    Everybody = 3,
}

/// How a count closes.
struct Policy {
    /// The failure that closes for the first time.
    free: u64,
    /// How many more double the time.
    step: u64,
    /// Whether half of them are forgotten with each hour: where many people come by one way, some always fail.
    fades: bool,
}

impl Kind {
    fn policy(self) -> Policy {
        match self {
            Self::Strangers | Self::Known => Policy { free: 5, step: 1, fades: false },
            Self::Address => Policy { free: 30, step: 10, fades: true },
            Self::Everybody => Policy { free: 1000, step: 250, fades: true },
        }
    }
}

/// How a count stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Failures that count.
    pub failures: u64,
    /// Since when they fade, Unix milliseconds.
    pub since: i64,
    /// Closed until then.
    pub until: i64,
    /// When the last one came.
    pub changed: i64,
}

impl Count {
    /// What is left of it at this time.
    #[must_use]
    pub fn at(self, kind: Kind, now: Timestamp) -> Self {
        if self.changed.saturating_add(FORGOTTEN) <= now.0 {
            return Self { since: now.0, ..Self::default() };
        }
        let hours = now.0.saturating_sub(self.since).max(0) / HOUR;
        if !kind.policy().fades || hours == 0 {
            return self;
        }
        let failures = self.failures.checked_shr(u32::try_from(hours).unwrap_or(u32::MAX)).unwrap_or(0);
        Self { failures, since: self.since.saturating_add(hours.saturating_mul(HOUR)), ..self }
    }

    /// Milliseconds for which it is closed.
    pub fn closed_for(self, now: Timestamp) -> i64 {
        self.until.saturating_sub(now.0).max(0)
    }

    /// Whether it was closed since its last failure, and the time for that ran out by itself.
    pub fn ran_out(self, now: Timestamp) -> bool {
        self.until > self.changed && self.until <= now.0
    }

    /// With one more failure.
    #[must_use]
    pub fn failed(self, kind: Kind, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let until = now.0.saturating_add(closed_by(kind, failures)).max(self.until);
        Self { failures, until, changed: now.0, ..self }
    }

    /// With one that was none after all: open, as it was when it came.
    #[must_use]
    pub fn given_back(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), until: self.until.min(self.changed), ..self }
    }

    /// Whether the last failure was the first that closed.
    pub fn closed_first(self, kind: Kind) -> bool {
        self.failures == kind.policy().free
    }

    /// Whether it has been closed.
    pub fn was_closed(self, kind: Kind) -> bool {
        self.failures >= kind.policy().free
    }
}

/// For how many milliseconds so many failures close.
fn closed_by(kind: Kind, failures: u64) -> i64 {
    let policy = kind.policy();
    let Some(beyond) = failures.checked_sub(policy.free) else { return 0 };
    let doubled = u32::try_from(beyond / policy.step).unwrap_or(u32::MAX);
    if doubled > 6 { HOUR } else { MINUTE.checked_shl(doubled).unwrap_or(HOUR).min(HOUR) }
}

/// What whoever comes while it is closed is told; the same for every reason.
pub fn closed(millis: i64) -> Fail {
    let seconds = millis.unsigned_abs().div_ceil(1000);
    ErrorBody::new(
        Code::LockedOut,
        "Signing in is closed for a while",
        "too many attempts failed",
        format!("try again in {seconds} seconds, or on a device where you are signed in"),
    )
    .after(seconds)
    .into()
}

#[cfg(test)]
mod tests;
