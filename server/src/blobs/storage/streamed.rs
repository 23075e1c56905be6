//! Files put by requests whose bodies are read from the disk as they go out, so that little of them is in memory however large
//! they are: `object_store` takes only bodies that are in memory. It signs the addresses that the requests go to, or their heads.
//!
//! A file goes by one request, or in [`parts`]. The bucket is told the SHA-256 of what it will get and refuses anything else. A
//! request that breaks off leaves nothing there, and begins once more with its first byte. It goes on for as long as something moves.

mod parts;

pub(super) use parts::Heads;

use super::{BACKOFF, RETRIES, SENT_AT_ONCE};
use crate::error::Fail;
use crate::outgoing::trusting_the_system;
use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::Stream;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};
use parking_lot::Mutex;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most that one request may put.
pub(super) const MOST: u64 = 5 << 30;
/// How long a signed address is good for; a request that has begun by then goes on.
const SIGNED_FOR: Duration = Duration::from_secs(300);
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
/// How long the first wait before another attempt is; each after it takes twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Most of a refusal's words that go to the log.
const WORDS: usize = 1024;

/// Puts files by streaming them.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    bucket: Arc<AmazonS3>,
    client: reqwest::Client,
    patience: Duration,
    heads: Heads,
}

/// What a request puts.
#[derive(Clone, Copy)]
enum What<'a> {
    /// A file.
    Whole,
    /// A part of one: of which upload, and which.
    Part(&'a str, usize),
}

/// Why a request did not put anything.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it answered {0}: {1}")]
    Status(StatusCode, String),
    #[error("nothing moved for {0:?}")]
    Silent(Duration),
    // The address holds a signature, and is left out.
    #[error("the request failed: {}", innermost(.0))]
    Broken(reqwest::Error),
}

fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut why = error;
    while let Some(source) = why.source() {
        why = source;
    }
    why
}

impl Refusal {
    /// Whether another attempt may do better. Whoever was silent was waited for long enough.
    fn is_passing(&self) -> bool {
        match self {
            Self::Status(status, _) => {
                status.is_server_error()
                    || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
            }
            Self::Silent(_) => false,
            Self::Broken(why) => !why.is_timeout() && !why.is_builder(),
        }
    }

    /// As `object_store` says it of its own requests.
    fn at(self, path: &Path) -> object_store::Error {
        let (path, source) = (path.to_string(), Box::new(self));
        match *source {
            Refusal::Status(StatusCode::FORBIDDEN, _) => object_store::Error::PermissionDenied { path, source },
            Refusal::Status(StatusCode::UNAUTHORIZED, _) => object_store::Error::Unauthenticated { path, source },
            Refusal::Status(StatusCode::NOT_FOUND, _) => object_store::Error::NotFound { path, source },
            _ => object_store::Error::Generic { store: "S3", source },
        }
    }
}

/// A file that is sent, or a part of it, as often as needed.
#[derive(Clone)]
struct Source {
    file: Arc<Mutex<File>>,
    /// Where in the file it begins.
    first: u64,
    length: u64,
    moved: Arc<Mutex<Instant>>,
    /// Why the disk did not give it.
    unread: Arc<Mutex<Option<io::Error>>>,
}

impl Source {
    fn new(file: File, length: u64) -> Self {
        let moved = Arc::new(Mutex::new(Instant::now()));
        Self { file: Arc::new(Mutex::new(file)), first: 0, length, moved, unread: Arc::default() }
    }

    /// A part of it.
    fn part(&self, first: u64, length: u64) -> Self {
        Self { first, length, ..self.clone() }
    }

    fn digest(&self) -> io::Result<[u8; 32]> {
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(self.first))?;
        let mut digest = Sha256::new();
        let read = io::copy(&mut BufReader::with_capacity(SENT_AT_ONCE, &*file).take(self.length), &mut digest)?;
        if read < self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(digest.finalize().into())
    }

    /// The bytes from a place on: each time from a named one, since a read of an attempt that is over may still be under way.
    fn piece(&self, from: u64) -> io::Result<Bytes> {
        let length = usize::try_from(self.length - from).unwrap_or(usize::MAX).min(SENT_AT_ONCE);
        let mut piece = vec![0; length];
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(self.first + from))?;
        file.read_exact(&mut piece)?;
        Ok(piece.into())
    }

    fn pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        futures_util::stream::try_unfold(0, move |from| {
            let source = self.clone();
            async move {
                *source.moved.lock() = Instant::now();
                if from == source.length {
                    return Ok(None);
                }
                let (reader, unread) = (source.clone(), source.unread.clone());
                let read = tokio::task::spawn_blocking(move || reader.piece(from)).await.map_err(io::Error::other);
                let piece = read.flatten().inspect_err(|why| *unread.lock() = Some(why.kind().into()))?;
                let next = from + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        })
    }
}

impl Streamed {
    /// Into a bucket, with so much patience while nothing moves.
    ///
    /// # Errors
    /// TLS cannot start.
    pub(super) fn new(bucket: Arc<AmazonS3>, heads: Heads, patience: Duration) -> Result<Self, String> {
        let tls = trusting_the_system().map_err(|why| why.to_string())?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(patience)
            .build()
            .map_err(|why| why.to_string())?;
        Ok(Self { bucket, client, patience, heads })
    }

    /// Puts a file there, whole or not at all.
    ///
    /// # Errors
    /// The bucket's, or that of reading.
    pub(super) async fn put(&self, path: &Path, file: File, length: u64) -> Result<(), Fail> {
        let source = Source::new(file, length);
        if self.heads.always_in_parts || length > MOST {
            return self.put_in_parts(path, &source).await;
        }
        self.send(path, What::Whole, &source).await.map(drop)
    }

    /// Sends what there is, as often as it takes, and gives the heads of the answer.
    async fn send(&self, path: &Path, what: What<'_>, source: &Source) -> Result<HeaderMap, Fail> {
        let reader = source.clone();
        let digest = super::super::blocking(move || reader.digest()).await?;
        let mut wait = FIRST_WAIT;
        for left in (0..=RETRIES).rev() {
            let why = match self.attempt(path, what, source, &digest).await? {
                Ok(heads) => return Ok(heads),
                Err(why) => why,
            };
            if let Some(why) = source.unread.lock().take() {
                return Err(why.into());
            }
            if left == 0 || !why.is_passing() {
                return Err(why.at(path).into());
            }
            tracing::info!(%why, "a file is put into the bucket once more");
            tokio::time::sleep(wait.min(BACKOFF)).await;
            wait *= 2;
        }
        Err(Fail::Broken("a file was put without an end"))
    }

    async fn attempt(
        &self,
        path: &Path,
        what: What<'_>,
        source: &Source,
        digest: &[u8; 32],
    ) -> Result<Result<HeaderMap, Refusal>, Fail> {
        // Anew each time: the key may be another by now.
        let request = match what {
            What::Whole => self.whole(path, digest).await?,
            What::Part(id, number) => self.part(path, id, number, digest).await?,
        };
        *source.moved.lock() = Instant::now();
        let request =
            request.header(CONTENT_LENGTH, source.length).body(reqwest::Body::wrap_stream(source.clone().pieces()));
        Ok(tokio::select! {
            answered = answered(request) => answered,
            () = silence(&source.moved, self.patience) => Err(Refusal::Silent(self.patience)),
        })
    }

    async fn whole(&self, path: &Path, digest: &[u8; 32]) -> Result<reqwest::RequestBuilder, Fail> {
        let value = checksum(digest)?;
        let options = SignedUrlOptions::new().with_signed_header(CHECKSUM, value.clone());
        let url = self.bucket.signed_url_opts(Method::PUT, path, SIGNED_FOR, &options).await?;
        Ok(self.client.put(url).header(CHECKSUM, value))
    }
}

fn checksum(digest: &[u8; 32]) -> Result<HeaderValue, Fail> {
    HeaderValue::from_str(&BASE64.encode(digest)).map_err(|_| Fail::Broken("a checksum is no header"))
}

/// Ends when nothing has moved for so long.
async fn silence(moved: &Mutex<Instant>, patience: Duration) {
    loop {
        let until = *moved.lock() + patience;
        if until <= Instant::now() {
            break;
        }
        tokio::time::sleep_until(until).await;
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<HeaderMap, Refusal> {
    let mut answer = request.send().await.map_err(|why| Refusal::Broken(why.without_url()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(std::mem::take(answer.headers_mut()));
    }
    let words = answer.chunk().await.ok().flatten().unwrap_or_default();
    let words = String::from_utf8_lossy(words.get(..WORDS).unwrap_or(&words)).into_owned();
    Err(Refusal::Status(status, words))
}

#[cfg(test)]
mod tests;
