//! AWS KMS: `Encrypt` and `Decrypt` with the workspace in the encryption context, so that policies and CloudTrail see for
//! whom a key is opened. Credentials come by AWS's own chain: environment, profile, container, instance.

use super::ending::{Ending, EndsKeys, not_ended, unanswered};
use super::remote::Caller;
use crate::error::Result;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// How long a connection may take to come about. A call may take two attempts.
const CONNECT: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 2;

/// Which key.
#[derive(Clone)]
pub struct Address {
    /// Its ARN, its id, or `alias/NAME`.
    pub key: String,
    /// Its region; else from the ARN or the surroundings.
    pub region: Option<String>,
    /// Another address than AWS's own.
    pub endpoint: Option<String>,
}

/// A key in AWS KMS.
pub struct Aws {
    address: Address,
    patience: Duration,
    client: Arc<OnceCell<Client>>,
    caller: Caller,
}

impl Aws {
    pub fn new(address: Address, patience: Duration) -> Result<Self> {
        Ok(Self { address, patience, client: Arc::default(), caller: Caller::new(patience)? })
    }
}

/// Made with the first call: looking for the region may ask the network.
async fn connect(address: Address, patience: Duration) -> Client {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    let times = TimeoutConfig::builder()
        .connect_timeout(CONNECT.min(patience))
        .operation_attempt_timeout(patience / ATTEMPTS)
        .operation_timeout(patience)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .timeout_config(times)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    if let Some(region) = address.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(endpoint) = address.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    Client::new(&loader.load().await)
}

fn bound(context: &WrapContext) -> HashMap<String, String> {
    HashMap::from([
        ("purpose".to_owned(), "thechatapp workspace key".to_owned()),
        ("workspace".to_owned(), context.workspace.clone()),
    ])
}

fn refused<E: ProvideErrorMetadata + std::error::Error + 'static>(why: SdkError<E, HttpResponse>) -> KmsError {
    let error = match &why {
        SdkError::ServiceError(service) if service.raw().status().is_success() => KmsError::Garbage,
        SdkError::ServiceError(service) => by_code(service.err().code().unwrap_or_default()),
        SdkError::ResponseError(_) => KmsError::Garbage,
        SdkError::ConstructionFailure(_) => KmsError::Denied,
        _ => KmsError::Unavailable,
    };
    let mut cause = why.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    tracing::warn!(code = why.code().unwrap_or_default(), %why, cause = cause.map(tracing::field::display), "AWS KMS refused");
    error
}

/// When a key that opens nothing any more is deleted, if that was ordered.
async fn pending(client: &Client, key: String) -> Option<Ending> {
    let answer = client.describe_key().key_id(key).send().await.ok()?;
    let at = answer.key_metadata?.deletion_date?;
    Some(Ending::Scheduled(at.to_millis().ok()?))
}

/// The names of AWS KMS's errors, and of those common to its services.
fn by_code(code: &str) -> KmsError {
    match code {
        "ThrottlingException" | "Throttling" | "LimitExceededException" | "RequestLimitExceeded" => KmsError::Throttled,
        "DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException" => KmsError::Disabled,
        "NotFoundException" => KmsError::NotFound,
        "IncorrectKeyException" | "InvalidCiphertextException" => KmsError::WrongKey,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "OptInRequired"
        | "ExpiredTokenException" => KmsError::Denied,
        _ => KmsError::Unavailable,
    }
}

impl KeyService for Aws {
    fn wrap(&self, context: &WrapContext, key: &Key) -> std::result::Result<Vec<u8>, KmsError> {
        let (address, patience, cell) = (self.address.clone(), self.patience, self.client.clone());
        let (bound, plaintext) = (bound(context), Blob::new(key.expose().as_slice()));
        self.caller.wait(async move {
            let key = address.key.clone();
            let client = cell.get_or_init(|| connect(address, patience)).await;
            let call = client.encrypt().key_id(key).set_encryption_context(Some(bound)).plaintext(plaintext);
            let answer = call.send().await.map_err(refused)?;
            answer.ciphertext_blob.map(Blob::into_inner).ok_or(KmsError::Garbage)
        })
    }

    fn unwrap(&self, context: &WrapContext, wrapped: &[u8]) -> std::result::Result<Key, KmsError> {
        let (address, patience, cell) = (self.address.clone(), self.patience, self.client.clone());
        let (bound, wrapped) = (bound(context), Blob::new(wrapped));
        let opened = self.caller.wait(async move {
            let key = address.key.clone();
            let client = cell.get_or_init(|| connect(address, patience)).await;
            // The key is named, so that nothing wrapped by another key of this account is taken.
            let call = client.decrypt().key_id(key).set_encryption_context(Some(bound)).ciphertext_blob(wrapped);
            let answer = call.send().await.map_err(refused)?;
            answer.plaintext.map(|opened| Zeroizing::new(opened.into_inner())).ok_or(KmsError::Garbage)
        })?;
        Key::try_from(opened.as_slice()).map_err(|_| KmsError::Garbage)
    }

    fn provider(&self) -> &'static str {
        "aws-kms"
    }

    fn key_id(&self) -> String {
        self.address.key.clone()
    }
}

impl EndsKeys for Aws {
    fn ends_already(&self, context: &WrapContext, wrapped: &[u8]) -> Option<Ending> {
        // What an alias names may be another key by now.
        if self.address.key.contains("alias/") || !matches!(self.unwrap(context, wrapped), Err(KmsError::Disabled)) {
            return None;
        }
        let (address, patience, cell) = (self.address.clone(), self.patience, self.client.clone());
        let asked = self.caller.wait(async move {
            let key = address.key.clone();
            let client = cell.get_or_init(|| connect(address, patience)).await;
            Ok(pending(client, key).await)
        });
        asked.ok().flatten()
    }

    fn end(&self, context: &WrapContext, wrapped: &[u8], pending_days: u16) -> Result<Ending> {
        const RIGHTS: &str = "the host needs `kms:ScheduleKeyDeletion` on this key; or leave --destroy-remote-key out, and have it \
                              deleted there";
        let (address, patience, cell) = (self.address.clone(), self.patience, self.client.clone());
        let (bound, wrapped) = (bound(context), Blob::new(wrapped));
        let asked = self.caller.wait(async move {
            let key = address.key.clone();
            let client = cell.get_or_init(|| connect(address, patience)).await;
            let call = client.decrypt().key_id(&key).set_encryption_context(Some(bound)).ciphertext_blob(wrapped);
            // Which key it was is what the answer says: an alias may be another one's in a moment, and is not taken for this.
            let opened = call.send().await.map_err(refused)?;
            let arn = opened.key_id.ok_or(KmsError::Garbage)?;
            // Keys of another account cannot be ended from here, so the id says which.
            let key = arn.rsplit_once("key/").map_or(arn.as_str(), |(_, id)| id);
            drop(opened.plaintext.map(|plaintext| Zeroizing::new(plaintext.into_inner())));
            let call = client.schedule_key_deletion().key_id(key).pending_window_in_days(i32::from(pending_days));
            match call.send().await {
                Ok(answer) => {
                    let at = answer.deletion_date.and_then(|at| at.to_millis().ok()).ok_or(KmsError::Garbage)?;
                    Ok(Ok(Ending::Scheduled(at)))
                }
                Err(why) => {
                    let code = why.code().unwrap_or_default().to_owned();
                    match refused(why) {
                        KmsError::Unavailable if code.is_empty() => Err(KmsError::Unavailable),
                        // It opened what it had wrapped, and the deletion was refused.
                        why => Ok(Err(format!("AWS says {code}: {why}"))),
                    }
                }
            }
        });
        asked.map_err(|why| unanswered(&why))?.map_err(|why| not_ended(why, RIGHTS))
    }
}
