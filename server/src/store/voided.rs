//! What a workspace that goes on from a backup takes no longer. A backup is older than what was done since: an invite, a reset code or
//! a recovery code in it may have been used, a browser signed out. None of them counts again; each can be given anew.

use super::{browsers, factors, invites, resets};
use rusqlite::Connection;
use serde::Serialize;
use thechatapp_protocol::Timestamp;

/// What was good in the backup and is not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Voided {
    /// Open invites.
    pub invites: u64,
    /// Codes for a new password.
    pub reset_codes: u64,
    /// Sessions of browsers.
    pub browsers: u64,
    /// Accounts that had recovery codes. Their second factor stays.
    pub recovery_codes: u64,
}

impl Voided {
    /// Of several workspaces together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            invites: self.invites + other.invites,
            reset_codes: self.reset_codes + other.reset_codes,
            browsers: self.browsers + other.browsers,
            recovery_codes: self.recovery_codes + other.recovery_codes,
        }
    }
}

/// Voids it, in the step in which the workspace's identity goes on as a new generation. A workspace that nobody owns keeps what makes
/// an owner: there is no other way into it.
///
/// # Errors
/// SQLite's.
pub fn void(db: &Connection, now: Timestamp) -> Result<Voided, rusqlite::Error> {
    Ok(Voided {
        invites: invites::remove_all(db, now)?,
        reset_codes: resets::remove_all(db, now)?,
        browsers: browsers::remove_all(db)?,
        recovery_codes: factors::remove_recovery(db)?,
    })
}

#[cfg(test)]
mod tests;
