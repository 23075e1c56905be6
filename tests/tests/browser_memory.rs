//! What files on their way to and from browsers take of the server's memory.

use serde_json::{Value, json};
use thechatapp_tests::Server;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::{Tab, answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SIZE: usize = 8 << 20;
const AT_ONCE: usize = 48;
const MIB: u64 = 1024;

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
    let tab = Tab::sign_in(&server, "alice").await;

    let content: Vec<u8> = (0..SIZE as u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    let begin = async |number: usize| {
        let file = format!("0193f000-0000-7000-8000-0000000000{number:02x}");
        let new = json!({ "file": file, "name": "a.bin", "type": "application/x-data", "size": SIZE });
        let (head, _) = tab.call("POST", &files, "", new.to_string().as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        format!("{files}/{file}")
    };
    let file = begin(0).await;
    let (head, _) = tab.call("PATCH", &file, "Upload-Offset: 0\r\n", &content).await;
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    let (head, body) = tab.call("POST", &file, "", b"").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["size"], SIZE);

    // Uploads: as many as one person may have, each with all but its end sent.
    let memory = Memory::measure(server.pid());
    let mut streams = Vec::new();
    for number in 1..=8 {
        let file = begin(number).await;
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
