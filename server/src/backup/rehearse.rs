//! The rehearsal: a backup is restored into a host of its own, which is opened as any host is, counted and read, and removed.
//! What it is restored to is sealed, for a passphrase that nobody knows and that is gone afterwards.

use super::folder::Folder;
use super::restore::restore_all;
use super::snapshot::{Snapshot, WorkspaceKept};
use super::{Report, blocking};
use crate::auth::password::Cost;
use crate::blobs;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::kms::KeySource;
use crate::state::Workspace;
use crate::store;
use crate::tenants::Host;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thechatapp_protocol::FileId;
use thechatapp_seal::Context;
use zeroize::Zeroizing;

/// Room that has to be left beside what is restored, in bytes.
const SPARE: u64 = 256 << 20;

/// Removes what was restored, however the rehearsal ends.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Restores a backup of a folder, by its name or the newest, into `scratch`, which must not exist, and looks whether everything
/// is there and opens. It needs room there for all that the backup holds.
///
/// # Errors
/// Corrupt, with what is missing; what restoring fails with.
pub async fn rehearse(folder: Folder, name: Option<&str>, scratch: &Path) -> Result<Report> {
    files::private_folder(scratch)?;
    let place = Place(scratch.to_owned());
    let (data, name) = (place.0.join("data"), name.map(str::to_owned));
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).map_err(|why| Error::internal("The system gave no random bytes", why))?;
    let source = KeySource::Local { file: None, passphrase: Zeroizing::new(HEXLOWER.encode(&*secret)) };
    let (host, snapshot, report) = blocking(move || {
        let (name, snapshot) = folder.snapshot(name.as_deref())?;
        let report = snapshot.report(name.clone(), Vec::new());
        // It is made where others write, too: they must not be left without room.
        if files::room(data.parent().unwrap_or(&data)).is_some_and(|room| room < report.bytes.saturating_add(SPARE)) {
            return Err(Error::new(
                Kind::DiskFull,
                "There is no room for a rehearsal",
                format!("{} bytes are needed, and {SPARE} beside them", report.bytes),
                "make room, or rehearse elsewhere: `backup verify --rehearse --scratch DIR`",
            ));
        }
        let report = Report { voided: None, ..restore_all(&folder, &name, &data, &source, Cost::PRODUCT)? };
        let host = Host::open(&data, &source, Cost::PRODUCT)?;
        Ok((host, snapshot, report))
    })
    .await?;
    let looked = look(&host, &snapshot, &report).await;
    let _ = blocking(move || {
        host.close();
        drop(place);
        Ok(())
    })
    .await;
    looked.map(|()| report)
}

async fn look(host: &Host, snapshot: &Snapshot, report: &Report) -> Result<()> {
    let is_missing = |kept: &&WorkspaceKept| report.missing.iter().any(|one| one.workspace == kept.name);
    for kept in snapshot.workspaces.iter().filter(|kept| !is_missing(kept)) {
        let workspace = host.workspace(&kept.name)?;
        compare(&workspace, kept).await?;
    }
    Ok(())
}

async fn compare(workspace: &Arc<Workspace>, kept: &WorkspaceKept) -> Result<()> {
    let damaged = |why: String| {
        Error::new(Kind::Corrupt, "The rehearsal failed", format!("{}: {why}", kept.name), "use another backup")
    };
    let messages = workspace.look(store::messages::count).await?;
    if messages != kept.messages {
        return Err(damaged(format!("{} messages were kept, {messages} are there", kept.messages)));
    }
    let (rows, id) = (workspace.look(store::files::all_shared).await?, workspace.id);
    let restored = workspace.place().path.with_file_name("files");
    let lengths: BTreeMap<FileId, u64> = kept.files.iter().map(|(file, pieces)| (*file, pieces.length)).collect();
    let bad = blocking(move || {
        for (row, key) in rows {
            // One that was removed while the backup was made is not in it.
            if !lengths.contains_key(&row.id) {
                continue;
            }
            let context = Context::file(id.as_bytes(), row.id.as_bytes());
            if blobs::look_at(File::open(restored.join(row.id.to_string()))?, &key, &context, &row).is_err() {
                return Ok(Some(row.id));
            }
        }
        Ok(None)
    })
    .await?;
    match bad {
        Some(file) => Err(damaged(format!("file {file} does not open"))),
        None => Ok(()),
    }
}
