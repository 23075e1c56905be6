//! Files: sealed on this device before they leave it, and opened on it after they came. Both ways go on where they were,
//! also after this program has ended in between.

mod arriving;
pub(crate) mod here;
mod once;
mod sealing;
mod thumbnail;
mod transfer;

use super::messages::{no_channel, random, shown};
use super::{Client, closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::local::{Source, Upload, Waiting};
use crate::part_file::PartFile;
use crate::sync::Workspace;
use crate::view::MessageView;
use sealing::{Beside, full, key_of, seal_file};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::{ChannelId, Code, FileId, MessageId, Timestamp, WorkspaceId};
use thechatapp_seal::{Context, Key, sealed_len};
use transfer::{pull, push};
use zeroize::Zeroizing;

/// Hears how many bytes of how many are over.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

impl Client {
    /// Uploads a file and sends it in a message; the message waits in the outbox like any other once this returns. The same
    /// file to the same channel, when an earlier upload of it broke off, goes on.
    ///
    /// # Errors
    /// [`Error::BadInput`] for what is no readable file; [`Error::Offline`]: try again, and it goes on where it was.
    pub async fn upload(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        path: &Path,
        text: &str,
        progress: Progress<'_>,
    ) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        if !workspace.cache.is_joined(channel).await?.ok_or_else(|| no_channel(&workspace))? {
            return Err(Error::bad_input(
                "nothing can be sent here",
                "you are not a member of this channel; join it first",
            ));
        }
        // Nothing is sealed for a server that is not there.
        workspace.session()?;
        let place = Place::of(&workspace).await?;
        let (upload, _runs) = self.upload_of(&workspace, &place, channel, path).await?;
        let done = push(&workspace, &place, &upload, progress).await;
        let file = match done {
            Err(Error::Refused(body)) if body.code == Code::BadInput => {
                // Trying again would not mend it.
                workspace.local.drop_upload(upload.file.id).await?;
                place.remove(upload.file.id);
                return Err(Error::BadInput { what: body.what, why: body.why });
            }
            other => other?,
        };
        let message = Waiting {
            position: 0,
            id: upload.message,
            channel,
            text: text.to_owned(),
            files: vec![file],
            thread: None,
            created: self.now(),
            failure: None,
            withdrawn: false,
        };
        let message = workspace.local.end_upload(ws, message).await?;
        place.remove(upload.file.id);
        workspace.post(message.clone());
        Ok(shown(&workspace, message))
    }

    /// The upload that was begun, or a new one, sealed; it counts as running while what comes with it is held.
    async fn upload_of(
        &self,
        workspace: &Workspace,
        place: &Place,
        channel: ChannelId,
        path: &Path,
    ) -> Result<(Upload, Arc<()>)> {
        let (source, from) = look(channel, path)?;
        // What is swept meanwhile is not this one.
        let mut running = workspace.uploading.lock().await;
        let known = workspace.local.upload_of(workspace.id, source.clone()).await?;
        let upload = match known {
            Some(known) if place.has_all_of(&known) => known,
            known => {
                // What is not as long as it was sealed would never come to its end.
                if let Some(cut) = known {
                    workspace.local.drop_upload(cut.file.id).await?;
                    place.remove(cut.file.id);
                }
                let millis = self.now().unix_millis();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .ok_or_else(|| unreadable(path, "its name is no text"))?;
                let file = FileRow {
                    id: FileId::from_parts(millis, &random()?),
                    name: name.to_owned(),
                    media_type: media_type(path),
                    size: source.size,
                };
                let key = Zeroizing::new(*Key::random().map_err(fault::internal)?.expose());
                let message = MessageId::from_parts(millis, &random()?);
                let upload = Upload { file, source, key, message };
                workspace.local.begin_upload(workspace.id, upload.clone()).await?;
                upload
            }
        };
        let runs = Arc::new(());
        running.insert(upload.file.id, Arc::downgrade(&runs));
        drop(running);
        let sealed = place.sealed(upload.file.id);
        if !sealed.exists() {
            let (key, context) = (key_of(upload.key.as_slice())?, place.context(upload.file.id));
            let size = upload.file.size;
            let path = path.to_owned();
            blocking(move || seal_file(from, &sealed, &key, &context, size).map_err(|why| unreadable(&path, why)))
                .await?;
        }
        place.went_on(upload.file.id, self.now());
        Ok((upload, runs))
    }

    /// Fetches a file that a message on this device has, opens it, and puts it in a place: all of it, or the bytes from one
    /// to another, both included. What stood in that place is replaced once everything is here and genuine.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a file that is not known or a range outside it; [`Error::Offline`]: try again, and it goes on.
    pub async fn download(
        &self,
        ws: WorkspaceId,
        file: FileId,
        range: Option<(u64, u64)>,
        to: &Path,
        progress: Progress<'_>,
    ) -> Result<()> {
        let (workspace, channel) = self.channel_of_file(ws, file).await?;
        let place = Place::of(&workspace).await?;
        pull(&workspace, &place, (channel, file), range, |_| to.to_owned(), progress).await.map(drop)
    }

    /// The same into a folder, under the file's own name or, where that is taken, the next free one. Tells where it is.
    ///
    /// # Errors
    /// As for [`Self::download`].
    pub async fn save_file(
        &self,
        ws: WorkspaceId,
        file: FileId,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<PathBuf> {
        let (workspace, channel) = self.channel_of_file(ws, file).await?;
        let place = Place::of(&workspace).await?;
        let before = workspace.local.download(ws, file).await?.filter(PartFile::is_there).map(|part| part.path);
        let to = |name: &str| free_name(folder, name, before.as_deref());
        pull(&workspace, &place, (channel, file), None, to, progress).await
    }

    /// The workspace that is open, and the channel of a message here that has the file.
    async fn channel_of_file(&self, ws: WorkspaceId, file: FileId) -> Result<(Arc<Workspace>, ChannelId)> {
        let workspace = self.workspace(ws)?;
        let channel = workspace.cache.channel_of_file(file).await?.ok_or_else(|| {
            Error::bad_input("there is no such file here", "no message on this device has it; read its channel first")
        })?;
        Ok((workspace, channel))
    }
}

/// A name in a folder that nothing has yet, and that nothing else is on its way to: `plan.pdf`, `plan (1).pdf`.
fn free_name(folder: &Path, name: &str, before: Option<&Path>) -> PathBuf {
    let (stem, ending) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    let mut to = folder.join(name);
    for number in 1.. {
        let mut parts = Beside::names(&to);
        if !to.exists() && parts.next().is_none_or(|part| Some(part.as_path()) == before || !part.exists()) {
            break;
        }
        to = folder.join(format!("{stem} ({number}){ending}"));
    }
    to
}

/// Where sealed bytes are on this device.
struct Place {
    folder: PathBuf,
    workspace: WorkspaceId,
}

impl Place {
    async fn of(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.files_folder();
        // It is there, but for the first time.
        if !folder.is_dir() {
            tokio::fs::create_dir_all(&folder).await.map_err(full)?;
        }
        Ok(Self { folder, workspace: workspace.id })
    }

    fn sealed(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.up"))
    }

    fn fetched(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.down"))
    }

    /// What proves what is here of a file that is written once.
    fn tags(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.tags"))
    }

    /// The sealed bytes of a file that came whole.
    fn kept(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.kept"))
    }

    /// Whether the sealed bytes of an upload are here, or are still to be made.
    fn has_all_of(&self, upload: &Upload) -> bool {
        let sealed = std::fs::metadata(self.sealed(upload.file.id));
        sealed.map_or(true, |sealed| sealed.len() == sealed_len(upload.file.size))
    }

    /// An upload went on: its sealed bytes say when, for those who look for what nobody goes on with.
    fn went_on(&self, file: FileId, now: Timestamp) {
        let Some(at) = UNIX_EPOCH.checked_add(Duration::from_millis(now.unix_millis())) else { return };
        let noted = File::options().append(true).open(self.sealed(file)).and_then(|sealed| sealed.set_modified(at));
        if let Err(why) = noted {
            tracing::debug!(%why, "when an upload went on is not noted");
        }
    }

    fn remove(&self, file: FileId) {
        let _ = std::fs::remove_file(self.sealed(file));
    }

    fn context(&self, file: FileId) -> Context {
        Context::file(self.workspace.as_bytes(), file.as_bytes())
    }
}

fn look(channel: ChannelId, path: &Path) -> Result<(Source, File)> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let found = file.metadata().map_err(|why| unreadable(path, why))?;
    if !found.is_file() {
        return Err(unreadable(path, "it is no file; a folder can be packed into one first"));
    }
    let modified = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let source = Source {
        channel,
        path: std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned(),
        size: found.len(),
        modified: modified.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
    };
    Ok((source, file))
}

fn unreadable(path: &Path, why: impl ToString) -> Error {
    Error::bad_input(format!("{} cannot be uploaded", path.display()), why.to_string())
}

/// By its name; the server looks at the content too.
fn media_type(path: &Path) -> String {
    mime_guess::from_path(path).first_or_octet_stream().essence_str().to_owned()
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|_| closed())?
}

#[cfg(test)]
mod tests;
