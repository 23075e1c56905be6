//! A database that is damaged. Whatever of it still opens may be of another moment than the rest, and whoever wrote into it would
//! make that worse; so its workspace is closed, says why, and stays closed until somebody has restored it and started the
//! server again. Its neighbours go on.

use super::{Parts, Place, Workspace};
use crate::error::{Error, Fail, Kind, Result};
use crate::store::View;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use thechatapp_database::{self as database, Error as DatabaseError};
use thechatapp_protocol::{Code, ErrorBody};
use thechatapp_seal::Key;

/// What is answered from then on.
pub(super) fn closed(why: &str) -> ErrorBody {
    ErrorBody::new(
        Code::Damaged,
        "This workspace is closed: what the server stores of it is damaged",
        why,
        "tell whoever runs the server: `doctor` says what is damaged, and a backup restores it",
    )
}

/// Which pages are damaged, as the end of a sentence: so many by name.
pub(crate) fn pages(path: &Path, key: &Key) -> String {
    const NAMED: usize = 8;
    let Ok(found) = database::damaged_pages(path, key.expose()) else { return String::new() };
    let named = found.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match found.len() {
        0 => String::new(),
        count if count > NAMED => format!(" ({named}, and {} more)", count - NAMED),
        _ => format!(" ({named})"),
    }
}

/// Tells a failure that comes of damage from any other, which stays what it is.
pub(super) fn told<T>(db: &Connection, done: Result<T>) -> std::result::Result<Result<T>, Fail> {
    match done {
        Err(why) if why.kind == Kind::Corrupt || database::has_met_damage(db)? => {
            Err(Fail::Database(DatabaseError::Damaged(why.why)))
        }
        done => Ok(done),
    }
}

impl Workspace {
    /// What of its data is damaged.
    pub fn damaged(&self) -> Option<&str> {
        self.damaged.get().map(String::as_str)
    }

    /// Closes it for good where a failure shows that its database is damaged; the failure is the closed workspace's then.
    pub(super) fn noticed<T>(&self, answer: std::result::Result<T, Fail>) -> std::result::Result<T, Fail> {
        let Err(Fail::Database(why @ (DatabaseError::Damaged(_) | DatabaseError::NotADatabase))) = answer else {
            return answer;
        };
        // What an open database says when a page of it does not open is what another says of a wrong key.
        let words = match why {
            DatabaseError::Damaged(words) => words,
            _ => "a page does not open".to_owned(),
        };
        self.close_damaged(format!("{}: {words}", self.file()));
        Err(Fail::Refused(self.closed()))
    }

    /// It is closed, and stays so.
    pub(crate) fn close_damaged(&self, why: String) {
        if self.damaged.set(why).is_ok() {
            tracing::error!(workspace = %self.id, why = self.damaged(), "a workspace is closed: it is damaged");
        }
        // Not joined: this may run on the thread of the writer's last user. It ends by itself.
        drop(self.take_parts());
    }

    /// Takes what came from its key away from all who come from now on.
    pub(super) fn take_parts(&self) -> Option<Arc<Parts>> {
        let parts = self.parts.write().unwrap_or_else(PoisonError::into_inner).take()?;
        parts.readers.close();
        Some(parts)
    }

    /// Its database, as it is called within the data folder.
    fn file(&self) -> String {
        format!("{}/workspace.db", self.name)
    }

    /// What failed while it was opened, said of its file. Its key has proved itself before, so a file that does not open with
    /// it is damaged, or another one.
    pub(super) fn unopened(place: &Place, key: &Key, why: DatabaseError) -> Error {
        let damaged = |why: String| {
            let advice = "restore it from a backup; the log and `doctor` say more";
            let why = format!("{}/workspace.db: {why}{}", place.name, pages(&place.path, key));
            Error::new(Kind::Corrupt, "A workspace's database is damaged", why, advice)
        };
        match why {
            DatabaseError::NotADatabase => {
                damaged("it does not open with its key: its first page is damaged, or it is another database".into())
            }
            DatabaseError::Damaged(why) => damaged(why),
            why => why.into(),
        }
    }

    /// The same of what failed right after it was opened.
    pub(super) fn of_its_file(place: &Place, key: &Key, why: Error) -> Error {
        if why.kind != Kind::Corrupt {
            return why;
        }
        let words = format!("{}/workspace.db: {}{}", place.name, why.why, pages(&place.path, key));
        Error { why: words, ..why }
    }

    /// The pages of its database's file that are damaged.
    pub(crate) async fn damaged_pages(&self) -> Result<Vec<String>> {
        let (still, path) = (self.freeze().await?, self.place.path.clone());
        let pages = tokio::task::spawn_blocking(move || {
            let pages = database::damaged_pages(&path, still.database_key.expose());
            drop(still);
            pages
        });
        Ok(pages.await.map_err(ended)??)
    }

    /// A query of whoever looks for damage, on a connection of its own: a page that does not open leaves a connection useless,
    /// and what is merely looked for closes nothing.
    pub(crate) async fn examine<T: Send + 'static>(
        &self,
        query: impl FnOnce(View<'_>) -> std::result::Result<T, Fail> + Send + 'static,
    ) -> Result<T> {
        let (parts, path, key) = (self.parts()?, self.place.path.clone(), self.database_key()?);
        let examined = tokio::task::spawn_blocking(move || {
            let _in_use = database::in_use();
            let db = database::open_reader(&path, key.expose())?;
            query(View { db: &db, keyring: &parts.keyring })
        });
        Ok(examined.await.map_err(ended)??)
    }
}

fn ended(why: tokio::task::JoinError) -> Error {
    Error::internal("An examination ended early", why)
}
