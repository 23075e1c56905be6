//! The key service of a host changes, or wraps everything anew: its own key, and that of every workspace that has none of its own
//! ([`super::own`]). What does not open with the former one cannot come along: it stays there, as a workspace with a key
//! service of its own, and holds up no other.
//!
//! ```text
//! host.db         next_key of each workspace, and the generation that they are for
//! keys/host.json  the host's key under the new service, with that generation: from here on the host has changed
//! host.db         next_key becomes wrapped_key
//! ```
//!
//! Broken off before the second step nothing has changed, after it the next opening does the third.

use super::keys::ask;
use super::rotate::wrap;
use super::{HOST, Host, HostKey, InUse};
use crate::crash;
use crate::error::{Error, Result};
use crate::files;
use crate::kms::own;
use crate::kms::{self, KeySource, Service, watch};
use crate::state::{Given, Workspace, WrappedKeys};
use rusqlite::Connection;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::{Argon2Params, Key, KeyService, KmsError, unwrap};
use zeroize::Zeroizing;

/// The fact that says for which generation `next_key` is.
const MOVING: &str = "moving";

/// What came along with the host, and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// How many workspaces are under the host's key service now.
    pub workspaces: usize,
    /// Those that stay with the former key, because it does not give theirs.
    pub left: Vec<String>,
}

/// The same, and what became of backups.
struct Moved {
    followed: Followed,
    /// Folders with backups that open with the former key alone.
    backups_left: Vec<String>,
}

impl Host {
    /// Moves the host with the workspaces under its key service to another one, or to the same one anew. Blocks.
    ///
    /// # Errors
    /// Those of either key service; bad input for a key that is a single workspace's; then nothing has changed.
    pub fn move_to(&self, source: &KeySource) -> Result<Followed> {
        let _rotating = self.rotating.lock();
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let service = source.open_or_create(&self.dir)?;
        self.not_a_workspace_s(&*service.kms, None)?;
        let former = self.in_use().service;
        Ok(self.change_service(service, Some(former))?.followed)
    }

    /// Everything is wrapped anew by the key service: under the newest version of its key, or, with the local one, under a
    /// new random key. A new passphrase is for the local one's key file. Workspaces with a key service of their own are not
    /// touched. Blocks.
    ///
    /// # Errors
    /// Those of the key service; bad input for a passphrase that nothing takes.
    pub fn rotate_kms(&self, passphrase: Option<&Zeroizing<String>>) -> Result<Followed> {
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
            return Ok(self.change_service(service, None)?.followed);
        };
        if passphrase.is_some_and(|passphrase| passphrase.is_empty()) {
            return Err(Error::bad_input("The passphrase is empty", "an empty one protects nothing", "choose one"));
        }
        // Before a successor is written, the last one has its place: it may be the only copy of the key in use.
        kms::settle_file(path, &service.kms.key_id())?;
        let (bytes, renewed) = local.renewed()?;
        let next = kms::next_file(path);
        files::write_private(&next, &bytes)?;
        crash::point("local: made");
        // What cannot follow would be lost with the key that is replaced.
        let former = path.with_file_name(format!("former-{}.json", self.in_use().key_id));
        // What is open follows, whatever comes.
        let may_stay = |workspace: &Arc<Workspace>| workspace.own().is_none() && !workspace.is_open();
        if self.has_backups_for_service()? || self.workspaces().iter().any(may_stay) {
            files::write_private(&former, &std::fs::read(path)?)?;
        }
        let stays = Service {
            kms: service.kms.clone(),
            file: Some((former.clone(), local.clone())),
            ends: None,
            uri: kms::local_uri(&former),
        };
        let moved = self.change_service(Service::local(path.clone(), renewed), Some(stays));
        match &moved {
            Ok(moved) if !moved.backups_left.is_empty() || !moved.followed.left.is_empty() => {
                let (folders, workspaces) = (&moved.backups_left, &moved.followed.left);
                let file = former.display();
                tracing::warn!(%file, ?folders, ?workspaces, "the former key file is kept: backups or workspaces need it");
            }
            // With an error nothing has changed: the key in use is where it was.
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
        Ok(moved.followed)
    }

    /// The key service in use, and its key.
    pub fn guarded_by(&self) -> (&'static str, String) {
        let kms = self.kms();
        (kms.provider(), kms.key_id())
    }

    /// The third step of a change that could not do it when its time was. Whatever writes wrapped keys comes after it: it would
    /// replace them with older ones.
    pub(super) fn settle_change(&self) -> Result<()> {
        finish(&*self.db()?, &self.in_use()).map(drop)
    }

    /// `former` is what guards those that do not follow; nothing where the service is the same, and has its key still. With an
    /// error nothing has changed.
    fn change_service(&self, service: Service, former: Option<Service>) -> Result<Moved> {
        self.settle_change()?;
        let former = former.map(|former| Service { uri: own::kept_uri(&former.uri, &self.dir), ..former });
        let service = service.watched(&self.figures);
        let kms = service.kms.clone();
        let generation = self.in_use().generation + 1;
        let host_key = self.db()?.opened.key.clone();
        let wrapped_key = wrap(&*kms, HOST, &host_key)?;
        let (mut wrapped, mut left) = (Vec::new(), Vec::new());
        for workspace in self.workspaces().into_iter().filter(|workspace| workspace.own().is_none()) {
            match self.wrapped_anew(&workspace, &*kms)? {
                Some(keys) => wrapped.push((workspace, keys)),
                None => left.push(workspace),
            }
        }
        if wrapped.is_empty() && !left.is_empty() {
            return Err(kms::away("it gives the key of no workspace"));
        }
        self.place_tls_key(kms::may_be_away(&*kms))?;
        let follow = self.backups_follow(&*kms)?;
        {
            let db = self.db()?;
            let step = db.unchecked_transaction()?;
            for (workspace, keys) in &wrapped {
                step.execute(
                    "UPDATE workspaces SET next_key = ?2, next_coming_key = ?3 WHERE id = ?1",
                    (workspace.id.as_bytes(), &keys.key, &keys.coming_key),
                )?;
            }
            for workspace in &left {
                let next = (workspace.id.as_bytes(), former.as_ref().map(|former| &former.uri));
                step.execute("UPDATE workspaces SET next_uri = ?2 WHERE id = ?1", next)?;
            }
            step.execute(
                "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                (MOVING, generation.to_be_bytes()),
            )?;
            step.commit()?;
        }
        crash::point("service: wrapped");
        if let Err(why) = HostKey::new(&*kms, &host_key, &wrapped_key, generation)?.write(&self.dir) {
            // What counts is what the file says, whatever failed after it was there.
            if !HostKey::read(&self.dir).is_ok_and(|file| file.generation == generation) {
                return Err(why);
            }
            tracing::error!(error = %why, "the host has changed, and its disk may have written that only in part");
        }
        crash::point("service: changed");
        let workspaces = wrapped.len();
        let key_id = self.in_use().key_id;
        let next = InUse { service, wrapped_key, key_id: kms.key_id(), generation };
        {
            // Whoever asks takes the service and what it wrapped together.
            let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            for (workspace, keys) in wrapped {
                workspace.set_keys(keys);
                if workspace.is_open() {
                    let mut health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
                    health.confirmed(Instant::now(), self.cache);
                }
            }
            if let Some(former) = &former {
                for workspace in &left {
                    let own =
                        self.own_service(&workspace.name, &former.uri, &key_id).shared(true).opened(former.clone());
                    workspace.set_own(Some(own.watched(&self.figures)));
                }
            }
            *in_use = next.clone();
        }
        // The host has changed, whatever comes: a command that failed here would be taken for one that did nothing.
        if let Err(why) = self.db().and_then(|db| finish(&db, &next)) {
            tracing::error!(error = %why, "the end of a change of the key service is done later");
        }
        if let Err(why) = self.backups_followed(&follow.followed, &*kms) {
            tracing::warn!(error = %why, "it could not be noted which key service opens earlier backups");
        }
        let left = left.into_iter().map(|workspace| workspace.name.clone()).collect();
        Ok(Moved { followed: Followed { workspaces, left }, backups_left: follow.left })
    }

    /// A workspace's keys as another service wraps them, also of one that is closed; nothing where the present service answers
    /// that it does not give its key, and the other one does not either.
    pub(super) fn wrapped_anew(&self, workspace: &Arc<Workspace>, by: &dyn KeyService) -> Result<Option<WrappedKeys>> {
        let id = workspace.id.to_string();
        if let Ok(keyring) = workspace.keyring() {
            let keys = self.settled(workspace)?;
            return Ok(Some(WrappedKeys { key: wrap(by, &id, &keyring.top())?, ..keys }));
        }
        let (present, keys) = self.to_ask(workspace);
        // What is not the key of this workspace must not take the place of what still leads to it.
        let right = |kms: &dyn KeyService| {
            let given = ask(kms, workspace, &keys)?;
            if fits(workspace.id, &keys, &given) { Ok(given) } else { Err(KmsError::WrongKey) }
        };
        // One that has only got another address opens what it wrapped under the former one, where nobody answers any more.
        let given = right(&*present).or_else(|why| right(by).map_err(|_| why));
        let given = match given {
            Ok(given) => given,
            Err(why) if watch::is_refusal(&why) || !kms::may_be_away(&*present) => {
                tracing::warn!(workspace = %workspace.id, error = %why, "a workspace stays with the former key");
                return Ok(None);
            }
            Err(why) => return Err(kms::failed(&*present, why)),
        };
        let coming_key = given.coming.map(|key| wrap(by, &id, &key)).transpose()?;
        Ok(Some(WrappedKeys { key: wrap(by, &id, &given.key)?, coming_key, ..keys }))
    }
}

/// Whether these are the keys that the database key lies under.
fn fits(id: WorkspaceId, keys: &WrappedKeys, given: &Given) -> bool {
    let opens = |key: &Key, wrapped: &[u8]| unwrap(key, "database", id.as_bytes(), 0, wrapped).is_ok();
    let coming = match (&given.coming, &keys.coming_database_key) {
        (Some(key), Some(wrapped)) => opens(key, wrapped),
        (Some(_), None) => false,
        (None, _) => true,
    };
    coming && opens(&given.key, &keys.database_key)
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
            "UPDATE workspaces SET wrapped_key = next_key, coming_key = next_coming_key, provider = ?1, key_id = ?2
             WHERE next_key IS NOT NULL",
            (kms.provider(), kms.key_id()),
        )?;
        step.execute("UPDATE workspaces SET uri = next_uri, shared = 1 WHERE next_uri IS NOT NULL", [])?;
    }
    step.execute("UPDATE workspaces SET next_key = NULL, next_coming_key = NULL, next_uri = NULL", [])?;
    step.execute("DELETE FROM facts WHERE name = ?1", [MOVING])?;
    step.commit()?;
    if let Err(why) = thechatapp_database::empty_wal(db) {
        tracing::warn!(error = %why, "what the former key service wrapped lies in the log of host.db for a while yet");
    }
    Ok(Some(came))
}

#[cfg(test)]
mod tests;
