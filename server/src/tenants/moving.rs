//! The key service of a host changes, or wraps everything anew: its own key and every workspace's.
//!
//! ```text
//! host.db         next_key of each workspace, and the generation that they are for
//! keys/host.json  the host's key under the new service, with that generation: from here on the host has changed
//! host.db         next_key becomes wrapped_key
//! ```
//!
//! Broken off before the second step nothing has changed, after it the next opening does the third.

use super::rotate::wrap;
use super::{HOST, Host, HostKey, InUse};
use crate::crash;
use crate::error::{Error, Result};
use crate::files;
use crate::kms::{self, KeySource, Service};
use crate::state::WrappedKeys;
use rusqlite::Connection;
use std::sync::PoisonError;
use std::time::Instant;
use thechatapp_seal::Argon2Params;
use zeroize::Zeroizing;

/// The fact that says for which generation `next_key` is.
const MOVING: &str = "moving";

/// What came along, and what did not.
struct Moved {
    workspaces: usize,
    /// Folders with backups that open with the former key alone.
    backups_left: Vec<String>,
}

impl Host {
    /// Moves the host with all its workspaces to another key service, or to the same one anew. Blocks. Answers how many
    /// workspaces there are.
    ///
    /// # Errors
    /// Those of either key service; then nothing has changed.
    pub fn move_to(&self, source: &KeySource) -> Result<usize> {
        let _rotating = self.rotating.lock();
        if let Some(why) = self.closed() {
            return Err(why);
        }
        Ok(self.change_service(source.open_or_create(&self.dir)?)?.workspaces)
    }

    /// Everything is wrapped anew by the key service: under the newest version of its key, or, with the local one, under a
    /// new random key. A new passphrase is for the local one's key file. Blocks. Answers how many workspaces there are.
    ///
    /// # Errors
    /// Those of the key service; bad input for a passphrase that nothing takes.
    pub fn rotate_kms(&self, passphrase: Option<&Zeroizing<String>>) -> Result<usize> {
        let _rotating = self.rotating.lock();
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let service = self.in_use().service;
        let Some((path, local)) = &service.file else {
            if passphrase.is_some() {
                return Err(Error::bad_input(
                    "There is no passphrase to change",
                    format!("the keys are guarded by {}", self.provider()),
                    "leave --new-passphrase-file out",
                ));
            }
            return Ok(self.change_service(service)?.workspaces);
        };
        if passphrase.is_some_and(|passphrase| passphrase.is_empty()) {
            return Err(Error::bad_input("The passphrase is empty", "an empty one protects nothing", "choose one"));
        }
        let (bytes, renewed) = local.renewed()?;
        let next = kms::next_file(path);
        files::write_private(&next, &bytes)?;
        crash::point("local: made");
        // Backups that cannot follow would be lost with the key that is replaced.
        let former = path.with_file_name(format!("former-{}.json", self.in_use().key_id));
        if self.has_backups_for_service()? {
            files::write_private(&former, &std::fs::read(path)?)?;
        }
        let moved = self.change_service(Service::local(path.clone(), renewed));
        match &moved {
            Ok(moved) if !moved.backups_left.is_empty() => {
                let folders = &moved.backups_left;
                tracing::warn!(file = %former.display(), ?folders, "the former key file is kept: backups need it");
            }
            _ => drop(std::fs::remove_file(&former)),
        }
        let moved = moved?;
        crash::point("local: used");
        std::fs::rename(&next, path)?;
        crash::point("local: renamed");
        files::sync_parent(path)?;
        if let (Some(passphrase), Some((_, local))) = (passphrase, self.in_use().service.file) {
            let (bytes, again) = local.under(passphrase.as_bytes(), &Argon2Params::default())?;
            files::write_private(path, &bytes)?;
            let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            in_use.service = Service::local(path.clone(), again);
        }
        Ok(moved.workspaces)
    }

    /// The key service in use, and its key.
    pub fn guarded_by(&self) -> (&'static str, String) {
        let kms = self.kms();
        (kms.provider(), kms.key_id())
    }

    fn change_service(&self, service: Service) -> Result<Moved> {
        let service = service.watched(&self.figures);
        let kms = service.kms.clone();
        let generation = self.in_use().generation + 1;
        let host_key = self.db()?.opened.key.clone();
        let wrapped_key = wrap(&*kms, HOST, &host_key)?;
        let mut wrapped = Vec::new();
        for workspace in self.workspaces() {
            self.settled(&workspace)?;
            let key = wrap(&*kms, &workspace.id.to_string(), &workspace.keyring()?.top())?;
            wrapped.push((workspace, key));
        }
        self.place_tls_key(kms::may_be_away(&*kms))?;
        let follow = self.backups_follow(&*kms)?;
        {
            let db = self.db()?;
            let step = db.unchecked_transaction()?;
            for (workspace, key) in &wrapped {
                step.execute("UPDATE workspaces SET next_key = ?2 WHERE id = ?1", (workspace.id.as_bytes(), key))?;
            }
            step.execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                (MOVING, generation.to_be_bytes()),
            )?;
            step.commit()?;
        }
        crash::point("service: wrapped");
        HostKey::new(&*kms, &host_key, &wrapped_key, generation)?.write(&self.dir)?;
        crash::point("service: changed");
        let moved = wrapped.len();
        let next = InUse { service, wrapped_key, key_id: kms.key_id(), generation };
        {
            // Whoever asks takes the service and what it wrapped together.
            let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            for (workspace, key) in wrapped {
                let keys = workspace.keys();
                workspace.set_keys(WrappedKeys { key, ..keys });
                let mut health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
                health.confirmed(Instant::now(), self.cache);
            }
            *in_use = next.clone();
        }
        finish(&*self.db()?, &next)?;
        self.backups_followed(&follow.followed, &*kms)?;
        Ok(Moved { workspaces: moved, backups_left: follow.left })
    }
}

/// The third step, or the undoing of the first, whichever is right: the answer is which, when there was something to do.
pub(super) fn finish(db: &Connection, in_use: &InUse) -> Result<Option<bool>> {
    use rusqlite::OptionalExtension;
    let begun: Option<[u8; 8]> =
        db.query_row("SELECT value FROM facts WHERE name = ?1", [MOVING], |row| row.get(0)).optional()?;
    let Some(begun) = begun else { return Ok(None) };
    let came = u64::from_be_bytes(begun) == in_use.generation;
    let step = db.unchecked_transaction()?;
    if came {
        let kms = &in_use.service.kms;
        step.execute(
            "UPDATE workspaces SET wrapped_key = next_key, provider = ?1, key_id = ?2 WHERE next_key IS NOT NULL",
            (kms.provider(), kms.key_id()),
        )?;
    }
    step.execute("UPDATE workspaces SET next_key = NULL", [])?;
    step.execute("DELETE FROM facts WHERE name = ?1", [MOVING])?;
    step.commit()?;
    thechatapp_database::empty_wal(db)?;
    Ok(Some(came))
}
