use super::super::{Shelf, Storage};
use super::*;
use crate::config::FilesSection;
use futures_util::{FutureExt, StreamExt};
use std::io::Write;
use thechatapp_protocol::WorkspaceId;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader as Buffered};
use tokio::net::{TcpListener, TcpStream};

pub(super) const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// What answers in place of a bucket, by hand.
pub(super) struct Bucket {
    listener: TcpListener,
    pub(super) shelf: Shelf,
}

/// A request whose body is still on its way.
pub(super) struct Request {
    stream: Buffered<TcpStream>,
    pub(super) head: String,
}

impl Bucket {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let section = FilesSection {
            storage: Some(format!("s3://chat/files?region=eu-central-1&endpoint=http://{address}")),
            access_key_id: Some("thechatapp-tests".into()),
            secret_access_key: Some("unused".into()),
            timeout_seconds: PATIENCE.as_secs(),
            ..FilesSection::default()
        };
        let shelf = Storage::new(&section).unwrap().unwrap().shelf("home", WorkspaceId::from_bytes([1; 16]));
        Self { listener, shelf }
    }

    pub(super) async fn request(&self) -> Request {
        let mut stream = Buffered::new(self.listener.accept().await.unwrap().0);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        Request { stream, head: String::from_utf8(head).unwrap() }
    }
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head)).split_once(':').unwrap().1.trim()
    }

    pub(super) async fn take(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    pub(super) async fn answer(mut self, status: &str, words: &str) {
        let length = words.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{words}");
        self.stream.write_all(answer.as_bytes()).await.unwrap();
        self.stream.shutdown().await.unwrap();
        // Hanging up with something unread would take the answer back.
        let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
    }
}

pub(super) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| ((n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8).collect()
}

pub(super) fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

#[tokio::test]
async fn one_request_carries_the_file_with_its_checksum() {
    let bucket = Bucket::new().await;
    let content = content(3 * MIB + 17);
    let bucket_does = async {
        let mut request = bucket.request().await;
        let place = format!("PUT /chat/files/home/{}/a?", WorkspaceId::from_bytes([1; 16]));
        assert!(request.head.starts_with(&place), "{}", request.head);
        assert!(request.head.contains("X-Amz-SignedHeaders=host%3Bx-amz-checksum-sha256"), "{}", request.head);
        assert_eq!(request.header("content-length"), content.len().to_string());
        let body = request.take(content.len()).await;
        assert!(body == content);
        assert_eq!(request.header("x-amz-checksum-sha256"), BASE64.encode(&Sha256::digest(&body)));
        request.answer("200 OK", "").await;
    };
    let put = async {
        bucket.shelf.put("a", file(&content)).await.unwrap();
    };
    tokio::join!(put, bucket_does);
}

#[tokio::test]
async fn what_breaks_off_begins_with_the_first_byte_again_and_not_for_ever() {
    let bucket = Bucket::new().await;
    let content = content(3 * MIB);
    let bucket_does = async {
        let mut request = bucket.request().await;
        request.take(MIB).await;
        drop(request);
        bucket.request().await.answer("503 Slow Down", "<Code>SlowDown</Code>").await;
        let mut request = bucket.request().await;
        assert!(request.take(content.len()).await == content);
        request.answer("200 OK", "").await;
        for _ in 0..=RETRIES {
            drop(bucket.request().await);
        }
    };
    let put = async {
        bucket.shelf.put("a", file(&content)).await.unwrap();
        let refused = bucket.shelf.put("b", file(&content)).await.unwrap_err();
        assert!(matches!(&refused, Fail::Storage(object_store::Error::Generic { .. })), "{refused:?}");
        let words = refused.to_string();
        assert!(!words.contains("X-Amz-Signature"), "{words}");
    };
    tokio::join!(put, bucket_does);
}

#[tokio::test]
async fn who_is_refused_is_told_so_at_once() {
    let bucket = Bucket::new().await;
    let content = content(3 * MIB);
    let bucket_does = async {
        for status in ["403 Forbidden", "401 Unauthorized", "404 Not Found", "400 Bad Request"] {
            bucket.request().await.answer(status, "<Error>no</Error>").await;
        }
    };
    let put = async {
        let mut refused = Vec::new();
        for _ in 0..4 {
            refused.push(bucket.shelf.put("a", file(&content)).await.unwrap_err());
        }
        refused
    };
    let (refused, ()) = tokio::join!(put, bucket_does);
    use object_store::Error;
    assert!(matches!(&refused[0], Fail::Storage(Error::PermissionDenied { .. })), "{:?}", refused[0]);
    assert!(matches!(&refused[1], Fail::Storage(Error::Unauthenticated { .. })), "{:?}", refused[1]);
    assert!(matches!(&refused[2], Fail::Storage(Error::NotFound { .. })), "{:?}", refused[2]);
    assert!(matches!(&refused[3], Fail::Storage(Error::Generic { .. })), "{:?}", refused[3]);
}

#[tokio::test]
async fn silence_counts_from_what_moved_last() {
    let (content, hour) = (content(3 * MIB), Duration::from_secs(3600));
    let long_ago = Instant::now();
    let source = Source {
        file: Arc::new(Mutex::new(file(&content))),
        first: 0,
        length: content.len() as u64,
        moved: Arc::new(Mutex::new(long_ago)),
        unread: Arc::default(),
    };
    let mut pieces = Box::pin(source.clone().pieces());
    let mut seen = Vec::new();
    let mut moved = long_ago;
    while let Some(piece) = pieces.next().await {
        seen.extend_from_slice(&piece.unwrap());
        let now = *source.moved.lock();
        assert!(now > moved, "{} bytes", seen.len());
        moved = now;
    }
    assert!(seen == content);
    // Ends at once, and does not: it is asked one time, and no time passes.
    assert!(silence(&source.moved, Duration::ZERO).now_or_never().is_some());
    assert!(silence(&source.moved, hour).now_or_never().is_none());
}

#[tokio::test]
async fn a_silent_bucket_is_not_waited_for() {
    let mut bucket = Bucket::new().await;
    bucket.shelf.streamed.as_mut().unwrap().patience = Duration::from_millis(50);
    let content = content(32 * MIB);
    // A test that never ends is the other outcome.
    let (refused, _silent) = tokio::join!(bucket.shelf.put("a", file(&content)), bucket.request());
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("nothing moved for 50ms"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_shorter_than_it_was_is_a_fault_of_the_disk() {
    let bucket = Bucket::new().await;
    // More than the system takes for a connection on which nobody reads yet.
    let content = content(32 * MIB);
    let put = file(&content);
    let same = put.try_clone().unwrap();
    let bucket_does = async {
        let mut request = bucket.request().await;
        request.take(1).await;
        same.set_len(MIB as u64).unwrap();
        let _ = tokio::io::copy(&mut request.stream, &mut tokio::io::sink()).await;
    };
    let (put, ()) = tokio::join!(bucket.shelf.put("a", put), bucket_does);
    let refused = put.unwrap_err();
    assert!(matches!(&refused, Fail::File(why) if why.kind() == io::ErrorKind::UnexpectedEof), "{refused:?}");
}
