//! Making a backup while the host goes on.

use super::folder::Folder;
use super::snapshot::{Kept, Missing, Pieces, Snapshot, VERSION, WITH_OWN, WorkspaceKept};
use super::{Report, blocking, gone};
use crate::blobs::Part;
use crate::error::{Error, Result};
use crate::state::{Still, Workspace};
use crate::store;
use crate::tenants::Host;
use crate::time::now;
use std::fs::File;
use std::sync::Arc;
use thechatapp_protocol::{FileId, Timestamp};

/// Makes a backup of every workspace. Each is as it was at one moment; what was acknowledged before this was called is in
/// it. One that is closed or damaged holds up no other: it is named as missing.
///
/// # Errors
/// See [`crate::error::Kind`], busy while another is made there, and where no workspace could be kept; then no snapshot is
/// written, and the pieces that were help the next backup.
pub async fn create(host: &Host, folder: Folder) -> Result<Report> {
    let at = now();
    let made = make(host, folder, at).await;
    host.figures().backup(at, made.as_ref().ok().map(|made| made.missing.len()));
    made
}

async fn make(host: &Host, folder: Folder, at: Timestamp) -> Result<Report> {
    let folder = Arc::new(folder.lock()?);
    if let Some(why) = host.closed() {
        return Err(why);
    }
    // Noted before anything is kept: what is wiped from here on may be in it already, and whoever wipes it is told so.
    let name = Folder::name_of(at)?;
    let making = host.begin_backup(&folder, &name, at)?;
    let made = fill(host, &folder, (&name, at)).await;
    if made.is_err()
        && let Err(why) = host.forget_backup(&making)
    {
        tracing::warn!(error = %why, "a backup that came to nothing is noted still");
    }
    made
}

async fn fill(host: &Host, folder: &Arc<Folder>, (name, begun): (&str, Timestamp)) -> Result<Report> {
    let (mut workspaces, mut missing) = (Vec::new(), Vec::new());
    for workspace in host.workspaces() {
        match keep(host, &workspace, folder).await {
            Ok(kept) => workspaces.push(kept),
            Err(why) if Missing::is_one_s_own(&why) => {
                tracing::error!(workspace = %workspace.id, error = %why, "a workspace is not in the backup");
                missing.push(Missing::of(&workspace.name, &why));
            }
            Err(why) => return Err(why),
        }
    }
    // The backup is good without it.
    if let Err(why) = gone::note(host, folder).await {
        tracing::warn!(error = %why, "what was wiped under an earlier release is looked for with the next backup");
    }
    finish(host, folder, (name, begun), workspaces, missing)
}

fn finish(
    host: &Host,
    folder: &Folder,
    (name, begun): (&str, Timestamp),
    mut workspaces: Vec<WorkspaceKept>,
    mut missing: Vec<Missing>,
) -> Result<Report> {
    // What was wiped while others were kept must not come back by this, nor do its keys.
    let here: Vec<_> = host.workspaces().iter().map(|workspace| (workspace.id, workspace.name.clone())).collect();
    workspaces.retain(|kept| here.iter().any(|(id, _)| *id == kept.id));
    missing.retain(|one| here.iter().any(|(_, name)| *name == one.workspace));
    if workspaces.is_empty() {
        Missing::none(&missing)?;
    }
    let version = if workspaces.iter().any(|one| one.own.is_some()) { WITH_OWN } else { VERSION };
    let snapshot =
        Snapshot { version, at: now(), base_url: host.base_url()?, workspaces, missing, wiped: host.wiped()? };
    // Noted before it exists: one that is noted and does not exist is found out, the other way about it would be forgotten.
    host.note_backup(folder, name, &snapshot)?;
    folder.put_snapshot_as(name, &snapshot)?;
    if snapshot.is_complete() {
        host.note_backup_made(begun)?;
    }
    Ok(snapshot.report(name.to_owned(), Vec::new()))
}

async fn keep(host: &Host, workspace: &Arc<Workspace>, folder: &Arc<Folder>) -> Result<WorkspaceKept> {
    let place = workspace.place();
    let Still { key, database_key, messages, shared, thumbnails, wiped, guard } = workspace.freeze().await?;
    // Whoever has the passphrase is to have everything; without one, a service of its own stays the only way in.
    let own = if folder.sealed_for().recovery { None } else { host.own_kept(workspace, &key, &database_key).await? };
    let (path, to) = (place.path.clone(), folder.clone());
    let database = blocking(move || {
        let kept = to.keep(File::open(path)?);
        // The file stood still until here.
        drop(guard);
        kept
    })
    .await?;
    let mut files = Vec::new();
    for (file, size) in shared {
        if let Some(pieces) = keep_part(workspace, (file, Part::Body, size), folder).await? {
            files.push((file, pieces));
        } else if workspace.look(move |view| store::files::is_shared(view, file)).await? {
            return Err(Error::new(
                crate::error::Kind::Corrupt,
                "A shared file is missing",
                format!("{file} of {} is not where files are", workspace.name),
                "restore it from an earlier backup, or delete the message that has it",
            ));
        }
    }
    let mut kept = Vec::new();
    for (file, size) in thumbnails {
        // One that is missing is made anew after a restore.
        if let Some(pieces) = keep_part(workspace, (file, Part::Thumbnail, size), folder).await? {
            kept.push((file, pieces));
        }
    }
    Ok(WorkspaceKept {
        id: workspace.id,
        name: workspace.name.clone(),
        title: workspace.title.clone(),
        created: place.created,
        key: if own.is_some() { Kept::elsewhere() } else { Kept::from(&key) },
        database_key: if own.is_some() { Kept::elsewhere() } else { Kept::from(&database_key) },
        own,
        database,
        files,
        thumbnails: kept,
        messages,
        wiped,
    })
}

/// What is stored of a shared file; nothing for one that was removed since the database was copied.
async fn keep_part(
    workspace: &Arc<Workspace>,
    (file, part, size): (FileId, Part, u64),
    folder: &Arc<Folder>,
) -> Result<Option<Pieces>> {
    let from = match workspace.blobs.open(file, part, size).await {
        Ok(stored) => stored.reader().await,
        Err(why) => Err(why),
    };
    match from {
        Ok(from) => {
            let to = folder.clone();
            blocking(move || to.keep(from)).await.map(Some)
        }
        Err(why) if why.is_not_found() => Ok(None),
        Err(why) => Err(why.into()),
    }
}

#[cfg(test)]
mod tests;
