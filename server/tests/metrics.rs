//! Figures: a page that Prometheus can read, which says what happened and names nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use prometheus_parse::{Scrape, Value};
use std::collections::BTreeSet;
use support::{Host, Session, channel_id, message_id};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::{CreateChannel, CreateChannelParams};
use thechatapp_protocol::methods::messages::{DeleteMessage, OneMessage};
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Method, for_each_method};
use thechatapp_seal::Argon2Params;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::backup::{self, Folder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Page {
    text: String,
    scrape: Scrape,
}

async fn page(host: &Host) -> Page {
    let address = host.running().metrics.unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    let text = body.to_owned();
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap();
    Page { text, scrape }
}

impl Page {
    /// The value of a series; labels as `name=value`.
    fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let fits = |labels_of: &prometheus_parse::Labels| {
            labels_of.len() == labels.len()
                && labels.iter().all(|label| {
                    let (name, value) = label.split_once('=').unwrap();
                    labels_of.get(name) == Some(value)
                })
        };
        let found: Vec<_> =
            self.scrape.samples.iter().filter(|sample| sample.metric == name && fits(&sample.labels)).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        match &found[0].value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn calls(&self, method: &str, code: &str) -> f64 {
        self.value("thechatapp_calls_total", &[&format!("method={method}"), &format!("code={code}")])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_say_what_happened() {
    let host = Host::start().await;
    let before = page(&host).await;
    let mut alice = host.join("Alice Secretname").await;
    let channel = alice.general().await;
    let board = CreateChannelParams { id: channel_id(), name: "hiddenboard".into(), kind: ChannelKind::Private };
    alice.call::<CreateChannel>(&board).await.unwrap();
    for number in 0..7 {
        alice.send(channel, &format!("hiddenword {number}")).await.unwrap();
    }
    let nothing = OneMessage { channel, id: message_id() };
    alice.call::<DeleteMessage>(&nothing).await.unwrap_err();
    // A stranger, who is told that it is one.
    let known = host.known().await;
    let mut stranger = Session::open(host.port, &known, &StaticKey::random().unwrap()).await.unwrap();
    stranger.call::<WhoAmI>(&Nothing {}).await.unwrap_err();
    // What asks for a session and is none; and TLS that is none.
    let mut asking = support::tls(host.port).await;
    let upgrade = "GET /w/acme/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    asking.write_all(upgrade.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    asking.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
    let mut plain = tokio::net::TcpStream::connect(("127.0.0.1", host.port)).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    plain.read_to_end(&mut Vec::new()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = || {
        Folder::open_or_make(&folder.path().join("b"), "a recovery passphrase", &Argon2Params { m_kib: 64, t: 1, p: 1 })
    };
    backup::create(host.running().host(), to().unwrap()).await.unwrap();
    let wipe = Command::WorkspaceCreate { workspace: "lab".into() };
    admin::run(host.running().host(), wipe).await.unwrap();

    let after = page(&host).await;
    assert_eq!(after.calls("messages.send", "ok") - before.calls("messages.send", "ok"), 7.0);
    assert_eq!(after.calls("messages.delete", "not_found"), 1.0);
    assert_eq!((after.calls("account.enrol", "ok"), after.calls("sync.start", "ok")), (1.0, 1.0));
    assert_eq!(after.value("thechatapp_sessions", &[]), 1.0);
    assert_eq!(after.value("thechatapp_workspace_sessions", &["workspace=acme"]), 1.0);
    let (writes, commits) = (after.value("thechatapp_writes_total", &[]), after.value("thechatapp_commits_total", &[]));
    assert!(writes >= 10.0 && (1.0..=writes).contains(&commits), "{writes} in {commits}");
    for name in ["commit_seconds", "transaction_seconds", "batch_writes"] {
        let found = after.scrape.samples.iter().find(|sample| sample.metric == format!("thechatapp_{name}")).unwrap();
        let Value::Histogram(buckets) = &found.value else { panic!("{name} is no histogram") };
        assert!(buckets.windows(2).all(|pair| pair[0].count <= pair[1].count), "{buckets:?}");
        assert_eq!(buckets.last().map(|last| last.count), Some(commits), "{name}");
    }
    assert!(after.text.contains("thechatapp_call_seconds_count{method=\"messages.send\"} 7\n"));
    assert!(after.value("thechatapp_refused_total", &["reason=tls"]) >= 1.0);
    assert!(after.value("thechatapp_refused_total", &["reason=malformed"]) >= 1.0);
    assert!(after.value("thechatapp_key_calls_total", &["call=unwrap", "outcome=ok"]) >= 2.0);
    assert!(after.value("thechatapp_key_calls_total", &["call=wrap", "outcome=ok"]) >= 1.0);
    assert_eq!(after.value("thechatapp_backups_total", &["outcome=ok"]), 1.0);
    assert!(after.value("thechatapp_backup_made_timestamp_seconds", &[]) > 1_700_000_000.0);
    assert_eq!(before.value("thechatapp_backup_made_timestamp_seconds", &[]), 0.0);
    assert_eq!((before.value("thechatapp_workspaces", &[]), after.value("thechatapp_workspaces", &[])), (1.0, 2.0));
    for name in ["workspaces_closed", "workspaces_damaged", "resealing_left"] {
        assert_eq!(after.value(&format!("thechatapp_{name}"), &[]), 0.0, "{name}");
    }
    assert!(after.value("thechatapp_database_bytes", &["workspace=acme"]) > 10_000.0);
    assert!(after.value("thechatapp_free_bytes", &[]) > 0.0);
    assert_eq!(after.value("thechatapp_file_bytes", &["workspace=acme"]), 0.0);

    // A workspace that is gone is not spoken of any more.
    admin::run(
        host.running().host(),
        Command::WorkspaceWipe { workspace: "lab".into(), channel: None, person: None, destroy_remote_key: None },
    )
    .await
    .unwrap();
    assert!(after.text.contains("workspace=\"lab\"") && !page(&host).await.text.contains("workspace=\"lab\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_few_and_name_nobody() {
    let host = Host::start().await;
    let mut alice = host.join("Alice Secretname").await;
    let channel = alice.general().await;
    alice.send(channel, "hiddenword").await.unwrap();
    // Whatever a client makes up as a method's name is counted under one.
    for method in ["messages.made_up", "x\"} 1\nthechatapp_evil 1", &"y".repeat(10_000)] {
        let request = thechatapp_protocol::wire::Request { method: method.into(), params: Vec::new() };
        let bytes = thechatapp_protocol::wire::encode(&request).unwrap();
        alice.session.put(thechatapp_protocol::session::Kind::Request, 900, bytes).await;
        alice.session.next().await.unwrap();
    }
    let page = page(&host).await;
    assert_eq!(page.calls("unknown", "not_found"), 3.0);
    let mut names = BTreeSet::new();
    for sample in &page.scrape.samples {
        for (name, value) in sample.labels.iter() {
            names.insert(name.clone());
            assert!(value.len() < 40, "{name}={value}");
        }
    }
    let allowed = ["call", "code", "method", "outcome", "reason", "sqlite", "version", "workspace"];
    assert!(names.iter().all(|name| allowed.contains(&name.as_str())), "{names:?}");
    for hidden in ["hidden", "Secret", "Alice", "general", "made_up", "evil"] {
        assert!(!page.text.contains(hidden), "{hidden} stands in the figures");
    }
    macro_rules! names {
        ($($method:ty),+ $(,)?) => { [$(<$method as Method>::NAME),+] };
    }
    for method in for_each_method!(names) {
        page.calls(method, "ok");
    }
}

/// What an administrator reads about figures is what there is.
#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_in_the_documentation() {
    let host = Host::start().await;
    let page = page(&host).await;
    let documentation = include_str!("../../docs/operation.md");
    let figures = page.text.lines().filter_map(|line| line.strip_prefix("# TYPE thechatapp_"));
    let named: BTreeSet<&str> = figures.filter_map(|line| line.split(' ').next()).collect();
    assert!(named.len() > 25, "{named:?}");
    let documented =
        |name: &&str| documentation.contains(&format!("`{name}`")) || documentation.contains(&format!("`{name}{{"));
    let missing: Vec<_> = named.iter().filter(|name| !documented(name)).collect();
    assert!(missing.is_empty(), "not in docs/operation.md: {missing:?}");
}
