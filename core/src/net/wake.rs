//! Notices that the device slept, or is in another network: what was connected before may be dead, and what could not be
//! reached may be there.

use super::route::{Addresses, addresses};
use crate::Clock;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::Timestamp;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(3);
/// So much more than that by the wall clock is a sleep: some systems' steady clocks stand still in one, others do not.
const SLEPT: i64 = 10_000;

/// Watches the clock and this device's addresses.
pub(super) struct Wakes {
    clock: Arc<dyn Clock>,
    seen: Timestamp,
    addresses: Addresses,
    every: Duration,
}

impl Wakes {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { seen: clock.now(), clock, addresses: addresses(), every: EVERY }
    }

    /// Waits until the device woke up, or came into another network.
    pub(super) async fn next(&mut self) {
        loop {
            // Time that passed between two calls of this is no sleep.
            self.seen = self.clock.now();
            tokio::time::sleep(self.every).await;
            let slept = self.clock.now().0.saturating_sub(self.seen.0) > SLEPT;
            let here = addresses();
            let moved = here != self.addresses && here.iter().any(Option::is_some);
            self.addresses = here;
            if slept || moved {
                tracing::debug!(slept, moved, "the connection is looked at");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
