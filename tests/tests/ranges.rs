//! A thousand ranges of one file at once, each to somebody who hardly reads: every byte is the right one, and the server's memory
//! stays bounded.

use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::FileId;
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileKey, FileToken, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
};
use thechatapp_seal::{Context, Key, seal};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const READERS: usize = 1000;
/// Twice what the server holds of a file at once. Much more, and a thousand of them fill what the system has for TCP.
const RANGE: usize = 512 * 1024;
const SIZE: u64 = 2 << 20;
/// What a transfer may cost.
const PER_TRANSFER: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// Resident memory of a process, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A connection whose system keeps little of what is not read.
async fn narrow(port: u16) -> TlsStream<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let tcp = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    wire::tls_over(tcp).await
}

struct Reader {
    stream: TlsStream<TcpStream>,
    first: usize,
    came: Vec<u8>,
}

impl Reader {
    /// Asks for a range, and reads no more than the answer's head.
    async fn ask(port: u16, path: &str, proved: &str, first: usize) -> Self {
        let mut stream = narrow(port).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proved}Range: bytes={first}-{}\r\n\r\n",
            first + RANGE - 1
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut came = Vec::new();
        let split = loop {
            let mut some = [0; 1024];
            let read = stream.read(&mut some).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&came));
            came.extend_from_slice(&some[..read]);
            if let Some(split) = came.windows(4).position(|window| window == b"\r\n\r\n") {
                break split;
            }
        };
        assert!(came.starts_with(b"HTTP/1.1 206"), "{}", String::from_utf8_lossy(&came[..split]));
        Self { stream, first, came: came.split_off(split + 4) }
    }

    async fn whole(mut self) -> Vec<u8> {
        let _ = self.stream.read_to_end(&mut self.came).await;
        self.came
    }
}

async fn share(server: &Server, owner: &mut RawClient) -> (FileId, Vec<u8>, FileToken) {
    let (file, channel, key) = (FileId::from_bytes([7; 16]), owner.general, Key::random().unwrap());
    let plain: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    let known = wire::identity(server.port, server.pin()).await;
    let bytes = seal(&key, &Context::file(&known.document().workspace_id, file.as_bytes()), &plain).unwrap();
    let media_type = "application/octet-stream".to_owned();
    let begin = BeginUploadParams { file, channel, name: "a.bin".into(), media_type, size: SIZE };
    let grant = owner.call::<BeginUpload>(&begin).await.unwrap();
    let path = file_path("acme", file);
    let proved = owner.proved("PATCH", &path, &grant.token);
    let mut stream = wire::tls(server.port).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proved}{OFFSET_HEADER}: 0\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 204"));
    let key = FileKey(key.expose().to_vec());
    owner.call::<FinishUpload>(&FinishUploadParams { channel, file, key }).await.unwrap();
    let token = owner.call::<OpenFile>(&OpenFileParams { channel, file, part: false }).await.unwrap().token;
    (file, bytes, token)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_ranges_at_once_are_right_and_cost_little() {
    // Twice a thousand connections, and the server inherits it.
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limits.maximum, maximum: limits.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let server = Server::start();
    let mut owner = RawClient::join(&server, &server.invite(), "owner").await;
    let (file, bytes, token) = share(&server, &mut owner).await;
    let path = file_path("acme", file);
    let before = resident(server.pid());

    // Fifty come at once, so that nobody is taken for one who only knocks; those who have come stay.
    let mut readers = Vec::new();
    while readers.len() < READERS {
        let came = readers.len();
        for number in came..came + 50 {
            let first = (number * 7919) % (bytes.len() - RANGE);
            let (port, path, proved) = (server.port, path.clone(), owner.proved("GET", &path, &token));
            readers.push(tokio::spawn(async move { Reader::ask(port, &path, &proved, first).await }));
        }
        while readers[came..].iter().any(|reader| !reader.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let held = resident(server.pid()).saturating_sub(before);
    assert!(held < READERS as u64 * PER_TRANSFER, "{} KiB for each transfer", held / 1024 / READERS as u64);

    // Somebody else is served meanwhile.
    owner.again(&server).await;
    let bytes = Arc::new(bytes);
    let mut reading = Vec::new();
    for reader in readers {
        let (reader, bytes) = (reader.await.unwrap(), bytes.clone());
        reading.push(tokio::spawn(async move {
            let first = reader.first;
            let came = tokio::time::timeout(PATIENCE, reader.whole()).await.unwrap();
            assert!(came == bytes[first..first + RANGE], "the range at {first} is another, or {} bytes", came.len());
        }));
    }
    for reader in reading {
        reader.await.unwrap();
    }
    eprintln!("{} KiB for each of {READERS} transfers", held / 1024 / READERS as u64);
}
