//! Making a backup while the host goes on.

use super::Report;
use super::folder::Folder;
use super::snapshot::{Kept, Pieces, Snapshot, VERSION, WorkspaceKept};
use crate::error::{Error, Result};
use crate::state::{Still, Workspace};
use crate::store;
use crate::tenants::Host;
use crate::time::now;
use std::fs::File;
use std::sync::Arc;
use thechatapp_protocol::FileId;

/// Makes a backup of every workspace. Each is as it was at one moment; what was acknowledged before this was called is in
/// it.
///
/// # Errors
/// See [`crate::error::Kind`], busy while another is made there; then no snapshot is written, and the pieces that were help
/// the next backup.
pub async fn create(host: &Host, folder: Folder) -> Result<Report> {
    let at = now();
    let made = make(host, folder).await;
    host.figures().backup(made.is_ok().then_some(at));
    made
}

async fn make(host: &Host, folder: Folder) -> Result<Report> {
    let folder = Arc::new(folder.lock()?);
    if let Some(why) = host.closed() {
        return Err(why);
    }
    let mut workspaces = Vec::new();
    for workspace in host.workspaces() {
        workspaces.push(keep(&workspace, &folder).await?);
    }
    let snapshot = Snapshot { version: VERSION, at: now(), base_url: host.base_url()?, workspaces };
    let name = folder.put_snapshot(&snapshot)?;
    Ok(snapshot.report(name, true))
}

async fn keep(workspace: &Arc<Workspace>, folder: &Arc<Folder>) -> Result<WorkspaceKept> {
    let place = workspace.place();
    let Still { key, database_key, messages, shared, guard } = workspace.freeze().await?;
    let (path, to) = (place.path.clone(), folder.clone());
    let database = blocking(move || {
        let kept = to.keep(File::open(path)?);
        // The file stood still until here.
        drop(guard);
        kept
    })
    .await?;
    let mut files = Vec::new();
    for file in shared {
        if let Some(pieces) = keep_file(workspace, file, folder).await? {
            files.push((file, pieces));
        }
    }
    Ok(WorkspaceKept {
        id: workspace.id,
        name: workspace.name.clone(),
        title: workspace.title.clone(),
        created: place.created,
        key: Kept::from(&key),
        database_key: Kept::from(&database_key),
        database,
        files,
        messages,
    })
}

/// A shared file's bytes; nothing for one that was removed since the database was copied.
async fn keep_file(workspace: &Arc<Workspace>, file: FileId, folder: &Arc<Folder>) -> Result<Option<Pieces>> {
    let (from, to) = (workspace.blobs.whole(file), folder.clone());
    let kept = blocking(move || match File::open(from) {
        Ok(open) => to.keep(open).map(Some),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why.into()),
    })
    .await?;
    if kept.is_none() && workspace.look(move |view| store::files::is_shared(view, file)).await? {
        return Err(Error::new(
            crate::error::Kind::Corrupt,
            "A shared file is missing",
            format!("{file} of {} is not on the disk", workspace.name),
            "restore it from an earlier backup, or delete the message that has it",
        ));
    }
    Ok(kept)
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|why| Error::internal("A backup ended early", why))?
}
