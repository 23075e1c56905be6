//! Files as browsers get them: opened by the server on their way out, and only the chunks that a range touches.
//!
//! Nothing opened is written anywhere, and of one transfer no more than a piece is in memory. A chunk that does not open
//! ends the response broken off: what came before it is genuine, and it is never taken for all. Whoever may not read it any more gets
//! no further piece ([`Lease`]).

use super::browser::{PATIENCE, Refused, Web};
use super::session::Visit;
use super::show;
use crate::blobs::{Asked, Lease, Part, Right, asked};
use crate::error::Fail;
use crate::native::Connection;
use crate::store;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::methods::files::OpenFile;
use thechatapp_protocol::{ChannelId, FileId, Scope};
use thechatapp_seal::{CHUNK, Context, HEADER, Key, OpenReader, SEALED_CHUNK, sealed_len};
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

/// How much is opened at once: eight chunks.
const PIECE: u64 = 128 * 1024;

/// Nothing opened stays in a cache, neither a proxy's nor the browser's on its disk.
const CACHING: &str = "private, no-store";

/// How a file is wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// To be saved, whatever it is.
    download: Option<String>,
}

type Reader = OpenReader<Box<dyn Read + Send>>;

/// A channel's and a file's id as they stand in a path.
pub fn ids(channel: &str, file: &str) -> Result<(ChannelId, FileId), Fail> {
    match (channel.parse(), file.parse()) {
        (Ok(channel), Ok(file)) => Ok((channel, file)),
        _ => Err(Fail::not_found("No such file")),
    }
}

/// What the asker gets to read, by the same rule as a native device. The size is that of the part.
async fn open(visit: &Visit, channel: ChannelId, file: FileId, part: Part) -> Result<(FileRow, Key), Fail> {
    let scope = Scope::Channel(channel);
    visit
        .workspace
        .read::<OpenFile, _>(visit.caller, scope, move |view, permit| {
            let (row, key) = store::files::open(view, permit.channel()?, permit.person(), file)?;
            let size = match part {
                Part::Body => row.size,
                Part::Thumbnail => {
                    let made = store::files::thumbs::size(view, file)?;
                    made.ok_or_else(|| Fail::not_found("No thumbnail of this file"))?
                }
            };
            Ok((FileRow { size, ..row }, key))
        })
        .await
}

/// `GET` and `HEAD` of `/w/<workspace>/channels/<channel>/files/<file>`.
pub async fn fetch(
    State(web): State<Arc<Web>>,
    Path(place): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Extension(connection): Extension<Connection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let visit = Visit::of(&web, &place.0, &headers, &connection).await?;
    let (channel, file) = ids(&place.1, &place.2)?;
    let coming = Coming::of(web, visit, channel, file, Part::Body).await?;
    // A file's bytes never change, so its id is their strong validator (RFC 9110, section 8.8).
    let tag = format!("\"{file}\"");
    let (head, size) = (method == Method::HEAD, coming.row.size);
    let (kind, shown) = show::manner(&coming.row.media_type);
    let mut about = told(kind, shown && wanted.download.is_none(), &coming.row.name, &tag);
    let (status, first, end) = match asked(&headers, &tag, size, !head) {
        Asked::Failed => return Ok((StatusCode::PRECONDITION_FAILED, [(header::ETAG, tag)]).into_response()),
        Asked::NotModified => return Ok((StatusCode::NOT_MODIFIED, about).into_response()),
        Asked::Unmet => {
            let unmet = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, unmet).into_response());
        }
        Asked::Whole => (StatusCode::OK, 0, size),
        Asked::Part(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1),
    };
    about.insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {first}-{}/{size}", end - 1))
    {
        about.insert(header::CONTENT_RANGE, range);
    }
    if head {
        return Ok((status, about).into_response());
    }
    let (_, body) = coming.begin(first, end).await?;
    Ok((status, about, body).into_response())
}

/// `GET` of `/w/<workspace>/channels/<channel>/files/<file>/thumb`: the small picture that the server drew, whole.
pub async fn fetch_thumbnail(
    State(web): State<Arc<Web>>,
    Path(place): Path<(String, String, String)>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let visit = Visit::of(&web, &place.0, &headers, &connection).await?;
    let (channel, file) = ids(&place.1, &place.2)?;
    let coming = Coming::of(web, visit, channel, file, Part::Thumbnail).await?;
    let (size, tag) = (coming.row.size, format!("\"{}\"", Part::Thumbnail.name(file)));
    match asked(&headers, &tag, size, false) {
        Asked::Failed => return Ok((StatusCode::PRECONDITION_FAILED, [(header::ETAG, tag)]).into_response()),
        Asked::NotModified => {
            let kept = (header::CACHE_CONTROL, CACHING.to_owned());
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag), kept]).into_response());
        }
        Asked::Whole | Asked::Part(..) | Asked::Unmet => {}
    }
    let (first, body) = coming.begin(0, size).await?;
    let mut about = told(show::drawn(&first), true, "thumbnail", &tag);
    about.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    about.remove(header::ACCEPT_RANGES);
    Ok((StatusCode::OK, about, body).into_response())
}

/// What is said of a file, however much of it is sent.
fn told(kind: &str, shown: bool, name: &str, tag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut tell = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    tell(header::CONTENT_TYPE, kind);
    tell(header::CONTENT_DISPOSITION, &show::disposition(shown, name));
    tell(header::ETAG, tag);
    tell(header::ACCEPT_RANGES, "bytes");
    tell(header::CONTENT_SECURITY_POLICY, show::POLICY);
    tell(header::CACHE_CONTROL, CACHING);
    headers
}

/// Why a transfer ends before its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it does not open: {0}")]
    Damaged(#[from] thechatapp_seal::Error),
    #[error("it cannot be read: {0}")]
    Unread(#[from] io::Error),
    #[error("it is not given: {0}")]
    Failed(#[from] Fail),
    #[error("the asker may not read it any more")]
    NotAllowed,
    #[error("the server stops")]
    Stopped,
}

/// A file that may be read, before it is.
struct Coming {
    web: Arc<Web>,
    visit: Visit,
    file: FileId,
    part: Part,
    lease: Lease,
    row: FileRow,
    key: Key,
}

impl Coming {
    async fn of(web: Arc<Web>, visit: Visit, channel: ChannelId, file: FileId, part: Part) -> Result<Self, Refused> {
        // Before the gate is asked: who signs out after it did not see so is found out by this.
        let presence = visit.workspace.hub.enter(visit.caller.device);
        let (row, key) = open(&visit, channel, file, part).await?;
        // Before a turn is waited for, which may take its time.
        let lease = Lease::new(visit.workspace.clone(), visit.caller, Right::Read(channel, file), presence);
        Ok(Self { web, visit, file, part, lease, row, key })
    }

    /// Begins to send the bytes from `first` to before `end`, once it is this person's turn.
    async fn begin(self, first: u64, end: u64) -> Result<(Bytes, Body), Refused> {
        let busy = || Refused::busy("Too many files at once");
        let turn = self.web.fetches.take(self.visit.caller.person, PATIENCE).await.ok_or_else(busy)?;
        let Self { web, visit, file, part, lease, row, key } = self;
        Transfer { web, visit, file, part, lease, at: first, end, _turn: turn }.begin(row.size, key).await
    }
}

/// One file on its way to one browser.
struct Transfer {
    web: Arc<Web>,
    visit: Visit,
    file: FileId,
    part: Part,
    lease: Lease,
    /// The next byte.
    at: u64,
    /// The byte after the last.
    end: u64,
    _turn: OwnedSemaphorePermit,
}

impl Transfer {
    /// So many of the stored bytes, from a place on.
    async fn sealed(&self, from: u64, end: u64, total: u64) -> Result<Box<dyn Read + Send>, Fail> {
        self.visit.workspace.blobs.open(self.file, self.part, total).await?.read(from, end - from).await
    }

    /// Reads the chunks that hold what is wanted, no others. Of the first one, what comes before is left out.
    async fn opened(&self, size: u64, key: Key) -> Result<Reader, Ended> {
        let (chunk, sealed_chunk, total) = (CHUNK as u64, SEALED_CHUNK as u64, sealed_len(size));
        let (number, before) = (self.at / chunk, usize::try_from(self.at % chunk).unwrap_or(0));
        let place = |number: u64| total.min(HEADER as u64 + number * sealed_chunk);
        let end = place(self.end.div_ceil(chunk));
        let (workspace, file) = (self.visit.workspace.id, self.file);
        let context = match self.part {
            Part::Body => Context::file(workspace.as_bytes(), file.as_bytes()),
            Part::Thumbnail => Context::thumbnail(workspace.as_bytes(), file.as_bytes()),
        };
        let (header, sealed) = match number {
            0 => (None, self.sealed(0, end, total).await?),
            number => (Some(self.sealed(0, place(0), total).await?), self.sealed(place(number), end, total).await?),
        };
        let open = move || {
            let mut reader = match header {
                None => OpenReader::new(sealed, &key, &context)?,
                Some(mut from) => {
                    let mut header = [0; HEADER];
                    from.read_exact(&mut header)?;
                    OpenReader::at_chunk(sealed, &header, number, &key, &context)?
                }
            };
            if before > 0 {
                reader.fill_buf()?;
                reader.consume(before);
            }
            Ok(reader)
        };
        self.web.apart(open).await.unwrap_or(Err(Ended::Stopped))
    }

    /// Opens the first piece, so that what does not open at its beginning is an error and no broken response.
    async fn begin(mut self, size: u64, key: Key) -> Result<(Bytes, Body), Refused> {
        let first = match self.opened(size, key).await {
            Ok(reader) => self.next(reader).await,
            Err(why) => Err(why),
        };
        let (piece, reader) = match first {
            Ok(first) => first,
            Err(Ended::Failed(Fail::File(why))) if why.kind() == io::ErrorKind::NotFound => {
                return Err(Fail::not_found("No such file").into());
            }
            Err(Ended::Failed(why)) => return Err(why.into()),
            Err(Ended::NotAllowed) => return Err(Fail::signed_out().into()),
            Err(why) => {
                self.log(&why);
                return Err(Fail::Broken("a stored file does not open").into());
            }
        };
        let begun = piece.clone();
        let rest = stream::try_unfold((self, reader), |(mut transfer, reader)| async move {
            if transfer.at >= transfer.end {
                return Ok(None);
            }
            match transfer.next(reader).await {
                Ok((piece, reader)) => Ok(Some((piece, (transfer, reader)))),
                Err(why) => {
                    transfer.log(&why);
                    // The connection ends here, or its stream: the browser sees that something is missing.
                    Err(io::Error::other(why))
                }
            }
        });
        Ok((begun, Body::from_stream(stream::once(async move { Ok(piece) }).chain(rest))))
    }

    async fn next(&mut self, mut reader: Reader) -> Result<(Bytes, Reader), Ended> {
        // Pieces end where chunks do, so that none is opened twice.
        let (from, to) = (self.at, self.end.min((self.at / PIECE + 1) * PIECE));
        let read = move || {
            let mut piece = Zeroizing::new(vec![0; usize::try_from(to - from).unwrap_or(0)]);
            reader.read_exact(&mut piece)?;
            Ok((Bytes::from_owner(piece), reader))
        };
        let next = self.web.apart(read).await.unwrap_or(Err(Ended::Stopped))?;
        // After it was read: that may take its time.
        if self.lease.is_lost() {
            return Err(Ended::NotAllowed);
        }
        self.at = to;
        Ok(next)
    }

    fn log(&self, why: &Ended) {
        let (workspace, file) = (self.visit.workspace.id, self.file);
        match why {
            Ended::Damaged(_) | Ended::Unread(_) | Ended::Failed(_) => {
                tracing::error!(%workspace, %file, %why, "a stored file ends early");
            }
            Ended::NotAllowed | Ended::Stopped => tracing::debug!(%workspace, %file, %why, "a transfer ends early"),
        }
    }
}
