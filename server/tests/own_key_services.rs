//! A workspace with a key service of its own: it moves there and back while people write, what is wrong with it is nobody else's
//! trouble, and its backups stay shut once its key is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::keys::{move_one, status, to, wipe};
use support::vault::{Mood, TOKEN, Vault};
use support::{Host, read};
use thechatapp_protocol::Code;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{self, Folder, Opening, Report};
use thechatapp_server::config::OwnKeySection;
use thechatapp_server::kms::KeySource;
use thechatapp_server::{Error, Kind};

const LATER: Duration = Duration::from_secs(400);

async fn rotate(host: &Host, workspace: Option<&str>, what: &str, passphrase: Option<&str>) -> Result<Value, Error> {
    let (workspace, new_passphrase) = (workspace.map(str::to_owned), passphrase.map(str::to_owned));
    admin::run(host.running().host(), Command::KeyRotate { workspace, what: what.into(), new_passphrase }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_moves_to_a_service_of_its_own_and_back_while_people_write() {
    let (vault, second) = (Vault::start().await, Vault::start().await);
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let mut bob = host.join("bob").await;
    let mut neighbour = host.elsewhere("lab", "nora").await;
    let elsewhere = neighbour.general().await;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let writing = tokio::spawn(async move {
        let mut said = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            said.push(format!("message {}", said.len()));
            bob.send(channel, said.last().unwrap()).await.unwrap();
        }
        said
    });

    // A service that does not give back what it took gets nothing.
    for mood in [Mood::AnotherKey, Mood::Says(403, "permission denied")] {
        vault.set(mood);
        assert_eq!(move_one(&host, "acme", &vault.uri(), None).await.unwrap_err().kind, Kind::KeyService);
        assert_eq!(status(&host, "acme").await["provider"], "local");
    }
    vault.set(Mood::Works);
    for _ in 0..3 {
        let done = move_one(&host, "acme", &vault.uri(), None).await.unwrap();
        assert_eq!(
            (&done["workspace"], &done["provider"], &done["own"]),
            (&json!("acme"), &json!("vault"), &json!(true))
        );
        let done = move_one(&host, "acme", "host", None).await.unwrap();
        assert_eq!((&done["provider"], &done["own"]), (&json!("local"), &json!(false)));
    }
    move_one(&host, "acme", &vault.uri(), None).await.unwrap();
    // Again is the same: a command that was broken off is given again.
    move_one(&host, "acme", &vault.uri(), None).await.unwrap();
    rotate(&host, Some("acme"), "workspace", None).await.unwrap();
    vault.rotate();
    rotate(&host, Some("acme"), "kms", None).await.unwrap();
    vault.forget_older();
    rotate(&host, None, "kms", None).await.unwrap();
    host.running().check_keys(Instant::now() + Duration::from_secs(200)).await;
    stop.store(true, Ordering::Relaxed);
    let mut said = writing.await.unwrap();
    assert!(said.len() > 20, "{}", said.len());
    assert_eq!(read(&mut alice, channel).await, said);
    let known = [status(&host, "acme").await, status(&host, "lab").await];
    assert_eq!(known.each_ref().map(|one| one["provider"].clone()), ["vault", "local"]);
    assert_eq!(known.each_ref().map(|one| one["own"].clone()), [true, false]);
    assert_eq!(known.each_ref().map(|one| one["state"].clone()), ["open", "open"]);

    // A key that is one workspace's own guards nothing else.
    assert_eq!(move_one(&host, "lab", &vault.uri(), None).await.unwrap_err().kind, Kind::BadInput);
    let host_there = admin::run(host.running().host(), Command::KeyMove(to(&vault.uri(), None))).await;
    assert_eq!(host_there.unwrap_err().kind, Kind::BadInput);

    // The host goes elsewhere, and this one stays.
    let moved = admin::run(host.running().host(), Command::KeyMove(to(&second.uri(), None))).await.unwrap();
    assert_eq!((&moved["workspaces"], &moved["left"]), (&json!(1), &json!([])));
    assert_eq!(move_one(&host, "lab", &second.uri(), None).await.unwrap_err().kind, Kind::BadInput, "the host's");
    vault.set(Mood::Says(403, "permission denied"));
    host.running().check_keys(Instant::now() + LATER).await;
    let refused = alice.send(channel, "never").await.unwrap_err();
    assert_eq!((refused.code, refused.why.as_str()), (Code::KeyService, "the key service denies access to the key"));
    neighbour.send(elsewhere, "not my trouble").await.unwrap();
    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + LATER + Duration::from_secs(60)).await;
    said.push("again".into());
    alice.send(channel, "again").await.unwrap();

    // Without what its service wants to see it is closed, and says so; the others are served.
    host.stop().await;
    let there = second.clone();
    host.source(move || there.source());
    host.serve().await;
    assert_eq!(
        (&status(&host, "acme").await["state"], &status(&host, "lab").await["state"]),
        (&json!("closed"), &json!("open"))
    );
    let why = status(&host, "acme").await["last_error"].as_str().unwrap().to_owned();
    assert!(why.contains("no token for Vault"), "{why}");
    host.stop().await;
    let own = OwnKeySection { vault_token: Some(TOKEN.into()), ..OwnKeySection::default() };
    host.config.key.workspace.insert("acme".into(), own);
    host.serve().await;
    assert_eq!(status(&host, "acme").await["state"], "open");
    move_one(&host, "acme", "host", None).await.unwrap();
    vault.set(Mood::Breaks);
    host.running().check_keys(Instant::now() + LATER).await;
    alice.again(&host).await;
    assert_eq!(read(&mut alice, channel).await, said);
    let known = status(&host, "acme").await;
    assert_eq!((&known["own"], &known["state"]), (&json!(false), &json!("open")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_of_its_own_closes_nobody_else_and_ends_with_its_workspace() {
    let mut host = Host::start().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let file = host.data().join("keys/workspace-lab.json");
    assert_eq!(move_one(&host, "lab", "local:", None).await.unwrap_err().kind, Kind::Usage, "no passphrase");
    move_one(&host, "lab", "local:", Some("of the lab")).await.unwrap();
    let key = status(&host, "lab").await["key"].clone();
    rotate(&host, Some("lab"), "kms", Some("another")).await.unwrap();
    assert_ne!(status(&host, "lab").await["key"], key);
    assert_eq!(status(&host, "acme").await["own"], false);
    rotate(&host, None, "kms", None).await.unwrap();
    host.stop().await;

    let secret = host.folder.path().join("secret");
    std::fs::write(&secret, "of the lab").unwrap();
    let own = OwnKeySection { passphrase_file: Some(secret.clone()), ..OwnKeySection::default() };
    host.config.key.workspace.insert("lab".into(), own);
    host.serve().await;
    let known = status(&host, "lab").await;
    assert_eq!((&known["state"], &status(&host, "acme").await["state"]), (&json!("closed"), &json!("open")));
    assert!(known["last_error"].as_str().unwrap().contains("passphrase does not open"), "{known}");
    // The right passphrase is all that was missing, and then the file.
    std::fs::write(&secret, "another").unwrap();
    host.running().check_keys(Instant::now() + LATER).await;
    assert_eq!(status(&host, "lab").await["state"], "open");
    host.stop().await;
    std::fs::rename(&file, host.folder.path().join("aside")).unwrap();
    host.serve().await;
    assert_eq!(status(&host, "lab").await["state"], "closed");
    std::fs::rename(host.folder.path().join("aside"), &file).unwrap();
    host.running().check_keys(Instant::now() + LATER).await;
    assert_eq!(status(&host, "lab").await["state"], "open");

    let key = status(&host, "lab").await["key"].clone();
    let ended = wipe(&host, "lab").await;
    assert_eq!((&ended["keys_destroyed"][0], &ended["keys_to_destroy"]), (&key, &json!([])));
    assert_eq!(ended["keys_destroyed"].as_array().unwrap().len(), 2, "and the one before");
    assert!(!file.exists() && host.data().join("keys/local.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_neighbour_holds_up_neither_a_move_nor_a_rotation_of_the_host() {
    let (vault, second) = (Vault::start().await, Vault::start().await);
    let asked = vault.clone();
    let mut host = Host::start_with(move || asked.source()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "before").await.unwrap();
    for name in ["lab", "shut"] {
        host.running().host().create_workspace(name, Vec::new()).unwrap();
    }
    let lab = host.running().host().workspace("lab").unwrap();
    vault.refuse(Some(lab.id.to_string()));
    host.running().check_keys(Instant::now() + Duration::from_secs(200)).await;
    assert_eq!(status(&host, "lab").await["state"], "closed");
    // One that is closed for a moment, and whose key is given, comes along.
    host.running().host().workspace("shut").unwrap().close();

    let rotated = rotate(&host, None, "kms", None).await.unwrap();
    assert_eq!((&rotated["workspaces"], &rotated["left"]), (&json!(2), &json!(["lab"])));
    assert_eq!(status(&host, "lab").await["own"], false, "the same service has its key still");
    let moved = admin::run(host.running().host(), Command::KeyMove(to(&second.uri(), None))).await.unwrap();
    assert_eq!((&moved["workspaces"], &moved["left"]), (&json!(2), &json!(["lab"])));
    let known = status(&host, "lab").await;
    assert_eq!((&known["own"], &known["state"]), (&json!(true), &json!("closed")));
    // Its key there was the host's, and is not for it alone.
    assert_eq!(rotate(&host, Some("lab"), "kms", None).await.unwrap_err().kind, Kind::BadInput);
    assert_eq!(move_one(&host, "acme", &vault.uri(), None).await.unwrap_err().kind, Kind::BadInput);
    vault.refuse(None);
    host.running().check_keys(Instant::now() + LATER).await;
    for name in ["acme", "lab", "shut"] {
        assert_eq!(status(&host, name).await["state"], "open", "{name}");
    }
    back_up(&host, &host.folder.path().join("backups"), None).await;
    let (path, service) = (host.folder.path().join("backups"), second.clone());
    let kept = tokio::task::spawn_blocking(move || {
        let service = service.source().open(Path::new(".")).unwrap();
        let folder = Folder::open(&path, Opening { passphrase: None, service: Some(&*service) }).unwrap();
        folder.snapshot(None).unwrap().1.workspaces
    });
    assert!(kept.await.unwrap().iter().all(|kept| kept.own.is_none()));
    // After a restart it is where it stayed, until it is moved.
    host.stop().await;
    let there = second.clone();
    host.source(move || there.source());
    // What the host's new service wants to see is not for the former one.
    host.config.key.vault_token = Some(TOKEN.into());
    host.serve().await;
    let why = status(&host, "lab").await["last_error"].as_str().unwrap().to_owned();
    assert!(why.contains("key.workspace.lab"), "{why}");
    host.stop().await;
    let own = OwnKeySection { vault_token: Some(TOKEN.into()), ..OwnKeySection::default() };
    host.config.key.workspace.insert("lab".into(), own);
    host.serve().await;
    assert_eq!(status(&host, "lab").await["state"], "open");
    assert_eq!(rotate(&host, Some("lab"), "kms", None).await.unwrap_err().kind, Kind::BadInput);
    move_one(&host, "lab", "host", None).await.unwrap();
    vault.set(Mood::Breaks);
    host.running().check_keys(Instant::now() + LATER).await;
    for name in ["acme", "lab", "shut"] {
        let known = status(&host, name).await;
        assert_eq!((&known["state"], &known["own"]), (&json!("open"), &json!(false)), "{name}");
    }
    // A service that is away gives no key at all: nothing is left behind there.
    second.set(Mood::Breaks);
    host.running().check_keys(Instant::now() + LATER * 2).await;
    vault.set(Mood::Works);
    let refused = admin::run(host.running().host(), Command::KeyMove(to(&vault.uri(), None))).await.unwrap_err();
    assert_eq!(refused.kind, Kind::KeyService);
    second.set(Mood::Says(403, "permission denied"));
    let refused = admin::run(host.running().host(), Command::KeyMove(to(&vault.uri(), None))).await.unwrap_err();
    assert_eq!(refused.kind, Kind::KeyService);
    assert_eq!(status(&host, "lab").await["own"], false);
}

async fn back_up(host: &Host, folder: &Path, passphrase: Option<&str>) -> Value {
    let (to, passphrase) = (folder.to_owned(), passphrase.map(str::to_owned));
    let key_service = passphrase.is_none();
    admin::run(host.running().host(), Command::BackupCreate { to, passphrase, key_service }).await.unwrap()
}

/// Opens a backup with the host's key file, and with this service for the workspace that has its own.
fn opened(host: &Host, path: &Path, own: Option<&Vault>) -> Folder {
    let service = KeySource::Local {
        file: Some(host.data().join("keys/local.json")),
        passphrase: "server passphrase".to_owned().into(),
    };
    let service = service.open(Path::new(".")).unwrap();
    let folder = Folder::open(path, Opening { passphrase: None, service: Some(&*service) }).unwrap();
    let Some(own) = own.cloned() else { return folder };
    folder.with_owners(Arc::new(move |_, _| own.source().open(Path::new("."))))
}

async fn verified(host: &Host, path: &Path, own: Option<&Vault>) -> Result<Report, Error> {
    let (folder, scratch) = (opened(host, path, own), host.folder.path().join("scratch"));
    tokio::task::spawn_blocking(move || backup::verify(&folder, None, &scratch)).await.unwrap()
}

async fn verified_by_the_program(
    host: &Host,
    path: &Path,
    secret: Option<(&str, &str)>,
    own: Option<String>,
) -> (Option<i32>, Value) {
    let passphrase = host.folder.path().join("passphrase");
    std::fs::write(&passphrase, "server passphrase").unwrap();
    let kms = format!("local:{}", host.data().join("keys/local.json").display());
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.args(["backup", "verify", "--json", "--kms", &kms, "--from"]).arg(path);
    program.arg("--passphrase-file").arg(passphrase).arg("--scratch").arg(host.folder.path().join("scratch"));
    program.envs(secret).args(own.iter().flat_map(|own| ["--workspace-kms", own]));
    let done = program.stdin(Stdio::null()).output().await.unwrap();
    (done.status.code(), serde_json::from_slice::<Value>(&done.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_workspace_with_its_own_key_stays_shut_once_that_is_gone() {
    let vault = Vault::start().await;
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "of acme").await.unwrap();
    let mut nora = host.elsewhere("lab", "nora").await;
    let elsewhere = nora.general().await;
    nora.send(elsewhere, "of the lab").await.unwrap();
    let path = |name: &str| -> PathBuf { host.folder.path().join(name) };
    // Before it has a key of its own, the host's opens it.
    let early = back_up(&host, &path("early"), None).await;
    move_one(&host, "acme", &vault.uri(), None).await.unwrap();
    let made = back_up(&host, &path("service"), None).await;
    let recovery = back_up(&host, &path("recovery"), Some("recovery passphrase")).await;
    assert_eq!((&made["ok"], &made["workspaces"], &made["messages"]), (&json!(true), &json!(2), &json!(2)));

    let folder = opened(&host, &path("service"), None);
    let (_, snapshot) = folder.snapshot(None).unwrap();
    for kept in &snapshot.workspaces {
        let own = kept.name == "acme";
        assert_eq!((kept.own.is_some(), kept.key.key().is_err(), kept.database_key.key().is_err()), (own, own, own));
    }
    let report = verified(&host, &path("service"), Some(&vault)).await.unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), made);
    let without = verified(&host, &path("service"), None).await.unwrap();
    assert_eq!((without.ok, without.workspaces, without.missing.len()), (false, 1, 1));
    assert_eq!((without.missing[0].workspace.as_str(), without.whole().unwrap_err().kind), ("acme", Kind::KeyService));
    let folder = opened(&host, &path("service"), Some(&vault));
    assert!(backup::rehearse(folder, None, &path("rehearsal")).await.unwrap().ok);
    // The same by the command, which is told by the environment what the service wants to see.
    let verify = async |token: Option<&str>| {
        let token = token.map(|token| ("THECHATAPP_KEY_WORKSPACE_ACME_VAULT_TOKEN", token));
        verified_by_the_program(&host, &path("service"), token, None).await
    };
    assert_eq!(verify(Some(TOKEN)).await, (Some(0), made.clone()));
    let (code, said) = verify(None).await;
    assert_eq!((code, &said["missing"][0]["workspace"]), (Some(30), &json!("acme")));

    let ended = wipe(&host, "acme").await;
    let key = format!("127.0.0.1:{}/team/transit/chat", vault.port);
    assert_eq!((&ended["keys_to_destroy"][0]["key"], &ended["keys_destroyed"]), (&json!(key), &json!([])));
    let open = ended["backups_still_open"].as_array().unwrap();
    let why = |made: &Value| {
        open.iter().find(|one| one["backup"] == made["backup"]).unwrap()["why"].as_str().unwrap().to_owned()
    };
    assert_eq!(open.len(), 3);
    assert!(why(&early).contains("all workspaces of this host share"), "{}", why(&early));
    assert!(why(&recovery).contains("recovery passphrase"), "{}", why(&recovery));
    assert!(why(&made).contains("the workspace's own, until that is destroyed"), "{}", why(&made));

    // It is destroyed there.
    vault.rotate();
    vault.forget_older();
    let report = verified(&host, &path("service"), Some(&vault)).await.unwrap();
    assert_eq!((report.ok, report.workspaces, report.messages, report.missing.len()), (false, 1, 1, 1));
    let (folder, data) = (opened(&host, &path("service"), Some(&vault)), path("restored"));
    let restored = tokio::task::spawn_blocking(move || {
        let report = backup::restore(&folder, None, &data, &support::key(), Cost::TESTS).unwrap();
        let host = thechatapp_server::tenants::Host::open(&data, &support::key(), Cost::TESTS).unwrap();
        let names: Vec<_> = host.workspaces().iter().map(|one| one.name.clone()).collect();
        host.close();
        (report.missing, names)
    });
    let (missing, names) = restored.await.unwrap();
    assert_eq!((missing[0].workspace.as_str(), names), ("acme", vec!["lab".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_takes_the_key_file_and_with_it_the_backups_that_nothing_else_opens() {
    let host = Host::start().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    move_one(&host, "lab", "local:", Some("of the lab")).await.unwrap();
    let (service, recovery) = (host.folder.path().join("service"), host.folder.path().join("recovery"));
    let first = back_up(&host, &service, None).await;
    // The former key file stays for what it opens still, and goes with the workspace, too.
    rotate(&host, Some("lab"), "kms", None).await.unwrap();
    let keys = || {
        let files = std::fs::read_dir(host.data().join("keys")).unwrap();
        let named = files.map(|one| one.unwrap().file_name().into_string().unwrap());
        named.filter(|name| name.contains("lab")).count()
    };
    assert_eq!(keys(), 2);
    let second = back_up(&host, &service, None).await;
    // One that was never in a backup that anything else opens: its backups are shut.
    host.running().host().create_workspace("den", Vec::new()).unwrap();
    move_one(&host, "den", "local:", Some("of the den")).await.unwrap();
    let third = back_up(&host, &host.folder.path().join("den"), None).await;
    assert_eq!(wipe(&host, "den").await["backups_still_open"], json!([]));
    let copy = host.folder.path().join("copy.json");
    std::fs::copy(host.data().join("keys/workspace-lab.json"), &copy).unwrap();
    let with_passphrase = back_up(&host, &recovery, Some("recovery passphrase")).await;
    let ended = wipe(&host, "lab").await;
    assert_eq!((keys(), ended["keys_destroyed"].as_array().unwrap().len()), (0, 2));
    let open = ended["backups_still_open"].as_array().unwrap();
    let named: Vec<_> = open.iter().map(|one| &one["backup"]).collect();
    assert_eq!(named, [&first, &second, &third, &with_passphrase].map(|made| &made["backup"]));
    // The last one holds the same keys, and so it opens the others.
    assert_eq!(open[3]["recovery_passphrase"], json!(true));
    let by_it = with_passphrase["backup"].as_str().unwrap();
    assert!(open[..3].iter().all(|one| one["why"].as_str().unwrap().contains(by_it)), "{open:?}");
    let secret = Some(("THECHATAPP_KEY_WORKSPACE_LAB_PASSPHRASE", "of the lab"));
    let (code, said) = verified_by_the_program(&host, &service, secret, None).await;
    assert_eq!((code, &said["missing"][0]["workspace"]), (Some(30), &json!("lab")));
    // Who kept a copy of the key file opens it with that.
    let copy = Some(format!("lab=local:{}", copy.display()));
    assert_eq!(verified_by_the_program(&host, &service, secret, copy).await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_workspace_and_a_damaged_one_are_missing_in_a_backup_and_stop_no_other() {
    let vault = Vault::start().await;
    let asked = vault.clone();
    let mut host = Host::start_with(move || asked.source()).await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    alice.send(channel, "one").await.unwrap();
    for name in ["closed", "damaged"] {
        host.running().host().create_workspace(name, Vec::new()).unwrap();
    }
    let path = host.folder.path().join("backups");
    let whole = back_up(&host, &path, Some("recovery")).await;
    assert_eq!((&whole["ok"], &whole["missing"]), (&json!(true), &json!([])));
    host.stop().await;
    let database = host.data().join("damaged/workspace.db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[100..200].fill(7);
    std::fs::write(&database, bytes).unwrap();
    host.serve().await;
    let closed = host.running().host().workspace("closed").unwrap().id;
    vault.refuse(Some(closed.to_string()));
    host.running().check_keys(Instant::now() + Duration::from_secs(200)).await;

    let lacking = back_up(&host, &path, Some("recovery")).await;
    assert_eq!((&lacking["ok"], &lacking["workspaces"], &lacking["messages"]), (&json!(false), &json!(1), &json!(1)));
    let missing = lacking["missing"].as_array().unwrap();
    let said: Vec<_> =
        missing.iter().map(|one| (one["workspace"].as_str().unwrap(), one["code"].as_u64().unwrap())).collect();
    assert_eq!(said, [("closed", 30), ("damaged", 24)]);
    assert_eq!(missing[0]["why"], "the key service denies access to the key");
    let secret = host.folder.path().join("recovery");
    std::fs::write(&secret, "recovery").unwrap();
    let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.args(["backup", "create", "--json", "--data"]).arg(host.data()).arg("--to").arg(&path);
    program.arg("--recovery-passphrase-file").arg(&secret).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    assert_eq!(done.status.code(), Some(30), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said["missing"].as_array().unwrap().len(), 2);
    let metrics = host.running().metrics.unwrap();
    let page = String::from_utf8(support::get_plain(metrics, "/metrics").await).unwrap();
    assert!(page.contains("\nthechatapp_backup_workspaces_missing 2\n"), "{page}");
    assert!(page.contains("\nthechatapp_backups_total{outcome=\"partial\"} 2\n"), "{page}");
    let health = host.running().host().backup_health();
    let newest = jiff_of(whole["backup"].as_str().unwrap());
    assert_eq!(health.made.map(|at| at.0 / 1000), Some(newest), "only a complete one counts");

    // What is removed leaves the complete one, though it is not the newest.
    let folder = Folder::open(&path, "recovery").unwrap();
    let keep = backup::Keep { daily: 1, weekly: 0, monthly: 0 };
    let names = tokio::task::spawn_blocking(move || {
        backup::prune(folder, keep).unwrap();
        Folder::open(&path, "recovery").unwrap().snapshots().unwrap()
    });
    let names = names.await.unwrap();
    assert_eq!((names.len(), names[0].as_str()), (2, whole["backup"].as_str().unwrap()));
    // Where nothing can be kept there is no backup.
    vault.set(Mood::Says(403, "permission denied"));
    host.running().check_keys(Instant::now() + LATER).await;
    let command = Command::BackupCreate {
        to: host.folder.path().join("none"),
        passphrase: Some("recovery".into()),
        key_service: false,
    };
    assert_eq!(admin::run(host.running().host(), command).await.unwrap_err().kind, Kind::KeyService);
}

/// The seconds of a snapshot's name.
fn jiff_of(name: &str) -> i64 {
    let text = name.split('-').next().unwrap();
    let (day, time) = (&text[..8], &text[9..15]);
    let at = format!("{}-{}-{}T{}:{}:{}Z", &day[..4], &day[4..6], &day[6..], &time[..2], &time[2..4], &time[4..]);
    at.parse::<jiff::Timestamp>().unwrap().as_second()
}
