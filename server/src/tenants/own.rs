//! A workspace with a key service of its own: how it gets one, how it goes back to the host's, and how that wraps anew.
//!
//! Nothing but a row of `host.db` says which service guards a workspace, so it changes in one commit: broken off before that
//! nothing has changed, after it all has, and the same command given again is right either way. Only a local key file that is
//! replaced takes a second step, as the host's does: until it is renamed its successor lies beside it.

use super::{HOST, Host, HostDb};
use crate::config::KeySection;
use crate::crash;
use crate::error::{Error, Result};
use crate::files;
use crate::kms::own::{self, Own};
use crate::kms::{self, Service};
use crate::state::{Workspace, WrappedKeys};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::{Argon2Params, KeyService, KmsError, WrapContext};
use zeroize::Zeroizing;

/// Where a workspace is to go.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// Back to the key service of the host.
    Host,
    /// To one of its own.
    Own {
        /// As in `--kms`; `local:` is a key file of its own.
        uri: &'a str,
        /// What the service wants to see.
        section: &'a KeySection,
    },
}

/// What became of the keys that a wiped workspace had for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Keys of key files, which are destroyed.
    pub destroyed: Vec<String>,
    /// Providers and keys of what only somebody else can destroy: a key elsewhere, or a key file that cannot be removed or is not
    /// where it was.
    pub left: Vec<(&'static str, String)>,
    /// Provider, key, and when it is destroyed (Unix milliseconds), of one whose deletion was ordered.
    pub scheduled: Option<(&'static str, String, i64)>,
}

impl Host {
    pub(super) fn own_service(&self, name: &str, uri: &str, key_id: &str) -> Own {
        Own::new(name, uri, key_id, &self.dir, &self.section)
    }

    /// Moves one workspace to a key service of its own, or back to the host's; readers and writers go on. One that is closed moves,
    /// too, if the present service gives its key. Blocks. Answers provider and key.
    ///
    /// # Errors
    /// Bad input for a key that guards something else already; those of either key service; then nothing has changed.
    pub fn move_workspace(&self, name: &str, to: To<'_>) -> Result<(&'static str, String)> {
        let _rotating = self.rotating.lock();
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let workspace = self.workspace(name)?;
        let own = match to {
            To::Host => None,
            To::Own { uri, section } => {
                let section = KeySection { kms: self.section.kms.clone(), ..section.clone() };
                let service = own::source(uri, name, &self.dir, &section)?.open_or_create(&self.dir)?;
                self.not_a_workspace_s(&*service.kms, Some(workspace.id))?;
                let host = self.kms();
                if same(&*host, &*service.kms)
                    || opens(&*service.kms, &*host, HOST, &self.in_use().wrapped_key) == Ok(true)
                {
                    return Err(Error::bad_input(
                        "This key is no workspace's own",
                        format!("{} of {} guards the whole host", host.key_id(), host.provider()),
                        "name another key, or give --to host",
                    ));
                }
                Some((own::kept_uri(uri, &self.dir), section, service))
            }
        };
        self.guard(&workspace, own)
    }

    /// The key service of a workspace wraps its key anew, as [`Host::rotate_kms`] does for the host. Blocks.
    ///
    /// # Errors
    /// Those of the key service; bad input for a passphrase that nothing takes, and where the workspace is under the host's.
    pub fn rotate_own_kms(&self, name: &str, passphrase: Option<&Zeroizing<String>>) -> Result<()> {
        let _rotating = self.rotating.lock();
        let workspace = self.workspace(name)?;
        let Some(present) = workspace.own() else {
            return Err(Error::bad_input(
                "This workspace has no key service of its own",
                "the host's guards it",
                "leave --workspace out: the host's is rotated as a whole",
            ));
        };
        if present.own.is_shared() {
            return Err(Error::bad_input(
                "The key of this workspace cannot be rotated",
                "it is the one that guarded the host before, where the workspace stayed",
                "move it first: `key move --workspace`, to a service of its own or to the host",
            ));
        }
        let (uri, service) = (own::kept_uri(present.own.uri(), &self.dir), present.own.service()?);
        let Some((path, local)) = &service.file else {
            if passphrase.is_some() {
                return Err(Error::bad_input(
                    "There is no passphrase to change",
                    format!("the keys are guarded by {}", service.kms.provider()),
                    "leave --new-passphrase-file out",
                ));
            }
            return self.guard(&workspace, Some((uri, self.section.clone(), service))).map(drop);
        };
        if passphrase.is_some_and(|passphrase| passphrase.is_empty()) {
            return Err(Error::bad_input("The passphrase is empty", "an empty one protects nothing", "choose one"));
        }
        // Before a successor is written, the last one has its place: it may be the only copy of the key in use.
        kms::settle_file(path, &service.kms.key_id())?;
        let (bytes, renewed) = local.renewed()?;
        let next = kms::next_file(path);
        files::write_private(&next, &bytes)?;
        crash::point("own: made");
        // Backups, one that is being made now and is noted only at its end, and copies from before an upgrade hold the workspace's key
        // as the former one wrapped it.
        let former = own::former_file(&self.dir, name, &service.kms.key_id());
        files::write_private(&former, &std::fs::read(path)?)?;
        tracing::info!(file = %former.display(), "the former key file is kept: backups may need it");
        let fresh = Service::local(path.clone(), renewed);
        self.guard(&workspace, Some((uri.clone(), self.section.clone(), fresh.clone())))?;
        std::fs::rename(&next, path)?;
        crash::point("own: renamed");
        files::sync_parent(path)?;
        if let (Some(passphrase), Some((_, local))) = (passphrase, &fresh.file) {
            let (bytes, again) = local.under(passphrase.as_bytes(), &Argon2Params::default())?;
            files::write_private(path, &bytes)?;
            let again = Service::local(path.clone(), again);
            let own = self.own_service(name, &uri, &again.kms.key_id()).opened(again);
            workspace.set_own(Some(own.watched(&self.figures)));
        }
        Ok(())
    }

    /// From here on this guards a workspace: a service of its own, or the host's.
    fn guard(
        &self,
        workspace: &Arc<Workspace>,
        to: Option<(String, KeySection, Service)>,
    ) -> Result<(&'static str, String)> {
        let kms: Arc<dyn KeyService> = to.as_ref().map_or_else(|| self.kms(), |(_, _, service)| service.kms.clone());
        self.settle_change()?;
        let keys =
            self.wrapped_anew(workspace, &*kms)?.ok_or_else(|| kms::away("it does not give this workspace's key"))?;
        crash::point("own: wrapped");
        let (provider, key_id) = (kms.provider(), kms.key_id());
        let uri = to.as_ref().map(|(uri, _, _)| uri.as_str());
        store(&self.db()?, workspace.id, uri, (provider, &key_id), &keys)?;
        crash::point("own: changed");
        let own = to.map(|(uri, section, service)| {
            let own = Own::new(&workspace.name, &uri, &key_id, &self.dir, &section).opened(service);
            own.watched(&self.figures)
        });
        {
            // Whoever asks takes the service and what it wrapped together.
            let _in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            workspace.set_keys(keys);
            workspace.set_own(own);
            let mut health = workspace.health.lock().unwrap_or_else(PoisonError::into_inner);
            if workspace.is_open() {
                health.confirmed(Instant::now(), self.cache);
            } else {
                // The next look asks the new one.
                *health = kms::watch::Health::default();
            }
        }
        // What the former one wrapped leaves the file with the WAL. The workspace has changed either way.
        if let Err(why) = self.db().and_then(|db| Ok(thechatapp_database::empty_wal(&db)?)) {
            tracing::warn!(error = %why, "what the former key service wrapped lies in the log of host.db for a while yet");
        }
        Ok((provider, key_id))
    }

    /// Whoever ends a workspace may end its key: a key that is a workspace's own guards nothing else.
    pub(super) fn not_a_workspace_s(&self, kms: &dyn KeyService, but: Option<WorkspaceId>) -> Result<()> {
        let mut answers = true;
        for workspace in self.workspaces().into_iter().filter(|workspace| Some(workspace.id) != but) {
            // The host may go back to where a workspace stayed.
            let counts = |own: &own::OwnService| but.is_some() || !own.own.is_shared();
            let Some((own, keys)) = self.own_keys(&workspace).filter(|(own, _)| counts(own)) else { continue };
            let mut has_its_key = same(&*own.kms, kms);
            if answers && !has_its_key {
                match opens(kms, &*own.kms, &workspace.id.to_string(), &keys.key) {
                    Ok(opened) => has_its_key = opened,
                    // It would keep everybody waiting once more for each, and is told of by the wrapping.
                    Err(Silent) => answers = false,
                }
            }
            if has_its_key {
                return Err(Error::bad_input(
                    "This key is another workspace's own",
                    format!("{} of {} guards {}", kms.key_id(), kms.provider(), workspace.name),
                    "name another key",
                ));
            }
        }
        Ok(())
    }

    /// The key services of single workspaces, by name.
    pub(crate) fn own_services(&self) -> std::collections::BTreeMap<String, Arc<dyn KeyService>> {
        let own = |workspace: Arc<Workspace>| Some((workspace.name.clone(), workspace.own()?.kms));
        self.workspaces().into_iter().filter_map(own).collect()
    }
}

/// It did not answer.
#[derive(PartialEq, Eq)]
struct Silent;

/// Whether a service has the key that another one wrapped this with: a key may have several names (an alias, another address, an id
/// instead of a label). One of another kind is not asked.
fn opens(
    service: &dyn KeyService,
    other: &dyn KeyService,
    whose: &str,
    wrapped: &[u8],
) -> std::result::Result<bool, Silent> {
    if service.provider() != other.provider() {
        return Ok(false);
    }
    match service.unwrap(&WrapContext::new(whose), wrapped) {
        Ok(_) => Ok(true),
        Err(KmsError::Unavailable | KmsError::Throttled) => Err(Silent),
        Err(_) => Ok(false),
    }
}

fn same(one: &dyn KeyService, other: &dyn KeyService) -> bool {
    one.provider() == other.provider() && one.key_id() == other.key_id()
}

fn store(
    db: &HostDb<'_>,
    id: WorkspaceId,
    uri: Option<&str>,
    (provider, key_id): (&str, &str),
    keys: &WrappedKeys,
) -> Result<()> {
    db.execute(
        "UPDATE workspaces SET uri = ?2, provider = ?3, key_id = ?4, wrapped_key = ?5, coming_key = ?6, shared = 0
         WHERE id = ?1",
        (id.as_bytes(), uri, provider, key_id, &keys.key, &keys.coming_key),
    )?;
    Ok(())
}

/// The key files that end with a workspace: its own, what was to follow it, and those from before.
pub(super) fn key_files(dir: &std::path::Path, name: &str, own: Option<PathBuf>) -> Vec<PathBuf> {
    let mut files = vec![own::key_file(dir, name)];
    files.extend(own);
    let successors: Vec<_> = files.iter().map(|file| kms::next_file(file)).collect();
    files.extend(successors);
    let former = format!("former-{name}-");
    for entry in std::fs::read_dir(dir.join("keys")).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let id = file.to_str().and_then(|file| file.strip_prefix(&former)?.strip_suffix(".json"));
        // Another workspace's name may begin with this one's.
        if id.is_some_and(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            files.push(entry.path());
        }
    }
    files
}

/// Ends a key file: overwritten first, as far as the disk writes in place. Answers the name of its key.
pub(super) fn destroy(file: &std::path::Path) -> std::io::Result<Option<String>> {
    let bytes = match std::fs::read(file) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let (key, length) = (kms::key_of(file).unwrap_or_default(), bytes.len().min(1 << 16));
    if let Ok(mut open) = std::fs::File::options().write(true).open(file) {
        std::io::Write::write_all(&mut open, &vec![0; length])?;
        open.sync_all()?;
    }
    std::fs::remove_file(file)?;
    files::sync_parent(file)?;
    Ok(key)
}
