//! Sealed bytes on their way, taken up again where they broke off.

use super::arriving::Arriving;
use super::sealing::{full, key_of};
use super::{Place, Progress};
use crate::error::{Error, Result};
use crate::local::Upload;
use crate::net::{Moved, Remote, Session};
use crate::sync::Workspace;
use futures_util::TryStreamExt;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileGrant, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
};
use thechatapp_protocol::{ChannelId, Code, FileId};
use thechatapp_seal::{CHUNK, HEADER, Key, SEALED_CHUNK, sealed_len};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

/// How often a transfer that broke off is taken up again before that is left to the person.
const ATTEMPTS: u32 = 6;
/// The first wait before it is taken up, doubled each time.
const WAIT: Duration = Duration::from_millis(200);
/// How often one hears how far an upload is.
const SHOWN_EVERY: Duration = Duration::from_millis(100);
/// How much is in memory at once on its way out.
const PIECE: usize = 64 * 1024;

/// Brings a sealed upload to the server.
pub(super) async fn push(
    workspace: &Arc<Workspace>,
    place: &Place,
    upload: &Upload,
    progress: Progress<'_>,
) -> Result<FileRow> {
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
        let remote = workspace.remote(&account, file.id, grant.token)?;
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

/// What a part of a file is opened with, once its sealed bytes are here.
pub(super) struct Fetched {
    pub(super) row: FileRow,
    pub(super) key: Key,
}

/// Brings a file here and opens it while it comes; `to` says where to, by what it is called. Tells where it is.
pub(super) async fn pull(
    workspace: &Arc<Workspace>,
    place: &Place,
    (channel, file): (ChannelId, FileId),
    to: impl Fn(&str) -> PathBuf,
    progress: Progress<'_>,
) -> Result<PathBuf> {
    let (mut tries, mut arriving, mut path) = (Tries::default(), None::<Arriving>, PathBuf::new());
    loop {
        let FileGrant { file: row, key, token } = tries.grant(workspace, channel, file).await?;
        let account = workspace.account();
        let remote = workspace.remote(&account, file, token)?;
        let coming = match &mut arriving {
            Some(coming) => coming,
            None => {
                path = to(&row.name);
                arriving.insert(Arriving::begin(place, &row, key_of(&key.0)?, path.clone()).await?)
            }
        };
        let before = coming.here();
        match fetch_rest(&remote, coming, progress).await {
            Ok(true) => break,
            Ok(false) if coming.here() > before => tries.moved(),
            Ok(false) => tries.again(Error::Offline { why: "the server did not give it".into() }).await?,
            Err(why @ Error::Offline { .. }) => {
                if coming.here() > before {
                    tries.moved();
                }
                tries.again(why).await?;
            }
            Err(other) => return Err(other),
        }
    }
    if let Some(arriving) = arriving {
        arriving.end().await?;
    }
    Ok(path)
}

/// Whether all of it is here.
async fn fetch_rest(remote: &Remote<'_>, coming: &mut Arriving, progress: Progress<'_>) -> Result<bool> {
    let total = coming.total();
    if coming.here() < total {
        let Some(pieces) = remote.fetch(coming.here(), total).await? else { return Ok(false) };
        tokio::pin!(pieces);
        while let Some(piece) = pieces.try_next().await? {
            coming.take(piece).await?;
            progress(coming.here(), total);
        }
    }
    Ok(coming.here() == total)
}

/// Brings here the sealed bytes that a range needs, each in its place.
pub(super) async fn pull_range(
    workspace: &Arc<Workspace>,
    place: &Place,
    (channel, file): (ChannelId, FileId),
    range: (u64, u64),
    progress: Progress<'_>,
) -> Result<Fetched> {
    let mut tries = Tries::default();
    loop {
        let grant = tries.grant(workspace, channel, file).await?;
        let key = key_of(&grant.key.0)?;
        let total = sealed_len(grant.file.size);
        let account = workspace.account();
        let remote = workspace.remote(&account, file, grant.token)?;
        let wanted = pieces(range, grant.file.size)?;
        match fetch_pieces(&remote, &place.range(file), &wanted, total, progress).await {
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
    progress: Progress<'_>,
) -> Result<bool> {
    let mut to =
        tokio::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path).await.map_err(full)?;
    to.set_len(total).await.map_err(full)?;
    let all: u64 = wanted.iter().map(|(first, end)| end - first).sum();
    let mut came = 0;
    for (first, end) in wanted {
        if first >= end {
            continue;
        }
        to.seek(SeekFrom::Start(*first)).await.map_err(full)?;
        let Some(pieces) = remote.fetch(*first, *end).await? else { return Ok(false) };
        tokio::pin!(pieces);
        let mut here = *first;
        while let Some(piece) = pieces.try_next().await? {
            to.write_all(&piece).await.map_err(full)?;
            here += piece.len() as u64;
            came += piece.len() as u64;
            progress(came, all);
        }
        if here != *end {
            return Ok(false);
        }
    }
    to.flush().await.map_err(full)?;
    Ok(true)
}

/// The places of the sealed bytes that a range needs: the header, its own chunks, and the last, which proves the length.
pub(super) fn pieces((first, last): (u64, u64), size: u64) -> Result<Vec<(u64, u64)>> {
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
    async fn session(&mut self, workspace: &Workspace) -> Result<Session> {
        loop {
            match workspace.session() {
                Ok(session) => return Ok(session),
                Err(why) => self.again(why).await?,
            }
        }
    }

    /// A file's key, and leave to fetch it.
    async fn grant(&mut self, workspace: &Workspace, channel: ChannelId, file: FileId) -> Result<FileGrant> {
        loop {
            let session = self.session(workspace).await?;
            match session.call::<OpenFile>(&OpenFileParams { channel, file }).await {
                Ok(grant) => return Ok(grant),
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
