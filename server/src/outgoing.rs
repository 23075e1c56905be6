//! TLS towards services that the server calls, such as a key service or a bucket: whom the system trusts is trusted.

use rustls::ClientConfig;
use rustls_platform_verifier::Verifier;
use std::sync::Arc;

/// Settings for connections that the server makes.
///
/// # Errors
/// What the system trusts cannot be read.
pub fn trusting_the_system() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(provider.clone())?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
