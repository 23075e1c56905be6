//! Files that browsers send: plain over HTTPS, sealed by the server as they come, never plain on its disk.
//!
//! An upload is begun (its name, type, size and quota are checked), sent in one or more requests, each going on where the
//! last one ended, and ended: from there on it is the same as one that a device sealed. Its key and the chunk that is not
//! full yet are in memory alone, so an upload goes on for as long as the server runs; after a restart it begins anew, under a
//! new key, since a chunk must never be sealed twice with different contents.

use super::api;
use super::browser::{Refused, Web};
use super::files::ids;
use super::session::Visit;
use crate::blobs::{self, Busy, Lease, Right};
use crate::error::Fail;
use crate::methods::Handle;
use crate::native::Connection;
use crate::store::files;
use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::StatusCode;
use http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::http::OFFSET_HEADER;
use thechatapp_protocol::methods::files::{BeginUpload, FileKey, FinishUpload, FinishUploadParams};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, FileId, Scope, WorkspaceId};
use thechatapp_seal::{Context, Key, SealWriter};
use zeroize::Zeroizing;

/// Uploads of one person at once; one more ends the one that was left alone for longest.
const PER_PERSON: usize = 8;
/// In all.
const IN_ALL: usize = 1024;
/// An upload that nobody went on with for so long is forgotten, as its bytes are.
const LEFT_ALONE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that is said of a new file.
const NEW_MAX: usize = 4 * 1024;
/// How much is gathered before it is sealed.
const PIECE: usize = 128 * 1024;

type Place = (WorkspaceId, FileId);

/// Uploads that wait for more, or for their end.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<HashMap<Place, Upload>>);

#[derive(Debug)]
struct Upload {
    person: AccountId,
    channel: ChannelId,
    size: u64,
    taken: u64,
    key: Key,
    /// Gone once the upload was sealed to its end.
    writer: Option<SealWriter<File>>,
    touched: Instant,
}

impl Uploads {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, and forgets what was left alone and what is too much of one person.
    fn add(&self, place: Place, upload: Upload, now: Instant) -> Result<(), Refused> {
        let mut all = self.lock();
        all.retain(|_, upload| now.duration_since(upload.touched) < LEFT_ALONE);
        let of = upload.person;
        let own = |upload: &Upload| upload.person == of;
        while all.values().filter(|upload| own(upload)).count() >= PER_PERSON {
            let oldest = all.iter().filter(|(_, upload)| own(upload)).min_by_key(|(_, upload)| upload.touched);
            let Some(oldest) = oldest.map(|(place, _)| *place) else { break };
            all.remove(&oldest);
        }
        if all.len() >= IN_ALL {
            return Err(Refused::busy("Too many uploads at once"));
        }
        all.insert(place, upload);
        Ok(())
    }
}

/// An upload that one request has for itself. It is put back whenever that ends, however it does.
struct Held {
    web: Arc<Web>,
    place: Place,
    upload: Option<Upload>,
    _busy: Busy,
}

impl Held {
    /// `None` when there is no such upload of this person.
    fn take(web: &Arc<Web>, visit: &Visit, channel: ChannelId, file: FileId) -> Result<Option<Self>, Refused> {
        let place = (visit.workspace.id, file);
        let busy = visit.workspace.blobs.claim(file).ok_or_else(being_written)?;
        let mut all = web.uploads.lock();
        let fits = |upload: &Upload| upload.person == visit.caller.person && upload.channel == channel;
        if !all.get(&place).is_some_and(fits) {
            return Ok(None);
        }
        let upload = all.remove(&place);
        Ok(Some(Self { web: web.clone(), place, upload, _busy: busy }))
    }

    fn put_back(&mut self, upload: Upload) {
        self.upload = Some(upload);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.web.uploads.lock().insert(self.place, upload);
        }
    }
}

fn being_written() -> Refused {
    Refused(
        ErrorBody::new(Code::Busy, "This upload is being written", "another request is at it", "try again").after(1),
    )
}

fn not_here() -> Fail {
    Fail::bad_input("This upload is not here", "it was not begun, or the server was restarted since", "upload it again")
}

/// What a browser says of a file.
#[derive(Debug, Deserialize)]
pub struct NewFile {
    file: FileId,
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Stands {
    /// How many bytes are here.
    offset: u64,
}

/// `POST /w/<workspace>/channels/<channel>/files`: begins an upload, or tells how far it is.
pub async fn begin(
    State(web): State<Arc<Web>>,
    Path((name, channel)): Path<(String, String)>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Result<Response, Refused> {
    let visit = Visit::of(&web, &name, request.headers(), &connection).await?;
    let channel: ChannelId = channel.parse().map_err(|_| Fail::not_found("No such channel"))?;
    let new = serde_json::from_slice(&api::read(request, NEW_MAX).await?);
    let NewFile { file, name, media_type, size } =
        new.map_err(|_| Fail::bad_input("A call that cannot be read", "it says no file", "update the app"))?;
    let row = FileRow { id: file, name, media_type, size };
    blobs::check_name(&row)?;
    let (limits, person) = (visit.workspace.blobs.limits(), visit.caller.person);
    let whole = visit
        .workspace
        .write::<BeginUpload, _>(visit.caller, Scope::Channel(channel), move |tx, permit| {
            let whole = files::begin(tx, permit.channel()?, permit.person(), limits, &row)?;
            files::touch(tx, row.id)?;
            Ok(whole)
        })
        .await?;
    if whole {
        return Ok(Json(Stands { offset: size }).into_response());
    }
    let place = (visit.workspace.id, file);
    let busy = visit.workspace.blobs.claim(file).ok_or_else(being_written)?;
    if let Some(upload) = web.uploads.lock().get(&place).filter(|upload| upload.person == person) {
        return Ok(Json(Stands { offset: upload.taken }).into_response());
    }
    let own = web.clone();
    tokio::task::spawn_blocking(move || {
        let (_busy, blobs) = (busy, &visit.workspace.blobs);
        // What may be here was sealed under a key that is gone.
        blobs.remove_here(file).map_err(Fail::from)?;
        let key = Key::random().map_err(Fail::from)?;
        let context = Context::file(visit.workspace.id.as_bytes(), file.as_bytes());
        let writer = SealWriter::new(blobs.append(file).map_err(Fail::from)?, &key, &context).map_err(Fail::from)?;
        let touched = Instant::now();
        let upload = Upload { person, channel, size, taken: 0, key, writer: Some(writer), touched };
        own.uploads.add(place, upload, touched)
    })
    .await
    .map_err(|_| Fail::Broken("the start of an upload ended"))??;
    Ok(Json(Stands { offset: 0 }).into_response())
}

/// `PATCH /w/<workspace>/channels/<channel>/files/<file>`: goes on with an upload. What came before a connection broke stays.
pub async fn go_on(
    State(web): State<Arc<Web>>,
    Path((name, channel, file)): Path<(String, String, String)>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let visit = Visit::of(&web, &name, &headers, &connection).await?;
    let (channel, file) = ids(&channel, &file)?;
    let presence = visit.workspace.hub.enter(visit.caller.device);
    may_send(&visit, channel).await?;
    let lease = Lease::new(visit.workspace.clone(), visit.caller, Right::Send(channel), presence);
    let offset = headers.get(OFFSET_HEADER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let Some(offset) = offset else {
        return Err(Fail::bad_input("A call that cannot be read", "it says no offset", "update the app").into());
    };
    let mut held = Held::take(&web, &visit, channel, file)?.ok_or_else(not_here)?;
    let stands = |held: &Held| held.upload.as_ref().map(|upload| (upload.taken, upload.size));
    let (taken, size) = stands(&held).ok_or_else(not_here)?;
    if offset != taken {
        return Ok(at(StatusCode::CONFLICT, taken));
    }
    let (mut body, mut gathered) = (body.into_data_stream(), gathering());
    let (mut coming, mut status) = (taken, StatusCode::NO_CONTENT);
    loop {
        let next = tokio::select! {
            biased;
            () = lease.lost() => {
                // The gate says why.
                may_send(&visit, channel).await?;
                break;
            }
            next = body.next() => next,
        };
        let Some(Ok(piece)) = next else { break };
        coming += piece.len() as u64;
        if coming > size {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            break;
        }
        for part in piece.chunks(PIECE) {
            if gathered.len() + part.len() > PIECE {
                held = seal(held, std::mem::replace(&mut gathered, gathering())).await?;
            }
            gathered.extend_from_slice(part);
        }
    }
    held = seal(held, gathered).await?;
    let (taken, _) = stands(&held).ok_or_else(not_here)?;
    Ok(at(status, taken))
}

/// Whether the asker may send files into this channel.
async fn may_send(visit: &Visit, channel: ChannelId) -> Result<(), Fail> {
    visit.workspace.read::<BeginUpload, _>(visit.caller, Scope::Channel(channel), |_, _| Ok(())).await
}

/// Allocated once: growing would leave content behind in memory.
fn gathering() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(PIECE))
}

fn at(status: StatusCode, offset: u64) -> Response {
    (status, [(OFFSET_HEADER, offset.to_string())]).into_response()
}

/// Seals what was gathered. After a failure the upload is gone: nothing goes on with a chunk that may be half written.
async fn seal(mut held: Held, gathered: Zeroizing<Vec<u8>>) -> Result<Held, Refused> {
    let web = held.web.clone();
    // Were this request given up meanwhile, the piece is still written whole and the upload put back.
    let sealing = move || {
        let mut upload = held.upload.take().ok_or_else(not_here)?;
        let writer = upload.writer.as_mut().ok_or_else(not_here)?;
        writer.write_all(&gathered)?;
        upload.taken += gathered.len() as u64;
        upload.touched = Instant::now();
        held.put_back(upload);
        Ok::<_, Fail>(held)
    };
    Ok(web.apart(sealing).await.unwrap_or(Err(Fail::Broken("the sealing of an upload ended")))?)
}

/// `POST /w/<workspace>/channels/<channel>/files/<file>`: ends an upload. A second time is answered the same.
pub async fn finish(
    State(web): State<Arc<Web>>,
    Path((name, channel, file)): Path<(String, String, String)>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
) -> Result<Json<FileRow>, Refused> {
    let visit = Visit::of(&web, &name, &headers, &connection).await?;
    let (channel, file) = ids(&channel, &file)?;
    let known = visit
        .workspace
        .read::<FinishUpload, _>(visit.caller, Scope::Channel(channel), move |view, permit| {
            let (channel, person) = (permit.channel()?, permit.person());
            match files::find(view, channel, file)? {
                Some(known) if known.person == person => Ok(known),
                Some(_) => Err(Fail::not_found("No such file")),
                None => Err(files::why_removed(view, channel, person, file)?),
            }
        })
        .await?;
    let place = (visit.workspace.id, file);
    if known.whole {
        // The answer to its end may have been lost.
        web.uploads.lock().remove(&place);
        return Ok(Json(known.row));
    }
    let held = Held::take(&web, &visit, channel, file)?.ok_or_else(not_here)?;
    let key = close(held).await?;
    let params = FinishUploadParams { channel, file, key: FileKey(key.expose().to_vec()) };
    let ended = FinishUpload::handle(visit.workspace.clone(), visit.caller, params).await;
    // Refused for what it is, it cannot go on. After anything else it can be ended again.
    let over = match &ended {
        Ok(_) => true,
        Err(Fail::Refused(why)) => matches!(why.code, Code::BadInput | Code::NotFound | Code::Removed),
        Err(_) => false,
    };
    if over {
        web.uploads.lock().remove(&place);
    }
    Ok(Json(ended?))
}

/// Seals the last chunk, if that was not done, and gives the key.
async fn close(mut held: Held) -> Result<Key, Refused> {
    let Some(Upload { taken, size, .. }) = held.upload else { return Err(not_here().into()) };
    if taken != size {
        let why = format!("{taken} of {size} bytes are here");
        return Err(Fail::bad_input("This upload cannot end yet", why, "send the rest first").into());
    }
    let closed = tokio::task::spawn_blocking(move || {
        let mut upload = held.upload.take().ok_or_else(not_here)?;
        if let Some(writer) = upload.writer.take() {
            writer.finish().map_err(io::Error::from)?;
        }
        let key = upload.key.clone();
        held.put_back(upload);
        Ok::<_, Fail>(key)
    });
    Ok(closed.await.map_err(|_| Fail::Broken("the end of an upload ended"))??)
}

#[cfg(test)]
mod tests;
