//! What lies wrapped in backups, for whoever asks which keys they need, whatever those are called.

use super::folder::Folder;
use super::seals::{Guard, Opening, Wrapped};
use crate::error::{Error, Kind, Result};
use std::path::Path;
use thechatapp_protocol::WorkspaceId;
use thechatapp_seal::{KeyService, WrapContext};

/// What key services wrapped of the keys of a folder.
///
/// # Errors
/// Bad input where there is none, corrupt.
pub(crate) fn of_folder(path: &Path) -> Result<Vec<Wrapped>> {
    Folder::keys(path)?.wrapped()
}

/// What services of their own wrapped of these workspaces' keys in backups of a folder that this service opens.
///
/// # Errors
/// When it does not open the folder; corrupt.
pub(crate) fn of_workspaces(
    path: &Path,
    service: &dyn KeyService,
    asked: &[(String, WorkspaceId)],
) -> Result<Vec<Wrapped>> {
    let folder = Folder::open(path, Opening { passphrase: None, service: Some(service) })?;
    let mut all = Vec::new();
    for (name, workspace) in asked {
        let (_, snapshot) = folder.snapshot(Some(name))?;
        let kept = snapshot.workspaces.iter().find(|kept| kept.id == *workspace);
        let own = kept.and_then(|kept| kept.own.as_ref()).ok_or_else(|| {
            Error::new(
                Kind::Corrupt,
                "A backup is not the one that is known",
                format!("{name} does not hold what a service wrapped for {workspace}"),
                "verify it",
            )
        })?;
        all.push(Wrapped {
            by: Guard { provider: own.provider.clone(), key: own.key_id.clone() },
            context: WrapContext::new(workspace.to_string()),
            wrapped: own.key.clone(),
        });
    }
    Ok(all)
}
