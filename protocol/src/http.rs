//! The paths and headers by which a native client finds its way into a session, those of requests for files, and those of
//! browsers.
//!
//! A file's sealed bytes are fetched with `GET` (ranges as in RFC 9110, section 14) and sent with `PATCH`, each continuing
//! at [`OFFSET_HEADER`]; `HEAD` tells how many the server has (in the shape of draft-ietf-httpbis-resumable-upload). Every
//! request carries its token and a proof of the device's key over itself (in the shape of RFC 9449), so that a token that
//! leaks is of no use, nor is a request that was overheard.

use crate::method::Method;
use crate::methods::{account, files, sync};
use crate::{ChannelId, FileId};

/// Methods that belong to a native session: its handshake, its stream of events, keys of files. For files browsers have
/// routes.
pub const NATIVE_ONLY: [&str; 5] = [
    account::Enrol::NAME,
    sync::StartSync::NAME,
    files::BeginUpload::NAME,
    files::FinishUpload::NAME,
    files::OpenFile::NAME,
];

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

/// Where the sealed bytes of a workspace's file are sent and fetched.
pub fn file_path(workspace: &str, file: FileId) -> String {
    format!("/w/{workspace}/files/{file}")
}

/// Where the sealed thumbnail of a file is fetched.
pub fn thumbnail_path(workspace: &str, file: FileId) -> String {
    format!("{}{THUMBNAIL}", file_path(workspace, file))
}

/// What follows a file's path where its thumbnail is meant.
pub const THUMBNAIL: &str = "/thumb";

/// Where a browser calls a method: `POST`, its parameters and its reply as JSON.
pub fn api_path(workspace: &str, method: &str) -> String {
    format!("/w/{workspace}/api/v1/{method}")
}

/// Where a browser begins an upload: `POST`.
pub fn opened_files_path(workspace: &str, channel: ChannelId) -> String {
    format!("/w/{workspace}/channels/{channel}/files")
}

/// Where a browser fetches a file opened (`GET`, ranges as in RFC 9110), sends it (`PATCH` at [`OFFSET_HEADER`], which here
/// counts bytes before sealing) and ends its upload (`POST`).
pub fn opened_file_path(workspace: &str, channel: ChannelId, file: FileId) -> String {
    format!("/w/{workspace}/channels/{channel}/files/{file}")
}

/// The cookie of a browser's session. Cookies of this prefix count for the host alone and for all its paths (RFC 6265bis,
/// section 4.1.3), so each workspace of a host has one of its own.
pub fn cookie_name(workspace: &str) -> String {
    format!("__Host-thechatapp-{workspace}")
}

/// The cookie by which a browser is known to an account that signed in there before. It lets nobody in: failures of strangers
/// do not count against whoever has it. No workspace's name has a dot, so it is nobody's session.
pub fn known_cookie_name(workspace: &str) -> String {
    format!("__Host-thechatapp-{workspace}.known")
}

/// How many sealed bytes of an upload the server has, and where a request goes on.
pub const OFFSET_HEADER: &str = "upload-offset";

/// The token of a request for a file, base64url without padding.
pub const TOKEN_HEADER: &str = "x-thechatapp-token";

/// The proof of a request for a file, base64url without padding: a number used once (16 bytes), then an Ed25519 signature
/// (64 bytes) over [`proof_covers`].
pub const PROOF_HEADER: &str = "x-thechatapp-proof";

/// What the proof of a request covers: a label, the method, the path, the token and a number used once with it.
pub fn proof_covers(method: &str, path: &str, token: &[u8], once: &[u8; 16]) -> Vec<u8> {
    let mut covered = b"thechatapp file request v1".to_vec();
    for part in [method.as_bytes(), path.as_bytes(), token, once] {
        covered.extend_from_slice(&(part.len() as u64).to_be_bytes());
        covered.extend_from_slice(part);
    }
    covered
}
