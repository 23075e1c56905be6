//! A file put in parts, for what is too long for one request, and where the bucket wants to be told more at the beginning than the
//! address of one request says. `object_store` begins, ends and breaks off; what goes between, this sends, a part after the other.

use super::{CHECKSUM, SIGNED_FOR, Source, Streamed, What, checksum};
use crate::blobs::storage::{PART, PARTS};
use crate::error::Fail;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer, Checksum};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use reqwest::header::ETAG;
use std::sync::Arc;

/// Whoever may not be asked for a key signs addresses with this one; the signature is taken off again.
const NOBODY: &str = "nobody";

/// What the heads of requests for parts say.
#[derive(Clone, Debug)]
pub(in crate::blobs::storage) struct Heads {
    /// Whether a file that would fit into one request goes in parts, too.
    pub always_in_parts: bool,
    /// Makes addresses.
    addresses: Arc<AmazonS3>,
    /// Begins and ends files, and says then which checksums parts have.
    whole: Arc<AmazonS3>,
    region: String,
    unsigned: bool,
    requester_pays: bool,
    checksums: bool,
}

impl Heads {
    /// As the settings of a bucket say.
    ///
    /// # Errors
    /// When they make no bucket.
    pub fn new(settings: &AmazonS3Builder, store: &Arc<AmazonS3>) -> object_store::Result<Self> {
        let set = |key: AmazonS3ConfigKey| {
            settings.get_config_value(&key).filter(|value| !["", "false"].contains(&value.as_str()))
        };
        let unsigned = set(AmazonS3ConfigKey::SkipSignature).is_some();
        let addresses = if unsigned {
            let settings = settings.clone().with_skip_signature(false);
            Arc::new(settings.with_access_key_id(NOBODY).with_secret_access_key(NOBODY).build()?)
        } else {
            store.clone()
        };
        // Of another checksum nothing is known here, and whoever asked for one wants one.
        let checksums = set(AmazonS3ConfigKey::Checksum).is_some();
        let whole = if checksums {
            Arc::new(settings.clone().with_checksum_algorithm(Checksum::SHA256).build()?)
        } else {
            store.clone()
        };
        Ok(Self {
            always_in_parts: unsigned || set("aws_server_side_encryption".parse()?).is_some(),
            addresses,
            whole,
            region: set(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned()),
            unsigned,
            requester_pays: set(AmazonS3ConfigKey::RequestPayer).is_some(),
            checksums,
        })
    }
}

impl Streamed {
    /// Each part is read twice: its digest is in the head of its request.
    pub(super) async fn put_in_parts(&self, path: &Path, source: &Source) -> Result<(), Fail> {
        let whole = &self.heads.whole;
        let id = whole.create_multipart(path).await?;
        let put = async {
            let parts = self.send_parts(path, &id, source).await?;
            whole.complete_multipart(path, &id, parts).await?;
            Ok(())
        }
        .await;
        if put.is_err() {
            let _ = whole.abort_multipart(path, &id).await;
        }
        put
    }

    async fn send_parts(&self, path: &Path, id: &str, source: &Source) -> Result<Vec<PartId>, Fail> {
        // Each of the same length but the last, as some stores want it.
        let size = PART.max(source.length.div_ceil(PARTS));
        let mut parts = Vec::new();
        while let first = parts.len() as u64 * size
            && first < source.length
        {
            let part = source.part(first, size.min(source.length - first));
            let heads = self.send(path, What::Part(id, parts.len() + 1), &part).await?;
            let tag = heads.get(ETAG).and_then(|tag| tag.to_str().ok());
            let tag = tag.ok_or(Fail::Broken("a bucket took a part and gave no tag for it"))?;
            let content_id = match heads.get(CHECKSUM).and_then(|sum| sum.to_str().ok()) {
                // As `object_store` has it of the parts that it sends itself.
                Some(sum) if self.heads.checksums => {
                    let tag = tag.replace('&', "&amp;").replace('<', "&lt;");
                    format!("<PartMetadata><e_tag>{tag}</e_tag><checksum_sha256>{sum}</checksum_sha256></PartMetadata>")
                }
                _ => tag.to_owned(),
            };
            parts.push(PartId { content_id });
        }
        Ok(parts)
    }

    pub(super) async fn part(
        &self,
        path: &Path,
        id: &str,
        number: usize,
        digest: &[u8; 32],
    ) -> Result<reqwest::RequestBuilder, Fail> {
        let broken = |_| Fail::Broken("an address of a bucket is none");
        let mut url = self.heads.addresses.signed_url(Method::PUT, path, SIGNED_FOR).await?;
        url.set_query(None);
        url.query_pairs_mut().append_pair("partNumber", &number.to_string()).append_pair("uploadId", id);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.as_str().parse::<http::Uri>().map_err(broken)?;
        if self.heads.checksums {
            request.headers_mut().insert(CHECKSUM, checksum(digest)?);
        }
        if !self.heads.unsigned {
            let key = self.bucket.credentials().get_credential().await?;
            AwsAuthorizer::new(&key, "s3", &self.heads.region)
                .with_request_payer(self.heads.requester_pays)
                .try_authorize(&mut request, Some(digest))?;
        }
        Ok(self.client.put(url).headers(std::mem::take(request.headers_mut())))
    }
}

#[cfg(test)]
mod tests;
