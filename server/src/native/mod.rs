//! Connections: accepting them, TLS, HTTP, and the sessions of native clients.
//!
//! Nothing but `accept` happens in the accept loop, and TLS handshakes have threads of their own. Each connection has a task of its own, and until it has proved
//! something, a place among the half-open ones, from which it can be pushed out.

mod forwarded;
pub mod half_open;
mod handshakes;
pub mod listener;
mod session;
pub mod tls;
mod upgrade;

use crate::error::Result;
use crate::metrics::{Figures, Refused};
use crate::serve::Shared;
use half_open::Place;
use handshakes::Handshakes;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::session::{EXPORTER_LABEL, limits::HANDSHAKE_MILLIS};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service;

pub use upgrade::session_route;

const HANDSHAKE: Duration = Duration::from_millis(HANDSHAKE_MILLIS);
/// Longest request head: a first message in base64 and room for the rest.
const HEAD_MAX: usize = 16 * 1024;

/// What a request knows of the connection it came by.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What TLS exports for it.
    pub exporter: [u8; 32],
    /// Where the request comes from: of a proxy's that the configuration names, what it says; of any other, its own address.
    pub address: IpAddr,
    /// Its place among the half-open ones.
    pub place: Arc<Place>,
}

/// Who shakes hands, and where.
#[derive(Clone)]
pub struct Greeter {
    acceptor: TlsAcceptor,
    handshakes: Arc<Handshakes>,
}

impl std::fmt::Debug for Greeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Greeter(..)")
    }
}

impl Greeter {
    /// With these keys, and threads of its own.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(tls: tls::Tls) -> Result<Self> {
        Ok(Self { acceptor: TlsAcceptor::from(tls.config), handshakes: Arc::new(Handshakes::start()?) })
    }
}

/// Accepts connections until the server stops, and waits for none.
pub async fn accept(listener: TcpListener, greeter: Greeter, router: axum::Router, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.draining.cancelled() => return,
        };
        match accepted {
            Ok((tcp, address)) => {
                let place = Arc::new(shared.half_open.enter(address.ip()));
                let serving = connection(tcp, address, greeter.clone(), router.clone(), place, shared.clone());
                shared.tasks.spawn(serving);
            }
            Err(why) => {
                // Out of descriptors, or a client that went away in between: the next may do better.
                tracing::warn!(%why, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    tcp: TcpStream,
    address: SocketAddr,
    greeter: Greeter,
    router: axum::Router,
    place: Arc<Place>,
    shared: Arc<Shared>,
) {
    let (pushed_out, figures) = (place.pushed_out.clone(), shared.host.figures().clone());
    let router = Routed { router, proxies: shared.proxies.clone() };
    let stop = shared.draining.clone();
    // What is served holds it as long as it must.
    drop(shared);
    tokio::select! {
        () = serve(tcp, address.ip(), greeter, router, place, stop, &figures) => {}
        () = pushed_out.cancelled() => {
            figures.refused(Refused::PushedOut);
            tracing::debug!(%address, "a half-open connection was pushed out");
        }
    }
}

/// Where requests go, and which proxies are believed on the way.
struct Routed {
    router: axum::Router,
    proxies: Arc<[IpNet]>,
}

async fn serve(
    tcp: TcpStream,
    address: IpAddr,
    Greeter { acceptor, handshakes }: Greeter,
    routed: Routed,
    place: Arc<Place>,
    stop: CancellationToken,
    figures: &Figures,
) {
    // Small frames go out at once.
    let _ = tcp.set_nodelay(true);
    let greeting = handshakes.run(async move { timeout(HANDSHAKE, acceptor.accept(tcp)).await });
    let Some(Ok(Ok(stream))) = greeting.await else { return figures.refused(Refused::Tls) };
    let mut exporter = [0; 32];
    if stream.get_ref().1.export_keying_material(&mut exporter, EXPORTER_LABEL, Some(b"")).is_err() {
        return;
    }
    let connection = Connection { exporter, address, place };
    let service = tower::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        let from = forwarded::address(connection.address, request.headers(), &routed.proxies);
        request.extensions_mut().insert(Connection { address: from, ..connection.clone() });
        routed.router.clone().call(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE).max_buf_size(HEAD_MAX).max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(16 * 1024)
        .max_concurrent_streams(32)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(HANDSHAKE);
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(why) = ended {
        tracing::debug!(%why, "a connection ended");
    }
}
