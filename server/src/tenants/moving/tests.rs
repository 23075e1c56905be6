#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::auth::password::Cost;
use crate::kms::KeySource;
use std::path::Path;

fn source() -> KeySource {
    KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() }
}

fn made(dir: &Path) -> Host {
    drop(crate::serve::init(dir, &source(), "acme", None, Cost::TESTS).unwrap());
    Host::open(dir, &source(), Cost::TESTS).unwrap()
}

/// From here on the host's database refuses, as one does whose disk is full.
fn refuse(host: &Host, what: &str) {
    let sql = format!("CREATE TEMP TRIGGER refuses BEFORE {what} BEGIN SELECT RAISE(ABORT, 'full'); END");
    host.db().unwrap().execute_batch(&sql).unwrap();
}

fn accept(host: &Host) {
    host.db().unwrap().execute_batch("DROP TRIGGER refuses").unwrap();
}

fn opens(host: Host, dir: &Path) {
    host.close();
    let host = Host::open(dir, &source(), Cost::TESTS).unwrap();
    assert!(host.workspaces().iter().all(|workspace| workspace.is_open()));
    host.close();
}

#[test]
fn a_rotation_whose_last_step_fails_has_its_key_file_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (folder.path().join("data"), folder.path().join("data/keys/local.json"));
    let host = made(&dir);
    refuse(&host, "UPDATE OF wrapped_key ON workspaces");
    host.rotate_kms(None).unwrap();
    assert_eq!(kms::key_of(&file).unwrap(), Some(host.kms().key_id()));
    assert!(!kms::next_file(&file).exists());
    // What is not at its end may not be gone over by the next.
    host.rotate_kms(None).unwrap_err();
    accept(&host);
    host.rotate_kms(None).unwrap();
    refuse(&host, "UPDATE OF wrapped_key ON workspaces");
    host.rotate_kms(None).unwrap();
    opens(host, &dir);
}

#[test]
fn a_failed_attempt_does_not_replace_the_only_copy_of_the_key_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (folder.path().join("data"), folder.path().join("data/keys/local.json"));
    let host = made(&dir);
    let former = std::fs::read(&file).unwrap();
    host.rotate_kms(None).unwrap();
    // As if it had not come to the renaming.
    std::fs::rename(&file, kms::next_file(&file)).unwrap();
    std::fs::write(&file, former).unwrap();
    refuse(&host, "UPDATE OF next_key ON workspaces");
    host.rotate_kms(None).unwrap_err();
    accept(&host);
    opens(host, &dir);
}
