//! The way out: everything goes by the proxy that was chosen, and where the way ends is said, with what to do.

use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_core::platform::SystemClock;
use thechatapp_core::route::{Login, Setting};
use thechatapp_core::view::{Connection, Window};
use thechatapp_core::{Client, Clock, Platform, SystemNetwork, Timestamp, Unlock, WorkspaceId};
use thechatapp_tests::exit::{Exit, Speaks, Trouble};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::portal::Portal;
use thechatapp_tests::server::line_file;
use thechatapp_tests::{Cli, Outcome, Server};

/// A name that no name service knows: whoever reaches it went by the proxy.
const NAME: &str = "chat.company.invalid";

/// Joins by the proxy's name for the server.
fn join(cli: &Cli, server: &Server, invite: &str, name: &str) -> Outcome {
    let (password, url) = (cli.password.to_str().unwrap(), format!("https://{NAME}:{}", server.port));
    cli.run(&["join", invite, "--name", name, "--password-file", password, "--url", &url])
}

/// The first step that fails, as `doctor` finds it.
fn fails_at(cli: &Cli) -> Value {
    let begun = Instant::now();
    let found = cli.run(&["doctor"]).json();
    assert!(begun.elapsed().as_secs() < 18, "{:?}", begun.elapsed());
    let hops = found["workspaces"][0]["hops"].as_array().unwrap().clone();
    let names: Vec<&str> = hops.iter().map(|hop| hop["hop"].as_str().unwrap()).collect();
    assert_eq!(names, ["name", "route", "proxy", "tls", "time", "identity", "sign_in", "key"]);
    let failed = hops.iter().position(|hop| hop["state"] == "failed");
    let Some(failed) = failed else { return Value::Null };
    assert!(hops[failed + 1..].iter().all(|hop| hop["state"] == "skipped"), "{hops:?}");
    assert!(!hops[failed]["do"].as_str().unwrap().is_empty(), "{hops:?}");
    hops[failed].clone()
}

/// People with this proxy as their only way do everything one does.
async fn everything_goes_through(speaks: Speaks) {
    let server = Server::start();
    let exit = Exit::start(speaks, Some(("ana", "open sesame")), NAME, server.port).await;
    let (alice, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    for (cli, invite, name) in [(&alice, server.owner_invite().to_owned(), "alice"), (&bob, server.invite(), "bob")] {
        let word = line_file(cli.folder.path(), "proxy password", "open sesame");
        let word = word.to_str().unwrap();
        let set = ["network", "set", "--proxy", &exit.url(), "--proxy-user", "ana", "--proxy-password-file", word];
        let set = cli.run(&set).ok().json();
        assert_eq!((set["proxy"].as_str(), set["user"].as_str()), (Some(&*exit.url()), Some("ana")));
        join(cli, &server, &invite, name).ok();
        let stored = thechatapp_tests::files_with(&cli.profile(), &["open sesame", &exit.url()]);
        assert!(stored.is_empty(), "{stored:?}");
    }
    alice.run(&["send", "general", "through the proxy"]).ok();
    assert_eq!(bob.run(&["read", "general"]).ok().texts(), ["through the proxy"]);
    let (before, content) = (exit.bytes(), vec![7; 2_000_000]);
    let path = alice.folder.path().join("plan.bin");
    std::fs::write(&path, &content).unwrap();
    let sent = alice.run(&["upload", "general", path.to_str().unwrap()]).ok().json();
    let up = exit.bytes();
    assert!(up.0 - before.0 > 2_000_000, "the upload went through it");
    let to = bob.folder.path().join("plan.bin");
    bob.run(&["read", "general"]).ok();
    bob.run(&["download", sent["files"][0]["id"].as_str().unwrap(), "-o", to.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(to).unwrap(), content);
    assert!(exit.bytes().1 - up.1 > 2_000_000, "and so did the download");
    assert!(exit.asked().iter().all(|asked| *asked == format!("{NAME}:{}", server.port)), "{:?}", exit.asked());
    assert_eq!(fails_at(&alice), Value::Null);
    let shown = alice.run(&["network", "show"]).ok().json();
    assert_eq!(shown["ways"][0]["by"], serde_json::json!([exit.url()]));
    // Without it there is no way, and this machine's name service does not know the name either.
    bob.run(&["network", "set", "--proxy", "none"]).ok();
    assert_eq!(bob.run(&["send", "general", "by no proxy", "--timeout", "2"]).code, 10);
    assert_eq!(fails_at(&bob)["hop"], "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn join_send_upload_and_download_go_through_an_http_proxy() {
    everything_goes_through(Speaks::Connect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn join_send_upload_and_download_go_through_a_socks_proxy() {
    everything_goes_through(Speaks::Socks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_and_a_script_are_other_ways_to_the_same_proxy() {
    let server = Server::start();
    let exit = Exit::start(Speaks::Connect, Some(("ana", "s p")), NAME, server.port).await;
    let mut alice = Cli::with_passphrase();
    alice.env.push(("HTTPS_PROXY".into(), format!("http://ana:s%20p@127.0.0.1:{}", exit.port)));
    join(&alice, &server, server.owner_invite(), "alice").ok();
    alice.env.push(("NO_PROXY".into(), ".company.invalid".into()));
    assert_eq!(alice.run(&["send", "general", "past the proxy", "--timeout", "2"]).code, 10);
    alice.env.clear();
    alice.env.push(("ALL_PROXY".into(), format!("socks4://127.0.0.1:{}", exit.port)));
    let why = alice.run(&["send", "general", "by a proxy of another kind", "--timeout", "2"]).error()["why"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(why.contains("socks5 are spoken here"), "nobody goes past it: {why}");
    alice.env.clear();
    let word = line_file(alice.folder.path(), "proxy password", "s p");
    let script = alice.folder.path().join("proxy.pac");
    let dead = thechatapp_tests::server::free_port();
    let text = format!(
        "function FindProxyForURL(url, host) {{ return dnsDomainIs(host, '.invalid') ? 'PROXY 127.0.0.1:{dead}; PROXY \
         127.0.0.1:{}' : 'DIRECT'; }}",
        exit.port
    );
    std::fs::write(&script, text).unwrap();
    let way = format!("pac:file://{}", script.display());
    let (word, set) = (word.to_str().unwrap(), ["network", "set", "--proxy", &way]);
    alice.run(&[&set[..], &["--proxy-user", "ana", "--proxy-password-file", word]].concat()).ok();
    alice.run(&["send", "general", "by the script's second proxy"]).ok();
    std::fs::write(&script, "function FindProxyForURL() { while (true) {} }").unwrap();
    let failed = fails_at(&alice);
    assert_eq!(failed["hop"], "proxy");
    assert!(failed["why"].as_str().unwrap().contains("does not end in time"), "{failed}");
    assert_eq!(failed["reason"], "proxy_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_does_is_said_with_what_to_do() {
    let server = Server::start();
    let exit = Exit::start(Speaks::Connect, Some(("ana", "open sesame")), NAME, server.port).await;
    let alice = Cli::with_passphrase();
    alice.run(&["network", "set", "--proxy", &exit.url()]).ok();
    let refused = join(&alice, &server, server.owner_invite(), "alice");
    assert_eq!(refused.code, 10);
    let why = refused.error()["why"].as_str().unwrap().to_owned();
    assert!(why.contains("wants credentials") && why.contains("--proxy-user"), "{why}");
    let word = line_file(alice.folder.path(), "proxy password", "open sesame");
    let login = ["network", "set", "--proxy-user", "ana", "--proxy-password-file", word.to_str().unwrap()];
    alice.run(&login).ok();
    join(&alice, &server, server.owner_invite(), "alice").ok();
    for (trouble, said, reason) in [
        (Trouble::Answers("502 Bad Gateway"), "502", "proxy_refuses"),
        (Trouble::Answers("407 No\r\nProxy-Authenticate: NTLM"), "NTLM", "proxy_other_login"),
        (Trouble::Hangs, "in time", "proxy_unreachable"),
    ] {
        exit.has(trouble);
        let failed = fails_at(&alice);
        assert_eq!(failed["hop"], "proxy", "{failed}");
        assert!(failed["why"].as_str().unwrap().contains(said), "{failed}");
        assert_eq!(failed["reason"], reason);
        let sent = alice.run(&["send", "general", "no way", "--timeout", "2"]);
        assert_eq!(sent.code, 10, "{sent:?}");
    }
    // One that breaks off in the middle costs a connection, and nothing that was said.
    exit.has(Trouble::BreaksAfter(6000));
    let _ = alice.run(&["send", "general", "in the middle", "--queue"]);
    let _ = alice.run(&["read", "general", "--timeout", "2"]);
    exit.has(Trouble::None);
    alice.run(&["send", "general", "at the end"]).ok();
    let texts = alice.run(&["read", "general"]).ok().texts();
    assert!(texts.ends_with(&["at the end".to_owned()]), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| *text == "in the middle").count(), 1, "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_wants_one_to_sign_in_first_is_told_as_such() {
    let mut server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    server.stop();
    let portal = Portal::at(server.port, "").await;
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\nConnection: close\r\n\r\n<html>hi!",
        "HTTP/1.1 302 Found\r\nLocation: https://login.hotel.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        portal.answers(answer);
        let status = alice.run(&["status"]).ok().json();
        let why = status["workspaces"][0]["why"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("wants you to sign in to it first"), "{status}");
        let failed = fails_at(&alice);
        assert_eq!(failed["hop"], "tls");
        assert!(failed["why"].as_str().unwrap().contains("wants you to sign in to it first"), "{failed}");
        assert!(failed["do"].as_str().unwrap().contains("browser"), "{failed}");
        assert_eq!(failed["reason"], "portal");
    }
    portal.stop().await;
    server.serve();
    alice.run(&["send", "general", "signed in to the network"]).ok();
    assert_eq!(fails_at(&alice), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_the_step_that_fails() {
    let mut server = Server::start();
    let alice = Cli::with_passphrase();
    let bob = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    assert_eq!(fails_at(&bob), Value::Null);
    let revoked = bob.run(&["whoami"]).ok().json()["device"].as_str().unwrap().to_owned();
    let other = Cli::with_passphrase();
    other.login(&server.url(), server.pin(), "bob").ok();
    other.run(&["devices", "revoke", &revoked]).ok();
    let failed = fails_at(&bob);
    assert_eq!((failed["hop"].as_str(), failed["reason"].as_str()), (Some("sign_in"), Some("signed_out")));
    server.stop();
    let failed = fails_at(&alice);
    assert_eq!((failed["hop"].as_str(), failed["reason"].as_str()), (Some("route"), Some("unreachable")), "{failed}");
    // Another server in its place.
    let mut another = Server::init();
    another.port = server.port;
    another.serve();
    let failed = fails_at(&alice);
    assert_eq!(
        (failed["hop"].as_str(), failed["reason"].as_str()),
        (Some("identity"), Some("other_server")),
        "{failed}"
    );
    let plain = String::from_utf8(alice.command(&[]).args(["doctor"]).output().unwrap().stdout).unwrap();
    assert!(plain.contains("identity"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_at_an_address_of_the_sixth_version_is_reached() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("this machine has no ::1");
        return;
    }
    let mut server = Server::init_at("[::1]", Vec::new());
    server.serve();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "by the sixth"]).ok();
    let path = alice.folder.path().join("small.bin");
    std::fs::write(&path, [1; 1000]).unwrap();
    alice.run(&["upload", "general", path.to_str().unwrap()]).ok();
    assert_eq!(fails_at(&alice), Value::Null);
}

/// A client in this process that joined.
async fn joined(folder: &std::path::Path, platform: Platform, server: &Server, name: &str) -> (Client, WorkspaceId) {
    let client = Client::open_or_create(folder, Unlock::SecureStorage, platform).await.unwrap();
    let joined = client.join(&server.invite(), name, "correct horse battery", None).await.unwrap();
    (client, joined.id)
}

struct Meter(AtomicBool);

impl SystemNetwork for Meter {
    fn metered(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_network_that_costs_only_what_somebody_looks_at_comes() {
    let server = Server::start();
    let lines: String = (0..10_500).map(|n| format!("[10:{:02}] <ana> line {n}\n", n / 200)).collect();
    server.import_irc("general", "2026-01-02.log", &lines);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let meter = |metered| Arc::new(Meter(AtomicBool::new(metered)));
    let by = |network: &Arc<Meter>| Platform { network: network.clone(), ..platform(Arc::new(Memory::default())) };
    let (dear, cheap) = (meter(true), meter(false));
    let (costs, ws) = joined(one.path(), by(&dear), &server, "bob").await;
    let (free, _) = joined(two.path(), by(&cheap), &server, "cara").await;
    let here = async |client: &Client| client.storage().await.unwrap().workspaces[0].messages;
    costs.start();
    costs.connect(ws, Duration::from_secs(20)).await.unwrap();
    free.start();
    free.connect(ws, Duration::from_secs(20)).await.unwrap();
    while here(&free).await < 10_500 {
        free.next_events().await;
    }
    let channel = costs.resolve_channel(ws, "general").await.unwrap().id;
    assert!(here(&costs).await < 1000, "{}", here(&costs).await);
    let shown = costs.fetch(ws, channel, Window::Latest, 50).await.unwrap();
    assert_eq!(shown.messages.len(), 50);
    assert!(here(&costs).await < 1000, "{}", here(&costs).await);
    // The rest comes when it costs nothing any more.
    dear.0.store(false, Ordering::SeqCst);
    while here(&costs).await < 10_500 {
        costs.next_events().await;
    }
}

struct Wrong(AtomicI64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_that_the_clock_is_wrong_and_when_that_is_why_nothing_works() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Wrong(AtomicI64::new(0)));
    let platform = Platform { clock: clock.clone(), ..platform(Arc::new(Memory::default())) };
    let (client, ws) = joined(folder.path(), platform, &server, "bob").await;
    let time = async || client.doctor().await.unwrap()["workspaces"][0]["hops"][4].clone();
    assert_eq!(time().await["state"], "ok");
    clock.0.store(-20 * 60_000, Ordering::SeqCst);
    let found = time().await;
    assert_eq!((found["state"].as_str(), found["ok"].as_bool()), (Some("warning"), Some(true)), "{found}");
    assert!(found["why"].as_str().unwrap().contains("20 minutes behind"), "{found}");
    clock.0.store(40 * 365 * 86_400_000, Ordering::SeqCst);
    let found = time().await;
    assert_eq!(found["state"], "failed", "{found}");
    assert!(found["why"].as_str().unwrap().contains("ahead of the server's"), "{found}");
    assert_eq!(found["do"], "set this device's clock");
    let refused = client.connect(ws, Duration::from_secs(5)).await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_slept_does_not_wait_out_its_pause() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Wrong(AtomicI64::new(0)));
    let platform = Platform { clock: clock.clone(), ..platform(Arc::new(Memory::default())) };
    let (client, ws) = joined(folder.path(), platform, &server, "bob").await;
    client.start();
    client.connect(ws, Duration::from_secs(20)).await.unwrap();
    server.kill();
    // Until the pauses are long.
    let pause = async || match client.resolve_workspace(None).await.unwrap().connection {
        Connection::Offline { retry_in, .. } => retry_in,
        _ => 0,
    };
    while pause().await < 12_000 {
        client.next_events().await;
    }
    server.serve();
    let begun = Instant::now();
    clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    while client.resolve_workspace(None).await.unwrap().connection != Connection::Online {
        client.next_events().await;
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_dead_after_a_sleep_is_given_up_at_once() {
    let server = Server::start();
    let exit = Exit::start(Speaks::Connect, None, NAME, server.port).await;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Wrong(AtomicI64::new(0)));
    let platform = Platform { clock: clock.clone(), ..platform(Arc::new(Memory::default())) };
    let client = Client::open_or_create(folder.path(), Unlock::SecureStorage, platform).await.unwrap();
    client.set_network(Setting::parse(&exit.url(), false, None).unwrap()).await.unwrap();
    let invite = server.invite().replace("127.0.0.1", NAME);
    let ws = client.join(&invite, "bob", "correct horse battery", None).await.unwrap().id;
    client.start();
    client.connect(ws, Duration::from_secs(20)).await.unwrap();
    let before = exit.asked().len();
    exit.has(Trouble::Freezes);
    let begun = Instant::now();
    clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    while exit.asked().len() == before || client.resolve_workspace(None).await.unwrap().connection != Connection::Online
    {
        client.next_events().await;
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_speaks_tls_is_taken_only_by_an_authority_that_the_system_trusts() {
    let server = Server::start();
    let (exit, authority) = Exit::start_tls(Some(("ana", "open sesame")), NAME, server.port).await;
    let invite = server.invite_for(2).replace("127.0.0.1", NAME);
    let login = || Login { user: "ana".into(), password: "open sesame".to_owned().into() };
    for (extra_roots, taken) in [(vec![authority], true), (Vec::new(), false)] {
        let folder = tempfile::tempdir().unwrap();
        let platform = Platform { extra_roots, ..platform(Arc::new(Memory::default())) };
        let client = Client::open_or_create(folder.path(), Unlock::SecureStorage, platform).await.unwrap();
        client.set_network(Setting::parse(&exit.url(), false, Some(login())).unwrap()).await.unwrap();
        let joined = client.join(&invite, "bob", "correct horse battery", None).await;
        assert_eq!(joined.is_ok(), taken, "{joined:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_connected_connects_anew_by_the_way_that_is_chosen() {
    let server = Server::start();
    let exit = Exit::start(Speaks::Socks, None, "an address", server.port).await;
    let folder = tempfile::tempdir().unwrap();
    let (client, ws) = joined(folder.path(), platform(Arc::new(Memory::default())), &server, "bob").await;
    client.start();
    client.connect(ws, Duration::from_secs(20)).await.unwrap();
    client.set_network(Setting::parse(&exit.url(), false, None).unwrap()).await.unwrap();
    while exit.asked().is_empty() || client.resolve_workspace(None).await.unwrap().connection != Connection::Online {
        client.next_events().await;
    }
    let channel = client.resolve_channel(ws, "general").await.unwrap().id;
    let sent = client.send(ws, channel, "the new way", None).await.unwrap();
    client.wait_sent(ws, sent.id, Duration::from_secs(20)).await.unwrap();
}
