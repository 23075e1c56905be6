//! What a host remembers of its backups: which there are and what opens them, when the last one was made, and what the last
//! rehearsal showed.

use super::Host;
use crate::backup::{Folder, Guard, Snapshot, WorkspaceKept};
use crate::error::{Kind, Result};
use crate::time::now;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use thechatapp_protocol::{Timestamp, WorkspaceId};
use thechatapp_seal::KeyService;

/// Facts in `host.db`.
const MADE: &str = "backup made";
const REHEARSED: &str = "backup rehearsed";
/// Before a folder whose backups were looked through for workspaces that were wiped before that was noted.
const LOOKED: &str = "looked for wiped ";
/// Before the id of a workspace that was wiped.
const WIPED: &str = "workspace wiped ";

/// A backup that is known, and opens still as far as this host can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its folder, as it was called when it was made.
    pub folder: String,
    /// Its name in there.
    pub name: String,
    /// Of when it is.
    pub at: Timestamp,
    /// Whether a recovery passphrase opens it.
    pub recovery: bool,
    /// The key service that opens it.
    pub service: Option<Guard>,
    /// Whether it was seen just now: its folder may be elsewhere.
    pub found: bool,
    /// The workspace's own key, where its keys open with that one alone.
    pub own: Option<Guard>,
    /// Whether it is being made at the moment.
    pub making: bool,
}

/// A backup that is being made, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Making {
    folder: String,
    name: String,
    all: Arc<Mutex<Vec<(String, String)>>>,
}

impl Drop for Making {
    fn drop(&mut self) {
        self.all.lock().retain(|(folder, name)| (folder, name) != (&self.folder, &self.name));
    }
}

/// What a rehearsal showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// When, Unix milliseconds.
    pub at: i64,
    /// Which backup, when that is known.
    pub backup: Option<String>,
    /// What was wrong, if anything was.
    pub error: Option<String>,
}

/// The folders whose backups open with another key service, too, and those whose do not.
#[derive(Debug, Default)]
pub(super) struct Follow {
    pub(super) followed: Vec<String>,
    pub(super) left: Vec<String>,
}

/// How backups are, as far as this host knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When the last one was made.
    pub made: Option<Timestamp>,
    /// The last rehearsal.
    pub rehearsed: Option<Rehearsed>,
}

impl Host {
    /// Remembers a backup that is being made from here on, of everything that is wiped meanwhile, too.
    pub(crate) fn begin_backup(&self, folder: &Folder, name: &str, at: Timestamp) -> Result<Making> {
        let (path, name) = (std::path::absolute(folder.path())?.display().to_string(), name.to_owned());
        self.making.lock().push((path.clone(), name.clone()));
        let making = Making { folder: path, name, all: self.making.clone() };
        self.note_backup_of(folder, &making.name, at, &[])?;
        Ok(making)
    }

    /// It came to nothing, unless its snapshot was written.
    pub(crate) fn forget_backup(&self, making: &Making) -> Result<()> {
        if Path::new(&making.folder).join("snapshots").join(&making.name).exists() {
            return Ok(());
        }
        let of = (&making.folder, &making.name);
        let db = self.db()?;
        db.execute("DELETE FROM backup_own WHERE folder = ?1 AND name = ?2", of)?;
        db.execute("DELETE FROM backups WHERE folder = ?1 AND name = ?2", of)?;
        Ok(())
    }

    /// Remembers a backup in a folder.
    pub(crate) fn note_backup(&self, folder: &Folder, name: &str, snapshot: &Snapshot) -> Result<()> {
        self.note_backup_of(folder, name, snapshot.at, &snapshot.workspaces)
    }

    fn note_backup_of(&self, folder: &Folder, name: &str, at: Timestamp, workspaces: &[WorkspaceKept]) -> Result<()> {
        let sealed_for = folder.sealed_for();
        let service = sealed_for.services.last();
        // As the one who looks for it later has another working folder.
        let path = std::path::absolute(folder.path())?.display().to_string();
        let db = self.db()?;
        db.execute(
            "INSERT INTO backups (folder, name, at, recovery, provider, key_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET gone = NULL, at = excluded.at",
            (
                &path,
                name,
                at.0,
                sealed_for.recovery,
                service.map(|service| &service.provider),
                service.map(|service| &service.key),
            ),
        )?;
        for workspace in workspaces {
            if let Some(own) = &workspace.own {
                db.execute(
                    "INSERT OR REPLACE INTO backup_own (folder, name, workspace, provider, key_id)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    (&path, name, workspace.id.as_bytes(), &own.provider, &own.key_id),
                )?;
            }
        }
        // A key service that follows another one opens the earlier ones, too.
        if let Some(service) = service {
            db.execute(
                "UPDATE backups SET provider = ?2, key_id = ?3 WHERE folder = ?1 AND provider IS NOT NULL",
                (&path, &service.provider, &service.key),
            )?;
        }
        Ok(())
    }

    /// The backups since a time that still open, and one that is being made, oldest first, as they are for one workspace. One whose
    /// folder is there without it is not among them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn backups_still_open(&self, since: Timestamp, of: WorkspaceId) -> Result<Vec<Known>> {
        // Before its row is read: one that comes to its end meanwhile is known by the one or the other.
        let making = self.making.lock().clone();
        let db = self.db()?;
        let mut rows = db.prepare(
            "SELECT folder, name, at, recovery, backups.provider, backups.key_id, own.provider, own.key_id
             FROM backups LEFT JOIN (SELECT * FROM backup_own WHERE workspace = ?1) AS own USING (folder, name)
             WHERE gone IS NULL ORDER BY at, name",
        )?;
        let rows = rows.query_map([of.as_bytes()], |row| {
            let service: (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
            let own: (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
            Ok(Known {
                folder: row.get(0)?,
                name: row.get(1)?,
                at: Timestamp(row.get(2)?),
                recovery: row.get(3)?,
                service: service.0.zip(service.1).map(|(provider, key)| Guard { provider, key }),
                found: false,
                own: own.0.zip(own.1).map(|(provider, key)| Guard { provider, key }),
                making: false,
            })
        })?;
        let mut open = Vec::new();
        for mut known in rows.collect::<std::result::Result<Vec<_>, _>>()? {
            // It may hold what came after it was begun, and its snapshot is yet to come.
            known.making = making.iter().any(|(folder, name)| (folder, name) == (&known.folder, &known.name));
            if known.at < since && !known.making {
                continue;
            }
            let folder = Path::new(&known.folder);
            known.found = folder.join("snapshots").join(&known.name).exists();
            // Nothing removes the file of keys: where it is missing, the folder is elsewhere.
            if known.found || known.making || !Folder::is_there(folder) {
                open.push(known);
            } else {
                db.execute(
                    "UPDATE backups SET gone = ?3 WHERE folder = ?1 AND name = ?2",
                    (&known.folder, &known.name, now().0),
                )?;
            }
        }
        Ok(open)
    }

    /// The folder of a backup that a key opens which holds more than one workspace: as the host's, or as another workspace's own.
    pub(super) fn backup_guarded_by(&self, by: (&str, &str), but: WorkspaceId) -> Result<Option<String>> {
        let sql = "SELECT folder FROM backups WHERE gone IS NULL AND provider = ?1 AND key_id = ?2
             UNION SELECT folder FROM backups JOIN backup_own AS own USING (folder, name)
                 WHERE gone IS NULL AND own.provider = ?1 AND own.key_id = ?2 AND own.workspace <> ?3 LIMIT 1";
        Ok(self.db()?.query_row(sql, (by.0, by.1, but.as_bytes()), |row| row.get(0)).optional()?)
    }

    /// The workspaces but one whose keys in a backup that is not gone only a key of this provider opens, which is called something else
    /// than this one: by folder, with the backup's name.
    pub(super) fn backups_by_other_names(
        &self,
        (provider, key_id): (&str, &str),
        but: WorkspaceId,
    ) -> Result<BTreeMap<String, Vec<(String, WorkspaceId)>>> {
        let db = self.db()?;
        let mut rows = db.prepare(
            "SELECT folder, name, own.workspace FROM backups JOIN backup_own AS own USING (folder, name)
             WHERE gone IS NULL AND own.provider = ?1 AND own.key_id <> ?2 AND own.workspace <> ?3 ORDER BY folder, name",
        )?;
        let rows = rows.query_map((provider, key_id, but.as_bytes()), |row| {
            Ok((row.get(0)?, row.get(1)?, WorkspaceId::from_bytes(row.get(2)?)))
        })?;
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for row in rows {
            let (folder, name, workspace) = row?;
            found.entry(folder).or_default().push((name, workspace));
        }
        Ok(found)
    }

    /// Whether there are backups that open with the key service in use.
    pub(super) fn has_backups_for_service(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM backups WHERE gone IS NULL AND provider IS NOT NULL";
        Ok(self.db()?.prepare(sql)?.exists([])?)
    }

    /// Backups that open with the key service in use are to open with another one, too: those whose folders are there. Of
    /// the others the folders are told: they open with the former one alone.
    ///
    /// # Errors
    /// When a folder is there and cannot be changed now, as while a backup is made.
    pub(super) fn backups_follow(&self, coming: &dyn KeyService) -> Result<Follow> {
        let folders = {
            let db = self.db()?;
            let mut rows =
                db.prepare("SELECT DISTINCT folder FROM backups WHERE gone IS NULL AND provider IS NOT NULL")?;
            let rows = rows.query_map([], |row| row.get(0))?;
            rows.collect::<std::result::Result<Vec<String>, _>>()?
        };
        let present = self.key_service();
        let mut follow = Follow::default();
        for folder in folders {
            match Folder::add_service(Path::new(&folder), &*present, coming) {
                Ok(()) => follow.followed.push(folder),
                Err(why) if why.kind == Kind::Busy => return Err(why),
                Err(why) => {
                    tracing::warn!(folder, error = %why, "the backups there open with the former key service alone");
                    follow.left.push(folder);
                }
            }
        }
        Ok(follow)
    }

    /// They do, and the former one opens them no longer.
    pub(super) fn backups_followed(&self, folders: &[String], service: &dyn KeyService) -> Result<()> {
        let guard = Guard { provider: service.provider().to_owned(), key: service.key_id() };
        for folder in folders {
            if let Err(why) = Folder::keep_service(Path::new(folder), &guard) {
                tracing::warn!(folder, error = %why, "the former key service still opens the backups there");
            }
            self.db()?.execute(
                "UPDATE backups SET provider = ?2, key_id = ?3 WHERE folder = ?1 AND provider IS NOT NULL",
                (folder, &guard.provider, &guard.key),
            )?;
        }
        Ok(())
    }

    /// Notes, in the step that destroys a workspace's keys, that it was wiped: no backup stays for its sake.
    pub(super) fn note_wiped_in(db: &Connection, workspace: WorkspaceId) -> Result<()> {
        db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, x'')", [format!("{WIPED}{workspace}")])?;
        Ok(())
    }

    /// The same, for one that was wiped on the host that a backup is of.
    pub(crate) fn note_wiped(&self, workspace: WorkspaceId) -> Result<()> {
        Self::note_wiped_in(&*self.db()?, workspace)
    }

    /// The workspaces that were wiped.
    pub(crate) fn wiped(&self) -> Result<Vec<WorkspaceId>> {
        let db = self.db()?;
        let mut facts = db.prepare("SELECT name FROM facts WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name")?;
        let names = facts.query_map([WIPED], |row| row.get(0))?.collect::<std::result::Result<Vec<String>, _>>()?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(WIPED)?.parse().ok()).collect())
    }

    /// Whether it was looked which workspaces of a folder's backups were wiped under an earlier release.
    pub(crate) fn has_looked_for_wiped(&self, folder: &Path) -> Result<bool> {
        Ok(self.fact(&Self::looked_fact(folder)?)?.is_some())
    }

    /// It was.
    pub(crate) fn note_looked_for_wiped(&self, folder: &Path) -> Result<()> {
        self.set_fact(&Self::looked_fact(folder)?, b"")
    }

    fn looked_fact(folder: &Path) -> Result<String> {
        Ok(format!("{LOOKED}{}", std::path::absolute(folder)?.display()))
    }

    /// A backup was made.
    pub(crate) fn note_backup_made(&self, at: Timestamp) -> Result<()> {
        self.set_fact(MADE, &at.0.to_be_bytes())?;
        self.backup_health.lock().made = Some(at);
        Ok(())
    }

    /// A rehearsal came to its end.
    pub(crate) fn note_rehearsal(&self, rehearsed: Rehearsed) -> Result<()> {
        let bytes = serde_json::to_vec(&rehearsed)
            .map_err(|why| crate::error::Error::internal("A rehearsal could not be noted", why))?;
        self.set_fact(REHEARSED, &bytes)?;
        self.backup_health.lock().rehearsed = Some(rehearsed);
        Ok(())
    }

    /// How backups are.
    pub fn backup_health(&self) -> Health {
        self.backup_health.lock().clone()
    }

    pub(super) fn recall_backups(&self) -> Result<()> {
        let made = self.fact(MADE)?.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        let rehearsed = self.fact(REHEARSED)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        *self.backup_health.lock() = Health { made: made.map(Timestamp), rehearsed };
        Ok(())
    }
}
