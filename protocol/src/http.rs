//! The paths and headers by which a native client finds its way into a session.

/// Where a signed identity document is served: for a host with one workspace, or with `?pin=` for the one of that root.
pub const IDENTITY_PATH: &str = "/.well-known/thechatapp/identity";

/// Where one workspace's signed identity document is served.
pub fn identity_path(workspace: &str) -> String {
    format!("/w/{workspace}/identity")
}

/// Where one workspace's native sessions begin, as a WebSocket upgrade.
pub fn session_path(workspace: &str) -> String {
    format!("/w/{workspace}/session")
}

/// Noise message 1 in the upgrade request and message 2 in its answer, base64url without padding.
pub const HELLO_HEADER: &str = "x-thechatapp-hello";

/// The hash of the identity document the client knows, base64url without padding. When it is not the one the server
/// serves, the server answers 409 and the client fetches the document again.
pub const DOCUMENT_HEADER: &str = "x-thechatapp-document";

/// How the session is bound to TLS: [`BINDING_EXPORTER`] or [`BINDING_NONE`].
pub const BINDING_HEADER: &str = "x-thechatapp-binding";

/// Bound by the TLS exporter (RFC 9266).
pub const BINDING_EXPORTER: &str = "tls-exporter";

/// Not bound, where the identity document allows it.
pub const BINDING_NONE: &str = "none";
