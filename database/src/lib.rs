//! Sealed SQLite files, the same way on a server and on a device: how one is opened and proved to be sealed, how its
//! schema moves forward, and how one writer serves many.
//!
//! SQLCipher 4 with a raw 32-byte key. A file that is not sealed, that another key sealed, or that a newer release wrote
//! is refused; nothing is ever created over a file that does not open, because a wrong key looks just like that.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod durable;
mod exit;
mod form;
mod freeze;
mod open;
mod readers;
mod rekey;
mod running;
mod scrub;
mod wal;
mod writer;

pub use durable::{sync_file, sync_parent};
pub use exit::{InUse, in_use};
pub use form::Form;
pub use freeze::{Frozen, freeze};
pub use open::{
    Durability, Schema, backup, check, check_log, check_whole, damaged_pages, empty_wal, keep_opened, open,
    open_formed, open_reader, open_upgrading,
};
pub use readers::{Readers, has_met_damage};
pub use rekey::{Rekey, rekey};
pub use running::Running;
pub use scrub::scrub_stack;
pub use wal::flush;
pub use writer::{Committed, Writer};

/// Why a database did not open, or a job did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not open with this key: another key, or damage at its beginning.
    #[error("the file does not open with this key")]
    NotADatabase,
    /// The file is not sealed.
    #[error("the file is not sealed")]
    Plain,
    /// The library was built without SQLCipher, or with a SQLite that has a known fault.
    #[error("the database library is not fit: {0}")]
    Unfit(String),
    /// A newer release wrote it.
    #[error("the file has schema version {found}, this release knows {known}")]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// Its schema could not be brought up to date; it is as it was.
    #[error("its schema could not be brought from version {from} to {to}, and is as it was: {why}")]
    Upgrade {
        /// The version that it has.
        from: i64,
        /// The version that it was to get.
        to: i64,
        /// What failed.
        why: String,
    },
    /// A part of it is damaged.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// No room, or the place cannot be written.
    #[error("no room left, or the place cannot be written: {0}")]
    Full(String),
    /// The place cannot hold a database: files are not locked there, as on some network file systems.
    #[error("files cannot be locked there: {0}")]
    NoLocks(String),
    /// The transaction could not be committed; nothing of it was kept.
    #[error("the transaction failed: {0}")]
    Failed(String),
    /// The writer has stopped.
    #[error("the database is closed")]
    Closed,
    /// Everything else that SQLite says.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::NotADatabase) => Self::NotADatabase,
            Some(Code::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(Code::DiskFull | Code::ReadOnly | Code::CannotOpen) => Self::Full(error.to_string()),
            // A full disk shows as a failed write of the journal, too.
            Some(Code::SystemIoFailure) if is_write_failure(&error) => Self::Full(error.to_string()),
            Some(Code::FileLockingProtocolFailed) => Self::NoLocks(error.to_string()),
            Some(Code::SystemIoFailure) if is_lock_failure(&error) => Self::NoLocks(error.to_string()),
            Some(Code::SystemIoFailure) => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

fn is_write_failure(error: &rusqlite::Error) -> bool {
    // SQLITE_IOERR_WRITE, _FSYNC, _DIR_FSYNC, _TRUNCATE, _SHMOPEN, _SHMSIZE, _SHMMAP: extended codes of sqlite3.h.
    const WRITES: [i32; 7] = [778, 1034, 1290, 1546, 4618, 4874, 5386];
    error.sqlite_extended_error_code().is_some_and(|code| WRITES.contains(&code))
}

fn is_lock_failure(error: &rusqlite::Error) -> bool {
    // SQLITE_IOERR_UNLOCK, _RDLOCK, _CHECKRESERVEDLOCK, _LOCK, _SHMLOCK.
    const LOCKS: [i32; 5] = [2058, 2314, 3594, 3850, 5130];
    error.sqlite_extended_error_code().is_some_and(|code| LOCKS.contains(&code))
}

#[cfg(test)]
mod tests;
