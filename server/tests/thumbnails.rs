//! Thumbnails of shared pictures: drawn by another process, sealed like the picture, for whoever may read it; and pictures and
//! processes that mean harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use image::{DynamicImage, ImageFormat, RgbImage};
use std::io::Cursor;
use std::path::Path;
use support::files::{Answer, Sealed, fetch, proved, raw};
use support::web::Tab;
use support::{Host, Person};
use thechatapp_protocol::http::thumbnail_path;
use thechatapp_protocol::methods::files::FileToken;
use thechatapp_protocol::methods::messages::{DeleteMessage, OneMessage, SendMessage};
use thechatapp_protocol::{ChannelId, FileId};
use thechatapp_seal::{Context, open};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{Folder, restore, verify};

fn picture(width: u32, height: u32) -> Vec<u8> {
    let drawn = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 200]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::from(drawn).write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

async fn fetch_thumbnail(host: &Host, file: FileId, token: &FileToken) -> Answer {
    let path = thumbnail_path("acme", file);
    raw(host.port, "GET", &path, &proved("GET", &path, token), &[]).await
}

/// A file in a message.
async fn shared(
    host: &Host,
    alice: &mut Person,
    channel: ChannelId,
    number: u8,
    plain: Vec<u8>,
) -> (Sealed, OneMessage) {
    let file = Sealed::new(alice, channel, number, plain);
    file.upload(host, alice).await;
    let message = file.message();
    alice.call::<SendMessage>(&message).await.unwrap();
    (file, OneMessage { channel, id: message.id })
}

fn thumb(host: &Host, file: FileId) -> std::path::PathBuf {
    host.data().join(format!("acme/files/{file}.thumb"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_gets_a_thumbnail_for_whoever_may_read_it() {
    let host = Host::start().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let (file, message) = shared(&host, &mut alice, channel, 1, picture(800, 400)).await;
    let (text, _) = shared(&host, &mut alice, channel, 2, b"no picture".to_vec()).await;
    host.running().draw_thumbnails("acme").await.unwrap();

    let none = text.open(&mut bob).await.unwrap();
    assert_eq!(none.thumbnail, None);
    assert_eq!(fetch_thumbnail(&host, text.id, &none.token).await.status, 404);
    let grant = file.open(&mut bob).await.unwrap();
    let answer = fetch_thumbnail(&host, file.id, &grant.token).await;
    assert_eq!(answer.status, 200);
    let workspace = alice.me.workspace;
    let (own, body) = (
        Context::thumbnail(workspace.as_bytes(), file.id.as_bytes()),
        Context::file(workspace.as_bytes(), file.id.as_bytes()),
    );
    let plain = open(&file.key, &own, &answer.body).unwrap();
    assert_eq!(grant.thumbnail, Some(plain.len() as u64));
    let drawn = image::load_from_memory(&plain).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (512, 256));
    // Neither opens as the other.
    assert!(open(&file.key, &body, &answer.body).is_err() && open(&file.key, &own, &file.bytes).is_err());
    assert_eq!(std::fs::read(thumb(&host, file.id)).unwrap(), answer.body, "on the disk it is sealed");
    // A token for one file is none for another's thumbnail.
    assert_eq!(fetch_thumbnail(&host, file.id, &none.token).await.status, 404);
    let report = admin::run(host.running().host(), Command::Doctor).await.unwrap();
    assert_eq!(report["open_to_others"].as_array().map(Vec::len), Some(0), "{report}");

    alice.call::<DeleteMessage>(&message).await.unwrap();
    assert_eq!(fetch_thumbnail(&host, file.id, &grant.token).await.status, 404);
    host.running().host().workspace("acme").unwrap().sweep_files().await.unwrap();
    assert!(!thumb(&host, file.id).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_thumbnails_and_one_that_lacks_them_has_them_made_again() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (file, _) = shared(&host, &mut alice, channel, 1, picture(600, 600)).await;
    let (other, _) = shared(&host, &mut alice, channel, 2, picture(700, 700)).await;
    host.running().draw_thumbnails("acme").await.unwrap();
    let kept = std::fs::read(thumb(&host, file.id)).unwrap();
    std::fs::remove_file(thumb(&host, other.id)).unwrap();
    let to = host.folder.path().join("backup");
    let command = Command::BackupCreate { to: to.clone(), passphrase: Some("recovery".into()), key_service: false };
    admin::run(host.running().host(), command).await.unwrap();
    host.stop().await;
    std::fs::remove_dir_all(host.data()).unwrap();
    let folder = Folder::open(&to, "recovery").unwrap();
    verify(&folder, None, &host.folder.path().join("scratch")).unwrap();
    // What pruning leaves is all that is needed.
    thechatapp_server::backup::prune(Folder::open(&to, "recovery").unwrap(), Default::default()).unwrap();
    restore(&folder, None, &host.data(), &support::key(), Cost::TESTS).unwrap();
    assert_eq!(std::fs::read(thumb(&host, file.id)).unwrap(), kept);
    host.serve().await;
    alice.again(&host).await;
    host.running().draw_thumbnails("acme").await.unwrap();
    for file in [&file, &other] {
        let grant = file.open(&mut alice).await.unwrap();
        assert!(grant.thumbnail.is_some());
        assert_eq!(fetch_thumbnail(&host, file.id, &grant.token).await.status, 200);
    }
}

/// The file arrives whole, has no thumbnail, and is not tried for ever.
async fn only_the_thumbnail_is_missing(host: &Host, alice: &mut Person, file: &Sealed) {
    host.running().draw_thumbnails("acme").await.unwrap();
    let grant = file.open(alice).await.unwrap();
    assert_eq!((grant.thumbnail, thumb(host, file.id).exists()), (None, false));
    let whole = fetch(host, file.id, &grant.token).await;
    assert_eq!((whole.status, whole.body == file.bytes), (200, true));
    alice.send(file.channel, "still here").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_fills_the_memory_only_has_no_thumbnail() {
    let mut host = Host::start().await;
    host.stop().await;
    host.config.files.thumbnail_memory = 48 << 20;
    host.serve().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    // 25 megapixels, allowed and small: 75 MB when it is decoded.
    let mut bomb = Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::new(5000, 5000)).write_to(&mut bomb, ImageFormat::Png).unwrap();
    let bomb = bomb.into_inner();
    assert!(bomb.len() < 1 << 20);
    let (file, _) = shared(&host, &mut alice, channel, 1, bomb).await;
    only_the_thumbnail_is_missing(&host, &mut alice, &file).await;

    // With so little the process itself cannot live.
    host.stop().await;
    host.config.files.thumbnail_memory = 1 << 20;
    host.serve().await;
    alice.again(&host).await;
    let (file, _) = shared(&host, &mut alice, channel, 2, picture(300, 300)).await;
    only_the_thumbnail_is_missing(&host, &mut alice, &file).await;
    // That was tried once more and is settled: with more memory nothing is due.
    host.stop().await;
    host.config.files.thumbnail_memory = 512 << 20;
    host.serve().await;
    alice.again(&host).await;
    only_the_thumbnail_is_missing(&host, &mut alice, &file).await;
    let (file, _) = shared(&host, &mut alice, channel, 3, picture(300, 300)).await;
    host.running().draw_thumbnails("acme").await.unwrap();
    assert!(file.open(&mut alice).await.unwrap().thumbnail.is_some());
}

/// A program in place of ours.
#[cfg(unix)]
fn stand_in(folder: &Path, script: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("stand-in");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hangs_babbles_or_dies_is_ended() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    // It neither reads nor ends; reads and does not end; writes without end; answers nothing; dies in the middle; says what is not so.
    let scripts = [
        "exec sleep 1000",
        "cat > /dev/null; exec sleep 1000",
        "cat > /dev/null; exec cat /dev/zero",
        "cat > /dev/null",
        "head -c 10 > /dev/null; kill -9 $$",
        "cat > /dev/null; echo half; exit 1",
    ];
    // More than a pipe holds.
    let noise =
        RgbImage::from_fn(300, 300, |x, y| image::Rgb([(x * y) as u8, (x * x + y) as u8, (x + y * y * 7) as u8]));
    let mut plain = Cursor::new(Vec::new());
    DynamicImage::from(noise).write_to(&mut plain, ImageFormat::Png).unwrap();
    let plain = plain.into_inner();
    assert!(plain.len() > 100_000);
    for (number, script) in (1..).zip(scripts) {
        host.stop().await;
        host.config.files.thumbnail_seconds = 1;
        host.program = stand_in(host.folder.path(), script);
        host.serve().await;
        alice.again(&host).await;
        let (file, _) = shared(&host, &mut alice, channel, number, plain.clone()).await;
        only_the_thumbnail_is_missing(&host, &mut alice, &file).await;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_confined_before_it_reads() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let mut child = Command::new(env!("CARGO_BIN_EXE_thechatapp-server"))
        .args(["thumbnail", "--memory", "268435456", "--seconds", "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let about = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap();
    let begun = Instant::now();
    while !about("status").contains("Seccomp:\t2") {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never confined itself");
        std::thread::yield_now();
    }
    assert!(about("status").contains("NoNewPrivs:\t1"));
    assert!(about("status").contains("Threads:\t1"));
    let limits = about("limits");
    for (limit, most) in [
        ("Max cpu time", "7"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max processes", "0"),
        ("Max open files", "3"),
        ("Max address space", "268435456"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(limit)).unwrap();
        let told: Vec<_> = line[limit.len()..].split_whitespace().take(2).collect();
        assert_eq!(told, [most, most], "{limit}");
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(65), "nothing is no picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_the_thumbnail_opened() {
    let host = Host::with_browsers().await;
    let (mut alice, _bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let (file, message) = shared(&host, &mut alice, channel, 1, picture(800, 400)).await;
    let (text, _) = shared(&host, &mut alice, channel, 2, b"no picture".to_vec()).await;
    host.running().draw_thumbnails("acme").await.unwrap();
    let tab = Tab::open(host.port, "acme", "bob").await;
    let path = |file| format!("{}/thumb", tab.path(channel, file));
    let answer = tab.ask("GET", &path(file.id), &[], &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"));
    assert!(answer.header("content-disposition").starts_with("inline;"));
    assert!(answer.header("content-security-policy").starts_with("sandbox;"));
    let drawn = image::load_from_memory(&answer.body).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (512, 256));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(tab.ask("GET", &path(text.id), &[], &[]).await.status, 404);
    let tag = answer.header("etag").to_owned();
    for (name, value, status) in [
        ("If-None-Match", tag.clone(), 304),
        ("If-None-Match", format!("W/{tag}"), 304),
        ("If-None-Match", "\"another\"".into(), 200),
        ("If-Match", tag.clone(), 200),
        ("If-Match", "\"another\"".into(), 412),
        ("Range", "bytes=0-9".into(), 200),
    ] {
        let asked = tab.ask("GET", &path(file.id), &[(name, value.clone())], &[]).await;
        assert_eq!((asked.status, asked.header("etag")), (status, tag.as_str()), "{name}: {value}");
        assert_eq!(asked.body.len(), if status == 200 { answer.body.len() } else { 0 }, "{name}: {value}");
    }
    // Damaged, it is not shown.
    let mut sealed = std::fs::read(thumb(&host, file.id)).unwrap();
    sealed[100] ^= 1;
    std::fs::write(thumb(&host, file.id), sealed).unwrap();
    assert_eq!(tab.ask("GET", &path(file.id), &[], &[]).await.status, 500);
    alice.call::<DeleteMessage>(&message).await.unwrap();
    assert_eq!(tab.ask("GET", &path(file.id), &[], &[]).await.status, 410);
}
