//! Where a host's whole files lie: in its data folder, or in a bucket that it remembers, so that a line left out of the configuration
//! does not leave files behind.

use super::Host;
use crate::blobs::storage::Storage;
use crate::config::FilesSection;
use crate::error::{Error, Result};
use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension};
use thechatapp_protocol::WorkspaceId;

/// The bucket in use, as it was configured.
const STORAGE: &str = "files storage";
/// The name below which this host's files are in it.
const HOME: &str = "files home";
/// Begins the names of facts that say whose files are to go from the bucket.
const WIPED: &str = "files wiped ";

/// What the configuration says of a bucket.
pub(super) struct Told {
    storage: Option<Storage>,
    text: Option<String>,
}

impl Host {
    /// Puts whole files into the bucket that the configuration names, from now on and, little by little, those that are here.
    /// While the host is closed, that is settled once it opens.
    ///
    /// # Errors
    /// Bad input for what names no bucket, or another than the one in use.
    pub fn set_storage(&self, section: &FilesSection) -> Result<()> {
        *self.told.lock() = Some(Told { storage: Storage::new(section)?, text: section.storage.clone() });
        if self.closed().is_none() {
            self.settle_storage(&*self.db()?)?;
            for workspace in self.workspaces() {
                self.place_files(&workspace);
            }
        }
        Ok(())
    }

    /// The same for a command that knows no configuration: the bucket in use stays in use.
    ///
    /// # Errors
    /// As for [`Self::set_storage`].
    pub fn set_storage_in_use(&self, section: &FilesSection) -> Result<()> {
        let mut section = section.clone();
        if section.storage.is_none() && self.closed().is_none() {
            section.storage = self.fact(STORAGE)?.and_then(|bytes| String::from_utf8(bytes).ok());
        }
        self.set_storage(&section)
    }

    /// The bucket in use and what is wrong with it, if anything; nothing when files are in the data folder.
    pub async fn check_storage(&self) -> Option<(String, Option<Error>)> {
        let storage = self.told.lock().as_ref().and_then(|told| told.storage.clone())?;
        let checked = storage.check().await;
        Some((storage.name().to_owned(), checked.err().map(Error::from)))
    }

    /// Compares what was told with what is in use, and remembers it.
    pub(super) fn settle_storage(&self, db: &Connection) -> Result<()> {
        if self.home.get().is_none() {
            let _ = self.home.set(home(db)?);
        }
        let told = self.told.lock();
        let Some(told) = &*told else { return Ok(()) };
        if let Some(used) = fact(db, STORAGE)?.and_then(|bytes| String::from_utf8(bytes).ok()) {
            let used = Storage::name_of(&used);
            if told.storage.as_ref().map(Storage::name) != Some(used) {
                return Err(Error::bad_input(
                    "The files of this host are elsewhere",
                    format!(
                        "they are in {used}, and the configuration says {}",
                        told.storage.as_ref().map_or("nothing of a bucket", Storage::name)
                    ),
                    "give files.storage as it was; docs/files.md says how files move",
                ));
            }
        }
        match &told.text {
            Some(text) => set_fact(db, STORAGE, text.as_bytes()),
            None => Ok(()),
        }
    }

    /// Tells a workspace where its files go.
    pub(super) fn place_files(&self, workspace: &crate::state::Workspace) {
        let told = self.told.lock();
        let storage = told.as_ref().and_then(|told| told.storage.as_ref());
        if let (Some(storage), Some(home)) = (storage, self.home.get()) {
            workspace.blobs.set_bucket(storage.shelf(home, workspace.id));
        }
    }

    /// Notes, in the step that destroys a workspace's keys, that its files are to go from the bucket.
    pub(super) fn note_wiped_files(db: &Connection, workspace: WorkspaceId) -> Result<()> {
        match fact(db, STORAGE)? {
            Some(_) => set_fact(db, &format!("{WIPED}{workspace}"), &[]),
            None => Ok(()),
        }
    }

    /// Deletes from the bucket what it holds of wiped workspaces; one of which nothing was found is forgotten. The answer is
    /// whether something may be left.
    ///
    /// # Errors
    /// The bucket's, or the database's. It is tried again with the next sweep.
    pub async fn remove_wiped_files(&self) -> Result<bool> {
        let wiped = {
            let db = self.db()?;
            let mut facts = db.prepare("SELECT name FROM facts WHERE substr(name, 1, length(?1)) = ?1")?;
            facts.query_map([WIPED], |row| row.get(0))?.collect::<std::result::Result<Vec<String>, _>>()?
        };
        let mut left = false;
        for name in wiped {
            let Some(workspace) = name.strip_prefix(WIPED).and_then(|id| id.parse().ok()) else { continue };
            let shelf = {
                let told = self.told.lock();
                let storage = told.as_ref().and_then(|told| told.storage.as_ref());
                storage.zip(self.home.get()).map(|(storage, home)| storage.shelf(home, workspace))
            };
            // Something may have been on its way there: only once nothing is found, nothing is left.
            match shelf {
                Some(shelf) if shelf.wipe().await? == 0 => {
                    self.db()?.execute("DELETE FROM facts WHERE name = ?1", [&name])?;
                }
                Some(_) => {}
                None => left = true,
            }
        }
        Ok(left)
    }
}

/// The name below which this host's files are; made once.
fn home(db: &Connection) -> Result<String> {
    if let Some(known) = fact(db, HOME)?.and_then(|bytes| String::from_utf8(bytes).ok()) {
        return Ok(known);
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    let made = HEXLOWER.encode(&random);
    set_fact(db, HOME, made.as_bytes())?;
    Ok(made)
}

fn fact(db: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    Ok(db.query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

fn set_fact(db: &Connection, name: &str, value: &[u8]) -> Result<()> {
    if fact(db, name)?.as_deref() != Some(value) {
        db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)", (name, value))?;
    }
    Ok(())
}
