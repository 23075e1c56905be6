//! HashiCorp Vault's transit engine, and whatever speaks its API (OpenBao): `POST /v1/<mount>/encrypt/<key>` and `decrypt`,
//! with the workspace as associated data (Vault 1.9 and newer, key type aes256-gcm96).
//!
//! Refuses to follow redirects, which would carry the token elsewhere, and answers longer than any of these is.

use super::ending::{Ending, EndsKeys, NOT_GIVEN, not_ended, unanswered};
use super::remote::Caller;
use super::{Secret, associated};
use crate::error::{Error, Result};
use data_encoding::BASE64;
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use url::Url;
use zeroize::Zeroizing;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Most of an answer that is read.
const ANSWER_MAX: usize = 64 * 1024;

/// Where the key is.
#[derive(Clone)]
pub struct Address {
    /// Scheme, host and port.
    pub base: Url,
    /// The engine's path.
    pub mount: String,
    /// The key's name.
    pub key: String,
    /// The namespace, where there are some.
    pub namespace: Option<String>,
    /// Who asks.
    pub token: Secret,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    errors: Vec<String>,
}

/// A key in a transit engine.
pub struct Vault {
    address: Address,
    client: reqwest::Client,
    caller: Caller,
}

impl Vault {
    pub fn new(address: Address, patience: Duration) -> Result<Self> {
        let fault = |why: &dyn std::fmt::Display| Error::internal("TLS for the key service could not start", why);
        let tls = crate::outgoing::trusting_the_system().map_err(|why| fault(&why))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(patience))
            .timeout(patience)
            .build()
            .map_err(|why| fault(&why))?;
        Ok(Self { address, client, caller: Caller::new(patience)? })
    }

    fn request(&self, method: Method, action: &str) -> std::result::Result<reqwest::RequestBuilder, KmsError> {
        let mut url = self.address.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v1").extend(self.address.mount.split('/')).push(action).push(&self.address.key);
        }
        let token = self.address.token.read()?;
        let mut value = reqwest::header::HeaderValue::from_str(&token).map_err(|_| KmsError::Denied)?;
        value.set_sensitive(true);
        let request = self.client.request(method, url).header("x-vault-token", value).header("x-vault-request", "true");
        Ok(match &self.address.namespace {
            Some(namespace) => request.header("x-vault-namespace", namespace),
            None => request,
        })
    }

    fn call<T: DeserializeOwned + Send + 'static>(
        &self,
        action: &str,
        body: &serde_json::Value,
    ) -> std::result::Result<T, KmsError> {
        let body = Zeroizing::new(body.to_string());
        let request = self
            .request(Method::POST, action)?
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.as_bytes().to_vec());
        self.caller.wait(async move {
            let (status, answer) = exchange(request).await?;
            if status.is_success() {
                return serde_json::from_slice::<Answer<T>>(&answer)
                    .map(|answer| answer.data)
                    .map_err(|why| said(status, &format!("an answer that cannot be read: {why}"), KmsError::Garbage));
            }
            let refusal: Refusal = serde_json::from_slice(&answer).unwrap_or_default();
            let words = refusal.errors.join("; ");
            Err(said(status, &words, refused(status, &words)))
        })
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> std::result::Result<(StatusCode, Zeroizing<Vec<u8>>), KmsError> {
    let lost = |why: reqwest::Error| {
        tracing::warn!(error = %innermost(&why), "the key service did not answer");
        KmsError::Unavailable
    };
    let response = request.send().await.map_err(lost)?;
    let status = response.status();
    // Never grown, so that no part of a key is left behind where it was.
    let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_MAX));
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(lost)?;
        if answer.len() + part.len() > ANSWER_MAX {
            return Err(said(status, "an answer that is too long", KmsError::Garbage));
        }
        answer.extend_from_slice(&part);
    }
    Ok((status, answer))
}

fn said(status: StatusCode, words: &str, error: KmsError) -> KmsError {
    tracing::warn!(%status, words, %error, "the key service refused");
    error
}

fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut why = error;
    while let Some(source) = why.source() {
        why = source;
    }
    why
}

/// Vault tells most of what is wrong with a key by status 400 and words.
fn refused(status: StatusCode, words: &str) -> KmsError {
    match status.as_u16() {
        401 | 403 => KmsError::Denied,
        404 => KmsError::NotFound,
        429 => KmsError::Throttled,
        400 if words.contains("not found") => KmsError::NotFound,
        400 if words.contains("disallowed by policy") || words.contains("disabled") => KmsError::Disabled,
        400 if words.contains("authentication failed") || words.contains("invalid ciphertext") => KmsError::WrongKey,
        500..=599 | 412 | 472 | 473 | 300..=399 => KmsError::Unavailable,
        _ => KmsError::Garbage,
    }
}

impl KeyService for Vault {
    fn wrap(&self, context: &WrapContext, key: &Key) -> std::result::Result<Vec<u8>, KmsError> {
        let plaintext = Zeroizing::new(BASE64.encode(key.expose()));
        let body = json!({ "plaintext": &*plaintext, "associated_data": BASE64.encode(&associated(context)) });
        let encrypted: Encrypted = self.call("encrypt", &body)?;
        if !encrypted.ciphertext.starts_with("vault:v") {
            return Err(KmsError::Garbage);
        }
        Ok(encrypted.ciphertext.into_bytes())
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> std::result::Result<Key, KmsError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| KmsError::Garbage)?;
        let body = json!({ "ciphertext": ciphertext, "associated_data": BASE64.encode(&associated(context)) });
        let decrypted: Decrypted = self.call("decrypt", &body)?;
        let plaintext = Zeroizing::new(decrypted.plaintext);
        let bytes = BASE64.decode(plaintext.as_bytes()).map(Zeroizing::new).map_err(|_| KmsError::Garbage)?;
        Key::try_from(bytes.as_slice()).map_err(|_| KmsError::Garbage)
    }

    fn provider(&self) -> &'static str {
        "vault"
    }

    fn key_id(&self) -> String {
        let host = self.address.base.host_str().unwrap_or_default();
        let port = self.address.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        // As a path it is the same key to Vault.
        let namespace = self.address.namespace.as_deref().unwrap_or_default().trim_matches('/');
        let namespace = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        format!("{host}{port}/{namespace}{}/{}", self.address.mount, self.address.key)
    }
}

impl EndsKeys for Vault {
    fn end(&self, context: &WrapContext, wrapped: &[u8], _: u16) -> Result<Ending> {
        const RIGHTS: &str =
            "the token needs `delete` on MOUNT/keys/KEY; or leave --destroy-remote-key out, and destroy the key there";
        const ALLOW: &str = "allow it with `vault write MOUNT/keys/KEY/config deletion_allowed=true`, and wipe again";
        self.unwrap(context, wrapped).map_err(|why| not_ended(why, NOT_GIVEN))?;
        let request = self.request(Method::DELETE, "keys").map_err(|why| not_ended(why, RIGHTS))?;
        let asked = self.caller.wait(async move {
            let (status, answer) = exchange(request).await?;
            let refusal: Refusal = serde_json::from_slice(&answer).unwrap_or_default();
            Ok((status, refusal.errors.join("; ")))
        });
        let (status, words) = asked.map_err(|why| unanswered(&why))?;
        if status.is_success() {
            return Ok(Ending::Destroyed);
        }
        let why = said(status, &words, refused(status, &words));
        let words = words.trim();
        let advice = if words.contains("deletion is not allowed") { ALLOW } else { RIGHTS };
        Err(if words.is_empty() { not_ended(why, advice) } else { not_ended(format!("Vault says: {words}"), advice) })
    }
}
