//! The end of a workspace's own key where that lies in another service. It comes before the wipe: refused, nothing has changed, and
//! broken off after it the workspace is closed, its key is gone, and the same command goes on.

use super::{HOST, Host};
use crate::error::{Error, Kind, Result};
use crate::kms::ending::Ending;
use crate::kms::own::OwnService;
use crate::state::Workspace;
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
        self.guards_nothing_else(workspace, &own)?;
        let ending = ends.end(&WrapContext::new(workspace.id.to_string()), &keys.key, pending_days)?;
        tracing::info!(workspace = %workspace.id, key = own.kms.key_id(), ?ending, "the key of a workspace ends");
        Ok(Some(ending))
    }

    /// A key may have several names, so it is asked for what others' services wrapped; only a clear answer counts.
    fn guards_nothing_else(&self, workspace: &Workspace, own: &OwnService) -> Result<()> {
        self.settle_change()?;
        let (provider, key_id) = (own.kms.provider(), own.kms.key_id());
        let alone = |other: &dyn KeyService, whose: &str, wrapped: &[u8], name: &str| {
            if other.provider() != provider {
                return Ok(());
            }
            let opened = own.kms.unwrap(&WrapContext::new(whose), wrapped);
            match opened {
                Err(KmsError::WrongKey) if other.key_id() != key_id => Ok(()),
                Err(why) if other.key_id() != key_id => Err(Error::new(
                    Kind::KeyService,
                    "The key cannot be destroyed in its service",
                    format!("whether it guards {name}, too, cannot be told: {why}; nothing was wiped"),
                    "try again later; or leave --destroy-remote-key out: the key is named then",
                )),
                _ => Err(Error::bad_input(
                    "This key is not the workspace's alone",
                    format!("{key_id} of {provider} guards {name}, too; nothing was wiped"),
                    "leave --destroy-remote-key out",
                )),
            }
        };
        let host = self.in_use();
        alone(&*host.service.kms, HOST, &host.wrapped_key, "the host")?;
        for other in self.workspaces().into_iter().filter(|other| other.id != workspace.id) {
            if let Some((service, keys)) = self.own_keys(&other) {
                alone(&*service.kms, &other.id.to_string(), &keys.key, &other.name)?;
            }
        }
        let kept = self.backup_guarded_by((provider, &key_id), workspace.id)?;
        if let Some(folder) = kept {
            return Err(Error::bad_input(
                "This key is not the workspace's alone",
                format!("{key_id} of {provider} opens backups of others, too, in {folder}; nothing was wiped"),
                "leave --destroy-remote-key out",
            ));
        }
        Ok(())
    }
}
