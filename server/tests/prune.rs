//! Old backups are removed by the program, and what stays is whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::Host;
use thechatapp_protocol::Timestamp;
use thechatapp_seal::Argon2Params;
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{self, Folder, Snapshot};
use thechatapp_server::error::Kind;

const RECOVERY: &str = "recovery passphrase";

fn open(path: &Path) -> Folder {
    Folder::open_or_make(path, RECOVERY, &Argon2Params { m_kib: 8, t: 1, p: 1 }).unwrap()
}

fn pieces(path: &Path) -> BTreeSet<std::ffi::OsString> {
    let folders = std::fs::read_dir(path.join("pieces")).unwrap();
    folders
        .flat_map(|one| std::fs::read_dir(one.unwrap().path()).unwrap())
        .map(|one| one.unwrap().file_name())
        .collect()
}

fn prune(path: &Path, days: &str) -> Output {
    let secret = path.with_extension("recovery");
    std::fs::write(&secret, RECOVERY).unwrap();
    Command::new(env!("CARGO_BIN_EXE_thechatapp-server"))
        .args(["--json", "backup", "prune", "--keep-weekly", "0", "--keep-monthly", "0", "--keep-daily", days, "--to"])
        .arg(path)
        .arg("--recovery-passphrase-file")
        .arg(secret)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stays_whole_and_pieces_of_the_others_go() {
    let mut host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let general = alice.general().await;
    let path = host.folder.path().join("backup");
    let mut before = BTreeSet::new();
    for number in 0..3 {
        alice.send(general, &format!("message {number}")).await.unwrap();
        if number == 2 {
            // Whatever the newest adds to this is named by it.
            before = pieces(&path);
        }
        backup::create(host.running().host(), open(&path)).await.unwrap();
    }
    let all = pieces(&path);
    let names = open(&path).snapshots().unwrap();
    assert_eq!(names.len(), 3);

    // Nobody comes between a backup and its end.
    let making = open(&path).lock().unwrap();
    assert_eq!(prune(&path, "1").status.code(), Some(26));
    assert_eq!(backup::create(host.running().host(), open(&path)).await.unwrap_err().kind, Kind::Busy);
    drop(making);
    assert_eq!(prune(&path, "0").status.code(), Some(2));
    assert_eq!(pieces(&path), all);

    let done = prune(&path, "1");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    let left = pieces(&path);
    let gone = all.len() - left.len();
    assert!(gone >= 2, "each of the older databases had a piece of its own");
    assert_eq!((&said["kept"], &said["removed"], &said["pieces"]), (&json!(1), &json!(2), &json!(gone)));
    assert!(said["bytes"].as_u64().unwrap() > 0);
    assert_eq!(open(&path).snapshots().unwrap(), names[2..]);
    assert!(all.difference(&before).all(|piece| left.contains(piece)), "a piece of the newest is missing");
    let again: Value = serde_json::from_slice(&prune(&path, "1").stdout).unwrap();
    assert_eq!(again, json!({ "kept": 1, "removed": 0, "pieces": 0, "bytes": 0 }));

    host.stop().await;
    let scratch = host.folder.path().join("scratch");
    let restored = host.folder.path().join("restored");
    let report = tokio::task::spawn_blocking(move || {
        let folder = open(&path);
        let proved = backup::verify(&folder, None, &scratch).unwrap();
        let back = backup::restore(&folder, None, &restored, &support::key(), Cost::TESTS).unwrap();
        assert_eq!(backup::Report { voided: None, ..back }, proved);
        proved
    })
    .await
    .unwrap();
    assert_eq!((report.backup.as_str(), report.messages), (names[2].as_str(), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_prunes_after_its_own_backup() {
    let mut host = Host::start().await;
    host.stop().await;
    let path = host.folder.path().join("backup");
    let secret = host.folder.path().join("recovery");
    std::fs::write(&secret, RECOVERY).unwrap();
    let old = Snapshot {
        version: 1,
        at: Timestamp(0),
        base_url: String::new(),
        workspaces: Vec::new(),
        missing: Vec::new(),
        wiped: Vec::new(),
    };
    let old = open(&path).put_snapshot(&old).unwrap();
    host.config.backup.to = Some(path.clone());
    host.config.backup.recovery_passphrase_file = Some(secret);
    (host.config.backup.keep_weekly, host.config.backup.keep_monthly) = (Some(1), Some(0));
    host.config.backup.keep_daily = Some(0);
    host.serve().await;
    let begun = Instant::now();
    let left = loop {
        let names = open(&path).snapshots().unwrap();
        if !names.contains(&old) {
            break names;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the old backup is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(left.len(), 1);
    host.stop().await;
}
