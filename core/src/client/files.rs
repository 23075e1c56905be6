//! Files: sealed on this device before they leave it, and opened on it after they came. Both ways go on where they were,
//! also after this program has ended in between.

use super::messages::{no_channel, random, shown};
use super::{Client, closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::local::{Source, Upload, Waiting};
use crate::net::{Moved, Remote};
use crate::sync::Workspace;
use crate::view::MessageView;
use futures_util::TryStreamExt;
use std::fs::File;
use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
};
use thechatapp_protocol::{ChannelId, Code, FileId, MessageId, WorkspaceId};
use thechatapp_seal::{CHUNK, Context, HEADER, Key, OpenReader, OpenSeek, SEALED_CHUNK, SealWriter, sealed_len};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;
use zeroize::Zeroizing;

/// How often a transfer that broke off is taken up again before that is left to the person.
const ATTEMPTS: u32 = 6;
/// The first wait before it is taken up, doubled each time.
const WAIT: Duration = Duration::from_millis(200);
/// How often one hears how far an upload is.
const SHOWN_EVERY: Duration = Duration::from_millis(100);
/// How much is in memory at once on its way out.
const PIECE: usize = 64 * 1024;

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
        if !workspace.cache.is_joined(channel)?.ok_or_else(no_channel)? {
            return Err(Error::bad_input(
                "nothing can be sent here",
                "you are not a member of this channel; join it first",
            ));
        }
        // Nothing is sealed for a server that is not there.
        workspace.session()?;
        let place = Place::of(&workspace).await?;
        let upload = self.upload_of(&workspace, &place, channel, path).await?;
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
        };
        let message = workspace.local.end_upload(ws, message).await?;
        place.remove(upload.file.id);
        workspace.post(message.clone());
        Ok(shown(&workspace, message))
    }

    /// The upload that was begun, or a new one, sealed.
    async fn upload_of(&self, workspace: &Workspace, place: &Place, channel: ChannelId, path: &Path) -> Result<Upload> {
        let (source, from) = look(channel, path)?;
        let known = workspace.local.upload_of(workspace.id, source.clone()).await?;
        let upload = match known {
            Some(known) => known,
            None => {
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
        let sealed = place.sealed(upload.file.id);
        if !sealed.exists() {
            let (key, context) = (key_of(upload.key.as_slice())?, place.context(upload.file.id));
            let size = upload.file.size;
            let path = path.to_owned();
            blocking(move || seal_file(from, &sealed, &key, &context, size).map_err(|why| unreadable(&path, why)))
                .await?;
        }
        Ok(upload)
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
        let workspace = self.workspace(ws)?;
        let channel = workspace.cache.channel_of_file(file).await?.ok_or_else(|| {
            Error::bad_input("there is no such file here", "no message on this device has it; read its channel first")
        })?;
        let place = Place::of(&workspace).await?;
        let fetched = pull(&workspace, &place, channel, file, range, progress).await?;
        let (from, to, context) = (place.fetched(file, range.is_some()), to.to_owned(), place.context(file));
        let size = fetched.row.size;
        let opened = blocking(move || {
            let done = open_file(&from, &to, &fetched.key, &context, range, size);
            // What is not genuine is fetched anew next time; what could not be written is here still.
            if done.is_ok() || matches!(done, Err(Error::Corrupt { .. })) || range.is_some() {
                let _ = std::fs::remove_file(&from);
            }
            done
        });
        opened.await
    }
}

/// Where sealed bytes are on this device.
struct Place {
    folder: PathBuf,
    workspace: WorkspaceId,
}

impl Place {
    async fn of(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.files_folder();
        tokio::fs::create_dir_all(&folder).await.map_err(full)?;
        Ok(Self { folder, workspace: workspace.id })
    }

    fn sealed(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.up"))
    }

    fn fetched(&self, file: FileId, part: bool) -> PathBuf {
        self.folder.join(format!("{file}.{}", if part { "range" } else { "down" }))
    }

    fn remove(&self, file: FileId) {
        let _ = std::fs::remove_file(self.sealed(file));
    }

    fn context(&self, file: FileId) -> Context {
        Context::file(self.workspace.as_bytes(), file.as_bytes())
    }
}

/// Brings a sealed upload to the server.
async fn push(workspace: &Arc<Workspace>, place: &Place, upload: &Upload, progress: Progress<'_>) -> Result<FileRow> {
    let (file, channel) = (&upload.file, upload.source.channel);
    let total = sealed_len(file.size);
    let mut tries = Tries::default();
    loop {
        let session = tries.session(workspace).await?;
        let begin = BeginUploadParams {
            file: file.id,
            channel,
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: file.size,
        };
        let grant = match session.call::<BeginUpload>(&begin).await {
            Ok(grant) => grant,
            Err(why) => {
                tries.again(why).await?;
                continue;
            }
        };
        progress(grant.offset.min(total), total);
        if grant.offset >= total {
            let key = FileKey(upload.key.to_vec());
            match session.call::<FinishUpload>(&FinishUploadParams { channel, file: file.id, key }).await {
                Ok(row) => return Ok(row),
                Err(why) => {
                    tries.again(why).await?;
                    continue;
                }
            }
        }
        let account = workspace.account();
        let document = account.known.verified.document();
        let tls = (document.tls_keys.as_slice(), workspace.extra_roots());
        let remote = Remote::new(&account.url, &account.short, file.id, tls, &account.signing_key, grant.token)?;
        let mut from = tokio::fs::File::open(place.sealed(file.id)).await.map_err(full)?;
        from.seek(SeekFrom::Start(grant.offset)).await.map_err(full)?;
        let sent = send_shown(&remote, grant.offset, from, &mut |here| progress(here, total)).await;
        match sent {
            Ok(Moved::To(here)) if here > grant.offset => tries.moved(),
            Ok(_) => tries.again(Error::Offline { why: "the server did not take it".into() }).await?,
            Err(why) => tries.again(why).await?,
        }
    }
}

/// Sends what is left of an upload, and tells now and then how far it is.
async fn send_shown(
    remote: &Remote<'_>,
    offset: u64,
    from: tokio::fs::File,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Moved> {
    let gone = Arc::new(AtomicU64::new(offset));
    let counted = gone.clone();
    let pieces = ReaderStream::with_capacity(from, PIECE).inspect_ok(move |piece| {
        counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    let sending = remote.send(offset, pieces);
    tokio::pin!(sending);
    let mut moments = tokio::time::interval(SHOWN_EVERY);
    loop {
        tokio::select! {
            done = &mut sending => return done,
            _ = moments.tick() => progress(gone.load(Ordering::Relaxed)),
        }
    }
}

/// What was fetched.
struct Fetched {
    row: FileRow,
    key: Key,
}

/// Brings a file's sealed bytes here: all of them, or those that a range needs, each in its place.
async fn pull(
    workspace: &Arc<Workspace>,
    place: &Place,
    channel: ChannelId,
    file: FileId,
    range: Option<(u64, u64)>,
    progress: Progress<'_>,
) -> Result<Fetched> {
    let mut tries = Tries::default();
    loop {
        let session = tries.session(workspace).await?;
        let grant = match session.call::<OpenFile>(&OpenFileParams { channel, file }).await {
            Ok(grant) => grant,
            Err(why) => {
                tries.again(why).await?;
                continue;
            }
        };
        let key = key_of(&grant.key.0)?;
        let total = sealed_len(grant.file.size);
        let account = workspace.account();
        let document = account.known.verified.document();
        let tls = (document.tls_keys.as_slice(), workspace.extra_roots());
        let remote = Remote::new(&account.url, &account.short, file, tls, &account.signing_key, grant.token)?;
        let path = place.fetched(file, range.is_some());
        let wanted = match range {
            Some(range) => pieces(range, grant.file.size)?,
            None => vec![(std::fs::metadata(&path).map_or(0, |found| found.len()).min(total), total)],
        };
        let done = fetch_pieces(&remote, &path, &wanted, total, range.is_some(), progress).await;
        match done {
            Ok(true) => return Ok(Fetched { row: grant.file, key }),
            Ok(false) => tries.again(Error::Offline { why: "the server did not give it".into() }).await?,
            Err(why @ Error::Offline { .. }) => tries.again(why).await?,
            Err(other) => return Err(other),
        }
    }
}

async fn fetch_pieces(
    remote: &Remote<'_>,
    path: &Path,
    wanted: &[(u64, u64)],
    total: u64,
    sparse: bool,
    progress: Progress<'_>,
) -> Result<bool> {
    let mut to =
        tokio::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).await.map_err(full)?;
    if sparse {
        to.set_len(total).await.map_err(full)?;
    }
    let all: u64 = wanted.iter().map(|(first, end)| end - first).sum();
    let mut before = 0;
    for (first, end) in wanted {
        if first >= end {
            continue;
        }
        to.seek(SeekFrom::Start(*first)).await.map_err(full)?;
        let shown = if sparse { before } else { *first };
        let of = if sparse { all } else { total };
        let came = remote.fetch(*first, Some(*end), &mut to, &mut |came| progress(shown + came, of)).await;
        // What came is kept also when the rest did not.
        to.flush().await.map_err(full)?;
        match came? {
            Moved::To(came) if came == end - first => before += came,
            Moved::To(_) | Moved::NotFound => return Ok(false),
        }
    }
    to.sync_all().await.map_err(full)?;
    Ok(true)
}

/// The places of the sealed bytes that a range needs: the header, its own chunks, and the last, which proves the length.
fn pieces((first, last): (u64, u64), size: u64) -> Result<Vec<(u64, u64)>> {
    if first > last || first >= size {
        return Err(Error::bad_input("this range is not in the file", format!("it has {size} bytes, the first is 0")));
    }
    let (chunk, sealed, header) = (CHUNK as u64, SEALED_CHUNK as u64, HEADER as u64);
    let total = sealed_len(size);
    let at = |number: u64| header + number * sealed;
    let begin = at(first / chunk);
    let end = at(last.min(size - 1) / chunk + 1).min(total);
    let tail = at(size / chunk).min(total);
    let mut pieces = vec![(0, header), (begin, end)];
    if tail >= end {
        pieces.push((tail, total));
    } else if end < total {
        pieces.push((end, total));
    }
    Ok(pieces)
}

/// A transfer that broke off is taken up again, a few times.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    /// The session; a connection that is being made is waited for.
    async fn session(&mut self, workspace: &Workspace) -> Result<crate::net::Session> {
        loop {
            match workspace.session() {
                Ok(session) => return Ok(session),
                Err(why) => self.again(why).await?,
            }
        }
    }

    /// Something moved: the count begins anew.
    fn moved(&mut self) {
        self.0 = 0;
    }

    async fn again(&mut self, why: Error) -> Result<()> {
        let passes = match &why {
            Error::Offline { .. } => true,
            Error::Refused(body) => matches!(body.code, Code::Busy | Code::Unavailable),
            _ => false,
        };
        if !passes || self.0 + 1 >= ATTEMPTS {
            return Err(why);
        }
        tokio::time::sleep(WAIT * 2_u32.pow(self.0)).await;
        self.0 += 1;
        Ok(())
    }
}

fn look(channel: ChannelId, path: &Path) -> Result<(Source, File)> {
    let file = File::open(path).map_err(|why| unreadable(path, why))?;
    let found = file.metadata().map_err(|why| unreadable(path, why))?;
    if !found.is_file() {
        return Err(unreadable(path, "it is no file; a folder can be packed into one first"));
    }
    let modified = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
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

fn key_of(bytes: &[u8]) -> Result<Key> {
    Key::try_from(bytes).map_err(fault::internal)
}

fn full(why: io::Error) -> Error {
    Error::DiskFull { why: why.to_string() }
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|_| closed())?
}

/// Seals a file into another place: whole, or not there.
fn seal_file(mut from: File, to: &Path, key: &Key, context: &Context, size: u64) -> io::Result<()> {
    let fresh = to.with_extension("up.new");
    let sealed = File::create(&fresh)?;
    let mut writer = SealWriter::new(sealed, key, context).map_err(io::Error::other)?;
    let copied = io::copy(&mut from, &mut writer)?;
    let sealed = writer.finish().map_err(io::Error::other)?;
    if copied != size {
        return Err(io::Error::other("it changed while it was read"));
    }
    sealed.sync_all()?;
    std::fs::rename(fresh, to)
}

/// Opens sealed bytes and puts them in a place.
fn open_file(from: &Path, to: &Path, key: &Key, context: &Context, range: Option<(u64, u64)>, size: u64) -> Result<()> {
    let damaged =
        |why: thechatapp_seal::Error| Error::Corrupt { file: "the downloaded file".into(), why: why.to_string() };
    let sealed = File::open(from).map_err(full)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let fresh = to.with_file_name(name);
    let mut out = File::create(&fresh)
        .map_err(|why| Error::bad_input(format!("{} cannot be written", to.display()), why.to_string()))?;
    let written = match range {
        Some((first, last)) => OpenSeek::new(sealed, key, context).and_then(|mut opened| {
            let end = last.saturating_add(1).min(opened.length()?);
            opened.copy_range(first, end, &mut out)
        }),
        None => OpenReader::new(io::BufReader::with_capacity(PIECE, sealed), key, context).and_then(|mut opened| {
            let copied = io::copy(&mut opened, &mut out)?;
            if copied == size { Ok(()) } else { Err(thechatapp_seal::Error::Truncated) }
        }),
    };
    let placed = written.map_err(damaged).and_then(|()| {
        out.flush().and_then(|()| out.sync_all()).and_then(|()| std::fs::rename(&fresh, to)).map_err(full)
    });
    if placed.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    placed
}

#[cfg(test)]
mod tests;
