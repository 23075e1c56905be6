//! The request that begins a session: message 1 comes in its headers, message 2 goes back in the answer's.
//!
//! A client that knows another document is told so (409) and fetches it. Nothing takes effect here: message 1 may be an old
//! one sent again.

use super::Connection;
use super::session::{self, Begun};
use crate::metrics::Refused;
use crate::serve::Shared;
use crate::state::{self, Workspace};
use crate::time::{now, steady_millis};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::sync::Arc;
use thechatapp_protocol::http::{BINDING_EXPORTER, BINDING_HEADER, BINDING_NONE, DOCUMENT_HEADER, HELLO_HEADER};
use thechatapp_protocol::session::limits::{FRAME_MAX, HANDSHAKE_MAX};
use thechatapp_protocol::session::{Binding, Prologue, respond};
use thechatapp_protocol::{Code, ErrorBody, PROTOCOL};

struct Refusal(StatusCode, ErrorBody);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

fn refuse(status: StatusCode, code: Code, what: &str, why: &str, advice: &str) -> Refusal {
    Refusal(status, ErrorBody::new(code, what, why, advice))
}

/// `GET /w/<workspace>/session`.
pub async fn session_route(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let figures = shared.host.figures().clone();
    let Some(workspace) = shared.host.find(&name) else {
        if let Some(why) = shared.host.closed() {
            figures.refused(Refused::Closed);
            return Refusal(StatusCode::SERVICE_UNAVAILABLE, state::closed(&why.why)).into_response();
        }
        figures.refused(Refused::NoWorkspace);
        return refuse(
            StatusCode::NOT_FOUND,
            Code::NotFound,
            "No such workspace",
            "this host has none of this name",
            "check the address",
        )
        .into_response();
    };
    if shared.draining.is_cancelled() {
        figures.refused(Refused::Draining);
        return refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::Unavailable,
            "The server is stopping",
            "it goes away for a moment",
            "it is tried again by itself",
        )
        .into_response();
    }
    match begin(&workspace, &connection, &headers) {
        Ok((begun, answer)) => {
            let mut response = upgrade
                .read_buffer_size(16 * 1024)
                .write_buffer_size(16 * 1024)
                .max_write_buffer_size(4 * 1024 * 1024)
                .max_message_size(FRAME_MAX)
                .max_frame_size(FRAME_MAX)
                .on_upgrade(move |socket| session::run(shared, workspace, socket, begun));
            response.headers_mut().insert(HELLO_HEADER, answer);
            response
        }
        Err(refusal) => {
            figures.refused(match refusal.1.code {
                Code::Conflict => Refused::Document,
                Code::Denied => Refused::Binding,
                code if code.is_closed() => Refused::Closed,
                _ => Refused::Malformed,
            });
            refusal.into_response()
        }
    }
}

fn begin(workspace: &Workspace, connection: &Connection, headers: &HeaderMap) -> Result<(Begun, HeaderValue), Refusal> {
    let bad = |why: &str| refuse(StatusCode::FORBIDDEN, Code::BadInput, "This is no session", why, "update the app");
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let decoded = |name: &str| header(name).and_then(|value| BASE64URL_NOPAD.decode(value).ok());

    let identity = workspace.face().map_err(|closed| Refusal(StatusCode::SERVICE_UNAVAILABLE, closed.into_body()))?;
    let document = decoded(DOCUMENT_HEADER).ok_or_else(|| bad("it names no identity document"))?;
    if document != identity.hash() {
        return Err(refuse(
            StatusCode::CONFLICT,
            Code::Conflict,
            "The server's identity document is another",
            "its keys were renewed",
            "the app fetches the new one by itself",
        ));
    }
    let binding = match header(BINDING_HEADER) {
        Some(value) if value == BINDING_EXPORTER.as_bytes() => Binding::TlsExporter(connection.exporter),
        Some(value) if value == BINDING_NONE.as_bytes() && identity.document().allow_unbound => Binding::Unbound,
        Some(value) if value == BINDING_NONE.as_bytes() => {
            return Err(refuse(
                StatusCode::FORBIDDEN,
                Code::Denied,
                "Something between this device and the server opens TLS",
                "this server does not allow it",
                "ask for a direct connection, or an administrator to allow such proxies",
            ));
        }
        _ => return Err(bad("it names no binding")),
    };
    let hello = decoded(HELLO_HEADER).ok_or_else(|| bad("it carries no first message"))?;
    if hello.len() > HANDSHAKE_MAX {
        return Err(bad("its first message is too long"));
    }
    for protocol in PROTOCOL.rev() {
        let prologue =
            Prologue { protocol, workspace_id: *workspace.id.as_bytes(), document_hash: *identity.hash(), binding };
        for key in identity.sessions() {
            if let Ok((transport, answer, device)) = respond(&prologue, key, &hello, steady_millis()) {
                let answer = HeaderValue::from_str(&BASE64URL_NOPAD.encode(&answer)).map_err(|_| bad("no answer"))?;
                return Ok((
                    Begun { transport, device, place: connection.place.clone(), from: connection.address, at: now() },
                    answer,
                ));
            }
        }
    }
    Err(bad("its first message does not fit this server, document or connection"))
}
