//! The one TLS verifier of a client. A server's certificate counts when the system's verifier accepts it, when it leads to a
//! private authority that this client was told of, or when the verified identity document lists its key: a self-made certificate, a machine in the
//! office. Either way the handshake's signature is checked, so a listed key must also be held.

use crate::error::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// SHA-256 of a certificate's `SubjectPublicKeyInfo`; `None` when it cannot be read.
pub fn key_hash(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Sha256::digest(parsed.tbs_certificate.subject_pki.raw).into())
}

/// TLS for a server whose identity is verified.
pub fn strict(listed: &[[u8; 32]], extra_roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>> {
    let provider = provider();
    config(Arc::clone(&provider), Arc::new(Strict::new(listed, extra_roots, provider)?))
}

/// What verifies by private authorities, should there be any. Not the system's: Android's takes none but its own.
fn private(roots: &[Vec<u8>], provider: &Arc<CryptoProvider>) -> Result<Option<Arc<WebPkiServerVerifier>>> {
    if roots.is_empty() {
        return Ok(None);
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.as_slice())).map_err(fault)?;
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
    built.map(Some).map_err(fault)
}

/// TLS for fetching an identity document, and for nothing else: the document proves itself.
pub fn for_identity_document() -> Result<Arc<ClientConfig>> {
    let provider = provider();
    config(Arc::clone(&provider), Arc::new(Anyone(provider)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fault)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn fault(why: impl std::fmt::Display) -> Error {
    Error::Internal { id: "tls".into(), why: why.to_string() }
}

#[derive(Debug)]
struct Strict {
    system: Arc<dyn ServerCertVerifier>,
    private: Option<Arc<WebPkiServerVerifier>>,
    listed: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl Strict {
    fn new(listed: &[[u8; 32]], extra_roots: &[Vec<u8>], provider: Arc<CryptoProvider>) -> Result<Self> {
        let system = rustls_platform_verifier::Verifier::new(Arc::clone(&provider)).map_err(fault)?;
        let private = private(extra_roots, &provider)?;
        Ok(Self { system: Arc::new(system), private, listed: listed.to_vec(), provider })
    }
}

impl ServerCertVerifier for Strict {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if key_hash(end_entity).is_some_and(|key| self.listed.contains(&key)) {
            return Ok(ServerCertVerified::assertion());
        }
        let privately = self
            .private
            .as_ref()
            .map(|private| private.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now));
        let refused = match privately {
            Some(Ok(verified)) => return Ok(verified),
            // What a private authority did issue it knows best what is wrong with.
            Some(Err(why)) if why != CertificateError::UnknownIssuer.into() => Some(why),
            _ => None,
        };
        self.system
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|why| refused.unwrap_or(why))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes any certificate, and still checks that its key is held.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
