//! Backups that a key service opens, what a host remembers of its backups, and their rehearsal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Output, Stdio};
use std::time::{Duration, Instant};
use support::{Host, PASSWORD, vault::Vault};
use thechatapp_seal::Argon2Params;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{self, Folder, Opening};
use thechatapp_server::error::Kind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const RECOVERY: &str = "recovery passphrase";
const CHEAP: Argon2Params = Argon2Params { m_kib: 8, t: 1, p: 1 };

struct Scene {
    host: Host,
    backups: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        Self::of(Host::start().await).await
    }

    async fn of(host: Host) -> Self {
        std::fs::write(host.folder.path().join("passphrase"), "server passphrase").unwrap();
        std::fs::write(host.folder.path().join("recovery"), RECOVERY).unwrap();
        let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
        let general = alice.general().await;
        for number in 0..3 {
            alice.send(general, &format!("message {number}")).await.unwrap();
        }
        let backups = host.folder.path().join("backups");
        Self { host, backups }
    }

    fn file(&self, name: &str) -> String {
        self.host.folder.path().join(name).display().to_string()
    }

    async fn command(&self, command: Command) -> Value {
        admin::run(self.host.running().host(), command).await.unwrap()
    }

    async fn back_up(&self, folder: &str, passphrase: bool, key_service: bool) -> Value {
        let passphrase = passphrase.then(|| RECOVERY.to_owned());
        let to = self.backups.join(folder);
        self.command(Command::BackupCreate { to, passphrase, key_service }).await
    }

    async fn wipe(&self, channel: Option<&str>) -> Vec<Value> {
        let channel = channel.map(str::to_owned);
        let command =
            Command::WorkspaceWipe { workspace: "acme".into(), channel, person: None, destroy_remote_key: None };
        self.command(command).await["backups_still_open"].as_array().unwrap().clone()
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        program.args(args).arg("--json").stdin(Stdio::null()).output().unwrap()
    }

    fn verify(&self, folder: &str, extra: &[&str]) -> Output {
        let from = self.backups.join(folder).display().to_string();
        self.run(&[&["backup", "verify", "--from", &from], extra].concat())
    }
}

fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_for_the_key_service_alone_opens_with_its_key_file_and_with_nothing_else() {
    let mut scene = Scene::new().await;
    let made = scene.back_up("service", false, true).await;
    let (key, passphrase, recovery) = (
        format!("local:{}", scene.host.data().join("keys/local.json").display()),
        scene.file("passphrase"),
        scene.file("recovery"),
    );
    assert_eq!(said(&scene.verify("service", &["--kms", &key, "--passphrase-file", &passphrase])), made);
    let by_recovery = scene.verify("service", &["--recovery-passphrase-file", &recovery]);
    assert_eq!(by_recovery.status.code(), Some(23));
    assert_eq!(scene.verify("service", &["--passphrase-file", &passphrase]).status.code(), Some(2), "which key file?");
    let nothing = scene.run(&["backup", "create", "--to", &scene.file("x"), "--data", &scene.file("data")]);
    assert_eq!(nothing.status.code(), Some(2), "nothing would open it");

    // The host is lost but for its key file, and another goes on with one of its own.
    scene.host.stop().await;
    std::fs::copy(scene.host.data().join("keys/local.json"), scene.file("key.json")).unwrap();
    std::fs::remove_dir_all(scene.host.data()).unwrap();
    let from = scene.backups.join("service").display().to_string();
    let (data, key) = (scene.file("data"), format!("local:{}", scene.file("key.json")));
    std::fs::write(scene.file("new"), "server passphrase").unwrap();
    let restored = scene.run(&[
        "backup",
        "restore",
        "--from",
        &from,
        "--data",
        &data,
        "--passphrase-file",
        &scene.file("new"),
        "--from-kms",
        &key,
        "--from-passphrase-file",
        &passphrase,
    ]);
    let mut restored = said(&restored);
    let voided = restored.as_object_mut().unwrap().remove("voided");
    assert_eq!(voided, Some(json!({ "invites": 0, "reset_codes": 0, "browsers": 0, "recovery_codes": 0 })));
    assert_eq!(restored, made);
    scene.host.serve().await;
    let credential = thechatapp_protocol::methods::account::Credential::Password {
        name: "alice".into(),
        password: PASSWORD.into(),
        code: None,
    };
    let device = std::sync::Arc::new(thechatapp_protocol::session::StaticKey::random().unwrap());
    let mut alice = scene.host.enrol(&device, credential).await.unwrap();
    assert_eq!(support::texts(&alice.sync(0).await.1).len(), 3);
    // It knows the backup that it came from.
    assert_eq!(scene.wipe(Some("general")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_for_vault_opens_while_vault_allows_it() {
    let vault = Vault::start().await;
    let source = vault.clone();
    let mut scene = Scene::of(Host::start_with(move || source.source()).await).await;
    let made = scene.back_up("vault", false, true).await;
    let (path, service) = (scene.backups.join("vault"), vault.clone());
    let verify = move |path: PathBuf| {
        let service = service.source().open(Path::new(".")).unwrap();
        let folder = Folder::open(&path, Opening { passphrase: None, service: Some(&*service) })?;
        let scratch = path.with_extension("scratch");
        backup::verify(&folder, None, &scratch)
    };
    let (first, again) = (verify.clone(), path.clone());
    let report = tokio::task::spawn_blocking(move || first(again)).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(report).unwrap(), made);
    scene.host.stop().await;
    // The key is destroyed.
    vault.rotate();
    vault.forget_older();
    let why = tokio::task::spawn_blocking(move || verify(path)).await.unwrap().unwrap_err();
    assert!(matches!(why.kind, Kind::WrongKey | Kind::KeyService | Kind::Corrupt), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_for_a_key_service_follow_a_new_key_and_another_service() {
    let scene = Scene::new().await;
    scene.back_up("service", false, true).await;
    scene.back_up("both", true, true).await;
    let opens = |kms: String| {
        let passphrase = scene.file("passphrase");
        ["service", "both"].map(|folder| {
            let args = ["--kms", &kms, "--passphrase-file", &passphrase];
            scene.verify(folder, &args).status.code()
        })
    };
    let key = format!("local:{}", scene.host.data().join("keys/local.json").display());
    std::fs::copy(scene.host.data().join("keys/local.json"), scene.file("former.json")).unwrap();
    scene.command(Command::KeyRotate { workspace: None, what: "kms".into(), new_passphrase: None }).await;
    assert_eq!(opens(key.clone()), [Some(0), Some(0)]);
    assert_eq!(opens(format!("local:{}", scene.file("former.json"))), [Some(23), Some(23)], "nor does the former one");
    // One whose folder is elsewhere cannot follow: the former key file stays for it.
    scene.back_up("away", false, true).await;
    std::fs::rename(scene.backups.join("away"), scene.backups.join("unmounted")).unwrap();
    scene.command(Command::KeyRotate { workspace: None, what: "kms".into(), new_passphrase: None }).await;
    assert_eq!(opens(key.clone()), [Some(0), Some(0)]);
    let former = std::fs::read_dir(scene.host.data().join("keys")).unwrap().map(|one| one.unwrap().path());
    let former = former.into_iter().find(|path| path.display().to_string().contains("former-")).unwrap();
    let args = ["--kms", &format!("local:{}", former.display()), "--passphrase-file", &scene.file("passphrase")];
    said(&scene.verify("unmounted", &args));
    // While a backup is made there, its keys do not change.
    let folder = Folder::open(&scene.backups.join("both"), RECOVERY).unwrap().lock().unwrap();
    let rotate = Command::KeyRotate { workspace: None, what: "kms".into(), new_passphrase: None };
    let refused = admin::run(scene.host.running().host(), rotate).await.unwrap_err();
    assert_eq!((refused.kind, opens(key.clone())), (Kind::Busy, [Some(0), Some(0)]));
    drop(folder);
    // And the next backup goes into the same folders.
    scene.back_up("service", false, true).await;
    scene.back_up("both", true, true).await;
    let moved = format!("local:{}", scene.file("moved.json"));
    let to = admin::MoveTo { to: moved.clone(), passphrase: Some("server passphrase".into()), section: Box::default() };
    scene.command(Command::KeyMove(to)).await;
    assert_eq!((opens(moved), opens(key)), ([Some(0), Some(0)], [Some(23), Some(23)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_names_the_backups_that_hold_it_still_and_why() {
    let scene = Scene::new().await;
    let first = scene.back_up("recovery", true, false).await;
    let second = scene.back_up("service", false, true).await;
    let third = scene.back_up("both", true, true).await;
    let named = scene.wipe(Some("general")).await;
    let fields = |of: &[Value], field: &str| of.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    assert_eq!(fields(&named, "backup"), [&first, &second, &third].map(|made| made["backup"].clone()));
    assert_eq!(fields(&named, "recovery_passphrase"), [true, false, true].map(Value::from));
    let key = scene.host.running().host().key_status("acme").unwrap()["key"].clone();
    let service = json!({ "provider": "local", "key": key });
    assert_eq!(fields(&named, "key_service"), [Value::Null, service.clone(), service]);
    assert!(named[1]["why"].as_str().unwrap().contains("all workspaces of this host share"));
    assert_eq!(fields(&named, "found"), [true, true, true].map(Value::from));
    assert_eq!(named[0]["folder"], scene.backups.join("recovery").display().to_string());

    // What came after those backups is in none of them.
    let fresh = scene.wipe(Some("general")).await;
    assert!(fresh.is_empty(), "it was made anew by the first wipe: {fresh:?}");
    // One whose snapshot is gone is named no longer; one whose folder is elsewhere is.
    let gone = scene.backups.join("service/snapshots").join(second["backup"].as_str().unwrap());
    std::fs::remove_file(gone).unwrap();
    std::fs::rename(scene.backups.join("both"), scene.backups.join("elsewhere")).unwrap();
    let named = scene.wipe(None).await;
    assert_eq!(fields(&named, "backup"), [first["backup"].clone(), third["backup"].clone()]);
    assert_eq!(fields(&named, "found"), [true, false].map(Value::from));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pruned_while_somebody_reads_and_reading_ones_do_not_wait_for_each_other() {
    let scene = Scene::new().await;
    scene.back_up("one", true, false).await;
    let path = scene.backups.join("one");
    let folder = || Folder::open_or_make(&path, RECOVERY, &CHEAP).unwrap();
    let keep = backup::Keep { daily: 1, weekly: 0, monthly: 0 };
    let lock = std::fs::File::options().append(true).create(true).open(path.join("reading.lock")).unwrap();
    lock.lock_shared().unwrap();
    assert_eq!(backup::prune(folder(), keep).unwrap_err().kind, Kind::Busy);
    let scratch = scene.host.folder.path().join("scratch");
    backup::verify(&folder(), None, &scratch).unwrap();
    // A backup may be made while another is read.
    scene.back_up("one", true, false).await;
    lock.unlock().unwrap();
    lock.lock().unwrap();
    assert_eq!(backup::verify(&folder(), None, &scratch).unwrap_err().kind, Kind::Busy);
    let data = scene.host.folder.path().join("restored");
    let restored = backup::restore(&folder(), None, &data, &support::key(), Cost::TESTS);
    assert_eq!(restored.unwrap_err().kind, Kind::Busy);
    assert!(!data.exists());
    lock.unlock().unwrap();
    assert_eq!(backup::prune(folder(), keep).unwrap().kept, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_restores_counts_and_leaves_nothing_behind() {
    let scene = Scene::new().await;
    let mut made = scene.back_up("one", true, false).await;
    let (recovery, scratch) = (scene.file("recovery"), scene.file("scratch"));
    let args = ["--rehearse", "--scratch", &scratch, "--recovery-passphrase-file", &recovery];
    made["rehearsed"] = true.into();
    assert_eq!(said(&scene.verify("one", &args)), made);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "nothing stays");
    let folder = Folder::open(&scene.backups.join("one"), RECOVERY).unwrap();
    let place = scene.host.folder.path().join("rehearsal");
    let report = backup::rehearse(folder, None, &place).await.unwrap();
    assert_eq!((report.messages, place.exists()), (3, false));

    // A piece is missing.
    let pieces = scene.backups.join("one/pieces");
    let some = std::fs::read_dir(pieces).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_dir_all(some).unwrap();
    let folder = Folder::open(&scene.backups.join("one"), RECOVERY).unwrap();
    assert_eq!(backup::rehearse(folder, None, &place).await.unwrap_err().kind, Kind::Corrupt);
    assert!(!place.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_rehearses_by_itself_and_says_what_it_saw() {
    let mut scene = Scene::new().await;
    scene.host.stop().await;
    let section = &mut scene.host.config.backup;
    (section.to, section.key_service, section.rehearse_days) = (Some(scene.backups.clone()), true, Some(7));
    scene.host.serve().await;
    let begun = Instant::now();
    let seen = loop {
        let health = scene.host.running().host().backup_health();
        if let Some(seen) = health.rehearsed {
            break seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no rehearsal came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(seen.error, None);
    assert!(!scene.host.data().join("rehearsal").exists());
    let report = scene.command(Command::Doctor).await;
    assert_eq!(report["backup"]["rehearsed"]["ok"], true, "{report}");
    assert!(report["backup"]["made"].is_string() && report["ok"] == true);
    let metrics = scene.host.running().metrics.unwrap();
    let mut stream = tokio::net::TcpStream::connect(metrics).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    assert!(page.contains("\nthechatapp_backup_rehearsal_failed 0\n"), "{page}");
    assert!(page.contains(&format!("\nthechatapp_backup_rehearsed_timestamp_seconds {}\n", seen.at / 1000)));
    // It is remembered.
    scene.host.stop().await;
    scene.host.serve().await;
    assert_eq!(scene.host.running().host().backup_health().rehearsed, Some(seen));
}
