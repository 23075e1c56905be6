//! The server's clocks: the time of day for what is stored, a steady one for sessions.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use thechatapp_protocol::Timestamp;

/// Now, as it is stored and shown.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Milliseconds of a clock that is never set back.
pub fn steady_millis() -> u64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX)
}
