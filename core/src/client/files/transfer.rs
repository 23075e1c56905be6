//! Sealed bytes on their way, taken up again where they broke off.

use super::sealing::{full, key_of};
use super::{Place, Progress};
use crate::error::{Error, Result};
use crate::local::Upload;
use crate::net::{Moved, Remote, Session};
use crate::sync::Workspace;
use futures_util::TryStreamExt;
use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
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
pub(super) struct Fetched {
    pub(super) row: FileRow,
    pub(super) key: Key,
}

/// Brings a file's sealed bytes here: all of them, or those that a range needs, each in its place.
pub(super) async fn pull(
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
