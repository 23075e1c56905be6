//! What files on their way to and from browsers take of the server's memory, whether they lie in its folder or in a bucket.

use serde_json::{Value, json};
use thechatapp_tests::Server;
use thechatapp_tests::bucket::Bucket;
use thechatapp_tests::memory::{Memory, one_heap};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::{Tab, answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SIZE: usize = 8 << 20;
const AT_ONCE: usize = 48;
/// As many uploads as one person may have.
const UPLOADS: usize = 8;
const MIB: u64 = 1024;

async fn transfers(bucket: Option<Bucket>) {
    let mut server = Server::init_with(bucket.iter().flat_map(Bucket::environment).chain([one_heap()]).collect());
    let config = server.folder.path().join("config.toml");
    let files = bucket.as_ref().map(|bucket| format!("[files]\nstorage = \"{}\"\n", bucket.address()));
    std::fs::write(&config, format!("[web]\nchat = true\n{}", files.unwrap_or_default())).unwrap();
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

    // Uploads, each with all but its end sent.
    let memory = Memory::measure(server.pid());
    let (mut streams, mut begun) = (Vec::new(), Vec::new());
    for number in 1..=UPLOADS {
        let file = begin(number).await;
        let mut stream = tab.send("PATCH", &file, "Upload-Offset: 0\r\n", SIZE).await;
        stream.write_all(&content[..SIZE - 1]).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
        begun.push(file);
    }
    for mut stream in streams {
        stream.write_all(&content[SIZE - 1..]).await.unwrap();
        stream.flush().await.unwrap();
        assert!(answer(&mut stream).await.0.contains(&format!("upload-offset: {SIZE}")));
    }
    // And all of them ended at once: each is looked at, and goes where it is to lie.
    let mut streams = Vec::new();
    for file in &begun {
        streams.push(tab.send("POST", file, "", 0).await);
    }
    for mut stream in streams {
        let (head, _) = answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    let each = memory.most() / UPLOADS as u64;
    println!("{each} KiB for each of {UPLOADS} uploads");
    assert!(each < MIB, "{each} KiB for each");
    if let Some(bucket) = &bucket {
        assert_eq!(bucket.objects().len(), UPLOADS + 1);
    }

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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_its_way_takes_less_than_a_mebibyte_whoever_is_slow() {
    transfers(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_that_goes_into_a_bucket_and_comes_out_of_it() {
    transfers(Some(Bucket::start_over_tls().await)).await;
}
