//! Workspaces that were wiped under a release that noted nothing of that: for each, the newest backup that holds it would stay for ever.
//!
//! One that is in an earlier backup and not on the host was wiped, or a restore left it out. A workspace that was on this host when that
//! backup was made, and never came out of a restore since its audit log began, proves that nothing was restored here.

use super::blocking;
use super::folder::Folder;
use crate::error::Result;
use crate::store::audit;
use crate::tenants::Host;
use std::collections::BTreeMap;
use std::sync::Arc;
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// Notes those of which the backups in a folder tell; once for each folder, when every workspace can be asked.
///
/// # Errors
/// When the folder or a database fails.
pub(super) async fn note(host: &Host, folder: &Arc<Folder>) -> Result<()> {
    if host.has_looked_for_wiped(folder.path())? {
        return Ok(());
    }
    let from = folder.clone();
    let snapshots = blocking(move || {
        let names = from.snapshots()?;
        // One that does not open says nothing.
        let opened = names.iter().filter_map(|name| from.snapshot(Some(name)).ok());
        let held =
            |workspaces: Vec<super::WorkspaceKept>| workspaces.into_iter().map(|kept| (kept.id, kept.name)).collect();
        Ok(opened.map(|(_, snapshot)| (snapshot.at, held(snapshot.workspaces))).collect::<Vec<_>>())
    });
    let snapshots: Vec<(Timestamp, BTreeMap<WorkspaceId, String>)> = snapshots.await?;
    let (mut here, mut asked_all) = (BTreeMap::new(), true);
    for workspace in host.workspaces() {
        let since = workspace.look(audit::here_since).await.unwrap_or_else(|_| {
            asked_all = false;
            None
        });
        here.insert(workspace.id, since);
    }
    let known = host.wiped()?;
    for (at, held) in &snapshots {
        let was_this_host =
            held.keys().any(|id| here.get(id).is_some_and(|since| since.is_some_and(|since| since <= *at)));
        for (id, name) in held.iter().filter(|(id, _)| was_this_host && !here.contains_key(id) && !known.contains(id)) {
            tracing::info!(workspace = %id, name, "it was wiped under an earlier release: no backup stays for its sake");
            host.note_wiped(*id)?;
        }
    }
    if asked_all {
        host.note_looked_for_wiped(folder.path())?;
    }
    Ok(())
}
