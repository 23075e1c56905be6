//! Fetching a server's identity document: public and self-authenticating, so the one request whose TLS is not yet
//! trusted. Nothing is sent but the path; redirects are not followed; the answer is bounded.

use super::verify::for_identity_document;
use crate::error::{Error, Result};
use futures_util::StreamExt;
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
pub async fn fetch_identity(url: &str, workspace: Option<&str>, pin: Option<&Pin>) -> Result<Unverified> {
    let path = match (workspace, pin) {
        (Some(workspace), _) => identity_path(workspace),
        (None, Some(pin)) => format!("{IDENTITY_PATH}?pin={pin}"),
        (None, None) => IDENTITY_PATH.to_owned(),
    };
    let config = for_identity_document()?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*config).clone())
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .https_only(true)
        .timeout(PATIENCE)
        .build()
        .map_err(offline)?;
    let answer = client.get(format!("{url}{path}")).send().await.map_err(offline)?;
    if answer.status() == http::StatusCode::NOT_FOUND {
        return Err(Error::bad_input(
            "there is no such workspace",
            format!("{url} does not serve it, or serves several: name one"),
        ));
    }
    let status = answer.status();
    let mut bytes = Vec::new();
    let mut stream = answer.bytes_stream();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part.map_err(offline)?);
        if bytes.len() > DOCUMENT_MAX {
            return Err(Error::Offline { why: format!("{url} is no TheChatApp server: its answer is too long") });
        }
    }
    if !status.is_success() {
        return Err(match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) if body.code.is_closed() => Error::Refused(body),
            _ => Error::Offline { why: format!("{url} answered {status}") },
        });
    }
    Ok(Unverified::new(SignedDocument::decode(&bytes)?))
}

/// The innermost reason says most: connection refused, no such host.
pub(super) fn offline(error: reqwest::Error) -> Error {
    let mut why: &dyn std::error::Error = &error;
    while let Some(source) = why.source() {
        why = source;
    }
    Error::Offline { why: why.to_string() }
}
