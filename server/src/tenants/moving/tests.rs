#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::auth::password::Cost;
use crate::config::KeySection;
use crate::kms::KeySource;
use crate::tenants::To;
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

fn own_section() -> KeySection {
    let own = crate::config::OwnKeySection { passphrase: Some("of acme".into()), ..Default::default() };
    KeySection { workspace: [("acme".to_owned(), own)].into(), ..KeySection::default() }
}

fn opens_with_its_own(host: Host, dir: &Path) {
    host.close();
    let host = Host::open_with(dir, &source(), Cost::TESTS, &own_section()).unwrap();
    assert!(host.workspaces().iter().all(|workspace| workspace.is_open()));
    host.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workspace_s_row_says_counts_also_when_the_log_cannot_be_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    tokio::task::block_in_place(|| {
        let host = made(&dir);
        let mark = dir.join("host.db-mark");
        let _ = std::fs::remove_file(&mark);
        std::fs::create_dir(&mark).unwrap();
        thechatapp_database::empty_wal(&host.db().unwrap()).unwrap_err();
        let section = own_section();
        host.move_workspace("acme", To::Own { uri: "local:", section: &section }).unwrap();
        let workspace = host.workspace("acme").unwrap();
        assert!(workspace.own().is_some());
        std::fs::remove_dir(&mark).unwrap();
        host.rotate_workspace_key("acme").unwrap();
        opens_with_its_own(host, &dir);
    });
}

#[test]
fn a_failed_attempt_does_not_replace_the_only_copy_of_a_workspace_s_key() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = (folder.path().join("data"), folder.path().join("data/keys/workspace-acme.json"));
    let host = made(&dir);
    let section = own_section();
    host.move_workspace("acme", To::Own { uri: "local:", section: &section }).unwrap();
    let former = std::fs::read(&file).unwrap();
    host.rotate_own_kms("acme", None).unwrap();
    // As if it had not come to the renaming.
    std::fs::rename(&file, kms::next_file(&file)).unwrap();
    std::fs::write(&file, former).unwrap();
    refuse(&host, "UPDATE OF wrapped_key ON workspaces");
    host.rotate_own_kms("acme", None).unwrap_err();
    accept(&host);
    opens_with_its_own(host, &dir);
}
