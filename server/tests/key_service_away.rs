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
    String::from_utf8(support::get_plain(address, path).await).unwrap()
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

/// Everything that a service may do instead of what it should, and the reason that people are told.
const TROUBLES: [(Mood, &str); 15] = [
    (Mood::Breaks, AWAY),
    (Mood::Hangs, AWAY),
    (Mood::Slow(Duration::from_secs(5)), AWAY),
    (Mood::Says(503, "Vault is sealed"), AWAY),
    (Mood::Says(502, ""), AWAY),
    (Mood::Says(429, ""), "the key service asks to slow down"),
    (Mood::Garbage, GARBAGE),
    (Mood::Nonsense, GARBAGE),
    (Mood::Truncated, AWAY),
    (Mood::Endless, GARBAGE),
    (Mood::HalfAKey, GARBAGE),
    (Mood::Says(403, "permission denied"), "the key service denies access to the key"),
    (Mood::Says(400, "version is disallowed by policy"), "the key is disabled in the key service"),
    (Mood::Says(404, ""), "no such key"),
    (Mood::AnotherKey, WRONG),
];
const AWAY: &str = "the key service cannot be reached";
/// Between the end of the time and the last answer.
const SILENT: &str = "the key service did not give the key again in time";
const GARBAGE: &str = "the wrapped key or key file is damaged";
const WRONG: &str = "wrapped by another key or for another workspace";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_it_past_the_limit_people_are_told_and_it_opens_by_itself() {
    let (vault, host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let (mut at, mut said) = (Instant::now(), Vec::new());
    for (mood, why) in TROUBLES {
        vault.set(mood);
        host.running().check_keys(at + LONG).await;
        is_closed(alice.send(channel, "never").await, why);
        is_closed(history(&mut alice, channel).await, why);
        assert_eq!(ready(&host).await, (503, format!("closed: {why}\n")), "{mood:?}");
        let known = status(&host).await;
        assert_eq!(
            (&known["state"], &known["last_error"], &known["cache"]["left"]),
            (&json!("closed"), &json!(why), &Value::Null)
        );
        assert_eq!(known["cache"]["seconds"], 300);
        // It stays so while the trouble does.
        host.running().check_keys(at + LONG + Duration::from_secs(60)).await;
        is_closed(alice.send(channel, "never").await, why);
        vault.set(Mood::Works);
        at += LONG + Duration::from_secs(120);
        host.running().check_keys(at).await;
        said.push(format!("after {mood:?}"));
        alice.send(channel, said.last().unwrap()).await.unwrap();
        assert_eq!(history(&mut alice, channel).await.unwrap(), said);
        let known = status(&host).await;
        assert_eq!((&known["state"], &known["last_error"]), (&json!("open"), &Value::Null), "{mood:?}");
        assert!(known["cache"]["left"].as_u64().is_some_and(|left| left >= 290), "{known}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_slow_and_still_in_time_closes_nothing() {
    let vault = Vault::start().await;
    let asked = vault.clone();
    let host = Host::start_with(move || asked.patient(Duration::from_secs(30))).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    vault.set(Mood::Slow(Duration::from_secs(5)));
    let at = Instant::now() + Duration::from_secs(200);
    let (checked, ()) = tokio::join!(host.running().check_keys(at), async {
        // Nobody waits for it meanwhile.
        for number in 0..20 {
            alice.send(channel, &format!("message {number}")).await.unwrap();
        }
    });
    assert_eq!((checked, &status(&host).await["state"]), (Duration::from_secs(150), &json!("open")));
    // Slow answers also open what is closed.
    vault.set(Mood::Says(403, ""));
    host.running().check_keys(at + Duration::from_secs(150)).await;
    assert_eq!(status(&host).await["state"], "closed");
    vault.set(Mood::Slow(Duration::from_secs(5)));
    host.running().check_keys(at + LONG).await;
    assert_eq!(history(&mut alice, channel).await.unwrap().len(), 20);
}

/// Files below a folder with a marker in them.
fn with_marker(folder: &std::path::Path, marker: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(with_marker(&path, marker));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(marker.len()).any(|part| part == marker)) {
            found.push(path);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn down_for_ten_minutes_under_load_loses_nothing_and_writes_nothing_unsealed() {
    const MARKER: &str = "vexkuqomarker";
    let (vault, host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    // How many answers there were in all, and a turn that the test waits for.
    let (answers, mut answered) = tokio::sync::watch::channel(0_u64);
    let (answers, stop) =
        (std::sync::Arc::new(answers), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let mut working = tokio::task::JoinSet::new();
    for number in 0..8 {
        let mut sender = host.join(&format!("sender {number}")).await;
        let mut reader = host.join(&format!("reader {number}")).await;
        let (sent, stopped) = (answers.clone(), stop.clone());
        working.spawn(async move {
            let (mut acknowledged, mut refused, mut count) = (Vec::new(), 0, 0);
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                let text = format!("{MARKER} {number} {count}");
                count += 1;
                match sender.send(channel, &text).await {
                    Ok(_) => acknowledged.push(text),
                    Err(body) => {
                        assert!(body.code.exit_code() == 30 && [AWAY, SILENT].contains(&body.why.as_str()), "{body:?}");
                        refused += 1;
                    }
                }
                sent.send_modify(|answers| *answers += 1);
            }
            (acknowledged, refused)
        });
        let (read, stopped) = (answers.clone(), stop.clone());
        working.spawn(async move {
            let mut refused = 0;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                match history(&mut reader, channel).await {
                    Ok(texts) => assert!(texts.iter().all(|text| text.starts_with(MARKER))),
                    Err(body) => {
                        assert!(body.code.exit_code() == 30 && [AWAY, SILENT].contains(&body.why.as_str()), "{body:?}");
                        refused += 1;
                    }
                }
                read.send_modify(|answers| *answers += 1);
            }
            (Vec::new(), refused)
        });
    }
    let begun = Instant::now();
    let mut states = Vec::new();
    for seconds in (0..=700).step_by(20) {
        vault.set(if seconds < 600 { Mood::Breaks } else { Mood::Works });
        host.running().check_keys(begun + Duration::from_secs(150 + seconds)).await;
        // So many answers of everybody at this moment.
        let until = *answered.borrow_and_update() + 48;
        answered.wait_for(|answers| *answers >= until).await.unwrap();
        states.push(status(&host).await["state"].as_str().unwrap().to_owned());
        if seconds == 400 {
            assert_eq!(with_marker(&host.data(), MARKER.as_bytes()), Vec::<std::path::PathBuf>::new());
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut acknowledged, mut refused) = (std::collections::BTreeSet::new(), [0, 0]);
    while let Some(done) = working.join_next().await {
        let (texts, of) = done.unwrap();
        refused[usize::from(texts.is_empty())] += of;
        acknowledged.extend(texts);
    }
    // In use until the time was over, then closed, then open without anybody's doing.
    states.dedup();
    assert_eq!(states, ["retrying", "closed", "open"]);
    assert!(refused[0] > 0 && refused[1] > 0, "{refused:?}");
    let (mut present, mut after) = (std::collections::BTreeSet::new(), 0);
    loop {
        let params = HistoryParams { channel, before: None, after: Some(after), limit: 200 };
        let page = alice.call::<History>(&params).await.unwrap();
        let Some(last) = page.messages.last() else { break };
        after = last.seq;
        for message in page.messages {
            assert!(present.insert(message.text), "nothing is there twice");
        }
    }
    assert_eq!(present, acknowledged, "what was acknowledged, and nothing that was refused");
    assert_eq!(with_marker(host.folder.path(), MARKER.as_bytes()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_given_a_wrong_key_at_its_start_waits_for_the_right_one() {
    let (vault, mut host) = hosted().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "before").await.unwrap();
    let known = host.known().await;
    host.stop().await;
    vault.set(Mood::AnotherKey);
    host.serve().await;
    let why = format!("{WRONG}, or keys/host.json was changed");
    assert_eq!(ready(&host).await, (503, format!("closed: {why}\n")));
    let closed = status(&host).await;
    assert_eq!((&closed["state"], &closed["last_error"]), (&json!("closed"), &json!(why)));
    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + LONG).await;
    assert_eq!(ready(&host).await, (200, "ready\n".into()));
    host.stop().await;

    // So does a host of a release whose file of the key proves nothing.
    let path = host.data().join("keys/host.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    file.as_object_mut().unwrap().remove("check");
    std::fs::write(&path, file.to_string()).unwrap();
    vault.set(Mood::AnotherKey);
    host.serve().await;
    assert_eq!(ready(&host).await, (503, format!("closed: {why}\n")));
    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + LONG).await;
    let session = Session::open(host.port, &known, &alice.device).await.unwrap();
    let mut alice = Person { session, ..alice };
    assert_eq!(history(&mut alice, channel).await.unwrap(), ["before"]);
    host.stop().await;

    // And where the host's own key is right, and one workspace's is not, the others are served.
    host.serve().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let lab = host.running().host().workspace("lab").unwrap().id;
    host.stop().await;
    vault.exchange(Some(lab.to_string()));
    host.serve().await;
    assert_eq!(status(&host).await["state"], "open");
    let of_lab =
        async || admin::run(host.running().host(), Command::KeyStatus { workspace: "lab".into() }).await.unwrap();
    let known = of_lab().await;
    assert_eq!(known["state"], "closed");
    assert_eq!(known["last_error"], WRONG);
    vault.exchange(None);
    host.running().check_keys(Instant::now() + LONG).await;
    assert_eq!(of_lab().await["state"], "open");
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
