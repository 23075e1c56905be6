//! Faults of the program and of its files, as the core's public error.

use crate::error::Error;
use std::fmt::Display;
use std::path::Path;
use thechatapp_database as database;
use tokio::sync::watch;

/// A fault that no caller can act on: its id goes to the log with what is known, and to the caller.
pub(crate) fn internal(why: impl Display) -> Error {
    let mut bytes = [0; 6];
    // Without randomness the id is zeros; the log line is there all the same.
    let _ = getrandom::fill(&mut bytes);
    let id = data_encoding::HEXLOWER.encode(&bytes);
    let why = why.to_string();
    tracing::error!(id, why, "internal error");
    Error::Internal { id, why }
}

/// What ends because the profile is closed.
pub(crate) fn closed() -> Error {
    Error::Offline { why: "the profile was closed".into() }
}

/// What a database of the profile says. Its key came out of the profile, so a file that does not open is damaged.
pub(crate) fn database(path: &Path, error: database::Error) -> Error {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    match error {
        database::Error::NotADatabase => Error::Corrupt { file, why: "it does not open with its key".into() },
        database::Error::Plain => Error::Corrupt { file, why: "it is not sealed".into() },
        database::Error::Damaged(why) => Error::Corrupt { file, why },
        database::Error::Newer { .. } => Error::Newer { file },
        database::Error::Full(why) => Error::DiskFull { why: format!("{file}: {why}") },
        database::Error::NoLocks(why) => no_locks(format!("{file}: {why}")),
        database::Error::Closed => closed(),
        other => internal(format!("{file}: {other}")),
    }
}

/// Keeps the first sign that a file is damaged, for whoever waits for it.
pub(crate) fn note_damage(damage: &watch::Sender<Option<Error>>, error: &Error) {
    if matches!(error, Error::Corrupt { .. }) {
        damage.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert_with(|| error.clone());
            first
        });
    }
}

/// Waits for that sign; for ever where the file is closed first.
pub(crate) fn first_damage(damage: &watch::Sender<Option<Error>>) -> impl Future<Output = Error> + Send + use<> {
    let mut damage = damage.subscribe();
    async move {
        let known = damage.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        match known {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }
}

/// A folder whose file system does not lock files.
pub(crate) fn no_locks(why: impl Display) -> Error {
    Error::NoLocks { why: why.to_string() }
}
