//! HTTPS: identity documents, health, the page behind an invite, the way into native sessions, and, where it is switched on,
//! the way of browsers. Every answer carries the headers that keep a browser from doing more than it must.

mod api;
mod browser;
mod files;
mod session;
mod show;
mod turns;
mod uploads;

use crate::serve::Shared;
use crate::state;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use data_encoding::BASE64;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};
use thechatapp_protocol::ErrorBody;
use thechatapp_protocol::http::IDENTITY_PATH;
use thechatapp_protocol::identity::Pin;

const JOIN_PAGE: &str = include_str!("join.html");
const JOIN_SCRIPT: &str = include_str!("join.js");

/// Only the one script and the one style of the page, each by its hash.
static JOIN_POLICY: LazyLock<String> = LazyLock::new(|| {
    let script = BASE64.encode(&Sha256::digest(JOIN_SCRIPT.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Everything served to the network; what is for signed-in browsers only with `chat`.
pub fn router(shared: Arc<Shared>, chat: bool) -> Router {
    let browsers = if chat { browser::router(&shared) } else { Router::new() };
    Router::new()
        .merge(browsers)
        .route(IDENTITY_PATH, get(identity_of_host))
        .route("/w/{workspace}/identity", get(identity_of_workspace))
        .route("/w/{workspace}/session", get(crate::native::session_route))
        .merge(crate::blobs::router())
        .route("/join/{workspace}", get(join))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .layer(middleware::from_fn(strict))
        .with_state(shared)
}

/// What is served on the address for metrics.
pub fn metrics_router(shared: Arc<Shared>) -> Router {
    let page = |State(shared): State<Arc<Shared>>| async move {
        let page = shared.host.figures().page(&shared.host, shared.half_open.len()).await;
        ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], page)
    };
    // Also here, for a server whose other address cannot be reached from where it is watched.
    Router::new().route("/metrics", get(page)).route("/readyz", get(ready)).with_state(shared)
}

#[derive(Deserialize)]
struct ByPin {
    pin: Option<String>,
}

async fn identity_of_host(State(shared): State<Arc<Shared>>, Query(by): Query<ByPin>) -> Response {
    if let Some(why) = shared.host.closed() {
        return refused(&state::closed(&why.why));
    }
    let workspaces = shared.host.workspaces();
    let found = match by.pin {
        Some(pin) => {
            let Ok(pin) = pin.parse::<Pin>() else { return StatusCode::BAD_REQUEST.into_response() };
            workspaces.into_iter().find(|workspace| workspace.face().is_ok_and(|face| face.pin() == pin))
        }
        // With several workspaces it is not said which there are.
        None if workspaces.len() == 1 => workspaces.into_iter().next(),
        None => None,
    };
    document(found)
}

async fn identity_of_workspace(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    match (shared.host.find(&name), shared.host.closed()) {
        (None, Some(why)) => refused(&state::closed(&why.why)),
        (found, _) => document(found),
    }
}

fn document(workspace: Option<Arc<state::Workspace>>) -> Response {
    let Some(workspace) = workspace else { return StatusCode::NOT_FOUND.into_response() };
    match workspace.face() {
        Ok(face) => ([(header::CONTENT_TYPE, "application/octet-stream")], face.encoded.clone()).into_response(),
        Err(closed) => refused(&closed.into_body()),
    }
}

fn refused(body: &ErrorBody) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// Ready as long as anybody can be served: a neighbour's key service is no reason to send everybody away.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let not = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    if shared.draining.is_cancelled() {
        return not("draining".to_owned());
    }
    if let Some(why) = shared.host.closed() {
        return not(format!("closed: {}", why.why));
    }
    let workspaces = shared.host.workspaces();
    let closed: Vec<_> = workspaces.iter().filter(|workspace| !workspace.is_open()).collect();
    match closed.first() {
        None => "ready\n".into_response(),
        Some(first) if closed.len() == workspaces.len() => not(format!("closed: {}", first.closed().why)),
        Some(_) => format!("ready, {} of {} workspaces are closed\n", closed.len(), workspaces.len()).into_response(),
    }
}

/// The page behind an invite opens the app. What follows `#` never reaches this server; the page's script alone reads it.
async fn join() -> Response {
    let page = JOIN_PAGE.replace("{{script}}", JOIN_SCRIPT);
    let policy = HeaderValue::from_str(&JOIN_POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

async fn strict(request: Request, next: Next) -> Response {
    const HEADERS: [(&str, &str); 8] = [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
        ("cache-control", "no-store"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

#[cfg(test)]
mod tests;
