//! One connection by one way: TCP to whichever address of a name answers first, then through the proxy, if there is one.

use super::Router;
use super::setting::{Kind, Login, Proxy};
use crate::view::Reason;
use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::fmt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_socks::tcp::Socks5Stream;
use tower::Service;

/// How long all addresses of a name together may take to answer.
const TCP: Duration = Duration::from_secs(5);
/// How long a proxy may take to let one through.
const PROXY: Duration = Duration::from_secs(5);

/// What a connection is, whatever it goes through.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// A connection.
pub type Line = Box<dyn Duplex>;

/// One way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Straight.
    Direct,
    /// Through a proxy.
    By(Proxy),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::By(proxy) => proxy.fmt(f),
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// What should be reached does not answer.
    Unreachable(String),
    /// The proxy does not answer.
    NoProxy {
        /// Which.
        proxy: String,
        /// Why.
        why: String,
    },
    /// The proxy wants to know who one is.
    WantsLogin {
        /// Which.
        proxy: String,
    },
    /// The proxy does not take what it was told.
    WrongLogin {
        /// Which.
        proxy: String,
    },
    /// The proxy wants to know it in a way that is not spoken here.
    OtherLogin {
        /// Which.
        proxy: String,
        /// What it offers.
        schemes: String,
    },
    /// The proxy is there and does not reach the server, or does not want to.
    Refused {
        /// Which.
        proxy: String,
        /// Why.
        why: String,
    },
    /// Nobody says where to go.
    Script {
        /// Where it is.
        url: String,
        /// Why.
        why: String,
    },
    /// The system does not say where to go, or to where nobody here can.
    System {
        /// Why.
        why: String,
    },
}

impl DialError {
    /// Whether a proxy is there and says no.
    pub(in crate::net) fn is_refusal(&self) -> bool {
        match self {
            Self::WantsLogin { .. } | Self::WrongLogin { .. } | Self::OtherLogin { .. } | Self::Refused { .. } => true,
            Self::Unreachable(_) | Self::NoProxy { .. } | Self::Script { .. } | Self::System { .. } => false,
        }
    }

    /// Why, in words for people.
    pub fn why(&self) -> String {
        match self {
            Self::Unreachable(why) => why.clone(),
            Self::NoProxy { proxy, why } => format!("the proxy {proxy} cannot be reached: {why}"),
            Self::WantsLogin { proxy } => format!("the proxy {proxy} wants credentials"),
            Self::WrongLogin { proxy } => format!("the proxy {proxy} does not take these credentials"),
            Self::OtherLogin { proxy, schemes } => {
                format!("the proxy {proxy} wants credentials by {schemes}, and only Basic is spoken here")
            }
            Self::Refused { proxy, why } => format!("the proxy {proxy} does not let this through: {why}"),
            Self::Script { url, why } => format!("the proxy script {url} does not work: {why}"),
            Self::System { why } => format!("by which proxy to go cannot be had from the system: {why}"),
        }
    }

    /// Of which kind it is.
    pub(in crate::net) fn reason(&self) -> Reason {
        match self {
            Self::Unreachable(_) => Reason::Unreachable,
            Self::NoProxy { .. } => Reason::ProxyUnreachable,
            Self::WantsLogin { .. } => Reason::ProxyWantsLogin,
            Self::WrongLogin { .. } => Reason::ProxyWrongLogin,
            Self::OtherLogin { .. } => Reason::ProxyOtherLogin,
            Self::Refused { .. } => Reason::ProxyRefuses,
            Self::Script { .. } | Self::System { .. } => Reason::ProxyUnknown,
        }
    }

    /// What to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "check the network and the address",
            Self::NoProxy { .. } => "check its address, or choose another way in *This device* or with `network set`",
            Self::WantsLogin { .. } => {
                "give them in *This device*, or with `network set --proxy-user NAME --proxy-password-file F`; a proxy that only \
                 the desktop names must be named there, too"
            }
            Self::WrongLogin { .. } => {
                "correct them in *This device*, or with `network set --proxy-user NAME --proxy-password-file F`"
            }
            Self::OtherLogin { .. } => "ask who runs it for Basic, or for an exception for this server",
            Self::Refused { .. } => "ask who runs it to let this server through",
            Self::Script { .. } | Self::System { .. } => {
                "correct it, or choose another way in *This device* or with `network set`"
            }
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => f.write_str(why),
            other => write!(f, "{}; {}", other.why(), other.advice()),
        }
    }
}

impl std::error::Error for DialError {}

/// The innermost reason says most: connection refused, no such host.
pub(in crate::net) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut why = error;
    while let Some(source) = why.source() {
        why = source;
    }
    why.to_string()
}

/// Connects to a host's port by one way.
pub(super) async fn dial(router: &Router, way: &Way, host: &str, port: u16) -> Result<Line, DialError> {
    let proxy = match way {
        Way::Direct => return tcp(host, port).await.map_err(DialError::Unreachable),
        Way::By(proxy) => proxy,
    };
    let line = tcp(&proxy.host, proxy.port).await;
    let line = line.map_err(|why| DialError::NoProxy { proxy: proxy.to_string(), why })?;
    through(router, proxy, line, host, port).await
}

/// TCP alone. Addresses of both families are tried side by side: one that hangs holds nothing up.
pub(in crate::net) async fn tcp(host: &str, port: u16) -> Result<Line, String> {
    let bracketed = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let uri = Uri::builder().scheme("http").authority(bracketed).path_and_query("/").build();
    let uri = uri.map_err(|why| why.to_string())?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(TCP));
    let connected = tokio::time::timeout(TCP, connector.call(uri)).await;
    match connected {
        Ok(Ok(stream)) => Ok(Box::new(stream.into_inner())),
        Ok(Err(why)) => Err(innermost(&why)),
        Err(_) => Err("no answer in time".into()),
    }
}

/// Through a proxy, to which there is a connection.
pub(in crate::net) async fn through(
    router: &Router,
    proxy: &Proxy,
    line: Line,
    host: &str,
    port: u16,
) -> Result<Line, DialError> {
    let name = proxy.to_string();
    let through = async {
        match proxy.kind {
            Kind::Http => tunnel(proxy, &name, line, host, port).await,
            Kind::Https => {
                let line = secured(router, &proxy.host, line).await;
                let line = line.map_err(|why| DialError::NoProxy { proxy: name.clone(), why })?;
                tunnel(proxy, &name, line, host, port).await
            }
            Kind::Socks5 => socks(proxy, &name, line, host, port).await,
        }
    };
    tokio::time::timeout(PROXY, through)
        .await
        .unwrap_or_else(|_| Err(DialError::NoProxy { proxy: name.clone(), why: "it does not answer in time".into() }))
}

async fn secured(router: &Router, host: &str, line: Line) -> Result<Line, String> {
    let tls = router.tls().map_err(|why| why.to_string())?;
    let server = ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
    let connected = tokio_rustls::TlsConnector::from(tls).connect(server, line).await;
    let connected = connected.map_err(|why| {
        router.forget_tls();
        why.to_string()
    });
    Ok(Box::new(connected?))
}

/// HTTP CONNECT (RFC 9110, 9.3.6).
async fn tunnel(proxy: &Proxy, name: &str, line: Line, host: &str, port: u16) -> Result<Line, DialError> {
    let refused = |why: String| DialError::Refused { proxy: name.to_owned(), why };
    let broke = |why: hyper::Error| DialError::NoProxy { proxy: name.to_owned(), why: innermost(&why) };
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = Request::connect(&authority).header(header::HOST, &authority);
    if let Some(login) = &proxy.login {
        request = request.header(header::PROXY_AUTHORIZATION, basic(login).map_err(|why| refused(why.to_string()))?);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|why| refused(why.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(line)).await.map_err(broke)?;
    // It drives the exchange below and ends with it: upgraded, or dropped with the sender.
    let driven = tokio::spawn(connection.with_upgrades());
    let answered = async {
        let answer = sender.send_request(request).await.map_err(broke)?;
        match answer.status() {
            status if status.is_success() => hyper::upgrade::on(answer).await.map_err(broke),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(wants(proxy, name, answer.headers())),
            status => Err(refused(format!("it answered {status}"))),
        }
    };
    let upgraded = answered.await;
    if upgraded.is_err() {
        driven.abort();
    }
    let parts = upgraded?.downcast::<TokioIo<Line>>().map_err(|_| refused("it speaks another protocol".into()))?;
    // Servers of TLS say nothing first; whoever does is none.
    if parts.read_buf.is_empty() { Ok(parts.io.into_inner()) } else { Err(refused("it talks out of turn".into())) }
}

fn basic(login: &Login) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let both = zeroize::Zeroizing::new(format!("{}:{}", login.user, *login.password));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(both.as_bytes())))?;
    value.set_sensitive(true);
    Ok(value)
}

fn wants(proxy: &Proxy, name: &str, headers: &HeaderMap) -> DialError {
    let offered: Vec<&str> = headers
        .get_all(header::PROXY_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok()?.split_whitespace().next())
        .collect();
    let proxy_name = name.to_owned();
    if !offered.is_empty() && !offered.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) {
        return DialError::OtherLogin { proxy: proxy_name, schemes: offered.join(" or ") };
    }
    match proxy.login {
        Some(_) => DialError::WrongLogin { proxy: proxy_name },
        None => DialError::WantsLogin { proxy: proxy_name },
    }
}

/// SOCKS 5 (RFC 1928, RFC 1929). The proxy looks the name up.
async fn socks(proxy: &Proxy, name: &str, line: Line, host: &str, port: u16) -> Result<Line, DialError> {
    use tokio_socks::Error as Socks;
    let through = match &proxy.login {
        Some(Login { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(line, (host, port), user, password).await
        }
        None => Socks5Stream::connect_with_socket(line, (host, port)).await,
    };
    let proxy_name = name.to_owned();
    through.map(Socks5Stream::into_inner).map_err(|why| match (why, &proxy.login) {
        (Socks::NoAcceptableAuthMethods | Socks::PasswordAuthFailure(_), Some(_)) => {
            DialError::WrongLogin { proxy: proxy_name }
        }
        (Socks::NoAcceptableAuthMethods, None) => DialError::WantsLogin { proxy: proxy_name },
        (Socks::Io(why), _) => DialError::NoProxy { proxy: proxy_name, why: why.to_string() },
        (why, _) => DialError::Refused { proxy: proxy_name, why: why.to_string() },
    })
}
