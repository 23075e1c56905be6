//! Requests for sealed bytes: `GET` with ranges, `PATCH` that goes on where the upload stands, `HEAD` that asks where. No
//! cryptography happens here but the check of the proof: bytes go from where they lie to the network and back as they are.
//!
//! Whatever does not fit (another workspace, a token that has ended, a file that is not there) has one answer: not found.

use super::asked::{Asked as Wanted, asked};
use super::{Allowed, Blobs, Lease, Part, Reading, Right};
use crate::error::Fail;
use crate::gate;
use crate::hub::Presence;
use crate::native::Connection;
use crate::native::half_open::Place as HalfOpenPlace;
use crate::serve::Shared;
use crate::state::Workspace;
use crate::store::files::{self, Standing};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use prometheus::IntCounter;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use thechatapp_protocol::http::{OFFSET_HEADER, PROOF_HEADER, TOKEN_HEADER};
use thechatapp_protocol::methods::files::{BeginUpload, OpenFile};
use thechatapp_protocol::{FileId, Scope};
use tokio::io::AsyncWriteExt;

/// The routes, to be merged with what else is served.
pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/w/{workspace}/files/{file}", get(fetch).head(where_it_stands).patch(go_on))
        .route("/w/{workspace}/files/{file}/thumb", get(fetch_thumbnail))
}

type Place = Path<(String, String)>;

/// What a request shows of itself.
struct Shown {
    method: Method,
    path: String,
    token: String,
    proof: String,
    /// Its connection's place among those that have proved nothing.
    place: Option<Arc<HalfOpenPlace>>,
}

impl Shown {
    fn of(request: &Request) -> Option<Self> {
        let header = |name| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        Some(Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            token: header(TOKEN_HEADER)?,
            proof: header(PROOF_HEADER)?,
            place: request.extensions().get::<Connection>().map(|connection| connection.place.clone()),
        })
    }
}

/// A request that may be answered.
struct Asked {
    workspace: Arc<Workspace>,
    allowed: Allowed,
    /// How the file stands.
    file: Standing,
    /// Ends when the device is signed out.
    presence: Presence,
}

/// A request that its device has signed.
struct Proved {
    workspace: Arc<Workspace>,
    allowed: Allowed,
    /// Ends when the device is signed out.
    presence: Presence,
    place: Option<Arc<HalfOpenPlace>>,
}

/// Finds who asks for what. `None` is answered as not found.
fn proved(shared: &Shared, place: &(String, String), shown: Option<Shown>) -> Option<Proved> {
    let (workspace, shown) = (shared.host.find(&place.0)?, shown?);
    let file: FileId = place.1.parse().ok()?;
    let tokens = &workspace.blobs.tokens;
    let allowed = tokens.check(shown.method.as_str(), &shown.path, &shown.token, &shown.proof, Instant::now())?;
    if allowed.file != file {
        return None;
    }
    // Before the gate is asked: a device that is signed out in between is noticed by the one or the other.
    let presence = workspace.hub.enter(allowed.caller.device);
    Some(Proved { workspace, allowed, presence, place: shown.place })
}

impl Proved {
    /// What was allowed when the token was made may not be any more.
    async fn still(self, part: Part) -> Option<Asked> {
        let Self { workspace, allowed, presence, place } = self;
        let still = workspace
            .look(move |view| {
                let scope = Scope::Channel(allowed.channel);
                match allowed.upload {
                    Some(_) => gate::permit::<BeginUpload>(view, allowed.caller, scope).map(drop)?,
                    None => gate::permit::<OpenFile>(view, allowed.caller, scope).map(drop)?,
                }
                match part {
                    Part::Body => files::standing(view, allowed.file),
                    Part::Thumbnail => files::thumbs::standing(view, allowed.file),
                }
            })
            .await;
        let file = still.ok()??;
        // A device has proved itself: others of its address do not push it out while its file comes.
        if let Some(place) = &place {
            place.release();
        }
        Some(Asked { workspace, allowed, file, presence })
    }
}

/// Who asks for a file's body, and still may.
async fn allowed(shared: &Shared, place: &(String, String), shown: Option<Shown>) -> Option<Asked> {
    proved(shared, place, shown)?.still(Part::Body).await
}

/// The same body, whose bytes are counted as they pass.
fn counted(body: Body, bytes: &IntCounter) -> Body {
    let bytes = bytes.clone();
    Body::from_stream(body.into_data_stream().inspect_ok(move |piece| bytes.inc_by(piece.len() as u64)))
}

/// The same body, as long as its device may read it.
fn while_allowed(body: Body, lease: Lease) -> Body {
    let pieces = stream::unfold((body.into_data_stream(), Some(lease)), |(mut pieces, lease)| async move {
        let lease = lease?;
        let next = tokio::select! {
            biased;
            () = lease.lost() => {
                let lost = axum::Error::new(io::Error::other("it may not be read any more"));
                return Some((Err(lost), (pieces, None)));
            }
            next = pieces.next() => next?,
        };
        Some((next, (pieces, Some(lease))))
    });
    Body::from_stream(pieces)
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

fn failed(why: impl Into<Fail>) -> Response {
    let body = why.into().into_body();
    let status = match body.code {
        thechatapp_protocol::Code::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        thechatapp_protocol::Code::NotFound => return not_found(),
        thechatapp_protocol::Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    status.into_response()
}

fn at(status: StatusCode, offset: u64) -> Response {
    (status, [(OFFSET_HEADER, offset.to_string())]).into_response()
}

async fn where_it_stands(State(shared): State<Arc<Shared>>, Path(place): Place, request: Request) -> Response {
    let Some(Asked { workspace, allowed, file, .. }) = allowed(&shared, &place, Shown::of(&request)).await else {
        return not_found();
    };
    if allowed.upload.is_none() {
        return not_found();
    }
    match offset(&workspace.blobs, allowed.file, file) {
        Ok(offset) => at(StatusCode::NO_CONTENT, offset),
        Err(why) => failed(why),
    }
}

/// How many sealed bytes of an upload the server has.
fn offset(blobs: &Blobs, file: FileId, stands: Standing) -> io::Result<u64> {
    if stands.whole { Ok(stands.sealed) } else { blobs.uploaded(file) }
}

async fn go_on(State(shared): State<Arc<Shared>>, Path(place): Place, request: Request) -> Response {
    let Some(asked) = allowed(&shared, &place, Shown::of(&request)).await else { return not_found() };
    let Some(total) = asked.allowed.upload else { return not_found() };
    let offset = request.headers().get(OFFSET_HEADER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let Some(offset) = offset else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(_busy) = asked.workspace.blobs.claim(asked.allowed.file) else {
        return (StatusCode::CONFLICT, [(header::RETRY_AFTER, "1")]).into_response();
    };
    let body = counted(request.into_body(), &asked.workspace.figures.uploaded);
    match take(asked, offset, total, body).await {
        Ok(response) => response,
        Err(why) => failed(why),
    }
}

/// Writes a request's body at the end of an upload, as long as its device may send it. What came before a connection broke stays.
async fn take(asked: Asked, wanted: u64, total: u64, body: Body) -> Result<Response, io::Error> {
    let Asked { workspace, allowed, file: standing, presence } = asked;
    let (blobs, file) = (workspace.blobs.clone(), allowed.file);
    let here = offset(&blobs, file, standing)?;
    // A whole file takes nothing more.
    if here != wanted || standing.whole || blobs.whole(file).exists() {
        return Ok(at(StatusCode::CONFLICT, here));
    }
    let mut to = tokio::fs::File::from_std(blobs.append(file)?);
    let lease = Lease::new(workspace, allowed.caller, Right::Send(allowed.channel), presence);
    let (mut here, mut body) = (here, body.into_data_stream());
    let mut status = StatusCode::NO_CONTENT;
    loop {
        let next = tokio::select! {
            biased;
            () = lease.lost() => {
                status = StatusCode::NOT_FOUND;
                break;
            }
            next = body.next() => next,
        };
        let Some(Ok(piece)) = next else { break };
        if here + piece.len() as u64 > total {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            break;
        }
        to.write_all(&piece).await?;
        here += piece.len() as u64;
    }
    to.flush().await?;
    to.sync_data().await?;
    if status == StatusCode::NOT_FOUND { Ok(not_found()) } else { Ok(at(status, here)) }
}

async fn fetch(State(shared): State<Arc<Shared>>, Path(place): Place, request: Request) -> Response {
    fetch_part(&shared, &place, Part::Body, Shown::of(&request), request.headers()).await
}

async fn fetch_thumbnail(State(shared): State<Arc<Shared>>, Path(place): Place, request: Request) -> Response {
    fetch_part(&shared, &place, Part::Thumbnail, Shown::of(&request), request.headers()).await
}

async fn fetch_part(
    shared: &Shared,
    place: &(String, String),
    part: Part,
    shown: Option<Shown>,
    headers: &HeaderMap,
) -> Response {
    let Some(proved) = proved(shared, place, shown).filter(|proved| proved.allowed.upload.is_none()) else {
        return not_found();
    };
    let (blobs, file) = (proved.workspace.blobs.clone(), proved.allowed.file);
    // What is stored never changes, so its name is its strong validator (RFC 9110, section 8.8).
    let (tag, heads) = (format!("\"{}\"", part.name(file)), headers.clone());
    let want = {
        let tag = tag.clone();
        move |size| asked(&heads, &tag, size, true)
    };
    // Whether it may be read, and its beginning, at once: it goes out to whoever may read it only.
    let still = async { proved.still(part).await.filter(|asked| asked.file.whole) };
    let Some((asked, begun)) = where_allowed(still, blobs.begin(file, part, want.clone())).await else {
        return not_found();
    };
    let Asked { workspace, allowed, file: standing, presence } = asked;
    let given = match begun {
        Ok(Some(reading)) => Ok(give(reading, tag)),
        // It does not lie in the folder.
        Ok(None) => match blobs.in_bucket(file, part, standing.sealed) {
            Some(stored) => stored.reading(want).await.map(|reading| give(reading, tag)),
            None => return not_found(),
        },
        Err(why) => Err(why),
    };
    match given {
        Ok(response) if response.status().is_success() => {
            let right = Right::Read(allowed.channel, allowed.file);
            let lease = Lease::new(workspace.clone(), allowed.caller, right, presence);
            response.map(|body| counted(while_allowed(body, lease), &workspace.figures.downloaded))
        }
        Ok(response) => response,
        Err(why) => failed(why),
    }
}

/// Both at once. Where the gate says no, that is the answer at once: how long the other takes would tell what lies there.
async fn where_allowed<A, B>(gate: impl Future<Output = Option<A>>, other: impl Future<Output = B>) -> Option<(A, B)> {
    let (mut gate, mut other) = (pin!(gate), pin!(other));
    tokio::select! {
        biased;
        allowed = &mut gate => Some((allowed?, other.await)),
        done = &mut other => Some((gate.await?, done)),
    }
}

fn give(Reading { size, wanted, pieces }: Reading, tag: String) -> Response {
    let status = match wanted {
        Wanted::Failed => return (StatusCode::PRECONDITION_FAILED, [(header::ETAG, tag)]).into_response(),
        Wanted::NotModified => return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response(),
        Wanted::Unmet => {
            let unmet = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, unmet).into_response();
        }
        Wanted::Part(..) => StatusCode::PARTIAL_CONTENT,
        Wanted::Whole => StatusCode::OK,
    };
    let (first, length) = wanted.bytes(size);
    let body = Body::from_stream(pieces);
    let mut response = (
        status,
        [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::ETAG, tag),
        ],
        body,
    )
        .into_response();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {first}-{}/{size}", first + length - 1))
    {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

#[cfg(test)]
mod tests;
