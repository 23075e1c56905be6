//! Sealed bytes of files over HTTPS, by the same verifier as everything else. A request carries a token from the session
//! and a proof of this device's key over itself; redirects are not followed.

use super::https;
use super::route::Router;
use super::verify;
use crate::error::{Error, Result};
use crate::fault;
use crate::local::Account;
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use futures_util::Stream;
use http::request::Builder;
use http::{Method, Request, StatusCode, header};
use std::sync::{Mutex, PoisonError};
use thechatapp_database::scrub_stack;
use thechatapp_protocol::FileId;
use thechatapp_protocol::http::{OFFSET_HEADER, PROOF_HEADER, THUMBNAIL, TOKEN_HEADER, file_path, proof_covers};
use thechatapp_protocol::methods::files::FileToken;

/// How a transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes are at the other end.
    To(u64),
    /// The token does not count any more, or the file is not there.
    NotFound,
}

/// One file at a server.
pub struct Remote<'a> {
    client: https::Https,
    url: String,
    path: String,
    signing: &'a SigningKey,
    token: FileToken,
}

impl std::fmt::Debug for Remote<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The one HTTPS client of a workspace: connections are kept, and the system's authorities are read once.
#[derive(Debug, Default)]
pub struct Https(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    listed: Vec<[u8; 32]>,
    generation: u64,
    client: https::Https,
}

impl Https {
    /// The client for a server whose TLS keys are listed in its verified document. Another list, or another way out, is
    /// another client, whose connections are new: none outlives the document that it was made under.
    fn client(&self, router: &Router, listed: &[[u8; 32]]) -> Result<https::Https> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = router.generation();
        if let Some(made) = made.as_ref().filter(|made| made.listed == listed && made.generation == generation) {
            return Ok(made.client.clone());
        }
        let client = https::Https::routed(router.clone(), verify::strict(listed, router.extra_roots())?);
        *made = Some(Made { listed: listed.to_vec(), generation, client: client.clone() });
        Ok(client)
    }
}

impl<'a> Remote<'a> {
    /// For a file of an account's server, whose TLS keys are listed in its verified document.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(
        https: &Https,
        account: &'a Account,
        router: &Router,
        file: FileId,
        token: FileToken,
    ) -> Result<Self> {
        let client = https.client(router, &account.known.verified.document().tls_keys)?;
        let path = file_path(&account.short, file);
        Ok(Self { client, url: format!("{}{path}", account.url), path, signing: &account.signing_key, token })
    }

    /// The same for the file's thumbnail, to be fetched.
    #[must_use]
    pub fn of_thumbnail(self) -> Self {
        let path = format!("{}{THUMBNAIL}", self.path);
        Self { url: format!("{}{THUMBNAIL}", self.url), path, ..self }
    }

    fn request(&self, method: Method) -> Result<Builder> {
        let mut once = [0; 16];
        getrandom::fill(&mut once).map_err(fault::internal)?;
        let covered = proof_covers(method.as_str(), &self.path, &self.token.token, &once);
        let proof = [once.as_slice(), &self.signing.sign(&covered).to_bytes()].concat();
        scrub_stack();
        Ok(Request::builder()
            .method(method)
            .uri(&self.url)
            .header(TOKEN_HEADER, BASE64URL_NOPAD.encode(&self.token.token))
            .header(PROOF_HEADER, BASE64URL_NOPAD.encode(&proof)))
    }

    /// Sends bytes from where the upload stands. A connection that breaks is an error; what came through stays there.
    ///
    /// # Errors
    /// [`Error::Offline`]; disk full at the server.
    pub async fn send<S, E>(&self, offset: u64, bytes: S) -> Result<Moved>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let request = self.request(Method::PATCH)?.header(OFFSET_HEADER, offset);
        let answer = self.client.stream(request, bytes).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::CONFLICT => {
                let here = answer.headers().get(OFFSET_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
                match here {
                    Some(here) => Ok(Moved::To(here)),
                    None => Err(Error::Offline { why: "another upload of this file is under way".into() }),
                }
            }
            other => status(other),
        }
    }

    /// Bytes from one place to another, the latter not included, as they come. `None` when the token does not count any
    /// more, or the file is not there.
    ///
    /// # Errors
    /// [`Error::Offline`], also of the stream when the connection breaks.
    pub async fn fetch(&self, first: u64, end: u64) -> Result<Option<impl Stream<Item = Result<Bytes>> + use<>>> {
        let range = format!("bytes={first}-{}", end.saturating_sub(1));
        let answer = self.client.empty(self.request(Method::GET)?.header(header::RANGE, range)).await?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return status(answer.status()).map(|_| None);
        }
        Ok(Some(https::parts(answer.into_body())))
    }
}

fn status(answered: StatusCode) -> Result<Moved> {
    match answered {
        StatusCode::NOT_FOUND => Ok(Moved::NotFound),
        other => Err(Error::Offline { why: format!("the server answered {other}") }),
    }
}
