//! How a workspace begins and ends, and how people are invited to it.

use super::{Ended, Host, own};
use crate::crash;
use crate::error::{Error, Result};
use crate::files;
use crate::identity_keys::{Identity, Successor};
use crate::keyring::Keyring;
use crate::kms;
use crate::kms::ending::Ending;
use crate::state::{Given, Place, Workspace, WrappedKeys, wrap_database_key};
use crate::store::audit::{self, Act, By};
use crate::store::invites::Gives;
use crate::store::{self, Counts, Tx, invites};
use crate::time::now;
use crate::upgrade::Upgrades;
use rusqlite::Connection;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use thechatapp_database::{self as database, Durability};
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::identity::{Invite, Pin, make_code};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{ChannelId, Timestamp, WorkspaceId};
use thechatapp_seal::{Key, WrapContext};

/// The channel that everybody is in.
const GENERAL: &str = "general";
/// How long the first owner's invite is good for.
const OWNER_INVITE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Folders of the host beside those of workspaces.
const OWN: [&str; 2] = ["rehearsal", "upgrade"];

/// Begins the names of facts that say which folders are to go.
const WIPED: &str = "wiped ";

/// What is known of a new workspace.
#[derive(Debug)]
pub struct Made {
    /// Its short name.
    pub workspace: String,
    /// Its root's fingerprint.
    pub pin: Pin,
    /// The owner's invite.
    pub invite: String,
    /// The root that may follow, to be kept offline.
    pub successor: Successor,
}

impl Host {
    /// Makes a workspace with its channel for everybody, and an owner's invite.
    ///
    /// # Errors
    /// Bad input for a name that is taken or cannot stand in an address.
    pub fn create_workspace(&self, title: &str, tls_keys: Vec<[u8; 32]>) -> Result<Made> {
        // The service must not change between the wrapping and the row.
        let _rotating = self.rotating.lock();
        let title = title.trim();
        let name = self.free_name(title)?;
        let created = now();
        let (top, database_key) = (Key::random()?, Key::random()?);
        let id = WorkspaceId::from_parts(now().unix_millis(), &random()?);
        let kms = self.kms();
        let key = kms.wrap(&WrapContext::new(id.to_string()), &top).map_err(|why| kms::failed(&*kms, why))?;
        let keys = WrappedKeys {
            key,
            database_key: wrap_database_key(id, &top, &database_key)?,
            coming_key: None,
            coming_database_key: None,
            epoch: 1,
            made: created,
        };
        let folder = self.dir.join(&name);
        files::private_folder(&folder)?;
        let path = folder.join("workspace.db");
        files::touch_private(&path)?;
        let code = make_code()?;
        let (pin, successor) = {
            let _in_use = database::in_use();
            let mut db = database::open(&path, database_key.expose(), store::WORKSPACE, Durability::Full)?;
            let step = db.transaction()?;
            Keyring::create(&step, id, &top)?;
            let keyring = Keyring::load(&step, id, top.clone())?;
            let tls_keys = match &*self.served.lock() {
                Some(served) => served.tls_keys.clone(),
                None => tls_keys,
            };
            let (identity, successor) = Identity::create(&step, &keyring, (&name, title), tls_keys)?;
            let counts = Counts::new(0, std::sync::Arc::new(true.into()));
            let mut notes = Vec::new();
            let mut tx = Tx::new(&step, &keyring, &mut notes, &counts);
            let general = ChannelId::from_parts(now().unix_millis(), &random()?);
            store::channels::create(&mut tx, general, GENERAL, ChannelKind::Public, None, true)?;
            let made = Act::new(Class::Server, "workspace.created", Target::Workspace);
            audit::record_in(&step, &keyring, By::HOST, made.after(env!("CARGO_PKG_VERSION")))?;
            insert_owner(&step, &keyring, &code)?;
            step.commit()?;
            (identity.pin(), successor)
        };
        // Only with this row does the workspace exist.
        self.db()?.execute(
            "INSERT INTO workspaces (id, name, title, provider, key_id, wrapped_key, database_key, created, key_made)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
            (id.as_bytes(), &name, title, kms.provider(), kms.key_id(), &keys.key, &keys.database_key, created.0),
        )?;
        let title = title.to_owned();
        let place = Place { id, name: name.clone(), title, path, created, upgrades: self.upgrades.clone() };
        let workspace = Workspace::new(place, keys, self.passwords.clone(), self.figures.clone());
        workspace.open(&Given { key: top, coming: None })?;
        if self.served.lock().is_some() {
            workspace.has_no_start();
        }
        workspace.health.lock().unwrap_or_else(PoisonError::into_inner).confirmed(Instant::now(), self.cache);
        self.add(name.clone(), workspace);
        let invite = Invite { base: self.base_url()?, workspace: name.clone(), pin, code }.to_string();
        Ok(Made { workspace: name, pin, invite, successor })
    }

    fn free_name(&self, title: &str) -> Result<String> {
        let name = short_name(title)?;
        if OWN.contains(&name.as_str()) {
            return Err(Error::bad_input(
                "This name cannot be a workspace's",
                "the host has a folder of it",
                "choose another name",
            ));
        }
        if self.find(&name).is_some() || self.dir.join(&name).exists() {
            return Err(Error::bad_input("This workspace exists", format!("{name} is taken"), "choose another name"));
        }
        Ok(name)
    }

    /// Destroys a workspace: its wrapped keys first, then a key file of its own, then its files. Broken off in between, the next
    /// opening goes on. What lies in a bucket stays for [`Self::remove_wiped_files`].
    ///
    /// # Errors
    /// Bad input when there is none.
    pub fn wipe_workspace(&self, name: &str) -> Result<Ended> {
        self.wipe_with_key(name, None)
    }

    /// The same, with the end of a key of its own that lies in another service: `pending_days` is for how long that keeps a key that is
    /// to be deleted, where it does.
    ///
    /// # Errors
    /// Also when the key cannot be ended there; then nothing was wiped.
    pub fn wipe_with_key(&self, name: &str, pending_days: Option<u16>) -> Result<Ended> {
        let _rotating = self.rotating.lock();
        let workspace = self.workspace(name)?;
        let ending = pending_days.map(|days| self.end_key_of(&workspace, days)).transpose()?.flatten();
        if ending.is_some() {
            crash::point("wipe: remote key ended");
        }
        // A key that others need still does not end with it.
        let own = workspace.own().filter(|own| !own.own.is_shared());
        let file = own.as_ref().and_then(|own| own.own.file());
        // As the one who goes on with it has another working folder.
        let file = file.map(|file| std::path::absolute(&file).unwrap_or(file));
        let own_key = own.map(|own| (own.kms.provider(), own.kms.key_id()));
        {
            let db = self.db()?;
            let step = db.unchecked_transaction()?;
            step.execute("DELETE FROM workspaces WHERE id = ?1", [workspace.id.as_bytes()])?;
            step.execute("DELETE FROM rotations WHERE id = ?1", [workspace.id.as_bytes()])?;
            let file = file.as_ref().map_or_else(Vec::new, |file| file.as_os_str().as_encoded_bytes().to_vec());
            let wiped = (format!("{WIPED}{name}"), file);
            step.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)", wiped)?;
            Self::note_wiped_files(&step, workspace.id)?;
            Self::note_wiped_in(&step, workspace.id)?;
            step.commit()?;
            // The keys are gone from the file only once the WAL is.
            database::empty_wal(&db)?;
        }
        crash::point("wipe: keys destroyed");
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        workspace.close();
        let mut ended = remove_wiped(&*self.db()?, &self.dir, &self.upgrades)?;
        // A key file that is not there now may be on a disk that is not: only what was destroyed is gone.
        let named = file.map(|file| file.display().to_string());
        let is_named = ended.left.iter().any(|(_, left)| Some(left) == named.as_ref());
        let own_key = own_key.filter(|(_, key)| !is_named && !ended.destroyed.contains(key));
        match (ending, own_key) {
            (Some(Ending::Destroyed), Some((_, key))) => ended.destroyed.push(key),
            (Some(Ending::Scheduled(at)), Some((provider, key))) => ended.scheduled = Some((provider, key, at)),
            (_, own_key) => ended.left.extend(own_key),
        }
        Ok(ended)
    }

    /// A new invite.
    ///
    /// # Errors
    /// Bad input when there is no such workspace.
    pub async fn invite(&self, name: &str, uses: u32, lasts: Duration) -> Result<String> {
        self.invite_with(name, Rank::Member, uses, lasts).await
    }

    /// An invite that makes an owner, for a workspace that has none any longer.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn invite_owner(&self, name: &str) -> Result<String> {
        self.invite_with(name, Rank::Owner, 1, OWNER_INVITE).await
    }

    async fn invite_with(&self, name: &str, rank: Rank, uses: u32, lasts: Duration) -> Result<String> {
        let workspace = self.workspace(name)?;
        let code = make_code()?;
        let expires = Timestamp(now().0.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)));
        let kept = code.clone();
        let gives = Gives { rank, ..Gives::default() };
        workspace
            .unguarded(move |tx| {
                invites::insert(tx.db, &kept, &gives, uses, expires)?;
                audit::record(tx, By::HOST, invited(rank, uses))
            })
            .await?;
        let pin = workspace.face()?.pin();
        Ok(Invite { base: self.base_url()?, workspace: name.to_owned(), pin, code }.to_string())
    }
}

/// Puts in the code of an invite that makes an owner.
fn insert_owner(step: &Connection, keyring: &Keyring, code: &str) -> Result<()> {
    let expires = Timestamp(now().0 + i64::try_from(OWNER_INVITE.as_millis()).unwrap_or(0));
    invites::insert(step, code, &Gives { rank: Rank::Owner, ..Gives::default() }, 1, expires)?;
    Ok(audit::record_in(step, keyring, By::HOST, invited(Rank::Owner, 1))?)
}

/// An invite that makes an owner of the workspace of this short name, in the step that takes it the last one.
pub(crate) fn invite_owner_in(
    step: &Connection,
    keyring: &Keyring,
    (name, base): (&str, &str),
    pin: Pin,
) -> Result<String> {
    let code = make_code()?;
    insert_owner(step, keyring, &code)?;
    Ok(Invite { base: base.to_owned(), workspace: name.to_owned(), pin, code }.to_string())
}

fn invited(rank: Rank, uses: u32) -> Act {
    Act::new(Class::Account, "invite.made", Target::Workspace).after(format!("{rank}, {uses} uses"))
}

/// Removes the key files and folders of workspaces whose keys were destroyed, and the copies from before upgrades, which hold
/// them still. Answers what became of those keys.
pub(super) fn remove_wiped(db: &Connection, dir: &Path, upgrades: &Upgrades) -> Result<Ended> {
    let mut ended = Ended::default();
    let mut facts = db.prepare("SELECT name, value FROM facts WHERE substr(name, 1, length(?1)) = ?1")?;
    let facts = facts.query_map([WIPED], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let facts = facts.collect::<std::result::Result<Vec<(String, Vec<u8>)>, _>>()?;
    if !facts.is_empty() {
        upgrades.remove()?;
    }
    for (fact, file) in facts {
        let Some(name) = fact.strip_prefix(WIPED) else { continue };
        let file = String::from_utf8(file).ok().filter(|file| !file.is_empty()).map(Into::into);
        for file in own::key_files(dir, name, file) {
            match own::destroy(&file) {
                Ok(key) => ended.destroyed.extend(key),
                // It must not keep the rest, which this host can remove.
                Err(why) => {
                    let file = file.display().to_string();
                    tracing::error!(file, error = %why, "the key file of a wiped workspace cannot be removed: remove it");
                    ended.left.push(("local", file));
                }
            }
        }
        match std::fs::remove_dir_all(dir.join(short_name(name)?)) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
        db.execute("DELETE FROM facts WHERE name = ?1", [&fact])?;
    }
    Ok(ended)
}

/// A workspace's name as it stands in addresses: lower-case letters, digits and inner hyphens, at most 40.
pub(crate) fn short_name(title: &str) -> Result<String> {
    let name = title.to_lowercase();
    let fits = !name.is_empty()
        && name.len() <= 40
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    // Names of this host's own files.
    if !fits || name == "keys" {
        return Err(Error::bad_input(
            "This name cannot be a workspace's",
            "it stands in addresses: letters, digits and hyphens, at most 40",
            "choose another name",
        ));
    }
    Ok(name)
}

fn random() -> Result<[u8; 10]> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    Ok(bytes)
}
