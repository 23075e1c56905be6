//! A client below the core: bytes as an attacker would send them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thechatapp_protocol::identity::{SignedDocument, Unverified, Verified};
use thechatapp_protocol::session::{self, Binding, Prologue, StaticKey, Transport};
use thechatapp_protocol::{WorkspaceId, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A verifier that accepts any certificate: attackers do not check.
#[derive(Debug)]
struct Anyone(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS connection to a server on loopback.
pub async fn tls(port: u16) -> TlsStream<TcpStream> {
    tls_over(TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await
}

/// The same over a connection that is there.
pub async fn tls_over(tcp: TcpStream) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    tcp.set_nodelay(true).unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

pub fn millis() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A GET over a fresh connection; the status line's code and the body.
pub async fn get(port: u16, path: &str) -> (u16, Vec<u8>) {
    let mut stream = tls(port).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer[split + 4..].to_vec())
}

/// The verified identity document of the workspace with this pin.
pub async fn identity(port: u16, pin: &str) -> Verified {
    let (code, body) = get(port, &format!("{}?pin={pin}", http::IDENTITY_PATH)).await;
    assert_eq!(code, 200);
    let document = SignedDocument::decode(&body).unwrap();
    Unverified::new(document).verify_first(&pin.parse().unwrap(), millis() / 1000).unwrap()
}

/// A session's first message, ready to be sent (or sent twice) over this connection.
pub struct Hello {
    pub initiator: session::Initiator,
    pub message: Vec<u8>,
    pub document: [u8; 32],
}

pub fn hello(stream: &TlsStream<TcpStream>, known: &Verified, device: &StaticKey) -> Hello {
    let mut exporter = [0; 32];
    stream.get_ref().1.export_keying_material(&mut exporter, session::EXPORTER_LABEL, Some(b"")).unwrap();
    let prologue = Prologue {
        protocol: 1,
        workspace_id: *WorkspaceId::from_bytes(known.document().workspace_id).as_bytes(),
        document_hash: *known.hash(),
        binding: Binding::TlsExporter(exporter),
    };
    let server = known.document().session_key(millis() / 1000).unwrap();
    let (initiator, message) = session::initiate(&prologue, device, server).unwrap();
    Hello { initiator, message, document: *known.hash() }
}

/// The upgrade of a workspace with these header values; the socket and the answer to the first message.
pub async fn upgrade(
    stream: TlsStream<TcpStream>,
    (port, workspace): (u16, &str),
    message: &[u8],
    document: &[u8],
) -> Result<(WebSocketStream<TlsStream<TcpStream>>, Vec<u8>), tokio_tungstenite::tungstenite::Error> {
    let text = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes).parse().unwrap();
    let url = format!("wss://127.0.0.1:{port}{}", http::session_path(workspace));
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert(http::HELLO_HEADER, text(message));
    headers.insert(http::DOCUMENT_HEADER, text(document));
    headers.insert(http::BINDING_HEADER, http::BINDING_EXPORTER.parse().unwrap());
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    let answer = response
        .headers()
        .get(http::HELLO_HEADER)
        .map(|value| data_encoding::BASE64URL_NOPAD.decode(value.as_bytes()).unwrap());
    Ok((socket, answer.unwrap_or_default()))
}

/// A whole session of a device that is not enrolled.
pub async fn session(
    port: u16,
    known: &Verified,
    device: &StaticKey,
) -> (WebSocketStream<TlsStream<TcpStream>>, Transport) {
    session_over(tls(port).await, port, known, device).await.unwrap()
}

/// The same over a connection that is there, which the server may close.
pub async fn session_over(
    stream: TlsStream<TcpStream>,
    port: u16,
    known: &Verified,
    device: &StaticKey,
) -> Result<(WebSocketStream<TlsStream<TcpStream>>, Transport), tokio_tungstenite::tungstenite::Error> {
    let hello = hello(&stream, known, device);
    let place = (port, known.document().workspace.as_str());
    let (socket, answer) = upgrade(stream, place, &hello.message, &hello.document).await?;
    let transport = hello.initiator.finish(&answer, millis()).unwrap();
    Ok((socket, transport))
}

/// Waits until the server has closed, or fails after a while.
pub async fn closed_by_server<S: futures_util::Stream + Unpin>(mut socket: S) -> bool {
    use futures_util::StreamExt;
    let drained = async { while socket.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), drained).await.is_ok()
}
