//! The key service goes away and comes back: nobody reads or writes meanwhile, everybody is told why, nothing is lost, and
//! nobody restarts anything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Output;
use std::time::{Duration, Instant};
use support::vault::{Mood, TOKEN, Vault};
use support::{Host, Person, Session, get, texts};
use thechatapp_protocol::methods::messages::{History, HistoryParams};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::{ChannelId, Code, ErrorBody, http as http_paths};
use thechatapp_server::admin::{self, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer than a key is used after it was last given, and longer than any wait between attempts.
const LONG: Duration = Duration::from_secs(400);

async fn hosted() -> (Vault, Host) {
    let vault = Vault::start().await;
    let asked = vault.clone();
    let host = Host::start_with(move || asked.source()).await;
    (vault, host)
}

async fn history(person: &mut Person, channel: ChannelId) -> Result<Vec<String>, ErrorBody> {
    let params = HistoryParams { channel, before: None, after: None, limit: 100 };
    let page = person.call::<History>(&params).await?;
    Ok(page.messages.into_iter().map(|message| message.text).collect())
}

async fn status(host: &Host) -> Value {
    admin::run(host.running().host(), Command::KeyStatus { workspace: "acme".into() }).await.unwrap()
}

async fn ready(host: &Host) -> (u16, String) {
    let (code, body) = get(host.port, "/readyz").await;
    (code, String::from_utf8(body).unwrap())
}

fn is_closed<T: std::fmt::Debug>(answer: Result<T, ErrorBody>, why: &str) {
    let body = answer.unwrap_err();
    assert_eq!((body.code, body.code.exit_code()), (Code::KeyService, 30), "{body:?}");
    assert_eq!(body.why, why);
}

async fn plain(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stays_away_closes_the_workspace_until_it_is_back() {
    let (vault, host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "one").await.unwrap();
    assert_eq!(status(&host).await["state"], "open");

    vault.set(Mood::Breaks);
    let begun = Instant::now();
    host.running().check_keys(begun + Duration::from_secs(200)).await;
    alice.send(channel, "two").await.unwrap();
    let known = status(&host).await;
    assert_eq!((&known["state"], &known["provider"]), (&json!("retrying"), &json!("vault")));
    assert_eq!(known["last_error"], "the key service cannot be reached");
    assert_eq!(ready(&host).await, (200, "ready\n".into()));

    host.running().check_keys(begun + LONG).await;
    let why = "the key service cannot be reached";
    is_closed(alice.send(channel, "never").await, why);
    is_closed(history(&mut alice, channel).await, why);
    assert_eq!(ready(&host).await, (503, format!("closed: {why}\n")));
    let known = status(&host).await;
    assert_eq!((&known["state"], &known["last_error"]), (&json!("closed"), &json!(why)));
    let watched = host.running().metrics.unwrap();
    assert!(plain(watched, "/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(plain(watched, "/metrics").await.contains("\nthechatapp_workspaces_closed 1\n"));
    // One who comes now is told by the server that it knows.
    let mut again = Session::open(host.port, &host.known().await, &alice.device).await.unwrap();
    is_closed(again.call::<StartSync>(&StartSyncParams { after: 0 }).await, why);
    let refused = host.running().host().invite("acme", 1, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(refused.kind.exit_code(), 30);

    vault.set(Mood::Works);
    host.running().check_keys(begun + LONG * 2).await;
    assert_eq!(ready(&host).await, (200, "ready\n".into()));
    alice.send(channel, "three").await.unwrap();
    assert_eq!(history(&mut alice, channel).await.unwrap(), ["one", "two", "three"]);
    assert!(again.call::<StartSync>(&StartSyncParams { after: 0 }).await.is_ok());
    let known = status(&host).await;
    assert_eq!((&known["state"], &known["last_error"]), (&json!("open"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_is_obeyed_at_once() {
    let (vault, host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let moods = [
        (Mood::Says(403, "permission denied"), "the key service denies access to the key"),
        (Mood::Says(400, "version is disallowed by policy"), "the key is disabled in the key service"),
        (Mood::Says(404, ""), "no such key"),
        (Mood::AnotherKey, "wrapped by another key or for another workspace"),
    ];
    let mut at = Instant::now() + Duration::from_secs(200);
    for (number, (mood, why)) in moods.into_iter().enumerate() {
        vault.set(mood);
        host.running().check_keys(at).await;
        is_closed(alice.send(channel, "never").await, why);
        // A key that is not the workspace's opens nothing either.
        vault.set(Mood::AnotherKey);
        host.running().check_keys(at + Duration::from_secs(20)).await;
        is_closed(alice.send(channel, "never").await, "wrapped by another key or for another workspace");
        vault.set(Mood::Works);
        host.running().check_keys(at + Duration::from_secs(60)).await;
        assert_eq!(alice.send(channel, "again").await.unwrap().seq, number as u64 + 1);
        at += Duration::from_secs(220);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_troubled_for_a_moment_closes_nothing() {
    let (vault, host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let at = Instant::now() + Duration::from_secs(200);
    let moods = [Mood::Hangs, Mood::Says(429, ""), Mood::Says(502, ""), Mood::Garbage, Mood::Truncated, Mood::HalfAKey];
    for (number, mood) in moods.into_iter().enumerate() {
        vault.set(mood);
        // Waits grow from one second to sixteen.
        host.running().check_keys(at + Duration::from_secs(1 << number)).await;
        alice.send(channel, "still here").await.unwrap();
        assert_eq!(status(&host).await["state"], "retrying", "{mood:?}");
    }
    vault.set(Mood::Works);
    host.running().check_keys(at + Duration::from_secs(90)).await;
    assert_eq!(status(&host).await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_its_service_and_opens_when_it_comes() {
    let (vault, mut host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "before").await.unwrap();
    let known = host.known().await;
    let Person { session, me, device } = alice;
    drop(session);
    host.stop().await;

    vault.set(Mood::Says(503, "Vault is sealed"));
    host.serve().await;
    let why = "the key service cannot be reached";
    assert_eq!(ready(&host).await, (503, format!("closed: {why}\n")));
    assert_eq!(status(&host).await["state"], "closed");
    for path in [http_paths::identity_path("acme"), http_paths::IDENTITY_PATH.to_owned()] {
        let (code, body) = get(host.port, &path).await;
        let body: ErrorBody = serde_json::from_slice(&body).unwrap();
        assert_eq!((code, body.code, body.why.as_str()), (503, Code::KeyService, why));
    }
    // Over the TLS key that the known document lists, a session is refused with the reason.
    let Err(tokio_tungstenite::tungstenite::Error::Http(answer)) = Session::open(host.port, &known, &device).await
    else {
        panic!("a session without keys")
    };
    let body: ErrorBody = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
    assert_eq!((body.code, body.why.as_str()), (Code::KeyService, why));

    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + LONG).await;
    assert_eq!(ready(&host).await, (200, "ready\n".into()));
    let session = Session::open(host.port, &known, &device).await.unwrap();
    let mut alice = Person { session, me, device };
    alice.send(channel, "after").await.unwrap();
    let (_, rows, _) = alice.sync(0).await;
    assert_eq!(texts(&rows), ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_closes_and_opens_by_itself() {
    let vault = Vault::start().await;
    let asked = vault.clone();
    let mut host = Host::start_with(move || asked.source()).await;
    host.stop().await;
    // Longer than a busy machine takes to open a workspace.
    host.config.key.cache_seconds = 4;
    host.serve().await;
    vault.set(Mood::Says(403, ""));
    // When it asks once more, it has dealt with the answer before.
    vault.asked(2).await;
    assert_eq!(ready(&host).await.0, 503);
    vault.set(Mood::Works);
    vault.asked(2).await;
    assert_eq!(ready(&host).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_say_it_by_their_exit_code() {
    let vault = Vault::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (data, token) = (folder.path().join("data"), folder.path().join("token"));
    std::fs::write(&token, TOKEN).unwrap();
    let run = async |arguments: &[&str]| -> (Option<i32>, Value) {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        command.args(arguments).arg("--json").arg("--data").arg(&data).args(["--kms", &vault.uri()]);
        command.env("THECHATAPP_KEY_VAULT_TOKEN_FILE", &token).env("THECHATAPP_KEY_TIMEOUT_SECONDS", "5");
        let Output { status, stdout, stderr } = command.output().await.unwrap();
        let text = if stdout.is_empty() { stderr } else { stdout };
        (status.code(), serde_json::from_slice(&text).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&text))))
    };
    vault.set(Mood::Says(403, "permission denied"));
    let (code, error) = run(&["init", "--workspace", "acme", "--admin", "marta"]).await;
    assert_eq!((code, &error["why"]), (Some(30), &json!("the key service denies access to the key")));
    assert!(!data.exists(), "nothing is left half done");

    vault.set(Mood::Works);
    assert_eq!(run(&["init", "--workspace", "acme", "--admin", "marta"]).await.0, Some(0));
    let (code, status) = run(&["key", "status", "--workspace", "acme"]).await;
    assert_eq!((code, &status["state"], &status["provider"]), (Some(0), &json!("open"), &json!("vault")));

    vault.set(Mood::Says(503, "Vault is sealed"));
    let (code, error) = run(&["invite", "--workspace", "acme"]).await;
    assert_eq!((code, &error["code"]), (Some(30), &json!(30)));
    let (code, status) = run(&["key", "status", "--workspace", "acme"]).await;
    assert_eq!((code, &status["state"]), (Some(0), &json!("closed")));
    assert_eq!(status["last_error"], "the key service cannot be reached");
}
