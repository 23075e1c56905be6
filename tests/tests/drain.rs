//! A server that is told to stop while people send and upload: what was acknowledged is there, what is under way is answered,
//! everybody is told to come again, whoever watches sees that it drains, and it ends by itself with 0.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::files::{BeginUpload, BeginUploadParams};
use thechatapp_protocol::methods::messages::{History, HistoryParams, SendMessage, SendMessageParams};
use thechatapp_protocol::session::Kind;
use thechatapp_protocol::wire::decode;
use thechatapp_protocol::{Event, FileId, MessageId};
use thechatapp_seal::sealed_len;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, files_below, server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The whole of it, with a bound that the service manager's own stands above.
const BOUND: Duration = Duration::from_secs(20);
const SIZE: u64 = 3_000_000;

fn message_id() -> MessageId {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).unwrap();
    MessageId::from_parts(wire::millis(), &bytes)
}

/// Waits until the server has taken so much of the one upload that there is.
async fn taken(server: &Server, bytes: u64) {
    let folder = server.data().join("acme/files");
    let begun = Instant::now();
    while files_below(&folder).iter().all(|path| path.metadata().is_ok_and(|found| found.len() < bytes)) {
        assert!(begun.elapsed() < BOUND, "the upload does not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn readiness(address: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let code = answer.split(' ').nth(1).unwrap().to_owned();
    format!("{code} {}", answer.rsplit("\r\n\r\n").next().unwrap().trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_ends_what_it_has_begun() {
    let mut server = Server::init();
    let (config, address) = (server.folder.path().join("server.toml"), format!("127.0.0.1:{}", server::free_port()));
    std::fs::write(&config, format!("[server]\nmetrics = \"{address}\"\n")).unwrap();
    server.config = Some(config);
    server.serve();
    assert_eq!(readiness(&address).await, "200 ready");

    // Four who send as fast as they can.
    let stopping = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for number in 0..4 {
        let mut sender = RawClient::join(&server, &server.invite(), &format!("sender {number}")).await;
        let stopping = stopping.clone();
        senders.push(tokio::spawn(async move {
            let (mut acknowledged, mut told, mut stream) = (Vec::new(), false, 1000);
            loop {
                stream += 1;
                let (id, channel) = (message_id(), sender.general);
                let params = SendMessageParams {
                    id,
                    channel,
                    text: "said".into(),
                    files: Vec::new(),
                    thread: None,
                    after: None,
                };
                if sender.put::<SendMessage>(stream, &params).await.is_err() {
                    return (acknowledged, told);
                }
                loop {
                    let Some(message) = sender.next().await else { return (acknowledged, told) };
                    match message.kind {
                        Kind::Reply if message.stream == stream => break acknowledged.push(id),
                        Kind::Error if message.stream == stream => panic!("refused: {:?}", message.payload),
                        Kind::Event => {
                            let event = decode::<Event>(&message.payload).unwrap();
                            told |= matches!(event, Event::Draining { .. });
                        }
                        _ => {}
                    }
                }
                assert!(!told || stopping.load(Ordering::Relaxed), "nobody had told it to stop");
            }
        }));
    }

    // And one whose upload is half here.
    let mut uploader = RawClient::join(&server, &server.invite(), "uploader").await;
    let (file, channel) = (FileId::from_bytes([7; 16]), uploader.general);
    let begin = BeginUploadParams { file, channel, name: "a.bin".into(), media_type: "text/plain".into(), size: SIZE };
    let grant = uploader.call::<BeginUpload>(&begin).await.unwrap();
    let (path, bytes) = (file_path("acme", file), vec![9; sealed_len(SIZE) as usize]);
    let proved = uploader.proved("PATCH", &path, &grant.token);
    let mut upload = wire::tls(server.port).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\n{proved}{OFFSET_HEADER}: 0\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    upload.write_all(first).await.unwrap();
    taken(&server, first.len() as u64).await;

    stopping.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    server::signal(server.pid(), "TERM");
    let mut all = Vec::new();
    for sender in senders {
        let (acknowledged, told) = tokio::time::timeout(BOUND, sender).await.expect("sessions end").unwrap();
        assert!(told && !acknowledged.is_empty());
        all.extend(acknowledged);
    }
    // The upload still runs, so the server waits; nobody new comes in, and whoever watches is told why.
    assert_eq!(readiness(&address).await, "503 draining");
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await.is_err(), "nobody new comes in");
    assert!(server.running());
    upload.write_all(second).await.unwrap();
    let mut answer = [0; 12];
    upload.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
    assert_eq!(tokio::task::block_in_place(|| server.wait()), Some(0));
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());

    server.serve();
    uploader.again(&server).await;
    let again = uploader.call::<BeginUpload>(&begin).await.unwrap();
    assert_eq!(again.offset, bytes.len() as u64, "every byte that was taken is there");
    let mut there = Vec::new();
    loop {
        let after = Some(there.len() as u64);
        let page = uploader
            .call::<History>(&HistoryParams { channel, before: None, after, limit: 500 })
            .await
            .unwrap()
            .messages;
        if page.is_empty() {
            break;
        }
        there.extend(page.into_iter().map(|message| message.id));
    }
    all.retain(|id| !there.contains(id));
    assert!(all.is_empty(), "{} acknowledged messages are gone", all.len());
}

/// Somebody who neither goes on nor leaves does not keep a server from its end.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_does_not_go_on_is_not_waited_for_without_end() {
    let mut server = Server::start();
    let mut uploader = RawClient::join(&server, &server.invite(), "uploader").await;
    let (file, channel) = (FileId::from_bytes([7; 16]), uploader.general);
    let begin = BeginUploadParams { file, channel, name: "a.bin".into(), media_type: "text/plain".into(), size: SIZE };
    let grant = uploader.call::<BeginUpload>(&begin).await.unwrap();
    let path = file_path("acme", file);
    let proved = uploader.proved("PATCH", &path, &grant.token);
    let mut upload = wire::tls(server.port).await;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\n{proved}{OFFSET_HEADER}: 0\r\nContent-Length: {SIZE}\r\n\r\nbegun"
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    taken(&server, "begun".len() as u64).await;
    let begun = Instant::now();
    assert_eq!(tokio::task::block_in_place(|| server.stop()), Some(0));
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}
