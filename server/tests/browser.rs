//! Browsers at the door: who gets in by name and password, what the cookie is good for, and what it is not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use support::web::{self, Headers, Tab, own_page, raw, sign_in};
use support::{Host, PASSWORD, message_id, texts};
use thechatapp_protocol::http::{PROOF_HEADER, TOKEN_HEADER, api_path, file_path, session_path};
use thechatapp_protocol::methods::account::{Credential, Nothing, SignIn, WhoAmI};
use thechatapp_protocol::methods::channels::{InChannel, LeaveChannel};
use thechatapp_protocol::methods::devices::{DeviceKind, ListDevices, SignOut};
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::methods::messages::{History, HistoryParams, SendMessage, SendMessageParams};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Code, FileId, Method, Row};
use thechatapp_server::backup;

#[tokio::test(flavor = "multi_thread")]
async fn none_of_it_is_there_where_it_is_switched_off() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let file = web::share(&host, &mut alice, channel, "a.txt", "text/plain", b"hello").await;
    let tab = Tab { port: host.port, workspace: "acme".into(), cookie: "a=b".into(), me: None };
    let nothing = tab.ask("GET", "/w/acme/nothing", &[], &[]).await;
    let answers = [
        sign_in(host.port, "acme", "alice", PASSWORD).await,
        tab.post::<WhoAmI>(&Nothing {}).await,
        tab.fetch(channel, file.id).await,
        tab.begin(channel, FileId::from_bytes([9; 16]), "a", "text/plain", 1).await,
        tab.go_on(channel, file.id, 0, b"x").await,
        tab.finish(channel, file.id).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, &answer.body), (nothing.status, &nothing.body));
        assert_eq!(answer.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_talks_by_the_same_methods_and_signs_out() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let answer = sign_in(host.port, "acme", "Alice", PASSWORD).await;
    assert_eq!(answer.status, 200);
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-thechatapp-acme="));
    assert_eq!(attributes, "Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax");
    assert!(!String::from_utf8_lossy(&answer.body).contains(pair.split_once('=').unwrap().1));
    assert_eq!(answer.header("cache-control"), "no-store");

    let tab = Tab { port: host.port, workspace: "acme".into(), cookie: pair.into(), me: Some(answer.json()) };
    let me = tab.call::<WhoAmI>(&Nothing {}).await.unwrap();
    assert_eq!(Some(&me), tab.me.as_ref());
    assert_eq!((me.person.id, me.workspace), (alice.id(), alice.me.workspace));
    assert_ne!(me.device, alice.me.device);
    let params = SendMessageParams {
        id: message_id(),
        channel,
        text: "from a browser".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    let sent = tab.call::<SendMessage>(&params).await.unwrap();
    assert_eq!(tab.call::<SendMessage>(&params).await.unwrap(), sent, "sent again, it is the same message");
    let all = HistoryParams { channel, before: None, after: None, limit: 10 };
    let page = tab.call::<History>(&all).await.unwrap();
    assert_eq!(page, alice.call::<History>(&all).await.unwrap());
    let rows: Vec<Row> = page.messages.into_iter().map(Row::Message).collect();
    assert_eq!(texts(&rows), ["from a browser"]);
    let listed = tab.call::<ListDevices>(&Nothing {}).await.unwrap().devices;
    assert_eq!(
        listed.iter().map(|one| (one.kind, one.this)).collect::<Vec<_>>(),
        [(DeviceKind::Device, false), (DeviceKind::Browser, true)]
    );
    assert_eq!(listed[1].address.as_deref(), Some("127.0.0.1"));

    // What belongs to native sessions, what is not there, what is not JSON.
    let unknown = tab.ask("POST", &api_path("acme", "no.such"), &own_page(host.port), b"{}").await;
    assert_eq!((unknown.status, unknown.error().code), (404, Code::NotFound));
    let sync = tab.post::<StartSync>(&StartSyncParams { after: 0 }).await;
    let open = tab.post::<OpenFile>(&OpenFileParams { channel, file: FileId::from_bytes([1; 16]), part: false }).await;
    for native in [sync, open] {
        assert_eq!((native.status, &native.body), (404, &unknown.body));
    }
    let path = api_path("acme", WhoAmI::NAME);
    let form: Headers = [own_page(host.port)[..2].to_vec(), vec![("Content-Type", "text/plain".into())]].concat();
    assert_eq!(tab.ask("POST", &path, &form, b"{}").await.error().code, Code::BadInput);
    assert_eq!(tab.ask("POST", &path, &own_page(host.port), b"[").await.error().code, Code::BadInput);
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(tab.ask("POST", &path, &own_page(host.port), long.as_bytes()).await.error().code, Code::BadInput);
    assert_eq!(tab.ask("GET", &path, &[], &[]).await.status, 405);

    let gone = tab.post::<SignOut>(&Nothing {}).await;
    assert_eq!(gone.status, 200);
    assert_eq!(gone.header("set-cookie"), "__Host-thechatapp-acme=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    let after = tab.post::<WhoAmI>(&Nothing {}).await;
    assert_eq!((after.status, after.error().code), (401, Code::SignedOut));
    assert_eq!(alice.call::<WhoAmI>(&Nothing {}).await.unwrap().person.id, alice.id(), "her device stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_ends_the_session_before_and_a_restart_ends_none() {
    let mut host = Host::with_browsers().await;
    host.join("alice").await;
    let first = Tab::open(host.port, "acme", "alice").await;
    let other = Tab::open(host.port, "acme", "alice").await;
    let params = serde_json::json!({ "name": "alice", "password": PASSWORD }).to_string();
    let again = first.ask("POST", &api_path("acme", SignIn::NAME), &own_page(host.port), params.as_bytes()).await;
    assert_eq!(again.status, 200);
    assert_ne!(again.cookie(), first.cookie, "no token is given twice");
    assert_eq!(first.call::<WhoAmI>(&Nothing {}).await.unwrap_err().code, Code::SignedOut);
    host.stop().await;
    host.serve().await;
    for cookie in [again.cookie(), other.cookie.clone()] {
        let tab = Tab { port: host.port, cookie, ..first.clone() };
        tab.call::<WhoAmI>(&Nothing {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_count_for_browsers_and_devices_together_and_say_nothing_of_names() {
    let host = Host::with_browsers().await;
    host.join("alice").await;
    let wrong = sign_in(host.port, "acme", "alice", "not her password").await;
    let nobody = sign_in(host.port, "acme", "nobody", "not her password").await;
    assert_eq!((wrong.status, wrong.error().code), (403, Code::Denied));
    assert_eq!((nobody.status, &nobody.body), (wrong.status, &wrong.body));
    assert!(!wrong.headers.contains_key("set-cookie"));
    let device = || Arc::new(StaticKey::random().unwrap());
    for name in ["alice", "nobody"] {
        let by_device = || Credential::Password { name: name.into(), password: "wrong again".into(), code: None };
        for _ in 0..2 {
            assert_eq!(host.enrol(&device(), by_device()).await.err().unwrap().code, Code::Denied);
            assert_eq!(sign_in(host.port, "acme", name, "wrong again").await.status, 403);
        }
        let locked = sign_in(host.port, "acme", name, PASSWORD).await;
        assert_eq!((locked.status, locked.error().code), (429, Code::LockedOut), "{name}");
        assert!(locked.header("retry-after").parse::<u64>().unwrap() > 30);
        let right = Credential::Password { name: name.into(), password: PASSWORD.into(), code: None };
        assert_eq!(host.enrol(&device(), right).await.err().unwrap().code, Code::LockedOut, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_site_asks_for_is_refused() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let file = web::share(&host, &mut alice, channel, "a.txt", "text/plain", b"hello").await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let json = ("Content-Type", "application/json".to_owned());
    let evil = |name, value: &str| vec![json.clone(), (name, value.to_owned())];
    let paths = [
        ("POST", api_path("acme", WhoAmI::NAME)),
        ("POST", api_path("acme", SignIn::NAME)),
        ("PATCH", tab.path(channel, file.id)),
        ("POST", tab.path(channel, file.id)),
    ];
    for (method, path) in &paths {
        for headers in [vec![json.clone()], evil("Origin", "https://evil.example"), evil("Origin", "null")] {
            let answer = tab.ask(method, path, &headers, b"{}").await;
            assert_eq!((answer.status, answer.error().code), (403, Code::Denied), "{method} {path} {headers:?}");
        }
        let mut mixed = own_page(host.port);
        mixed[1].1 = "cross-site".into();
        assert_eq!(tab.ask(method, path, &mixed, b"{}").await.status, 403);
    }
    let preflight = [("Origin", "https://evil.example".to_owned()), ("Access-Control-Request-Method", "POST".into())];
    let allowed = tab.ask("OPTIONS", &paths[0].1, &preflight, &[]).await;
    assert!(allowed.status >= 400 && !allowed.headers.keys().any(|name| name.starts_with("access-control")));
    // A picture in another site's page; a link on it.
    let path = tab.path(channel, file.id);
    let site = |mode: &str, dest: &str| -> Headers {
        vec![("Sec-Fetch-Site", "cross-site".into()), ("Sec-Fetch-Mode", mode.into()), ("Sec-Fetch-Dest", dest.into())]
    };
    assert_eq!(tab.ask("GET", &path, &site("no-cors", "image"), &[]).await.status, 403);
    assert_eq!(tab.ask("GET", &path, &site("navigate", "iframe"), &[]).await.status, 403);
    assert_eq!(tab.ask("GET", &path, &site("navigate", "document"), &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_nothing_in_another_workspace_nor_to_native_routes_nor_a_native_token_here() {
    let host = Host::with_browsers().await;
    let mut alice = host.join("alice").await;
    let mut eve = host.elsewhere("other", "alice").await;
    let channel = alice.general().await;
    let theirs = eve.general().await;
    let file = web::share(&host, &mut alice, channel, "a.txt", "text/plain", b"hello").await;
    let hers = Tab::open(host.port, "acme", "alice").await;
    let other = Tab::open(host.port, "other", "alice").await;
    let status = async |tab: &Tab| tab.post::<WhoAmI>(&Nothing {}).await.status;
    assert_eq!((status(&hers).await, status(&other).await), (200, 200));

    // Under its own name, and under the name of the other workspace's cookie.
    let renamed = hers.cookie.replace("-acme=", "-other=");
    for cookie in [hers.cookie.clone(), renamed, format!("{}; {}", hers.cookie, other.cookie)] {
        let strayed = Tab { workspace: "other".into(), cookie: cookie.clone(), ..hers.clone() };
        let known = cookie.contains(&other.cookie);
        assert_eq!(status(&strayed).await, if known { 200 } else { 401 }, "{cookie}");
        // With the ids of the first workspace: as with ids of nothing.
        for (place, nothing) in [(channel, support::channel_id()), (theirs, theirs)] {
            let unknown = strayed.fetch(nothing, FileId::from_bytes([7; 16])).await;
            let answer = strayed.fetch(place, file.id).await;
            assert_eq!((answer.status, &answer.body), (if known { 404 } else { 401 }, &unknown.body));
        }
    }
    let nowhere = Tab { workspace: "nowhere".into(), ..hers.clone() };
    assert_eq!(status(&nowhere).await, 404);
    for cookie in ["", "__Host-thechatapp-acme=AAAA", "__Host-thechatapp-acme=é"] {
        assert_eq!(status(&Tab { cookie: cookie.into(), ..hers.clone() }).await, 401, "{cookie}");
    }

    // Native routes want a device's proof or its handshake.
    assert_eq!(hers.ask("GET", &file_path("acme", file.id), &[], &[]).await.status, 404);
    let headers: Headers =
        vec![(TOKEN_HEADER, hers.cookie.split_once('=').unwrap().1.into()), (PROOF_HEADER, "A".repeat(107))];
    assert_eq!(hers.ask("GET", &file_path("acme", file.id), &headers, &[]).await.status, 404);
    assert!(matches!(hers.ask("GET", &session_path("acme"), &[], &[]).await.status, 400..500));
    // A native token opens nothing here.
    let grant = alice.call::<OpenFile>(&OpenFileParams { channel, file: file.id, part: false }).await.unwrap();
    let token = data_encoding::BASE64URL_NOPAD.encode(&grant.token.token);
    let headers: Headers = vec![(TOKEN_HEADER, token.clone()), ("Cookie", format!("__Host-thechatapp-acme={token}"))];
    assert_eq!(raw(host.port, "GET", &hers.path(channel, file.id), &headers, &[]).await.status, 401);
    assert_eq!(hers.fetch(channel, file.id).await.body, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_answered_to_a_browser_as_what_is_not_there() {
    let host = Host::with_browsers().await;
    let (mut alice, _bob) = (host.join("alice").await, host.join("bob").await);
    let board = support::channel_id();
    let create = thechatapp_protocol::methods::channels::CreateChannelParams {
        id: board,
        name: "board".into(),
        kind: thechatapp_protocol::event::ChannelKind::Private,
    };
    alice.call::<thechatapp_protocol::methods::channels::CreateChannel>(&create).await.unwrap();
    let file = web::share(&host, &mut alice, board, "a.txt", "text/plain", b"hello").await;
    let general = alice.general().await;
    let (hers, his) = (Tab::open(host.port, "acme", "alice").await, Tab::open(host.port, "acme", "bob").await);
    assert_eq!(hers.fetch(board, file.id).await.body, b"hello");
    let (no_channel, no_file) = (support::channel_id(), FileId::from_bytes([7; 16]));
    let mut answers = Vec::new();
    for (channel, file) in
        [(board, file.id), (board, no_file), (general, file.id), (general, no_file), (no_channel, file.id)]
    {
        answers.push((his.fetch(channel, file).await, channel == general));
        answers.push((his.range(channel, file, "bytes=0-1").await, channel == general));
        answers.push((his.go_on(channel, file, 0, b"x").await, channel == general));
        answers.push((his.finish(channel, file).await, channel == general));
    }
    for (answer, in_general) in &answers {
        // In a channel of one's own an upload that was not begun is said to be that.
        let wanted: &[u16] = if *in_general { &[404, 400] } else { &[404] };
        assert!(wanted.contains(&answer.status), "{answer:?}");
    }
    let of_board: Vec<_> = answers[..8].iter().map(|(answer, _)| (answer.status, &answer.body)).collect();
    let of_nothing: Vec<_> = answers[16..].iter().map(|(answer, _)| (answer.status, &answer.body)).collect();
    assert_eq!(of_board[..4], of_nothing[..]);
    assert_eq!(of_board[4..], of_nothing[..]);

    // Who leaves reads no more.
    hers.call::<LeaveChannel>(&InChannel { channel: board }).await.unwrap();
    assert_eq!(hers.fetch(board, file.id).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_host_has_no_sessions_of_browsers() {
    let mut host = Host::with_browsers().await;
    host.join("alice").await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let (path, data) = (host.folder.path().join("backup"), host.data());
    let open = move || {
        let cost = thechatapp_seal::Argon2Params { m_kib: 8, t: 1, p: 1 };
        backup::Folder::open_or_make(&path, "recovery passphrase", &cost).unwrap()
    };
    backup::create(host.running().host(), open()).await.unwrap();
    host.stop().await;
    host.serve().await;
    assert_eq!(Tab { port: host.port, ..tab.clone() }.post::<WhoAmI>(&Nothing {}).await.status, 200);
    host.stop().await;
    std::fs::remove_dir_all(&data).unwrap();
    let restored =
        move || backup::restore(&open(), None, &data, &support::key(), thechatapp_server::auth::password::Cost::TESTS);
    tokio::task::spawn_blocking(restored).await.unwrap().unwrap();
    host.serve().await;
    assert_eq!(Tab { port: host.port, ..tab }.post::<WhoAmI>(&Nothing {}).await.status, 401);
    Tab::open(host.port, "acme", "alice").await;
}
