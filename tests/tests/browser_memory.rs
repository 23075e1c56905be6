//! What files on their way to and from browsers take of the server's memory.

use serde_json::{Value, json};
use std::time::Duration;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

const SIZE: usize = 8 << 20;
const AT_ONCE: usize = 48;
const MIB: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(120);

struct Tab<'a> {
    server: &'a Server,
    cookie: String,
    files: String,
}

impl Tab<'_> {
    async fn send(&self, method: &str, path: &str, more: &str, length: usize) -> TlsStream<TcpStream> {
        let (origin, cookie) = (self.server.url(), &self.cookie);
        let mut stream = wire::tls(self.server.port).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    async fn call(&self, method: &str, path: &str, more: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = self.send(method, path, more, body.len()).await;
        stream.write_all(body).await.unwrap();
        stream.flush().await.unwrap();
        answer(&mut stream).await
    }

    async fn begin(&self, number: usize) -> String {
        let file = format!("0193f000-0000-7000-8000-0000000000{number:02x}");
        let new = json!({ "file": file, "name": "a.bin", "type": "application/x-data", "size": SIZE });
        let (head, _) = self.call("POST", &self.files, "", new.to_string().as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        format!("{}/{file}", self.files)
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the answer ends");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}

/// KiB in the server's memory, from here on or the most since then.
struct Memory {
    pid: u32,
    before: u64,
}

impl Memory {
    fn measure(pid: u32) -> Self {
        // Forgets what was the most until now: sign-ins take much for a moment.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        Self { pid, before: Self::of(pid, "VmRSS") }
    }

    fn most(&self) -> u64 {
        Self::of(self.pid, "VmHWM").saturating_sub(self.before)
    }

    fn of(pid: u32, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_its_way_takes_less_than_a_mebibyte_whoever_is_slow() {
    let mut server = Server::init();
    let config = server.folder.path().join("config.toml");
    std::fs::write(&config, "[web]\nchat = true\n").unwrap();
    server.config = Some(config);
    server.serve();
    let alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    let files = format!("/w/acme/channels/{}/files", alice.general);
    let mut tab = Tab { server: &server, cookie: String::new(), files };
    let sign_in = json!({ "name": "alice", "password": "correct horse battery" }).to_string();
    let (head, _) = tab.call("POST", "/w/acme/api/v1/account.sign_in", "", sign_in.as_bytes()).await;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    tab.cookie = cookie.split(';').next().unwrap().to_owned();

    let content: Vec<u8> = (0..SIZE as u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    let file = tab.begin(0).await;
    let (head, _) = tab.call("PATCH", &file, "Upload-Offset: 0\r\n", &content).await;
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    let (head, body) = tab.call("POST", &file, "", b"").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["size"], SIZE);

    // Uploads: as many as one person may have, each with all but its end sent.
    let memory = Memory::measure(server.pid());
    let mut streams = Vec::new();
    for number in 1..=8 {
        let file = tab.begin(number).await;
        let mut stream = tab.send("PATCH", &file, "Upload-Offset: 0\r\n", SIZE).await;
        stream.write_all(&content[..SIZE - 1]).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    for mut stream in streams {
        stream.write_all(&content[SIZE - 1..]).await.unwrap();
        stream.flush().await.unwrap();
        assert!(answer(&mut stream).await.0.contains(&format!("upload-offset: {SIZE}")));
    }
    let each = memory.most() / 8;
    println!("{each} KiB for each of 8 uploads");
    assert!(each < MIB, "{each} KiB for each");

    // All of them are begun before the first is read to its end.
    let memory = Memory::measure(server.pid());
    let mut streams = Vec::new();
    for _ in 0..AT_ONCE {
        let mut stream = tab.send("GET", &file, "", 0).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        streams.push(stream);
    }
    for mut stream in streams {
        assert!(answer(&mut stream).await.1 == content);
    }
    let each = memory.most() / AT_ONCE as u64;
    println!("{each} KiB for each of {AT_ONCE} downloads");
    assert!(each < MIB, "{each} KiB for each");
}
