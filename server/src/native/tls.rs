//! TLS: version 1.3 only, because a session is bound to its exporter (RFC 9266); a given certificate, or one made here
//! whose key the identity document lists.

use crate::error::{Error, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A TLS configuration and what identity documents say of it.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For the acceptor.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the key's `SubjectPublicKeyInfo`.
    pub key: [u8; 32],
}

impl Tls {
    /// With a certificate and key from files.
    ///
    /// # Errors
    /// Bad input when the files are not that.
    pub fn given(certificate: &Path, key: &Path) -> Result<Self> {
        let bad = |what: &str, path: &Path, why: String| {
            Error::bad_input(what, format!("{}: {why}", path.display()), "give PEM files that belong together")
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|why| bad("The certificate cannot be read", certificate, why.to_string()))?;
        let secret =
            PrivateKeyDer::from_pem_file(key).map_err(|why| bad("The TLS key cannot be read", key, why.to_string()))?;
        Self::with(chain, secret).map_err(|why| bad("The certificate and key cannot be used", certificate, why.why))
    }

    /// With a certificate made here for this key (PKCS #8), in these names.
    ///
    /// # Errors
    /// When the key is none.
    pub fn self_made(key: &Zeroizing<Vec<u8>>, names: Vec<String>) -> Result<Self> {
        let fault = |why: rcgen::Error| Error::internal("No certificate could be made", why);
        let pair = rcgen::KeyPair::try_from(key.as_slice()).map_err(fault)?;
        let mut params = rcgen::CertificateParams::new(names).map_err(fault)?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "TheChatApp server");
        let certificate = params.self_signed(&pair).map_err(fault)?;
        let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.to_vec()));
        Self::with(vec![certificate.der().clone()], secret)
    }

    fn with(chain: Vec<CertificateDer<'static>>, secret: PrivateKeyDer<'static>) -> Result<Self> {
        let fault = |why: String| Error::internal("TLS could not be set up", why);
        let leaf = chain.first().ok_or_else(|| fault("no certificate in the file".into()))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|why| fault(why.to_string()))?;
        let key = Sha256::digest(parsed.tbs_certificate.subject_pki.raw).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|why| fault(why.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|why| fault(why.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), key })
    }
}
