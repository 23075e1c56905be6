//! A bucket for the server's files (moto's), and all that lies in it.

use crate::moto::Moto;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// What the server signs its requests with.
pub const SECRET: &str = "VexkuBucketSecretQolumi";

/// moto shows an object to whoever says who they are, whether that is so or not.
const SOMEBODY: &str = "Authorization: AWS4-HMAC-SHA256 Credential=tests/20260101/eu-central-1/s3/aws4_request, \
                        SignedHeaders=host, Signature=0\r\n";

/// One of its own.
pub struct Bucket {
    moto: Moto,
    /// How the server reaches it.
    endpoint: String,
    /// Who vouches for it, where it is reached by TLS.
    authority: Option<tempfile::NamedTempFile>,
}

impl Bucket {
    /// An empty one, reached by plain HTTP.
    pub fn start() -> Self {
        let moto = Moto::start();
        let bucket = Self { endpoint: moto.url.clone(), moto, authority: None };
        bucket.ask("PUT", "/chat");
        bucket
    }

    /// The same, reached by TLS, as outside of tests.
    pub async fn start_over_tls() -> Self {
        let bucket = Self::start();
        let (certificate, config) = certified();
        let mut authority = tempfile::NamedTempFile::new().unwrap();
        authority.write_all(certificate.as_bytes()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (acceptor, behind) = (tokio_rustls::TlsAcceptor::from(Arc::new(config)), bucket.host().to_owned());
        tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut from) = acceptor.accept(from).await else { return };
                    let mut to = tokio::net::TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        Self { endpoint, authority: Some(authority), ..bucket }
    }

    fn host(&self) -> &str {
        self.moto.url.trim_start_matches("http://")
    }

    /// What `files.storage` says.
    pub fn address(&self) -> String {
        format!("s3://chat/files?region=eu-central-1&endpoint={}", self.endpoint)
    }

    /// The server's environment: with what it signs, and whom it trusts.
    pub fn environment(&self) -> Vec<(String, String)> {
        let authority = self.authority.as_ref().map(|file| file.path().display().to_string());
        let keys = [("AWS_ACCESS_KEY_ID", "thechatapp-tests".into()), ("AWS_SECRET_ACCESS_KEY", SECRET.into())];
        let all = keys.into_iter().chain(authority.map(|path| ("SSL_CERT_FILE", path)));
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Every object, by its name.
    pub fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let list = String::from_utf8(self.ask("GET", "/chat?list-type=2&max-keys=1000")).unwrap();
        assert!(list.contains("<IsTruncated>false</IsTruncated>"), "{list}");
        let names = list.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        names.map(|name| (name.clone(), self.ask("GET", &format!("/chat/{name}")))).collect()
    }

    fn ask(&self, method: &str, path: &str) -> Vec<u8> {
        let address = self.host();
        let mut stream = TcpStream::connect(address).unwrap();
        // The older version ends an answer by hanging up, and has no chunks.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{}Content-Length: 0\r\n\r\n",
            if method == "GET" { SOMEBODY } else { "" }
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert_eq!(head.split(' ').nth(1), Some("200"), "{method} {path}: {head}");
        answer.split_off(end + 4)
    }
}

/// An authority, and what serves TLS as `localhost` by its word.
fn certified() -> (String, rustls::ServerConfig) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "A bucket's authority");
    let authority = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let leaf_key = rcgen::KeyPair::generate().unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (authority.pem(), config)
}
