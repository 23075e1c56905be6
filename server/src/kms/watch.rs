//! What is known of a key that is in memory on loan: when the key service last gave it, and what it said since.
//!
//! A key is used for a bounded time (`key.cache_seconds`) after the service last gave it. It is asked for again at half of
//! that, and after a failure with back-off. A service that is away has the other half to come back; one that refuses is
//! obeyed at once.

use std::time::{Duration, Instant};
use thechatapp_seal::KmsError;

/// From a failure to the next attempt, doubled each time, at most this.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is known of one key. Times are as the caller's clock says.
#[derive(Debug, Default)]
pub struct Health {
    confirmed: Option<Instant>,
    next: Option<Instant>,
    failures: u32,
    last_error: Option<String>,
}

impl Health {
    /// The service gave the key, and it was the right one.
    pub fn confirmed(&mut self, now: Instant, cache: Duration) {
        *self = Self { confirmed: Some(now), next: Some(now + cache / 2), failures: 0, last_error: None };
    }

    /// It did not.
    pub fn failed(&mut self, now: Instant, why: String) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(9)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(now + wait);
        self.last_error = Some(why);
    }

    /// When to ask next; `None` means at once. Never after the key has expired.
    pub fn next(&self, cache: Duration) -> Option<Instant> {
        let expires = self.confirmed.map(|at| at + cache);
        self.next.map(|next| expires.map_or(next, |expires| next.min(expires)))
    }

    /// Whether it is time to ask.
    pub fn is_due(&self, now: Instant, cache: Duration) -> bool {
        self.next(cache).is_none_or(|next| next <= now)
    }

    /// How long the key may still be used.
    pub fn lasts(&self, now: Instant, cache: Duration) -> Duration {
        self.confirmed.map_or(Duration::ZERO, |at| (at + cache).saturating_duration_since(now))
    }

    /// The key is not in use any longer.
    pub fn ended(&mut self) {
        self.confirmed = None;
    }

    /// When the service last gave the key that is in use.
    pub fn last_confirmed(&self) -> Option<Instant> {
        self.confirmed
    }

    /// What went wrong since the key was last given.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }
}

/// Whether a service answered that the key must not be used, and is not merely away.
pub fn is_refusal(why: &KmsError) -> bool {
    matches!(why, KmsError::Denied | KmsError::Disabled | KmsError::NotFound | KmsError::WrongKey)
}

#[cfg(test)]
mod tests;
