//! Fetching a server's identity document: public and self-authenticating, so the one request whose TLS is not yet
//! trusted. Nothing is sent but the path; redirects are not followed; the answer is bounded.

use super::https::{Answer, Https};
use super::portal;
use super::route::Router;
use super::verify::for_identity_document;
use crate::error::{Error, Result};
use std::time::Duration;
use thechatapp_protocol::ErrorBody;
use thechatapp_protocol::http::{IDENTITY_PATH, identity_path};
use thechatapp_protocol::identity::{DOCUMENT_MAX, Pin, SignedDocument, Unverified};

const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches a server's identity document: by workspace, by the pin of its root, or the only one of the host. Nothing is
/// sent but the path, and nothing of the answer is trusted.
///
/// # Errors
/// [`Error::Offline`], [`Error::BadInput`], [`Error::Refused`] while the server's key service gives no key.
pub async fn fetch_identity(
    router: &Router,
    url: &str,
    workspace: Option<&str>,
    pin: Option<&Pin>,
) -> Result<Unverified> {
    let path = match (workspace, pin) {
        (Some(workspace), _) => identity_path(workspace),
        (None, Some(pin)) => format!("{IDENTITY_PATH}?pin={pin}"),
        (None, None) => IDENTITY_PATH.to_owned(),
    };
    let client = Https::routed(router.clone(), for_identity_document()?);
    read(url, ask(&client, url, &path).await?)
}

/// Asks for a document.
pub(super) async fn ask(client: &Https, url: &str, path: &str) -> Result<Answer> {
    let answer = tokio::time::timeout(PATIENCE, client.get(&format!("{url}{path}"), DOCUMENT_MAX)).await;
    let answer = answer.unwrap_or_else(|_| Err("no answer in time".into()));
    answer.map_err(|why| Error::Offline { why })
}

/// Reads what was answered.
pub(super) fn read(url: &str, answer: Answer) -> Result<Unverified> {
    if answer.status == http::StatusCode::NOT_FOUND {
        return Err(Error::bad_input(
            "there is no such workspace",
            format!("{url} does not serve it, or serves several: name one"),
        ));
    }
    if portal::is_page(url, &answer) {
        return Err(Error::Offline { why: portal::words() });
    }
    let Answer { status, bytes, .. } = answer;
    if bytes.len() > DOCUMENT_MAX {
        return Err(Error::Offline { why: format!("{url} is no TheChatApp server: its answer is too long") });
    }
    if !status.is_success() {
        return Err(match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) if body.code.is_closed() => Error::Refused(body),
            _ => Error::Offline { why: format!("{url} answered {status}") },
        });
    }
    Ok(Unverified::new(SignedDocument::decode(&bytes)?))
}
