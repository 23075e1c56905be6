//! The end of a workspace's own key where that lies in another service. It comes before the wipe: refused, nothing has changed, and
//! broken off after it the workspace is closed, its key is gone, and the same command goes on.

use super::{HOST, Host};
use crate::backup::{self, Folder, Guard};
use crate::error::{Error, Kind, Result};
use crate::kms::ending::Ending;
use crate::kms::own::OwnService;
use crate::state::Workspace;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use thechatapp_protocol::Timestamp;
use thechatapp_seal::{KeyService, KmsError, WrapContext};

impl Host {
    /// Ends a workspace's own key in its service. Nothing for a key file, which the wipe destroys.
    ///
    /// # Errors
    /// Bad input where the key is not the workspace's alone; key service where that cannot be told, and where it refuses.
    pub(super) fn end_key_of(&self, workspace: &Workspace, pending_days: u16) -> Result<Option<Ending>> {
        let Some((own, keys)) = self.own_keys(workspace).filter(|(own, _)| !own.own.is_shared()) else {
            return Err(Error::bad_input(
                "This workspace has no key of its own to destroy",
                "its key service guards the host, or did before, and others need its key; nothing was wiped",
                "leave --destroy-remote-key out",
            ));
        };
        let Some(ends) = own.own.service()?.ends else { return Ok(None) };
        let context = WrapContext::new(workspace.id.to_string());
        // What is to go already opens nothing that could be asked for, and was looked at before that was ordered.
        if let Some(ending) = ends.ends_already(&context, &keys.key) {
            tracing::info!(workspace = %workspace.id, key = own.kms.key_id(), ?ending, "the key of a workspace ends already");
            return Ok(Some(ending));
        }
        self.guards_nothing_else(workspace, &own)?;
        let ending = ends.end(&context, &keys.key, pending_days)?;
        tracing::info!(workspace = %workspace.id, key = own.kms.key_id(), ?ending, "the key of a workspace ends");
        Ok(Some(ending))
    }

    /// A key may have several names, so it is asked for what others' services wrapped; only a clear answer counts.
    fn guards_nothing_else(&self, workspace: &Workspace, own: &OwnService) -> Result<()> {
        self.settle_change()?;
        let going = Going { kms: &*own.kms, key_id: own.kms.key_id() };
        let guard = |service: &dyn KeyService| Guard { provider: service.provider().to_owned(), key: service.key_id() };
        {
            let host = self.in_use();
            let context = WrapContext::new(HOST);
            going.is_not(&guard(&*host.service.kms), &context, &host.wrapped_key, "the host")?;
        }
        for other in self.workspaces().into_iter().filter(|other| other.id != workspace.id) {
            if let Some((service, keys)) = self.own_keys(&other) {
                going.is_not(&guard(&*service.kms), &WrapContext::new(other.id.to_string()), &keys.key, &other.name)?;
            }
        }
        self.opens_no_backup(workspace, &going)
    }

    /// The same of the backups that are known: first by its name, then by what lies in them.
    fn opens_no_backup(&self, workspace: &Workspace, going: &Going<'_>) -> Result<()> {
        let of = (going.kms.provider(), going.key_id.as_str());
        // Those that are gone are known as such from here on.
        let known = self.backups_still_open(Timestamp(i64::MIN), workspace.id)?;
        if let Some(folder) = self.backup_guarded_by(of, workspace.id)? {
            return Err(Error::bad_input(
                "This key is not the workspace's alone",
                format!("{} of {} opens backups of others, too, in {folder}; nothing was wiped", of.1, of.0),
                "leave --destroy-remote-key out",
            ));
        }
        let services = known.iter().filter_map(|known| Some((known.folder.as_str(), known.service.as_ref()?)));
        let folders: BTreeMap<_, _> = services.collect();
        for (folder, service) in folders {
            let name = format!("the backups in {folder}");
            let is_there = Folder::is_there(Path::new(folder));
            if !is_there && service.provider != of.0 {
                continue;
            }
            let wrapped = backup::wrapped::of_folder(Path::new(folder)).map_err(|why| untold(&name, &why.why))?;
            for one in wrapped {
                going.is_not(&one.by, &one.context, &one.wrapped, &name)?;
            }
        }
        let mut asked = HashSet::new();
        for (folder, backups) in self.backups_by_other_names(of, workspace.id)? {
            let name = format!("the backups in {folder}");
            let wrapped = backup::wrapped::of_workspaces(Path::new(&folder), &*self.key_service(), &backups);
            // The same in each backup, as long as the workspace keeps its key.
            for one in wrapped.map_err(|why| untold(&name, &why.why))? {
                if asked.insert(one.wrapped.clone()) {
                    going.is_not(&one.by, &one.context, &one.wrapped, &name)?;
                }
            }
        }
        Ok(())
    }
}

/// A key that is to end.
struct Going<'a> {
    kms: &'a dyn KeyService,
    key_id: String,
}

impl Going<'_> {
    /// It is not the key that wrapped this.
    fn is_not(&self, other: &Guard, context: &WrapContext, wrapped: &[u8], name: &str) -> Result<()> {
        let (provider, key_id) = (self.kms.provider(), &self.key_id);
        if other.provider != provider {
            return Ok(());
        }
        match self.kms.unwrap(context, wrapped) {
            Err(KmsError::WrongKey) if other.key != *key_id => Ok(()),
            Err(why) if other.key != *key_id => Err(untold(name, &why.to_string())),
            _ => Err(Error::bad_input(
                "This key is not the workspace's alone",
                format!("{key_id} of {provider} guards {name}, too; nothing was wiped"),
                "leave --destroy-remote-key out",
            )),
        }
    }
}

fn untold(name: &str, why: &str) -> Error {
    Error::new(
        Kind::KeyService,
        "The key cannot be destroyed in its service",
        format!("whether it guards {name}, too, cannot be told: {why}; nothing was wiped"),
        "try again later; or leave --destroy-remote-key out: the key is named then",
    )
}
