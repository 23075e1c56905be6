//! Files as browsers get and send them: opened on their way out, sealed on their way in, and shown only where that is safe.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::time::Duration;
use support::web::{self, Answer, Tab, own_page, put};
use support::{Host, message_id};
use thechatapp_protocol::event::FileRow;
use thechatapp_protocol::http::OFFSET_HEADER;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::SignOut;
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::methods::messages::{DeleteMessage, OneMessage, SendMessage, SendMessageParams};
use thechatapp_protocol::{ChannelId, Code, FileId};
use thechatapp_seal::{Context, Key, open};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

/// Bytes that look like nothing else, and differ at every place.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_be_bytes()).take(count as usize).collect()
}

fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89".to_vec();
    png.extend(b"\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x56\xc7\x2f\x0d\0\0\0\0IEND\xaeB`\x82");
    png
}

fn file_id(number: u8) -> FileId {
    FileId::from_bytes([number; 16])
}

fn message(channel: ChannelId, file: FileId) -> SendMessageParams {
    SendMessageParams { id: message_id(), channel, text: String::new(), files: vec![file], thread: None, after: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_opened_whole_or_in_the_part_that_was_asked_for() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let plain = bytes(300_000);
    let file = web::share(&host, &mut alice, channel, "data.bin", "application/x-data", &plain).await.id;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let path = tab.path(channel, file);

    let whole = tab.fetch(channel, file).await;
    assert_eq!((whole.status, &whole.body), (200, &plain));
    assert_eq!(whole.header("content-length"), "300000");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("cache-control"), "private, no-store");
    let tag = whole.header("etag").to_owned();
    for (range, first, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=16383-16384", 16_383, 16_385),
        ("bytes=131071-131072", 131_071, 131_073),
        ("bytes=100000-250000", 100_000, 250_001),
        ("bytes=299999-", 299_999, 300_000),
        ("bytes=-5", 299_995, 300_000),
        ("bytes=-999999", 0, 300_000),
        ("bytes=5-999999", 5, 300_000),
    ] {
        let part = tab.range(channel, file, range).await;
        assert_eq!((part.status, part.body.as_slice()), (206, &plain[first..end]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {first}-{}/300000", end - 1), "{range}");
        assert_eq!(part.header("content-length"), (end - first).to_string(), "{range}");
    }
    for range in ["bytes=0-1,5-6", "pages=1-2", "bytes=9-0"] {
        let answer = tab.range(channel, file, range).await;
        assert_eq!((answer.status, answer.body.len()), (200, 300_000), "{range}");
    }
    let unmet = tab.range(channel, file, "bytes=300000-").await;
    assert_eq!((unmet.status, unmet.header("content-range"), unmet.body.len()), (416, "bytes */300000", 0));

    let head = tab.ask("HEAD", &path, &[("Range", "bytes=0-9".into())], &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "300000", 0));
    assert_eq!(head.header("etag"), tag);
    let known = tab.ask("GET", &path, &[("If-None-Match", tag.clone())], &[]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    for (value, status) in [(tag.clone(), 200), (format!("W/{tag}"), 412), ("\"another\"".into(), 412)] {
        let answer = tab.ask("GET", &path, &[("If-Match", value.clone())], &[]).await;
        assert_eq!((answer.status, answer.header("etag")), (status, tag.as_str()), "{value}");
    }
    let range = ("Range", "bytes=0-9".to_owned());
    let same = tab.ask("GET", &path, &[range.clone(), ("If-Range", tag)], &[]).await;
    assert_eq!((same.status, same.body.len()), (206, 10));
    let another = tab.ask("GET", &path, &[range, ("If-Range", "\"another\"".into())], &[]).await;
    assert_eq!((another.status, another.body.len()), (200, 300_000));

    let empty = web::share(&host, &mut alice, channel, "empty.txt", "text/plain", b"").await.id;
    let nothing = tab.fetch(channel, empty).await;
    assert_eq!((nothing.status, nothing.header("content-length")), (200, "0"));
    assert_eq!(tab.range(channel, empty, "bytes=0-").await.status, 416);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pictures_and_plain_text_are_shown_and_nothing_runs() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let html = b"<!DOCTYPE html><script>alert(1)</script>".to_vec();
    let unseen = "application/octet-stream";
    for (name, declared, plain, kind, how) in [
        ("a.png", "image/png", png(), "image/png", "inline"),
        ("a.txt", "text/plain", b"words".to_vec(), "text/plain; charset=utf-8", "inline"),
        ("a.svg", "image/svg+xml", svg.clone(), unseen, "attachment"),
        ("a.html", "text/html", html.clone(), unseen, "attachment"),
        ("a.js", "text/javascript", b"alert(1)".to_vec(), unseen, "attachment"),
        ("a.css", "text/css", b"a{}".to_vec(), unseen, "attachment"),
        ("a.pdf", "application/pdf", b"%PDF-1.7\n".to_vec(), "application/pdf", "attachment"),
        // A page that says it is a picture, and a picture that says it is a page.
        ("b.png", "image/png", html, unseen, "attachment"),
        ("b.html", "text/html", png(), "image/png", "inline"),
        ("c.png", "image/png", svg, unseen, "attachment"),
    ] {
        let file = web::share(&host, &mut alice, channel, name, declared, &plain).await.id;
        let answer = tab.fetch(channel, file).await;
        assert_eq!((answer.status, &answer.body), (200, &plain), "{name}");
        assert_eq!(answer.header("content-type"), kind, "{name}");
        assert_eq!(
            answer.header("content-disposition"),
            format!("{how}; filename=\"{name}\"; filename*=UTF-8''{name}"),
            "{name}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox; default-src 'none';"), "{policy}");
        let saved = tab.ask("GET", &format!("{}?download=1", tab.path(channel, file)), &[], &[]).await;
        assert!(saved.header("content-disposition").starts_with("attachment; "), "{name}");
    }
    let named = web::share(&host, &mut alice, channel, "Inês 👍.txt", "text/plain", b"x").await.id;
    assert_eq!(
        tab.fetch(channel, named).await.header("content-disposition"),
        "inline; filename=\"In_s _.txt\"; filename*=UTF-8''In%C3%AAs%20%F0%9F%91%8D.txt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_chunk_breaks_the_response_off_and_is_never_served() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let plain = bytes(400_000);
    let file = web::share(&host, &mut alice, channel, "data.bin", "application/x-data", &plain).await.id;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let path = host.running().host().workspace("acme").unwrap().blobs.whole(file);
    let good = std::fs::read(&path).unwrap();
    let damage = |place: usize| {
        let mut bad = good.clone();
        bad[place] ^= 1;
        std::fs::write(&path, bad).unwrap();
    };
    // In the tenth chunk: plain bytes 147,456 to 163,839.
    damage(56 + 9 * 16_400 + 5);
    let whole = tab.fetch(channel, file).await;
    assert!(whole.status == 200 && whole.is_broken());
    assert!(whole.body.len() <= 147_456 && plain.starts_with(&whole.body), "what came is genuine");
    assert_eq!(tab.range(channel, file, "bytes=0-147455").await.body, &plain[..147_456]);
    assert_eq!(tab.range(channel, file, "bytes=163840-").await.body, &plain[163_840..]);
    let inside = tab.range(channel, file, "bytes=150000-150001").await;
    assert_eq!(inside.status, 500);
    assert_eq!(inside.error().code, Code::Internal);
    // The header; the last chunk; an end that is cut off; nothing at all.
    for place in [3, 40] {
        damage(place);
        assert_eq!(tab.fetch(channel, file).await.status, 500, "{place}");
        assert_eq!(tab.range(channel, file, "bytes=-5").await.status, 500, "{place}");
    }
    damage(good.len() - 1);
    assert!(tab.fetch(channel, file).await.is_broken());
    assert_eq!(tab.range(channel, file, "bytes=-5").await.status, 500);
    for left in [good.len() - 1, good.len() - 16_400, 56 + 5 * 16_400, 57, 56, 10, 0] {
        std::fs::write(&path, &good[..left]).unwrap();
        let answer = tab.fetch(channel, file).await;
        assert!(answer.status == 500 || answer.is_broken(), "{left} bytes left");
        assert_eq!(tab.range(channel, file, "bytes=-5").await.status, 500, "{left} bytes left");
    }
    std::fs::write(&path, &good).unwrap();
    assert_eq!(tab.fetch(channel, file).await.body, plain);
}

/// Reads some of a response, does something, and reads the rest: how much came in all.
async fn cut(host: &Host, tab: &Tab, path: &str, then: impl AsyncFnOnce()) -> usize {
    let mut stream = put(host.port, "GET", path, &[("Cookie", tab.cookie.clone())], &[]).await;
    let mut start = vec![0; 50_000];
    stream.read_exact(&mut start).await.unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"));
    then().await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await.unwrap();
    start.len() + rest.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_or_may_not_read_any_more_gets_no_more_than_is_on_its_way() {
    let host = Host::with_browsers().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    bob.general().await;
    // More than sockets hold.
    let plain = bytes(64 << 20);
    let size = plain.len();
    let row = web::share(&host, &mut alice, channel, "big.bin", "application/x-data", &plain).await;
    drop(plain);
    let tab = Tab::open(host.port, "acme", "bob").await;
    let path = tab.path(channel, row.id);
    assert!(cut(&host, &tab, &path, async || {}).await > size, "left alone, all of it comes");

    let out = cut(&host, &tab, &path, async || {
        tab.call::<SignOut>(&Nothing {}).await.unwrap();
    })
    .await;
    assert!(out < size, "{out} of {size} came after signing out");
    assert_eq!(tab.fetch(channel, row.id).await.status, 401);

    let hers = Tab::open(host.port, "acme", "alice").await;
    let mut one = message(channel, row.id);
    let gone = cut(&host, &hers, &path, async || {
        // A file that no message has is its uploader's alone; with its message it goes.
        let shared =
            thechatapp_protocol::methods::messages::HistoryParams { channel, before: None, after: None, limit: 10 };
        let page = hers.call::<thechatapp_protocol::methods::messages::History>(&shared).await.unwrap();
        one.id = page.messages.last().unwrap().id;
        hers.call::<DeleteMessage>(&OneMessage { channel, id: one.id }).await.unwrap();
    })
    .await;
    assert!(gone < size, "{gone} of {size} came after it was deleted");
    let removed = hers.fetch(channel, row.id).await;
    assert_eq!((removed.status, removed.error().code), (410, Code::Removed), "whoever could read it is told why not");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_keeps_nobody_waiting() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    // More than sockets hold.
    let big = web::share(&host, &mut alice, channel, "big.bin", "application/x-data", &bytes(24 << 20)).await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let mut unread = Vec::new();
    for _ in 0..30 {
        let headers = [("Cookie", tab.cookie.clone())];
        let mut stream = put(host.port, "GET", &tab.path(channel, big.id), &headers, &[]).await;
        stream.read_exact(&mut [0; 12]).await.unwrap();
        unread.push(stream);
    }
    for turn in 0..20_u64 {
        let range = format!("bytes={}-", big.size - turn);
        let answer = tokio::time::timeout(Duration::from_secs(60), tab.range(channel, big.id, &range)).await.unwrap();
        assert_eq!(answer.body.len() as u64, if turn == 0 { 0 } else { turn });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_ranges_at_once_come_right_and_leave_the_server_well() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let plain = Arc::new(bytes(400_000));
    let file = web::share(&host, &mut alice, channel, "data.bin", "application/x-data", &plain).await.id;
    let tab = Tab::open(host.port, "acme", "alice").await;
    // So many connections from one address may be without proof at once.
    let connections = Arc::new(Semaphore::new(100));
    let asked = (0..1000_usize).map(|turn| {
        let (tab, plain, connections) = (tab.clone(), plain.clone(), connections.clone());
        tokio::spawn(async move {
            let _connection = connections.acquire().await.unwrap();
            let first = turn * 390;
            let answer = tab.range(channel, file, &format!("bytes={first}-{}", first + 9_999)).await;
            assert_eq!((answer.status, answer.body.as_slice()), (206, &plain[first..first + 10_000]));
        })
    });
    for one in asked.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(120), one).await.unwrap().unwrap();
    }
    alice.send(channel, "still here").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_stands_and_is_sealed_as_it_comes() {
    const MARKER: &[u8] = b"marker words of an upload that no disk may hold";
    let host = Host::with_browsers().await;
    let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let mut plain = bytes(300_000);
    plain[20_000..20_000 + MARKER.len()].copy_from_slice(MARKER);
    let file = file_id(1);
    let stands = |answer: &Answer| answer.json::<serde_json::Value>()["offset"].as_u64().unwrap();
    let begin = async || tab.begin(channel, file, "data.bin", "application/x-data", plain.len()).await;
    assert_eq!(stands(&begin().await), 0);
    let sent = tab.go_on(channel, file, 0, &plain[..123_457]).await;
    assert_eq!((sent.status, sent.header(OFFSET_HEADER)), (204, "123457"));
    assert_eq!(stands(&begin().await), 123_457, "begun again, it tells how far it is");
    for wrong in [0, 123_456, 123_458] {
        let answer = tab.go_on(channel, file, wrong, b"x").await;
        assert_eq!((answer.status, answer.header(OFFSET_HEADER)), (409, "123457"), "{wrong}");
    }
    assert_eq!(tab.finish(channel, file).await.error().code, Code::BadInput, "not all of it is here");

    // A connection that breaks: what came stays.
    let headers =
        [own_page(host.port), vec![("Cookie", tab.cookie.clone()), (OFFSET_HEADER, "123457".into())]].concat();
    let mut half = support::tls(host.port).await;
    let mut head = format!("PATCH {} HTTP/1.1\r\nHost: 127.0.0.1\r\n", tab.path(channel, file));
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", plain.len() - 123_457));
    let piece = [head.as_bytes(), &plain[123_457..200_000]].concat();
    tokio::io::AsyncWriteExt::write_all(&mut half, &piece).await.unwrap();
    tokio::io::AsyncWriteExt::flush(&mut half).await.unwrap();
    drop(half);
    let reached = loop {
        // The request before may be at it still.
        let again = begin().await;
        if again.status == 200 {
            break stands(&again) as usize;
        }
        assert_eq!(again.error().code, Code::Busy);
        tokio::task::yield_now().await;
    };
    assert!((123_457..=200_000).contains(&reached), "{reached}");
    let sent = tab.go_on(channel, file, reached, &[&plain[reached..], b"and more"].concat()).await;
    assert_eq!(sent.status, 413);
    let reached: usize = sent.header(OFFSET_HEADER).parse().unwrap();
    assert_eq!(tab.go_on(channel, file, reached, &plain[reached..]).await.status, 204);
    let data = host.data();
    assert_eq!(found_in(&data, MARKER), Vec::<std::path::PathBuf>::new());

    let row: FileRow = tab.finish(channel, file).await.json();
    assert_eq!(row, tab.finish(channel, file).await.json(), "a second time is answered the same");
    assert_eq!((row.size, row.name.as_str()), (300_000, "data.bin"));
    assert_eq!(found_in(&data, MARKER), Vec::<std::path::PathBuf>::new());
    assert_eq!(stands(&begin().await), 300_000);
    tab.call::<SendMessage>(&message(channel, file)).await.unwrap();
    assert_eq!(tab.fetch(channel, file).await.body, plain);
    // For a device it is a file as any other.
    let grant = bob.call::<OpenFile>(&OpenFileParams { channel, file, part: false }).await.unwrap();
    let sealed = std::fs::read(host.running().host().workspace("acme").unwrap().blobs.whole(file)).unwrap();
    let key = Key::try_from(grant.key.0.as_slice()).unwrap();
    let context = Context::file(bob.me.workspace.as_bytes(), file.as_bytes());
    assert_eq!(open(&key, &context, &sealed).unwrap().as_slice(), plain);
}

fn found_in(folder: &std::path::Path, words: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(found_in(&path, words));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(words.len()).any(|window| window == words)) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_browsers_are_checked_as_any_other() {
    let mut host = Host::with_browsers().await;
    host.stop().await;
    host.config.files.largest = 50_000;
    host.config.files.per_person = Some(60_000);
    host.serve().await;
    let (mut alice, _bob) = (host.join("alice").await, host.join("bob").await);
    let channel = alice.general().await;
    let (tab, bobs) = (Tab::open(host.port, "acme", "alice").await, Tab::open(host.port, "acme", "bob").await);
    let begin = async |number, name, size| tab.begin(channel, file_id(number), name, "text/plain", size).await;
    for name in ["../x", "a\u{202e}txt.exe", "CON.txt", "", "a\nb"] {
        assert_eq!(begin(1, name, 1).await.error().code, Code::BadInput, "{name:?}");
    }
    assert_eq!(begin(1, "a.txt", 50_001).await.error().code, Code::BadInput, "too large");
    assert_eq!(begin(1, "a.txt", 50_000).await.status, 200);
    let over = begin(2, "a.txt", 10_001).await;
    assert_eq!((over.status, over.error().code), (507, Code::DiskFull), "over the quota");
    // Another person can neither take it up, nor go on with it, nor end it.
    assert_eq!(bobs.begin(channel, file_id(1), "a.txt", "text/plain", 50_000).await.error().code, Code::BadInput);
    assert_eq!(bobs.go_on(channel, file_id(1), 0, b"x").await.error().code, Code::BadInput);
    assert_eq!(bobs.finish(channel, file_id(1)).await.status, 404);

    // A file made to harm is refused when it ends, and nothing of it is left.
    let bomb = support::files::bomb();
    assert_eq!(begin(3, "a.zip", bomb.len()).await.status, 200);
    assert_eq!(tab.go_on(channel, file_id(3), 0, &bomb).await.status, 204);
    let refused = tab.finish(channel, file_id(3)).await.error();
    assert_eq!((refused.code, refused.what.as_str()), (Code::BadInput, "This file is not kept"));
    assert_eq!(tab.finish(channel, file_id(3)).await.status, 410);
    assert_eq!(begin(3, "a.zip", bomb.len()).await.error().code, Code::BadInput);

    // After a restart the key is gone: the upload begins anew, and cannot go on where it was.
    assert_eq!(tab.go_on(channel, file_id(1), 0, &[1; 20_000]).await.status, 204);
    host.stop().await;
    host.serve().await;
    let tab = Tab { port: host.port, ..tab };
    assert_eq!(tab.go_on(channel, file_id(1), 20_000, b"x").await.error().code, Code::BadInput);
    assert_eq!(tab.finish(channel, file_id(1)).await.error().code, Code::BadInput);
    let again = tab.begin(channel, file_id(1), "a.txt", "text/plain", 50_000).await;
    assert_eq!(again.json::<serde_json::Value>()["offset"], 0);
    assert_eq!(tab.go_on(channel, file_id(1), 0, &[2; 50_000]).await.status, 204);
    assert_eq!(tab.finish(channel, file_id(1)).await.status, 200);
    assert_eq!(tab.fetch(channel, file_id(1)).await.body, [2; 50_000], "its uploader may read it already");
}

/// One connection by HTTP/2, as browsers have.
fn http2() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(support::Anyone(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    reqwest::Client::builder().tls_backend_preconfigured(config).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_one_connection_come_right_and_a_damaged_one_ends_alone() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let plain = bytes(3_000_000);
    let file = web::share(&host, &mut alice, channel, "data.bin", "application/x-data", &plain).await.id;
    let bad = web::share(&host, &mut alice, channel, "bad.bin", "application/x-data", &plain).await.id;
    let path = host.running().host().workspace("acme").unwrap().blobs.whole(bad);
    let mut sealed = std::fs::read(&path).unwrap();
    sealed[2_000_000] ^= 1;
    std::fs::write(&path, sealed).unwrap();
    let tab = Tab::open(host.port, "acme", "alice").await;
    let client = http2();
    let fetch = |file, range: String| {
        let address = format!("https://127.0.0.1:{}{}", host.port, tab.path(channel, file));
        let request = client.get(address).header("Cookie", &tab.cookie).header("Range", range);
        async move {
            let answer = request.send().await.unwrap();
            assert_eq!((answer.status(), answer.version()), (http::StatusCode::PARTIAL_CONTENT, http::Version::HTTP_2));
            answer.bytes().await
        }
    };
    let (good, broken) = tokio::join!(
        futures_util::future::join_all((0..100).map(|turn| fetch(file, format!("bytes={}-", turn * 20_000)))),
        fetch(bad, "bytes=0-".into()),
    );
    assert!(broken.is_err(), "a stream that broke off is no whole answer");
    for (turn, body) in good.into_iter().enumerate() {
        assert!(body.unwrap() == plain[turn * 20_000..], "{turn}");
    }
}
