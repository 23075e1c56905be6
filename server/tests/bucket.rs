//! Files in a bucket: sealed there and nowhere else, given back whole and in part, and what happens while it does not answer.
//! Against moto's server (`cargo xtask setup` installs it).

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use support::files::{Sealed, fetch, patch, proved, raw, with};
use support::moto::Moto;
use support::web::Tab;
use support::{Host, Person};
use thechatapp_protocol::http::{file_path, thumbnail_path};
use thechatapp_protocol::methods::messages::{DeleteMessage, OneMessage, SendMessage};
use thechatapp_protocol::{ChannelId, Code, FileId, Timestamp};
use thechatapp_seal::sealed_len;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{Folder, restore, verify};
use thechatapp_server::config::FilesSection;
use thechatapp_server::error::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

const MARKER: &[u8] = b"marker-bucket-qevotasylbri";
/// moto wants to be asked by somebody, whoever that is.
const SOMEBODY: &str =
    "AWS4-HMAC-SHA256 Credential=tests/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A bucket, and what stands between it and the server.
struct Bucket {
    moto: Moto,
    front: String,
    mood: Arc<AtomicU8>,
    hang_up: broadcast::Sender<()>,
}

const WELL: u8 = 0;
const GONE: u8 = 1;
const SILENT: u8 = 2;
const SHUT: u8 = 3;

impl Bucket {
    async fn new() -> Self {
        let moto = Moto::start();
        let made = reqwest::Client::new().put(format!("{}/chat", moto.url)).send().await.unwrap();
        assert!(made.status().is_success());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = format!("http://{}", listener.local_addr().unwrap());
        let (mood, (hang_up, _)) = (Arc::new(AtomicU8::new(WELL)), broadcast::channel(1));
        let (behind, felt, hung) = (moto.url.trim_start_matches("http://").to_owned(), mood.clone(), hang_up.clone());
        tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let (behind, mood, mut hung) = (behind.clone(), felt.load(Ordering::SeqCst), hung.subscribe());
                tokio::spawn(async move {
                    let talk = async {
                        match mood {
                            GONE => {}
                            SILENT => std::future::pending().await,
                            SHUT => {
                                let body = "<Error><Code>AccessDenied</Code></Error>";
                                let head = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n";
                                let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                                // Requests of this test fit into one piece.
                                let _ = from.read(&mut [0; 65_536]).await;
                                let _ = from.write_all(answer.as_bytes()).await;
                            }
                            _ => {
                                let mut to = TcpStream::connect(behind).await.unwrap();
                                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                            }
                        }
                    };
                    tokio::select! { () = talk => {}, _ = hung.recv() => {} }
                });
            }
        });
        Self { moto, front, mood, hang_up }
    }

    fn set(&self, mood: u8) {
        self.mood.store(mood, Ordering::SeqCst);
        let _ = self.hang_up.send(());
    }

    fn section(&self) -> FilesSection {
        FilesSection {
            storage: Some(format!("s3://chat/team%20files?region=eu-central-1&endpoint={}", self.front)),
            access_key_id: Some("thechatapp-tests".into()),
            secret_access_key: Some("unused".into()),
            timeout_seconds: 1,
            ..FilesSection::default()
        }
    }

    /// The names of what is there.
    async fn names(&self) -> Vec<String> {
        let list = format!("{}/chat?list-type=2", self.moto.url);
        let text = reqwest::get(list).await.unwrap().text().await.unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    async fn has(&self, file: FileId) -> bool {
        self.names().await.iter().any(|name| name.ends_with(&file.to_string()))
    }

    /// What the bucket says of how something was put: by one request, or with a hyphen, in so many parts.
    async fn tag(&self, file: FileId) -> String {
        let text = reqwest::get(format!("{}/chat?list-type=2", self.moto.url)).await.unwrap().text().await.unwrap();
        let (_, rest) = text.split_once(&format!("{file}</Key>")).unwrap();
        rest.split_once("<ETag>").unwrap().1.split_once("</ETag>").unwrap().0.to_owned()
    }

    async fn bytes(&self, name: &str) -> Vec<u8> {
        let url = format!("{}/chat/{}", self.moto.url, name.replace(' ', "%20"));
        let answer = reqwest::Client::new().get(url).header("authorization", SOMEBODY).send().await.unwrap();
        assert!(answer.status().is_success(), "{name}: {}", answer.status());
        answer.bytes().await.unwrap().to_vec()
    }
}

async fn host_with(files: FilesSection) -> Host {
    let mut host = Host::start().await;
    host.stop().await;
    host.config.files = files;
    host.serve().await;
    host
}

fn content(length: usize) -> Vec<u8> {
    let mut content: Vec<u8> = MARKER.iter().copied().cycle().take(length).collect();
    content.iter_mut().step_by(97).enumerate().for_each(|(number, byte)| *byte = number as u8);
    content[..MARKER.len()].copy_from_slice(MARKER);
    content
}

fn picture() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(600, 300).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

fn lies_in(folder: &Path, file: FileId) -> bool {
    std::fs::read_dir(folder).unwrap().map(|found| found.unwrap().path()).any(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&file.to_string()) || (path.is_dir() && lies_in(&path, file))
    })
}

async fn shared(
    host: &Host,
    alice: &mut Person,
    channel: ChannelId,
    number: u8,
    length: usize,
) -> (Sealed, OneMessage) {
    let file = Sealed::new(alice, channel, number, content(length));
    file.upload(host, alice).await;
    let message = file.message();
    alice.call::<SendMessage>(&message).await.unwrap();
    let one = OneMessage { channel, id: message.id };
    (file, one)
}

async fn arrives(host: &Host, person: &mut Person, file: &Sealed) {
    let token = file.open(person).await.unwrap().token;
    let whole = fetch(host, file.id, &token).await;
    assert_eq!((whole.status, whole.body == file.bytes), (200, true), "{}", file.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_lie_sealed_in_the_bucket_and_nowhere_else() {
    let bucket = Bucket::new().await;
    let host = host_with(bucket.section()).await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    // In one piece, and by one request whose body is read as it goes out.
    let (small, _) = shared(&host, &mut alice, channel, 1, 100_000).await;
    let (large, message) = shared(&host, &mut alice, channel, 2, 12 << 20).await;
    for file in [&small, &large] {
        assert!(bucket.has(file.id).await && !lies_in(&host.data(), file.id));
        let tag = bucket.tag(file.id).await;
        assert!(!tag.contains('-'), "{tag}");
        arrives(&host, &mut bob, file).await;
        assert_eq!(file.begin(&mut alice).await.unwrap().offset, file.bytes.len() as u64, "nothing is sent again");
    }
    let path = file_path("acme", large.id);
    let token = large.open(&mut bob).await.unwrap().token;
    let end = large.bytes.len();
    for (range, status, part) in [
        ("bytes=0-55", 206, &large.bytes[..56]),
        ("bytes=6000000-6100000", 206, &large.bytes[6_000_000..=6_100_000]),
        ("bytes=-16", 206, &large.bytes[end - 16..]),
        ("bytes=99999999-", 416, &[]),
    ] {
        let answer = raw(host.port, "GET", &path, &with(proved("GET", &path, &token), "range", range), &[]).await;
        assert_eq!((answer.status, answer.body.as_slice() == part), (status, true), "{range}");
    }
    for name in bucket.names().await {
        assert!(name.starts_with("team files/"), "{name}");
        let stored = bucket.bytes(&name).await;
        assert!(stored.len() > 100_000, "{name}");
        assert!(!stored.windows(MARKER.len()).any(|part| part == MARKER), "{name}");
    }

    alice.call::<DeleteMessage>(&message).await.unwrap();
    host.running().host().workspace("acme").unwrap().sweep_files().await.unwrap();
    assert!(bucket.has(small.id).await && !bucket.has(large.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_is_named_and_nothing_is_lost() {
    let bucket = Bucket::new().await;
    let host = host_with(bucket.section()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (before, _) = shared(&host, &mut alice, channel, 1, 50_000).await;
    for (number, mood) in [(2, GONE), (3, SILENT), (4, SHUT)] {
        let length = if mood == GONE { 6 << 20 } else { 1000 };
        let file = Sealed::new(&alice, channel, number, content(length));
        let grant = file.begin(&mut alice).await.unwrap();
        // What comes in is taken: that is for the disk alone.
        bucket.set(mood);
        assert_eq!(patch(&host, file.id, &grant.token, 0, &file.bytes).await.status, 204);
        let refused = file.finish(&mut alice).await.unwrap_err();
        assert_eq!(refused.code, Code::Unavailable, "{mood}: {refused:?}");
        assert_eq!(refused.why.contains("does not let the server in"), mood == SHUT, "{mood}: {refused:?}");
        let token = before.open(&mut alice).await.unwrap().token;
        assert_eq!(fetch(&host, before.id, &token).await.status, 503, "{mood}");
        assert_eq!(alice.call::<SendMessage>(&file.message()).await.unwrap_err().code, Code::BadInput);
        alice.send(channel, "messages go on").await.unwrap();
        assert!(host.running().host().workspace("acme").unwrap().blobs.uploaded(file.id).unwrap() > 0);
        let report = admin::run(host.running().host(), Command::Doctor).await.unwrap();
        assert_eq!((&report["ok"], &report["files"]["ok"]), (&false.into(), &false.into()), "{report}");

        bucket.set(WELL);
        assert!(!bucket.has(file.id).await);
        assert_eq!(file.begin(&mut alice).await.unwrap().offset, file.bytes.len() as u64, "all of it is there still");
        file.finish(&mut alice).await.unwrap();
        alice.call::<SendMessage>(&file.message()).await.unwrap();
        arrives(&host, &mut alice, &file).await;
        arrives(&host, &mut alice, &before).await;
    }
    let report = admin::run(host.running().host(), Command::Doctor).await.unwrap();
    assert_eq!((&report["files"]["ok"], &report["files"]["error"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(report["files"]["bucket"], "s3://chat/team%20files");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bucket_lost_or_changed_is_never_served_as_if_right() {
    let bucket = Bucket::new().await;
    let host = host_with(bucket.section()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (file, _) = shared(&host, &mut alice, channel, 1, 300_000).await;
    let name = bucket.names().await.remove(0);
    let url = format!("{}/chat/{}", bucket.moto.url, name.replace(' ', "%20"));
    let put = async |bytes: Vec<u8>| {
        let request = reqwest::Client::new().put(&url).header("authorization", SOMEBODY);
        let answer = request.body(bytes).send().await.unwrap();
        assert!(answer.status().is_success(), "{} {}", answer.status(), answer.text().await.unwrap());
    };
    let (context, mut altered) =
        (thechatapp_seal::Context::file(alice.me.workspace.as_bytes(), file.id.as_bytes()), file.bytes.clone());
    altered[200_000] ^= 1;
    for bytes in [file.bytes[..100_000].to_vec(), altered, Vec::new(), b"<html>It works</html>".to_vec()] {
        put(bytes).await;
        let token = file.open(&mut alice).await.unwrap().token;
        let answer = fetch(&host, file.id, &token).await;
        let right = thechatapp_seal::open(&file.key, &context, &answer.body).is_ok();
        assert!(!right, "{}", answer.status);
        // What is too short is seen to be so before it is opened.
        let told = answer.headers.get("content-length").is_some_and(|told| *told == answer.body.len().to_string());
        assert!(answer.status != 200 || !told || answer.body.len() == file.bytes.len());
    }
    put(file.bytes.clone()).await;
    arrives(&host, &mut alice, &file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_ends_between_bucket_and_database_ends_once_more() {
    let bucket = Bucket::new().await;
    let mut host = host_with(bucket.section()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let files = [1, 2].map(|number| Sealed::new(&alice, channel, number, content(30_000)));
    for file in &files {
        let grant = file.begin(&mut alice).await.unwrap();
        assert_eq!(patch(&host, file.id, &grant.token, 0, &file.bytes).await.status, 204);
    }
    let [put, noted] = &files;
    // It is in the bucket, and the server is killed before the database knows.
    host.running().host().workspace("acme").unwrap().blobs.keep(put.id).await.unwrap();
    assert!(bucket.has(put.id).await);
    // The other is in both, and the server is killed before the disk is tidied.
    let part = host.data().join(format!("acme/files/{}.part", noted.id));
    let sealed = std::fs::read(&part).unwrap();
    noted.finish(&mut alice).await.unwrap();
    assert!(!part.exists());
    std::fs::write(&part, sealed).unwrap();
    // And one that nobody knows of.
    let stray = host.data().join(format!("acme/files/{}", FileId::from_bytes([9; 16])));
    // A host beside this one, a copy with the same bucket, may have that very file.
    host.running()
        .host()
        .workspace("acme")
        .unwrap()
        .blobs
        .keep_thumbnail(FileId::from_bytes([9; 16]), vec![1])
        .await
        .unwrap();
    let beside = format!("{}.thumb", FileId::from_bytes([9; 16]));
    std::fs::write(&stray, "stray").unwrap();
    host.stop().await;
    host.serve().await;
    alice.again(&host).await;
    let acme = host.running().host().workspace("acme").unwrap();
    acme.sweep_files().await.unwrap();
    assert!(!part.exists() && stray.exists(), "something may have begun with it");

    put.finish(&mut alice).await.unwrap();
    for file in &files {
        assert!(!lies_in(&host.data(), file.id));
        alice.call::<SendMessage>(&file.message()).await.unwrap();
        arrives(&host, &mut alice, file).await;
    }
    let in_two_days = Timestamp(support::millis() as i64 + 2 * 24 * 60 * 60 * 1000);
    acme.sweep_files_at(in_two_days).await.unwrap();
    assert!(!stray.exists());
    assert!(bucket.names().await.iter().any(|name| name.ends_with(&beside)), "what lies in the bucket stays there");
    arrives(&host, &mut alice, put).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_folder_move_into_the_bucket_and_not_back_by_an_oversight() {
    let bucket = Bucket::new().await;
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (file, _) = shared(&host, &mut alice, channel, 1, 50_000).await;
    let photo = Sealed::new(&alice, channel, 2, picture());
    photo.upload(&host, &mut alice).await;
    let message = photo.message();
    alice.call::<SendMessage>(&message).await.unwrap();
    host.running().draw_thumbnails("acme").await.unwrap();
    host.stop().await;
    host.config.files = bucket.section();
    host.serve().await;
    alice.again(&host).await;
    assert!(lies_in(&host.data(), file.id));
    arrives(&host, &mut alice, &file).await;
    host.running().host().workspace("acme").unwrap().sweep_files().await.unwrap();
    for file in [&file, &photo] {
        assert!(bucket.has(file.id).await && !lies_in(&host.data(), file.id));
        arrives(&host, &mut alice, file).await;
    }
    // Thumbnails that lay in the folder, and one that never did.
    let later = Sealed::new(&alice, channel, 3, picture());
    later.upload(&host, &mut alice).await;
    host.running().draw_thumbnails("acme").await.unwrap();
    assert!(!lies_in(&host.data(), later.id));
    for file in [&photo, &later] {
        let path = thumbnail_path("acme", file.id);
        let grant = file.open(&mut alice).await.unwrap();
        let answer = raw(host.port, "GET", &path, &proved("GET", &path, &grant.token), &[]).await;
        assert_eq!((answer.status, answer.body.len() as u64), (200, sealed_len(grant.thumbnail.unwrap())));
    }
    let one = OneMessage { channel, id: message.id };
    alice.call::<DeleteMessage>(&one).await.unwrap();
    host.running().host().workspace("acme").unwrap().sweep_files().await.unwrap();
    assert!(!bucket.names().await.iter().any(|name| name.contains(&photo.id.to_string())));
    host.stop().await;

    let mut elsewhere = bucket.section();
    elsewhere.storage = elsewhere.storage.map(|storage| storage.replace("team", "other"));
    for section in [FilesSection::default(), elsewhere] {
        let host = thechatapp_server::tenants::Host::open(&host.data(), &support::key(), Cost::TESTS).unwrap();
        let refused = host.set_storage(&section).unwrap_err();
        assert_eq!(refused.kind, Kind::BadInput);
        assert!(refused.why.contains("s3://chat/team%20files"), "{}", refused.why);
        host.close();
    }
    host.serve().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_what_the_bucket_holds_and_the_restored_host_has_its_own() {
    let bucket = Bucket::new().await;
    let mut host = host_with(bucket.section()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (small, message) = shared(&host, &mut alice, channel, 1, 1000).await;
    let (large, _) = shared(&host, &mut alice, channel, 2, 6 << 20).await;
    let to = host.folder.path().join("backup");
    let command = || Command::BackupCreate { to: to.clone(), passphrase: Some("recovery".into()), key_service: false };
    bucket.set(GONE);
    let refused = admin::run(host.running().host(), command()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Unreachable, "{refused:?}");
    bucket.set(WELL);
    let made = admin::run(host.running().host(), command()).await.unwrap();
    assert_eq!(made["files"], 2);
    let before = bucket.names().await;

    let folder = Folder::open(&to, "recovery").unwrap();
    verify(&folder, None, &host.folder.path().join("scratch")).unwrap();
    let mut again = Host::start().await;
    again.stop().await;
    std::fs::remove_dir_all(again.data()).unwrap();
    restore(&folder, None, &again.data(), &support::key(), Cost::TESTS).unwrap();
    again.config.files = bucket.section();
    again.serve().await;
    let acme = again.running().host().workspace("acme").unwrap();
    acme.sweep_files().await.unwrap();
    assert!(!lies_in(&again.data(), small.id) && !lies_in(&again.data(), large.id));
    assert_eq!(bucket.names().await.len(), 2 * before.len(), "each host has its own");
    let session = support::Session::open(again.port, &again.known().await, &alice.device).await.unwrap();
    let mut there = Person { session, me: alice.me.clone(), device: alice.device.clone() };
    arrives(&again, &mut there, &large).await;
    there.call::<DeleteMessage>(&message).await.unwrap();
    acme.sweep_files().await.unwrap();
    // What one host deletes the other keeps.
    arrives(&host, &mut alice, &small).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_workspace_leaves_the_bucket_and_no_other_does() {
    let bucket = Bucket::new().await;
    let host = host_with(bucket.section()).await;
    let mut alice = host.join("alice").await;
    let mut eve = host.elsewhere("lab", "eve").await;
    let (channel, hers) = (alice.general().await, eve.general().await);
    let (kept, _) = shared(&host, &mut alice, channel, 1, 1000).await;
    let wiped = Sealed::new(&eve, hers, 2, content(1000));
    let grant = wiped.begin(&mut eve).await.unwrap();
    let path = file_path("lab", wiped.id);
    let headers = with(proved("PATCH", &path, &grant.token), "upload-offset", 0);
    assert_eq!(raw(host.port, "PATCH", &path, &headers, &wiped.bytes).await.status, 204);
    wiped.finish(&mut eve).await.unwrap();
    assert!(bucket.has(wiped.id).await);

    // The keys go also while the bucket is away.
    bucket.set(GONE);
    let command =
        Command::WorkspaceWipe { workspace: "lab".into(), channel: None, person: None, destroy_remote_key: None };
    let done = admin::run(host.running().host(), command).await.unwrap();
    assert_eq!((&done["wiped"], &done["files_left"]), (&true.into(), &true.into()));
    bucket.set(WELL);
    assert!(bucket.has(wiped.id).await);
    tokio::time::timeout(Duration::from_secs(10), host.running().host().remove_wiped_files()).await.unwrap().unwrap();
    assert!(bucket.has(kept.id).await && !bucket.has(wiped.id).await);
    arrives(&host, &mut alice, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_and_sends_files_of_the_bucket() {
    let bucket = Bucket::new().await;
    let mut host = Host::start().await;
    host.stop().await;
    host.config.files = bucket.section();
    host.config.web.chat = true;
    host.serve().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let (file, plain) = (FileId::from_bytes([5; 16]), content(700_000));
    assert_eq!(tab.begin(channel, file, "a.bin", "application/x-data", plain.len()).await.status, 200);
    assert_eq!(tab.go_on(channel, file, 0, &plain).await.status, 204);
    // While the bucket does not answer, an upload does not end, and ends when it does.
    bucket.set(GONE);
    let waits = tab.finish(channel, file).await;
    assert_eq!((waits.status, waits.error().code), (503, Code::Unavailable));
    bucket.set(WELL);
    assert_eq!(tab.finish(channel, file).await.status, 200);
    assert!(bucket.has(file).await && !lies_in(&host.data(), file));
    // What the server itself sealed is there as sealed bytes.
    let stored = bucket.bytes(&bucket.names().await[0]).await;
    assert_eq!(stored.len() as u64, sealed_len(plain.len() as u64));
    assert!(!stored.windows(MARKER.len()).any(|part| part == MARKER));

    assert!(tab.fetch(channel, file).await.body == plain);
    for (range, part) in [
        ("bytes=0-9", &plain[..10]),
        ("bytes=300000-300099", &plain[300_000..300_100]),
        ("bytes=-20000", &plain[680_000..]),
    ] {
        let answer = tab.range(channel, file, range).await;
        assert!(answer.status == 206 && answer.body == part, "{range}");
    }
    bucket.set(GONE);
    let away = tab.fetch(channel, file).await;
    assert_eq!((away.status, away.error().code), (503, Code::Unavailable));
    bucket.set(WELL);
    assert!(tab.fetch(channel, file).await.body == plain);
}
