//! One attempt to connect: a way out, strict TLS, the upgrade that carries the handshake. Three round trips in all.

use super::route::{DialError, Line, Router};
use super::session::steady_millis;
use super::verify::key_hash;
use crate::Timestamp;
use crate::trust::Known;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderValue, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_database::scrub_stack;
use thechatapp_protocol::http::{
    BINDING_EXPORTER, BINDING_HEADER, BINDING_NONE, DOCUMENT_HEADER, HELLO_HEADER, session_path,
};
use thechatapp_protocol::session::{Binding, EXPORTER_LABEL, Prologue, StaticKey, Transport, initiate, limits};
use thechatapp_protocol::{ErrorBody, PROTOCOL};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The socket of a session.
pub type Socket = WebSocketStream<TlsStream<Line>>;

const PATIENCE: Duration = Duration::from_millis(limits::HANDSHAKE_MILLIS);

/// Why there is no session.
#[derive(Debug)]
pub enum Failure {
    /// The server cannot be reached, or what answers is none.
    Offline(String),
    /// No way leads there.
    Way(DialError),
    /// The workspace is closed while its key service gives no key: as good as offline, with the server's words.
    Closed(ErrorBody),
    /// What answers does not fit the identity document that is known: look at its document.
    Identity(String),
}

/// Where to connect, and as whom.
pub struct Target<'a> {
    /// The server's address, `https://host[:port]`.
    pub url: &'a str,
    /// The workspace's short name.
    pub workspace: &'a str,
    /// This device's key.
    pub device: &'a StaticKey,
    /// The identity that is trusted.
    pub known: &'a Known,
    /// TLS that accepts no other server.
    pub tls: &'a Arc<ClientConfig>,
    /// The time, which says what key of the document is valid.
    pub now: Timestamp,
    /// The way out.
    pub router: &'a Router,
}

/// Connects, within the time a handshake may take.
pub async fn connect(target: &Target<'_>) -> Result<(Socket, Transport), Failure> {
    let attempt = tokio::time::timeout(PATIENCE, attempt(target)).await;
    attempt.unwrap_or_else(|_| Err(Failure::Offline("no answer in time".into())))
}

async fn attempt(target: &Target<'_>) -> Result<(Socket, Transport), Failure> {
    let (host, port) = place(target.url).map_err(Failure::Offline)?;
    let line = target.router.dial(&host, port).await.map_err(Failure::Way)?;
    let tls = secure(&host, target.tls, line).await?;
    let document = target.known.verified.document();
    let connection = tls.get_ref().1;
    let listed = connection
        .peer_certificates()
        .and_then(|chain| key_hash(chain.first()?))
        .is_some_and(|key| document.tls_keys.contains(&key));
    // A proxy that terminates TLS shows a key of its own; the session is then bound to nothing, where that is allowed.
    let binding = if !listed && document.allow_unbound {
        Binding::Unbound
    } else {
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, EXPORTER_LABEL, Some(b""))
            .map_err(|why| Failure::Offline(why.to_string()))?;
        Binding::TlsExporter(exporter)
    };
    let prologue = Prologue {
        protocol: *PROTOCOL.end(),
        workspace_id: document.workspace_id,
        document_hash: *target.known.verified.hash(),
        binding,
    };
    let server = document
        .session_key(target.now.unix_millis() / 1000)
        .ok_or_else(|| Failure::Identity("no session key of the known document is valid now".into()))?;
    let (initiator, hello) =
        initiate(&prologue, target.device, server).map_err(|why| Failure::Identity(why.to_string()))?;
    scrub_stack();
    let (socket, answer) = upgrade(target, tls, &hello, binding).await?;
    let transport = initiator.finish(&answer, steady_millis()).map_err(|why| Failure::Identity(why.to_string()))?;
    scrub_stack();
    Ok((socket, transport))
}

/// The host, without brackets, and the port of a server's address.
pub(super) fn place(url: &str) -> Result<(String, u16), String> {
    let url = url::Url::parse(url).map_err(|why| why.to_string())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    Ok((host, url.port_or_known_default().unwrap_or(443)))
}

/// TLS on a connection that was made.
pub(super) async fn secure(host: &str, tls: &Arc<ClientConfig>, line: Line) -> Result<TlsStream<Line>, Failure> {
    let name = ServerName::try_from(host.to_owned()).map_err(|why| Failure::Offline(why.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(tls));
    connector.connect(name, line).await.map_err(|why| {
        let refused = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match refused {
            Some(rustls::Error::InvalidCertificate(_)) => Failure::Identity(why.to_string()),
            _ => Failure::Offline(why.to_string()),
        }
    })
}

async fn upgrade(
    target: &Target<'_>,
    tls: TlsStream<Line>,
    hello: &[u8],
    binding: Binding,
) -> Result<(Socket, Vec<u8>), Failure> {
    let offline = |why: &dyn std::fmt::Display| Failure::Offline(why.to_string());
    let address = format!("{}{}", target.url.replacen("https", "wss", 1), session_path(target.workspace));
    let mut request = address.into_client_request().map_err(|why| offline(&why))?;
    let value = |bytes: &[u8]| HeaderValue::from_str(&BASE64URL_NOPAD.encode(bytes));
    let bound = match binding {
        Binding::TlsExporter(_) => BINDING_EXPORTER,
        Binding::Unbound => BINDING_NONE,
    };
    let headers = request.headers_mut();
    headers.insert(HELLO_HEADER, value(hello).map_err(|why| offline(&why))?);
    headers.insert(DOCUMENT_HEADER, value(target.known.verified.hash()).map_err(|why| offline(&why))?);
    headers.insert(BINDING_HEADER, HeaderValue::from_static(bound));
    let config =
        WebSocketConfig::default().max_message_size(Some(limits::FRAME_MAX)).max_frame_size(Some(limits::FRAME_MAX));
    let done = tokio_tungstenite::client_async_with_config(request, tls, Some(config)).await;
    let (socket, response) = match done {
        Ok(done) => done,
        Err(WebSocketError::Http(response)) => return Err(refused(&response)),
        Err(why) => return Err(offline(&why)),
    };
    let answer = response
        .headers()
        .get(HELLO_HEADER)
        .and_then(|answer| BASE64URL_NOPAD.decode(answer.as_bytes()).ok())
        .ok_or_else(|| Failure::Identity("the handshake was not answered".into()))?;
    Ok((socket, answer))
}

fn refused(response: &http::Response<Option<Vec<u8>>>) -> Failure {
    let status = response.status();
    let body = response.body().as_deref().and_then(|body| serde_json::from_slice::<ErrorBody>(body).ok());
    match (status, body) {
        // Keys were rotated, or somebody else answers: the document tells.
        (StatusCode::CONFLICT | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST, body) => {
            Failure::Identity(body.map_or_else(|| format!("the server answered {status}"), |body| body.to_string()))
        }
        // Nobody has proved yet who says it; it asks for nothing but patience, as being offline does.
        (_, Some(body)) if body.code.is_closed() => Failure::Closed(body),
        // Whatever it says: nobody has proved yet who says it.
        (_, Some(body)) => Failure::Offline(body.to_string()),
        (_, None) => Failure::Offline(format!("the server answered {status}")),
    }
}
