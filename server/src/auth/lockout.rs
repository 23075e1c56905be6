//! Progressive lockout: after five failures a name is closed for a minute, then two, then four, up to an hour. One success
//! forgets them all. Devices that are enrolled already are not touched by it.

use crate::error::Fail;
use crate::store::lockouts::Lockout;
use thechatapp_protocol::{Code, ErrorBody, Timestamp};

/// Failures that cost nothing but their time.
const FREE: u64 = 5;
const FIRST_SECONDS: u64 = 60;
const LAST_SECONDS: u64 = 60 * 60;

/// Refuses while a name is closed.
///
/// # Errors
/// Locked out, with the seconds left.
pub fn check(lockout: Lockout, now: Timestamp) -> Result<(), Fail> {
    let left = lockout.until.saturating_sub(now.unix_millis());
    if left == 0 {
        return Ok(());
    }
    let seconds = left.div_ceil(1000);
    Err(ErrorBody::new(
        Code::LockedOut,
        "This name is locked for a while",
        "too many sign-ins failed",
        format!("try again in {seconds} seconds"),
    )
    .after(seconds)
    .into())
}

/// How a name stands after one more failure.
pub fn after_failure(lockout: Lockout, now: Timestamp) -> Lockout {
    let failures = lockout.failures + 1;
    let Some(beyond) = failures.checked_sub(FREE) else { return Lockout { failures, until: now.unix_millis() } };
    let seconds = FIRST_SECONDS.checked_shl(u32::try_from(beyond).unwrap_or(u32::MAX)).unwrap_or(LAST_SECONDS);
    let seconds = if beyond > 6 { LAST_SECONDS } else { seconds.min(LAST_SECONDS) };
    Lockout { failures, until: now.unix_millis() + seconds * 1000 }
}

#[cfg(test)]
mod tests;
