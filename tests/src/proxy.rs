//! A TLS-terminating proxy, as a company may put between people and their server: it reads and writes what TLS carries.

use crate::wire::tls;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The page of a proxy that has one.
pub const PAGE: &str = "/page-of-the-test";

/// A proxy on a port of its own, and everything it saw in plain.
pub struct Proxy {
    pub port: u16,
    /// The certificate authority that people's systems are made to trust, DER.
    pub authority: Vec<u8>,
    pub seen: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    /// In front of a server, passing on what comes.
    pub async fn before(listen: u16, server: u16) -> Self {
        Self::start(listen, server, None).await
    }

    /// The same, but one page, an empty one at [`PAGE`], is its own: for browsers, one request for each connection.
    pub async fn with_page(listen: u16, server: u16) -> Self {
        Self::start(listen, server, Some("<!doctype html><title>page</title>")).await
    }

    async fn start(listen: u16, server: u16, page: Option<&'static str>) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Company Inspection");
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(params, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut leaf_params =
            rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        leaf_params.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        leaf_params.use_authority_key_identifier_extension = true;
        let leaf = leaf_params.signed_by(&key, &issuer).unwrap();
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![leaf.der().clone()],
                    rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
                )
                .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", listen)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = seen.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, record) = (acceptor.clone(), record.clone());
                tokio::spawn(async move {
                    let Ok(mut near) = acceptor.accept(tcp).await else { return };
                    let head = match page {
                        Some(page) => {
                            let Some(head) = one_request(&mut near, page).await else { return };
                            head
                        }
                        None => Vec::new(),
                    };
                    let mut far = tls(server).await;
                    if far.write_all(&head).await.is_err() {
                        return;
                    }
                    let (mut near_read, mut near_write) = tokio::io::split(near);
                    let (mut far_read, mut far_write) = tokio::io::split(far);
                    let up = pass(&mut near_read, &mut far_write, &record);
                    let down = pass(&mut far_read, &mut near_write, &record);
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        Self { port, authority: authority.der().to_vec(), seen }
    }

    /// Whether these words went through it in plain.
    pub fn saw(&self, words: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

/// Reads a request's head and answers it when it is for the proxy's own page; else gives it, changed so that no second one
/// follows on this connection.
async fn one_request(near: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), page: &str) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let end = loop {
        if near.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    if head.starts_with(&format!("GET {PAGE} ")) {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        let _ = near.write_all(answer.as_bytes()).await;
        let _ = near.shutdown().await;
        return None;
    }
    if !head.to_lowercase().contains("\r\nupgrade:") {
        let lines = head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("connection:"));
        let mut changed = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
        changed.extend_from_slice(b"\r\nConnection: close");
        changed.extend_from_slice(&read[end..]);
        return Some(changed);
    }
    Some(read)
}

async fn pass(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin), record: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        record.lock().unwrap().extend_from_slice(&buffer[..length]);
        if to.write_all(&buffer[..length]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
