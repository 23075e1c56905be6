//! HTTP requests, each over a connection that the router made. Redirects are not followed, answers that are read whole are
//! bounded, and a transfer that stands still is given up.

use super::route::{DialError, Line, Router, innermost, tcp};
use super::verify;
use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// How long a connection may take to be made, and a transfer to move on.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Whether addresses without TLS are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    /// For what is not a server's own: a proxy script, a look whether a network lets one out.
    Allowed,
    /// Never.
    Refused,
}

/// An HTTP client. Cheap to clone; connections are kept for the next request.
#[derive(Clone, Debug)]
pub(super) struct Https(Client<Connector, Body>);

/// An answer that was read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Https {
    /// By whatever way the router decides.
    pub(super) fn routed(router: Router, tls: Arc<ClientConfig>) -> Self {
        Self::with(Connector { router: Some(router), tls: Some(TlsConnector::from(tls)), plain: Plain::Refused })
    }

    /// Never by a proxy, with certificates that the system accepts.
    pub(super) fn straight(extra_roots: &[Vec<u8>]) -> Result<Self> {
        let tls = Some(TlsConnector::from(verify::strict(&[], extra_roots)?));
        Ok(Self::with(Connector { router: None, tls, plain: Plain::Allowed }))
    }

    /// Never by a proxy, and never with TLS.
    pub(super) fn plain() -> Self {
        Self::with(Connector { router: None, tls: None, plain: Plain::Allowed })
    }

    fn with(connector: Connector) -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
    }

    /// Sends a request without a body, and waits for the head of the answer.
    pub(super) async fn empty(&self, request: http::request::Builder) -> Result<Response<Incoming>> {
        let request = request
            .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
            .map_err(crate::fault::internal)?;
        match tokio::time::timeout(SILENCE, self.0.request(request)).await {
            Ok(answer) => answer.map_err(|why| offline(&why)),
            Err(_) => Err(Error::Offline { why: "the server does not answer in time".into() }),
        }
    }

    /// Sends a request with a body that comes in parts, and waits for the head of the answer, as long as something moves.
    pub(super) async fn stream<S, E>(&self, request: http::request::Builder, parts: S) -> Result<Response<Incoming>>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let begun = Instant::now();
        let moved = Arc::new(AtomicU64::new(0));
        let mark = Arc::clone(&moved);
        let parts = parts.map_ok(Frame::data).map_err(io::Error::other).inspect(move |_| {
            mark.store(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        });
        let request = request.body(BodyExt::boxed_unsync(StreamBody::new(parts))).map_err(crate::fault::internal)?;
        let stands_still = async {
            loop {
                let until = begun + Duration::from_millis(moved.load(Ordering::Relaxed)) + SILENCE;
                if until <= Instant::now() {
                    return;
                }
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::select! {
            answer = self.0.request(request) => answer.map_err(|why| offline(&why)),
            () = stands_still => Err(Error::Offline { why: "the connection stands still".into() }),
        }
    }

    /// Fetches what is at an address; what is longer than `most` is cut off one byte after it.
    pub(super) async fn get(&self, url: &str, most: usize) -> std::result::Result<Answer, String> {
        let answer = self.empty(Request::get(url)).await.map_err(|why| match why {
            Error::Offline { why } => why,
            other => other.to_string(),
        })?;
        let (head, body) = answer.into_parts();
        let mut bytes = Vec::new();
        let mut parts = std::pin::pin!(parts(body));
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(|why| why.to_string())?);
            if bytes.len() > most {
                bytes.truncate(most + 1);
                break;
            }
        }
        Ok(Answer { status: head.status, headers: head.headers, bytes })
    }
}

/// The parts of a body, as long as something moves.
pub(super) fn parts(body: Incoming) -> impl Stream<Item = Result<Bytes>> + Send {
    let stream = body.into_data_stream();
    futures_util::stream::unfold(Some(stream), |stream| async {
        let mut stream = stream?;
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(part))) => Some((Ok(part), Some(stream))),
            Ok(Some(Err(why))) => Some((Err(offline(&why)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(Error::Offline { why: "the connection stands still".into() }), None)),
        }
    })
}

/// The innermost reason says most: connection refused, no such host.
fn offline(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Offline { why: innermost(error) }
}

#[derive(Clone)]
struct Connector {
    router: Option<Router>,
    tls: Option<TlsConnector>,
    plain: Plain,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("router", &self.router).finish_non_exhaustive()
    }
}

impl Connector {
    async fn connect(self, uri: Uri) -> std::result::Result<TokioIo<Plug>, Unconnected> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tls = match (uri.scheme_str(), self.plain, self.tls) {
            (Some("https"), _, Some(tls)) => Some(tls),
            (Some("http"), Plain::Allowed, _) => None,
            _ => return Err(Unconnected::Io("such an address is not asked".into())),
        };
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let line = match &self.router {
            Some(router) => router.dial(&host, port).await.map_err(Unconnected::Dial)?,
            None => tcp(&host, port).await.map_err(Unconnected::Io)?,
        };
        let Some(tls) = tls else { return Ok(TokioIo::new(Plug(line))) };
        let name = ServerName::try_from(host).map_err(|why| Unconnected::Io(why.to_string()))?;
        let line = tls.connect(name, line).await.map_err(|why| Unconnected::Io(innermost(&why)))?;
        Ok(TokioIo::new(Plug(Box::new(line))))
    }
}

/// Why a request has no connection.
#[derive(Debug, thiserror::Error)]
enum Unconnected {
    #[error("{0}")]
    Dial(DialError),
    #[error("{0}")]
    Io(String),
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Plug>;
    type Error = Unconnected;
    type Future = BoxFuture<'static, std::result::Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connect = tokio::time::timeout(CONNECT, self.clone().connect(uri));
        async { connect.await.unwrap_or_else(|_| Err(Unconnected::Io("no answer in time".into()))) }.boxed()
    }
}

/// A connection as the client wants it.
struct Plug(Line);

impl Connection for Plug {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Plug {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Plug {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
