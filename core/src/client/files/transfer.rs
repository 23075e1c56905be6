//! Sealed bytes on their way, taken up again where they broke off.

use super::arriving::Arriving;
use super::here::LARGEST;
use super::sealing::{full, key_of};
use super::{Place, Progress, here};
use crate::error::{Error, Result};
use crate::local::Upload;
use crate::net::{Moved, Remote, Session};
use crate::sync::Workspace;
use futures_util::TryStreamExt;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileGrant, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
};
use thechatapp_protocol::{ChannelId, Code, FileId};
use thechatapp_seal::{Key, sealed_len};
use tokio::io::AsyncSeekExt;
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
                // It is being ended still: a large file may take its time to where the server keeps it.
                Err(Error::Refused(body)) if body.code == Code::Busy => {
                    tokio::time::sleep(Duration::from_secs(body.seconds.unwrap_or(1))).await;
                    continue;
                }
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
            Ok(Moved::To(here)) if here > grant.offset => {
                place.went_on(file.id, workspace.now());
                tries.moved();
            }
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

/// Brings a file here, all of it or a range, and opens it while it comes, or from here where it came before; `to` says where to, by what it is called. Tells
/// where it is.
pub(super) async fn pull(
    workspace: &Arc<Workspace>,
    place: &Place,
    (channel, file): (ChannelId, FileId),
    range: Option<(u64, u64)>,
    to: impl Fn(&str) -> PathBuf,
    progress: Progress<'_>,
) -> Result<PathBuf> {
    if let Some(path) = here::open(workspace, place, file, range, &to, progress).await? {
        return Ok(path);
    }
    let wanted = OpenFileParams { channel, file, part: range.is_some() };
    let mut fetched = None;
    let (mut tries, mut arriving, mut path) = (Tries::default(), None::<Arriving>, PathBuf::new());
    loop {
        let FileGrant { file: row, key, token, header, .. } = tries.grant(workspace, wanted).await?;
        let account = workspace.account();
        let remote = workspace.remote(&account, file, token)?;
        let coming = match &mut arriving {
            Some(coming) => coming,
            None => {
                path = to(&row.name);
                let key = key_of(&key.0)?;
                fetched = range.is_none().then(|| (row.clone(), key.clone()));
                let begun = match range {
                    None => begin(workspace, place, &row, key, path.clone()).await?,
                    Some(range) => Arriving::part(place, &row, (key, header), range, path.clone())?,
                };
                arriving.insert(begun)
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
    if let Some((row, key)) = fetched {
        if is_large(&row) {
            workspace.local.drop_download(workspace.id, file).await?;
        }
        here::keep(workspace, place, channel, row, &key).await;
    }
    Ok(path)
}

/// What does not stay on this device is written once, unless its sealed bytes are here in part already.
async fn begin(workspace: &Workspace, place: &Place, row: &FileRow, key: Key, to: PathBuf) -> Result<Arriving> {
    if is_large(row) && !place.fetched(row.id).exists() {
        let once = Arriving::once(&workspace.local, place, row, key.clone(), to.clone()).await?;
        if let Some(once) = once {
            return Ok(once);
        }
    }
    Arriving::begin(place, row, key, to).await
}

fn is_large(row: &FileRow) -> bool {
    sealed_len(row.size) > LARGEST
}

/// Whether all of it is here.
async fn fetch_rest(remote: &Remote<'_>, coming: &mut Arriving, progress: Progress<'_>) -> Result<bool> {
    let (begin, end) = coming.wanted();
    if coming.here() < end {
        let Some(pieces) = remote.fetch(coming.here(), end).await? else { return Ok(false) };
        tokio::pin!(pieces);
        while let Some(piece) = pieces.try_next().await? {
            coming.take(piece).await?;
            progress(coming.here() - begin, end - begin);
        }
    }
    Ok(coming.here() == end)
}

/// A transfer that broke off is taken up again, a few times.
#[derive(Default)]
pub(super) struct Tries(u32);

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
    pub(super) async fn grant(&mut self, workspace: &Workspace, wanted: OpenFileParams) -> Result<FileGrant> {
        loop {
            let session = self.session(workspace).await?;
            match session.call::<OpenFile>(&wanted).await {
                Ok(grant) => return Ok(grant),
                Err(why) => self.again(why).await?,
            }
        }
    }

    /// Something moved: the count begins anew.
    fn moved(&mut self) {
        self.0 = 0;
    }

    pub(super) async fn again(&mut self, why: Error) -> Result<()> {
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
