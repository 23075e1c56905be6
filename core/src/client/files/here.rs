//! Sealed files that stay on this device: opened from here, also without the server, and gone with the message or the channel that
//! had them. What opens them is in the cache; bytes that nothing opens, and transfers that nobody went on with, are swept.

use super::arriving::open_here;
use super::sealing::{full, key_of};
use super::{Place, Progress, blocking, once};
use crate::cache::{FILES_ROOM, KeptFile};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::part_file::PartFile;
use crate::sync::Workspace;
use crate::view::Connection;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, FileId, Timestamp, WorkspaceId};
use thechatapp_seal::{Key, sealed_len};
use zeroize::Zeroizing;

/// A transfer that nobody went on with for so long is given up.
const GIVEN_UP_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// One that takes more of the room for all of them does not stay.
pub(super) const LARGEST: u64 = FILES_ROOM / 4;

impl Client {
    /// Whether a file can be opened without the server.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub async fn has_file(&self, ws: WorkspaceId, file: FileId) -> Result<bool> {
        let workspace = self.workspace(ws)?;
        let place = Place::of(&workspace).await?;
        Ok(workspace.cache.kept_file(file).await?.is_some_and(|kept| is_whole(&place, &kept.row)))
    }
}

fn is_whole(place: &Place, row: &FileRow) -> bool {
    std::fs::metadata(place.kept(row.id)).is_ok_and(|found| found.len() == sealed_len(row.size))
}

/// Opens a file that came before. `None` where it is not here, or not as it came.
pub(super) async fn open(
    workspace: &Workspace,
    place: &Place,
    file: FileId,
    range: Option<(u64, u64)>,
    to: &impl Fn(&str) -> PathBuf,
    progress: Progress<'_>,
) -> Result<Option<PathBuf>> {
    let Some(kept) = workspace.cache.kept_file(file).await? else { return Ok(None) };
    let path = place.kept(file);
    let opened = match std::fs::File::open(&path) {
        Ok(sealed) if is_whole(place, &kept.row) => {
            let (to, size) = (to(&kept.row.name), kept.row.size);
            let (key, context, into) = (key_of(kept.key.as_slice())?, place.context(file), to.clone());
            blocking(move || open_here(sealed, (&key, &context), range, size, into)).await.map(|()| to)
        }
        _ => Err(Error::NotGenuine { why: "it is not as long as it was".into() }),
    };
    match opened {
        Ok(to) => {
            workspace.cache.wanted_file(file, workspace.now()).await?;
            progress(sealed_len(kept.row.size), sealed_len(kept.row.size));
            Ok(Some(to))
        }
        // The server has it as it was.
        Err(Error::NotGenuine { why }) => {
            tracing::warn!(%why, "a file that was kept is fetched anew");
            workspace.cache.forget_file(file).await?;
            remove(&path);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// Keeps a file that came whole and was genuine. What keeps it from staying is no reason to say that it did not come.
pub(super) async fn keep(workspace: &Workspace, place: &Place, channel: ChannelId, row: FileRow, key: &Key) {
    let (fetched, kept, total) = (place.fetched(row.id), place.kept(row.id), sealed_len(row.size));
    // Two transfers at once have left what is no file.
    let whole = std::fs::metadata(&fetched).is_ok_and(|found| found.len() == total);
    let file = KeptFile { row, key: Zeroizing::new(*key.expose()) };
    // The row first: bytes without one are swept.
    let taken = whole && total <= LARGEST && {
        let taken = workspace.cache.keep_file(channel, file, workspace.now()).await;
        taken.unwrap_or_else(|why| {
            tracing::warn!(%why, "a file does not stay here");
            false
        })
    };
    if !taken {
        return remove(&fetched);
    }
    // Where it is gone, access was lost meanwhile, or another transfer of it was done first.
    let _ = std::fs::rename(&fetched, &kept);
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%why, path = %path.display(), "a file that is to go is still here");
        }
        _ => {}
    }
}

/// A file in the folder.
struct Lying {
    path: PathBuf,
    file: FileId,
    ending: String,
    /// When it was written last.
    at: Option<SystemTime>,
    bytes: u64,
}

fn look(folder: &Path) -> Result<Vec<Lying>> {
    let entries = match std::fs::read_dir(folder) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(full)?,
    };
    let mut lying = Vec::new();
    for entry in entries {
        let entry = entry.map_err(full)?;
        let name = entry.file_name();
        let Some((id, ending)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        let (Ok(file), Ok(found)) = (id.parse(), entry.metadata()) else { continue };
        let (at, bytes) = (found.modified().ok(), found.len());
        lying.push(Lying { path: entry.path(), file, ending: ending.to_owned(), at, bytes });
    }
    Ok(lying)
}

/// How many bytes lie in a workspace's folder.
pub(crate) async fn bytes(workspace: &Workspace) -> Result<u64> {
    let folder = workspace.files_folder();
    let lying = blocking(move || look(&folder)).await?;
    Ok(lying.iter().map(|one| one.bytes).sum())
}

/// Removes what nothing opens any more and what nobody went on with, and ends uploads to channels that one is not in.
pub(crate) async fn sweep(workspace: &Workspace) -> Result<()> {
    let now = workspace.now();
    let up_to_date = workspace.connection() == Connection::Online;
    let folder = workspace.files_folder();
    let mut running = workspace.uploading.lock().await;
    running.retain(|_, runs| runs.strong_count() > 0);
    for (file, channel) in workspace.local.uploads(workspace.id).await? {
        // Before everything is here that one may see, nothing is known to be out of sight.
        let out = up_to_date && workspace.cache.is_joined(channel).await? != Some(true);
        if out || !running.contains_key(&file) && is_old(now, went_on(&folder, file)) {
            workspace.local.drop_upload(file).await?;
        }
    }
    drop(running);
    let lying = blocking(move || look(&folder)).await?;
    let written = workspace.local.downloads(workspace.id).await?;
    if lying.is_empty() && written.is_empty() {
        return Ok(());
    }
    // Each of them has had its row before it was there.
    let (known, kept) = workspace.cache.files_among(lying.iter().map(|one| one.file).collect()).await?;
    let uploads = workspace.local.uploads(workspace.id).await?;
    for (file, part) in written {
        let tags = lying.iter().find(|one| one.file == file && one.ending == "tags");
        if tags
            .is_some_and(|one| known.contains(&file) && !one.at.and_then(timestamp).is_some_and(|at| is_old(now, at)))
        {
            continue;
        }
        let tags = workspace.files_folder().join(format!("{file}.tags"));
        if blocking(move || Ok(once::give_up(&tags, &part))).await? {
            workspace.local.drop_download(workspace.id, file).await?;
        }
    }
    let written = workspace.local.downloads(workspace.id).await?;
    for one in &lying {
        let stays = match one.ending.as_str() {
            "down" => known.contains(&one.file) && !one.at.and_then(timestamp).is_some_and(|at| is_old(now, at)),
            "kept" => kept.contains(&one.file),
            // Where they have no row yet, whoever begins has them.
            "tags" => written.iter().any(|(file, _)| *file == one.file) || !once::is_free(&one.path),
            "up" | "up.new" => uploads.iter().any(|(file, _)| *file == one.file),
            // Not ours.
            _ => true,
        };
        if !stays {
            remove(&one.path);
        }
    }
    Ok(())
}

/// Removes what came of files that are written once and did not come whole. Where that fails they stay: nothing keeps a wipe.
pub(crate) async fn remove_parts(parts: Vec<PartFile>) {
    let removed = tokio::task::spawn_blocking(move || parts.iter().filter(|part| !part.remove()).count());
    if let Ok(left @ 1..) = removed.await {
        tracing::warn!(left, "parts of files stay where nothing knows of them");
    }
}

/// Ends uploads to channels that one is not in any more.
pub(crate) async fn end_uploads(workspace: &Workspace, left: &[ChannelId]) -> Result<()> {
    for (file, channel) in workspace.local.uploads(workspace.id).await? {
        if left.contains(&channel) {
            workspace.local.drop_upload(file).await?;
        }
    }
    Ok(())
}

/// When an upload went on last: its sealed bytes say so, and before there are any, its id, which was made when it began.
fn went_on(folder: &Path, file: FileId) -> Timestamp {
    let noted = std::fs::metadata(folder.join(format!("{file}.up"))).and_then(|found| found.modified());
    if let Some(at) = noted.ok().and_then(timestamp) {
        return at;
    }
    let [a, b, c, d, e, f, ..] = *file.as_bytes();
    Timestamp(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}

fn is_old(now: Timestamp, at: Timestamp) -> bool {
    now.0.saturating_sub(at.0) > GIVEN_UP_MILLIS
}

#[cfg(test)]
mod tests;
