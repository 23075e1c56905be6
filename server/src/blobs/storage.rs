//! A bucket for whole files (S3, or what speaks its language), as `files.storage` names it. What lies in it is what would lie
//! in the workspace's folder otherwise: sealed bytes as they came.
//!
//! A host's files are below a name of its own, `<prefix>/<host>/<workspace>/<file>`, so that a host that was restored from a
//! backup does not touch those of the one that the backup was made of.

mod streamed;

use crate::config::FilesSection;
use crate::error::{Error, Fail, Result};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, GetOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use streamed::{Heads, Streamed};
use thechatapp_protocol::WorkspaceId;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use url::Url;

/// What S3 takes as a part, at least, and how many parts.
const PART: u64 = 5 << 20;
const PARTS: u64 = 10_000;
/// How many files are put at once, and how many of them by one workspace.
const PUTS: usize = 8;
const PUTS_OF_ONE: usize = 2;
/// How much is read from the disk at once; what is no longer goes out in one piece.
const AT_ONCE: usize = 256 * 1024;
/// How much of a longer file is read at once while it goes there, or given on at once when it comes back; what sends it holds a
/// few such pieces.
const SENT_AT_ONCE: usize = 64 * 1024;
/// Settings from the surroundings that want something said with each request that only `object_store` knows.
const MORE_IN_REQUESTS: [&str; 2] = ["aws_sse_customer_key_base64", "aws_s3_express"];
/// How often a request is made once more, and how long is waited before, at most.
const RETRIES: usize = 2;
const BACKOFF: Duration = Duration::from_secs(2);

/// A bucket.
#[derive(Clone, Debug)]
pub struct Storage {
    store: Arc<AmazonS3>,
    streamed: Option<Streamed>,
    prefix: Path,
    /// `s3://bucket/prefix`
    name: String,
    turns: Arc<Semaphore>,
}

impl Storage {
    /// The bucket that the configuration names; `None` for the workspace's folder.
    ///
    /// # Errors
    /// Bad input for what names none.
    pub fn new(section: &FilesSection) -> Result<Option<Self>> {
        // What the surroundings say, and over it what the configuration says.
        let bucket = |text| Self::bucket(AmazonS3Builder::from_env(), text, section);
        section.storage.as_deref().map(bucket).transpose()
    }

    /// Which bucket an address means, and where in it, whatever it says besides.
    pub fn name_of(text: &str) -> &str {
        text.split('?').next().unwrap_or_default().trim_end_matches('/')
    }

    fn bucket(settings: AmazonS3Builder, text: &str, section: &FilesSection) -> Result<Self> {
        let bad = |why: String| {
            Error::bad_input("Files cannot be stored there", why, "write files.storage as s3://bucket/prefix")
        };
        let url = Url::parse(text).map_err(|why| bad(format!("{text}: {why}")))?;
        let bucket =
            url.host_str().filter(|_| url.scheme() == "s3").ok_or_else(|| bad(format!("{text} is no s3://")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(
                "an address holds no key; there are files.access_key_id and files.secret_access_key".into()
            ));
        }
        let prefix = Path::from_url_path(url.path()).map_err(|why| bad(why.to_string()))?;
        let patience = Duration::from_secs(section.timeout_seconds);
        // One connection for each transfer, with little of it in memory.
        let mut options = ClientOptions::new()
            .with_http1_only()
            .with_connect_timeout(patience)
            .with_timeout_disabled()
            .with_read_timeout(patience);
        let mut builder = settings.with_bucket_name(bucket);
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "region" => builder = builder.with_region(value),
                "endpoint" => builder = builder.with_endpoint(value),
                other => return Err(bad(format!("it knows region and endpoint, not {other}"))),
            }
        }
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .into_iter()
            .find_map(|key| builder.get_config_value(&key));
        // Whoever writes http:// means it: the bytes are sealed, and requests are signed.
        options = options.with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")));
        match (&section.access_key_id, &section.secret_access_key) {
            (Some(id), Some(secret)) => builder = builder.with_access_key_id(id).with_secret_access_key(secret),
            (None, None) => {}
            _ => return Err(bad("files.access_key_id and files.secret_access_key belong together".into())),
        }
        let retry = RetryConfig {
            backoff: BackoffConfig { max_backoff: BACKOFF, ..BackoffConfig::default() },
            max_retries: RETRIES,
            retry_timeout: patience,
        };
        let more_in_requests = MORE_IN_REQUESTS.into_iter().filter_map(|key| key.parse().ok()).any(|key| {
            let value = builder.get_config_value(&key);
            value.is_some_and(|value| !["", "false"].contains(&value.as_str()))
        });
        let builder = builder.with_client_options(options).with_retry(retry);
        let store = Arc::new(builder.clone().build().map_err(|why| bad(why.to_string()))?);
        let streamed = if more_in_requests {
            None
        } else {
            let internal = |why: String| Error::internal("TLS for the bucket could not start", why);
            let heads = Heads::new(&builder, &store).map_err(|why| bad(why.to_string()))?;
            Some(Streamed::new(store.clone(), heads, patience).map_err(internal)?)
        };
        let name = Self::name_of(text).to_owned();
        Ok(Self { store, streamed, prefix, name, turns: Arc::new(Semaphore::new(PUTS)) })
    }

    /// Which bucket, and where in it: `s3://bucket/prefix`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it answers, and shows what is in it.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn check(&self) -> std::result::Result<(), Fail> {
        match self.store.list(Some(&self.prefix)).next().await {
            Some(Err(why)) => Err(why.into()),
            _ => Ok(()),
        }
    }

    /// Where the files of one workspace of a host are.
    pub fn shelf(&self, host: &str, workspace: WorkspaceId) -> Shelf {
        let base = self.prefix.clone().join(host).join(workspace.to_string());
        let own_turns = Arc::new(Semaphore::new(PUTS_OF_ONE));
        let (store, streamed) = (self.store.clone(), self.streamed.clone());
        Shelf { store, streamed, base, own_turns, turns: self.turns.clone() }
    }
}

/// Where the files of one workspace are in a bucket.
#[derive(Clone, Debug)]
pub struct Shelf {
    store: Arc<AmazonS3>,
    /// Unless requests have to say more than is known here.
    streamed: Option<Streamed>,
    base: Path,
    own_turns: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Shelf {
    fn path(&self, name: &str) -> Path {
        self.base.clone().join(name)
    }

    /// Puts a file there, whole or not at all, with little of it in memory.
    ///
    /// # Errors
    /// The bucket's, or that of reading.
    pub async fn put(&self, name: &str, from: File) -> std::result::Result<(), Fail> {
        let path = self.path(name);
        let length = from.metadata()?.len();
        let no_more = |_| Fail::Broken("nothing is put any more");
        // One's own first: whoever waits there takes nobody's place.
        let _own_turn = self.own_turns.acquire().await.map_err(no_more)?;
        let _turn = self.turns.acquire().await.map_err(no_more)?;
        if length <= AT_ONCE as u64 {
            let whole = part(&mut tokio::fs::File::from_std(from), length).await?;
            self.store.put(&path, whole.into()).await?;
            return Ok(());
        }
        match &self.streamed {
            Some(streamed) => streamed.put(&path, from, length).await,
            None => self.put_in_parts(&path, from, length).await,
        }
    }

    /// With one part in memory: where requests have to say more than is known here.
    async fn put_in_parts(&self, path: &Path, from: File, length: u64) -> std::result::Result<(), Fail> {
        let mut from = tokio::fs::File::from_std(from);
        // Each of the same length but the last, as some stores want it.
        let size = PART.max(length.div_ceil(PARTS));
        let mut upload = self.store.put_multipart(path).await?;
        let put = async {
            loop {
                let next = part(&mut from, size).await?;
                if next.is_empty() {
                    break;
                }
                upload.put_part(next.into()).await?;
            }
            upload.complete().await?;
            Ok(())
        }
        .await;
        if put.is_err() {
            let _ = upload.abort().await;
        }
        put
    }

    /// Puts something small there.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn put_bytes(&self, name: &str, bytes: Vec<u8>) -> std::result::Result<(), Fail> {
        self.store.put(&self.path(name), bytes.into()).await?;
        Ok(())
    }

    /// The bytes from a place on, so many, as they come.
    ///
    /// # Errors
    /// The bucket's; also of the stream.
    pub async fn pieces(
        &self,
        name: &str,
        first: u64,
        length: u64,
    ) -> std::result::Result<BoxStream<'static, std::io::Result<Bytes>>, Fail> {
        if length == 0 {
            return Ok(futures_util::stream::empty().boxed());
        }
        let options = GetOptions::new().with_range(Some(first..first + length));
        let got = self.store.get_opts(&self.path(name), options).await?;
        Ok(got.into_stream().map_err(std::io::Error::other).map_ok(in_small).try_flatten().boxed())
    }

    /// Deletes what is there of these. What is not there is no error.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn delete(&self, names: Vec<String>) -> std::result::Result<(), Fail> {
        let paths = names.into_iter().map(|name| Ok(self.path(&name))).collect::<Vec<_>>();
        self.delete_all(futures_util::stream::iter(paths).boxed()).await.map(drop)
    }

    /// Deletes everything that is there. The answer is how much that was.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn wipe(&self) -> std::result::Result<u64, Fail> {
        let all = self.store.list(Some(&self.base)).map_ok(|found| found.location).boxed();
        self.delete_all(all).await
    }

    async fn delete_all(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> std::result::Result<u64, Fail> {
        let (mut gone, mut count) = (self.store.delete_stream(paths), 0);
        while let Some(one) = gone.next().await {
            match one {
                Ok(_) => count += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(why) => return Err(why.into()),
            }
        }
        Ok(count)
    }
}

/// What came in one read, copied into small pieces as they are asked for. A read may be of 400 KiB, and as a whole it would be in
/// memory until the last of it has gone out, while the next two are there already.
fn in_small(mut piece: Bytes) -> impl Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::iter(std::iter::from_fn(move || {
        let next = piece.split_to(piece.len().min(SENT_AT_ONCE));
        (!next.is_empty()).then(|| Ok(Bytes::copy_from_slice(&next)))
    }))
}

async fn part(from: &mut tokio::fs::File, most: u64) -> std::io::Result<Vec<u8>> {
    from.set_max_buf_size(AT_ONCE);
    let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or_default());
    from.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
