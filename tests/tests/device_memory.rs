//! What files on their way from and to devices take of the server's memory, whether they lie in its folder or in a bucket, and go
//! there by one request or in parts.

use thechatapp_protocol::FileId;
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::files::{
    BeginUpload, BeginUploadParams, FileKey, FinishUpload, FinishUploadParams, OpenFile, OpenFileParams,
};
use thechatapp_protocol::session::Kind;
use thechatapp_seal::{Context, Key, seal};
use thechatapp_tests::bucket::Bucket;
use thechatapp_tests::memory::{Memory, one_heap};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::answer;
use thechatapp_tests::{Server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// More than one part of a file that goes in parts.
const SIZE: u64 = 12 << 20;
const UPLOADS: usize = 8;
const AT_ONCE: usize = 32;
const MIB: u64 = 1024;

struct File {
    id: FileId,
    key: Key,
    sealed: Vec<u8>,
}

async fn transfers(bucket: Option<Bucket>, more: &[(&str, &str)]) {
    let keys = bucket.iter().flat_map(Bucket::environment);
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut server = Server::init_with(keys.chain(more).chain([one_heap()]).collect());
    if let Some(bucket) = &bucket {
        let config = server.folder.path().join("config.toml");
        std::fs::write(&config, format!("[files]\nstorage = \"{}\"\n", bucket.address())).unwrap();
        server.config = Some(config);
    }
    server.serve();
    let mut alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    alice.again(&server).await;
    let (channel, known) = (alice.general, wire::identity(server.port, server.pin()).await);
    let plain: Vec<u8> = (0..SIZE as u32).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    let files: Vec<File> = (1..=UPLOADS)
        .map(|number| {
            let (id, key) = (FileId::from_bytes([number as u8; 16]), Key::random().unwrap());
            let sealed = seal(&key, &Context::file(&known.document().workspace_id, id.as_bytes()), &plain).unwrap();
            File { id, key, sealed }
        })
        .collect();

    // Each with all but its last byte sent.
    let memory = Memory::measure(server.pid());
    let mut streams = Vec::new();
    for file in &files {
        let (name, media_type) = ("a.bin".to_owned(), "application/octet-stream".to_owned());
        let begin = BeginUploadParams { file: file.id, channel, name, media_type, size: SIZE };
        let grant = alice.call::<BeginUpload>(&begin).await.unwrap();
        let (path, length) = (file_path("acme", file.id), file.sealed.len());
        let proved = alice.proved("PATCH", &path, &grant.token);
        let mut stream = wire::tls(server.port).await;
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proved}{OFFSET_HEADER}: 0\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&file.sealed[..length - 1]).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    for (mut stream, file) in streams.into_iter().zip(&files) {
        stream.write_all(&file.sealed[file.sealed.len() - 1..]).await.unwrap();
        stream.flush().await.unwrap();
        let (head, _) = answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    }
    // All of them ended at once: each is looked at, and goes where it is to lie.
    for (number, file) in files.iter().enumerate() {
        let key = FileKey(file.key.expose().to_vec());
        let finish = FinishUploadParams { channel, file: file.id, key };
        alice.put::<FinishUpload>(1_000_000 + number as u32, &finish).await.unwrap();
    }
    let mut ended = 0;
    while ended < UPLOADS {
        let message = alice.next().await.expect("the server answers");
        if message.stream >= 1_000_000 {
            assert_eq!(message.kind, Kind::Reply);
            ended += 1;
        }
    }
    let each = memory.most() / UPLOADS as u64;
    println!("{each} KiB for each of {UPLOADS} uploads");
    assert!(each < MIB, "{each} KiB for each");
    if let Some(bucket) = &bucket {
        assert_eq!(bucket.objects().len(), UPLOADS);
    }

    // All of them are begun before the first is read to its end.
    let file = &files[0];
    let token = alice.call::<OpenFile>(&OpenFileParams { channel, file: file.id, part: false }).await.unwrap().token;
    let path = file_path("acme", file.id);
    let memory = Memory::measure(server.pid());
    let mut streams = Vec::new();
    for _ in 0..AT_ONCE {
        let mut stream = wire::tls(server.port).await;
        let proved = alice.proved("GET", &path, &token);
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proved}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        streams.push(stream);
    }
    for mut stream in streams {
        assert!(answer(&mut stream).await.1 == file.sealed);
    }
    let each = memory.most() / AT_ONCE as u64;
    println!("{each} KiB for each of {AT_ONCE} downloads");
    assert!(each < MIB, "{each} KiB for each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_on_its_way_takes_less_than_a_mebibyte() {
    transfers(None, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_that_goes_into_a_bucket_and_comes_out_of_it() {
    transfers(Some(Bucket::start_over_tls().await), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_one_that_goes_in_parts_and_without_tls() {
    transfers(Some(Bucket::start()), &[("AWS_SERVER_SIDE_ENCRYPTION", "AES256")]).await;
}
