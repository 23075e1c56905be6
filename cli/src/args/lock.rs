//! What can be typed about the lock.

/// After how many minutes without anybody the window locks itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockAfter(pub Option<u64>);

/// A number of minutes, or `never`.
pub(super) fn lock_after(typed: &str) -> Result<LockAfter, String> {
    match typed {
        "never" => Ok(LockAfter(None)),
        minutes => {
            minutes.parse().map(|minutes| LockAfter(Some(minutes))).map_err(|_| "give minutes, or `never`".into())
        }
    }
}
