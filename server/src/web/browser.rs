//! The way of browsers: what they call, and the files that the server opens and seals for them.
//!
//! A browser sends its cookie wherever any page asks it to, so every call that could change something has to come from a page
//! of this server: its `Origin` is the server's own address, which no page can forge. Reading is left to this server's pages
//! too, where the browser says who asks (`Sec-Fetch-Site`), and to links that a person follows.

use super::turns::Turns;
use super::uploads::{self, Uploads};
use super::{api, files};
use crate::error::Fail;
use crate::network::Network;
use crate::serve::Shared;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::{AccountId, Code, ErrorBody};
use tokio::sync::Semaphore;
use url::Url;

/// Files that one person's browsers fetch at once; more wait.
const FETCHES: usize = 64;
/// Pieces of files that are opened or sealed at once, in all.
const PIECES: usize = 4;
/// Sign-ins from one network at once; more wait. Behind a proxy all are of one.
const SIGN_INS: usize = 8;
/// How long a turn is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the routes of browsers share.
#[derive(Debug)]
pub struct Web {
    /// With everything else that runs.
    pub shared: Arc<Shared>,
    /// Uploads that the server seals.
    pub uploads: Uploads,
    /// Whose turn it is to fetch.
    pub fetches: Turns<AccountId>,
    /// From where it may be signed in. Who comes with a cookie by which an account may know them does not wait for strangers.
    pub sign_ins: Turns<(Network, Option<[u8; 32]>)>,
    /// Who may open or seal a piece of a file.
    pieces: Arc<Semaphore>,
}

impl Web {
    /// Reads and opens, or seals and writes, beside the threads that answer, a few pieces at once. `None` when the server
    /// stops.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let pieces = self.pieces.clone();
        // A task of its own: no turn hangs on whether somebody's slow response is polled.
        let done = tokio::spawn(async move {
            let _turn = pieces.acquire_owned().await.ok()?;
            tokio::task::spawn_blocking(work).await.ok()
        });
        done.await.ok()?
    }
}

/// The routes, to be merged with what else is served.
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let web = Arc::new(Web {
        shared: shared.clone(),
        uploads: Uploads::default(),
        fetches: Turns::new(FETCHES),
        sign_ins: Turns::new(SIGN_INS),
        pieces: Arc::new(Semaphore::new(PIECES)),
    });
    Router::new()
        .route("/w/{workspace}/api/v1/{method}", post(api::call))
        .route("/w/{workspace}/channels/{channel}/files", post(uploads::begin))
        .route(
            "/w/{workspace}/channels/{channel}/files/{file}",
            get(files::fetch).patch(uploads::go_on).post(uploads::finish),
        )
        .route("/w/{workspace}/channels/{channel}/files/{file}/thumb", get(files::fetch_thumbnail))
        .route_layer(middleware::from_fn_with_state(web.clone(), own_pages_only))
        .with_state(web)
}

async fn own_pages_only(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let own = match web.shared.host.base_url() {
        Ok(own) => own,
        Err(why) => return Refused(Fail::Refused(super::state::closed(&why.why)).into_body()).into_response(),
    };
    if is_own(&own, request.method(), request.headers()) {
        return next.run(request).await;
    }
    Refused(ErrorBody::new(
        Code::Denied,
        "This request is of another site",
        format!("the pages of this server are those under {own}"),
        "open the chat at its own address; if this is it, server.public_url says another",
    ))
    .into_response()
}

/// Whether a request is by a page of this server, as far as browsers tell; what only reads may also be a link that a person
/// follows.
fn is_own(own: &str, method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = says(HeaderName::from_static("sec-fetch-site"));
    if method == Method::GET || method == Method::HEAD {
        let followed = says(HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
            && says(HeaderName::from_static("sec-fetch-dest")) == Some("document");
        return matches!(site, None | Some("same-origin" | "none")) || followed;
    }
    let same = says(header::ORIGIN).is_some_and(|origin| match (Url::parse(origin), Url::parse(own)) {
        (Ok(origin), Ok(own)) => origin.origin().is_tuple() && origin.origin() == own.origin(),
        _ => false,
    });
    same && matches!(site, None | Some("same-origin"))
}

/// An error as browsers get it.
#[derive(Debug)]
pub struct Refused(pub ErrorBody);

impl From<Fail> for Refused {
    fn from(why: Fail) -> Self {
        Self(why.into_body())
    }
}

impl From<ErrorBody> for Refused {
    fn from(body: ErrorBody) -> Self {
        Self(body)
    }
}

impl Refused {
    /// Too much of this at once.
    pub fn busy(what: &str) -> Self {
        Self(ErrorBody::new(Code::Busy, what, "too much of it is under way", "try again in a moment").after(1))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let after = self.0.seconds.map(HeaderValue::from);
        let mut response = (status, Json(self.0)).into_response();
        if let Some(after) = after {
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

#[cfg(test)]
mod tests;
