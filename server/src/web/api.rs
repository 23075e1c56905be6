//! Methods as browsers call them: `POST .../api/v1/<method>`, parameters and reply as JSON. The handlers are those of native
//! sessions, behind the same gate.

use super::browser::{PATIENCE, Refused, Web};
use super::session::{self, Token, Visit};
use crate::methods::{self, Browser, Encoding};
use crate::native::Connection;
use crate::network::Network;
use crate::time::now;
use axum::Extension;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_protocol::http::{NATIVE_ONLY, known_cookie_name};
use thechatapp_protocol::methods::account::SignIn;
use thechatapp_protocol::methods::devices::SignOut;
use thechatapp_protocol::methods::proof::{ChangePassword, Confirm};
use thechatapp_protocol::{Code, ErrorBody, Method};
use tokio::time::timeout;

/// The longest call of somebody who is signed in, as in a session.
const CALL_MAX: usize = 1024 * 1024;
/// The longest sign-in.
const SIGN_IN_MAX: usize = 8 * 1024;
/// How long a call may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// How much is kept of what a browser says it is, in characters.
const AGENT_MAX: usize = 200;

/// `POST /w/<workspace>/api/v1/<method>`.
pub async fn call(
    State(web): State<Arc<Web>>,
    Path((name, method)): Path<(String, String)>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Result<Response, Refused> {
    if method == SignIn::NAME {
        let begun = Instant::now();
        let answer = sign_in(&web, &name, &connection, request).await;
        web.shared.host.figures().called(
            SignIn::NAME,
            &answer.as_ref().map(drop).map_err(|refused| refused.0.clone()),
            begun.elapsed(),
        );
        return answer;
    }
    let visit = Visit::of(&web, &name, request.headers(), &connection).await?;
    if NATIVE_ONLY.contains(&method.as_str()) {
        return Err(methods::unknown().into());
    }
    let params = read(request, CALL_MAX).await?;
    let reply = methods::dispatch(visit.workspace.clone(), visit.caller, &method, Encoding::Json, &params).await?;
    let mut response = json(reply);
    let cookie = match method.as_str() {
        SignOut::NAME => session::no_cookie(&name),
        // What was proved counts for a new token: a copy of the one before is no better for it.
        Confirm::NAME | ChangePassword::NAME => visit.confirmed().await,
        _ => visit.rotated().await,
    };
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn sign_in(web: &Web, name: &str, connection: &Connection, request: Request) -> Result<Response, Refused> {
    let workspace = session::workspace(web, name)?;
    workspace.look(session::let_in).await?;
    let before = session::find(&workspace, request.headers(), now()).await?;
    let (token, known) = (Token::random()?, Token::random()?);
    let browser = Browser {
        agent: agent(request.headers()),
        address: connection.address,
        before: before.map(|(found, _)| found.id),
        known_by: Token::of(request.headers(), &known_cookie_name(name)).map(|token| token.hash()),
        token_hash: token.hash(),
        known_hash: known.hash(),
    };
    let params = methods::params::<SignIn>(Encoding::Json, &read(request, SIGN_IN_MAX).await?)?;
    // Only now, so that nobody keeps a turn by sending slowly.
    let busy = || Refused::busy("Too many people sign in at once");
    let of = (Network::of(connection.address), browser.known_by);
    let _turn = web.sign_ins.take(of, PATIENCE).await.ok_or_else(busy)?;
    let me = methods::sign_in_browser(&workspace, params, browser).await?;
    let mut response = json(methods::reply(Encoding::Json, &me)?);
    for cookie in [known.known_cookie(name), token.cookie(name)].into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A call's parameters as they came: JSON, at most so many bytes.
pub(super) async fn read(request: Request, most: usize) -> Result<Bytes, Refused> {
    let bad = |why: &str| Refused(ErrorBody::new(Code::BadInput, "A call that cannot be read", why, "update the app"));
    let is_json =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
    if !is_json {
        return Err(bad("it is not application/json"));
    }
    match timeout(ARRIVAL, to_bytes(request.into_body(), most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(bad("it did not come whole, or is too long")),
        Err(_) => Err(bad("it did not come in time")),
    }
}

fn json(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}

fn agent(headers: &HeaderMap) -> String {
    let says = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    says.chars().filter(|c| !c.is_control()).take(AGENT_MAX).collect()
}
