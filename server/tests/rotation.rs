//! Every key is replaced while people write, and again after a restart; a host moves from one key service to another. What
//! was written stays readable, by the same sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::vault::{Mood, Vault};
use support::{Host, read};
use thechatapp_protocol::{Code, Timestamp};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{Folder, restore, verify};
use thechatapp_server::config::RotateDays;
use thechatapp_server::kms::KeySource;
use thechatapp_server::{Error, Kind};

const WHAT: [&str; 6] = ["session", "identity", "channels", "workspace", "kms", "database"];

async fn rotate(host: &Host, what: &str) -> Result<Value, Error> {
    let workspace = (what != "kms").then(|| "acme".to_owned());
    let command = Command::KeyRotate { workspace, what: what.to_owned(), new_passphrase: None };
    admin::run(host.running().host(), command).await
}

async fn status(host: &Host) -> Value {
    admin::run(host.running().host(), Command::KeyStatus { workspace: "acme".into() }).await.unwrap()
}

async fn resealed(host: &Host) -> Value {
    let begun = Instant::now();
    loop {
        let status = status(host).await;
        if status["resealing"].is_null() {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn move_to(to: &str, passphrase: Option<&str>) -> Command {
    Command::KeyMove(support::keys::to(to, passphrase))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_replaced_while_people_write() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let mut bob = host.join("bob").await;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let writing = tokio::spawn(async move {
        let mut said = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            said.push(format!("message {}", said.len()));
            bob.send(channel, said.last().unwrap()).await.unwrap();
        }
        (bob, said)
    });
    for _ in 0..2 {
        for what in WHAT {
            let done = rotate(&host, what).await.unwrap();
            assert_eq!(done["what"], what);
            assert_eq!(done.get("paused_ms").is_some(), what == "database");
            resealed(&host).await;
            host.running().check_keys(Instant::now() + Duration::from_secs(200)).await;
            assert_eq!(status(&host).await["state"], "open", "after {what}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let (_, said) = writing.await.unwrap();
    assert!(said.len() > 20, "{}", said.len());
    assert_eq!(read(&mut alice, channel).await, said);
    let rotated = status(&host).await;
    assert_eq!(rotated["epoch"], 3);
    assert_eq!(rotated["rotated"].as_object().unwrap().len(), 6);

    host.stop().await;
    host.serve().await;
    alice.again(&host).await;
    assert_eq!(read(&mut alice, channel).await, said);
    let after = status(&host).await;
    assert_eq!((&after["epoch"], &after["state"], &after["resealing"]), (&3.into(), &"open".into(), &Value::Null));
    let report = admin::run(host.running().host(), Command::Doctor).await.unwrap();
    assert_eq!(report["ok"], true, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_goes_on_after_a_restart() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    for number in 0..300 {
        alice.send(channel, &format!("message {number}")).await.unwrap();
    }
    let done = rotate(&host, "channels").await.unwrap();
    assert_eq!(done["epoch"], 1);
    host.stop().await;
    host.serve().await;
    resealed(&host).await;
    alice.again(&host).await;
    assert_eq!(read(&mut alice, channel).await.len(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_key_file_is_replaced_and_takes_another_passphrase() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "before").await.unwrap();
    let path = host.data().join("keys/local.json");
    let (old_file, old_key) = (std::fs::read(&path).unwrap(), status(&host).await["key"].clone());
    rotate(&host, "kms").await.unwrap();
    assert_ne!(status(&host).await["key"], old_key);
    let command =
        Command::KeyRotate { workspace: None, what: "kms".into(), new_passphrase: Some("another passphrase".into()) };
    admin::run(host.running().host(), command).await.unwrap();
    host.stop().await;

    let open = |passphrase: &str| {
        let source = KeySource::Local { file: None, passphrase: passphrase.to_owned().into() };
        thechatapp_server::tenants::Host::open(&host.data(), &source, Cost::TESTS)
    };
    assert_eq!(open("server passphrase").unwrap_err().kind, Kind::WrongKey);
    let opened = open("another passphrase").unwrap();
    assert_eq!(opened.workspaces().len(), 1);
    opened.close();
    // The key file of before opens with its passphrase, and is not this host's any longer.
    std::fs::write(&path, old_file).unwrap();
    let refused = open("server passphrase").unwrap_err();
    assert_eq!((refused.kind, refused.what.as_str()), (Kind::WrongKey, "This is not the key file of this host"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_moves_to_another_service_and_back_while_it_runs() {
    let vault = Vault::start().await;
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    alice.send(channel, "before").await.unwrap();

    // A service that does not give back what it took gets nothing.
    vault.set(Mood::AnotherKey);
    let refused = admin::run(host.running().host(), move_to(&vault.uri(), None)).await.unwrap_err();
    assert_eq!(refused.kind, Kind::KeyService);
    vault.set(Mood::Says(403, "permission denied"));
    assert!(admin::run(host.running().host(), move_to(&vault.uri(), None)).await.is_err());
    assert_eq!(status(&host).await["provider"], "local");
    vault.set(Mood::Works);

    let pin = host.pin.clone();
    let done = admin::run(host.running().host(), move_to(&vault.uri(), None)).await.unwrap();
    assert_eq!((&done["workspaces"], &done["provider"]), (&2.into(), &"vault".into()));
    alice.send(channel, "after").await.unwrap();
    host.running().check_keys(Instant::now() + Duration::from_secs(200)).await;
    assert_eq!(status(&host).await["state"], "open");
    // The new service guards it from here on.
    vault.set(Mood::Says(403, "permission denied"));
    host.running().check_keys(Instant::now() + Duration::from_secs(400)).await;
    assert_eq!(alice.send(channel, "closed").await.unwrap_err().code, Code::KeyService);
    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + Duration::from_secs(500)).await;
    alice.send(channel, "open").await.unwrap();
    host.running().host().create_workspace("third", Vec::new()).unwrap();
    host.stop().await;

    let local = || KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() };
    let cost = Cost::TESTS;
    let refused = thechatapp_server::tenants::Host::open(&host.data(), &local(), cost).unwrap_err();
    assert!(refused.why.contains("guarded by vault"), "{refused}");
    let away = vault.clone();
    host.source(move || away.source());
    host.serve().await;
    assert_eq!(host.running().pin, pin);
    alice.again(&host).await;
    assert_eq!(read(&mut alice, channel).await, ["before", "after", "open"]);

    let back = host.data().join("keys/again.json");
    let command = move_to(&format!("local:{}", back.display()), Some("a fresh one"));
    assert_eq!(admin::run(host.running().host(), command).await.unwrap()["workspaces"], 3);
    host.stop().await;
    host.source(move || KeySource::Local { file: Some(back.clone()), passphrase: "a fresh one".to_owned().into() });
    host.serve().await;
    alice.again(&host).await;
    assert_eq!(read(&mut alice, channel).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_rotated_once() {
    let host = Host::start().await;
    let days = RotateDays { workspace: Some(30), channels: Some(10), ..RotateDays::default() };
    let (day, now) = (24 * 60 * 60 * 1000, i64::try_from(support::millis()).unwrap());
    let epochs = async |at: i64| {
        host.running().host().rotate_what_is_due(&days, Timestamp(at)).await;
        let status = resealed(&host).await;
        (status["epoch"].as_i64().unwrap(), status["rotated"].get("channels").is_some())
    };
    assert_eq!(epochs(now + 9 * day).await, (1, false));
    assert_eq!(epochs(now + 31 * day).await, (1, true), "one kind at a time");
    assert_eq!(epochs(now + 31 * day).await, (2, true));
    assert_eq!(epochs(now + 31 * day).await, (2, true), "and no more of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rotated_is_said() {
    let host = Host::start().await;
    for (workspace, what, passphrase) in [
        (Some("acme"), "search", None),
        (None, "channels", None),
        (Some("none"), "workspace", None),
        (Some("acme"), "channels", Some("x")),
        (None, "kms", Some("")),
    ] {
        let command = Command::KeyRotate {
            workspace: workspace.map(str::to_owned),
            what: what.to_owned(),
            new_passphrase: passphrase.map(str::to_owned),
        };
        let refused = admin::run(host.running().host(), command).await.unwrap_err();
        assert_eq!(refused.kind, Kind::BadInput, "{what}");
    }
    assert_eq!(status(&host).await["epoch"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_of_before_during_and_after_a_rotation_are_restored() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    for number in 0..300 {
        alice.send(channel, &format!("message {number}")).await.unwrap();
    }
    let to = host.folder.path().join("backup");
    let backup = async || {
        let command = Command::BackupCreate { to: to.clone(), passphrase: Some("recovery".into()), key_service: false };
        admin::run(host.running().host(), command).await.unwrap()["backup"].as_str().unwrap().to_owned()
    };
    let mut made = vec![backup().await];
    rotate(&host, "channels").await.unwrap();
    made.push(backup().await);
    for what in ["workspace", "database"] {
        rotate(&host, what).await.unwrap();
    }
    resealed(&host).await;
    made.push(backup().await);
    host.stop().await;

    let folder = Folder::open(&to, "recovery").unwrap();
    for (number, name) in made.iter().enumerate() {
        verify(&folder, Some(name), &host.folder.path().join("scratch")).unwrap();
        let data = host.folder.path().join(format!("restored {number}"));
        restore(&folder, Some(name), &data, &support::key(), Cost::TESTS).unwrap();
        let restored = thechatapp_server::tenants::Host::open(&data, &support::key(), Cost::TESTS).unwrap();
        let report = admin::run(&restored, Command::Doctor).await.unwrap();
        assert_eq!((&report["ok"], &report["databases"][1]["messages"]), (&true.into(), &300.into()), "{report}");
        rotate_all(&restored).await;
        restored.close();
    }
}

async fn rotate_all(host: &thechatapp_server::tenants::Host) {
    for what in WHAT {
        let workspace = (what != "kms").then(|| "acme".to_owned());
        let command = Command::KeyRotate { workspace, what: what.to_owned(), new_passphrase: None };
        admin::run(host, command).await.unwrap();
    }
}
