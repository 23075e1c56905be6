//! A wipe ends a workspace's own key in its service where that is asked for: only where it is this workspace's alone, before
//! anything else, and told when it cannot be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::process::{Command as Program, Output, Stdio};
use support::Host;
use support::keys::{move_one, status, to, wipe_with_key};
use support::vault::{Deletion, TOKEN, Vault};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::config::OwnKeySection;
use thechatapp_server::{Error, Kind};

async fn with_lab() -> (Host, Vault) {
    let (host, vault) = (Host::start().await, Vault::start().await);
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    move_one(&host, "lab", &vault.uri(), None).await.unwrap();
    (host, vault)
}

async fn refused(host: &Host, workspace: &str) -> Error {
    let refused = wipe_with_key(host, workspace, Some(30)).await.unwrap_err();
    assert_eq!(status(host, workspace).await["state"], "open", "nothing was wiped: {refused}");
    assert!(refused.why.contains("nothing was wiped"), "{refused}");
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_vault_is_deleted_before_its_workspace_or_neither_is() {
    let (host, vault) = with_lab().await;
    let why = refused(&host, "lab").await;
    assert_eq!(why.kind, Kind::KeyService);
    assert!(why.why.contains("deletion is not allowed") && why.advice.contains("deletion_allowed=true"), "{why:?}");
    vault.set_deletion(Deletion::Denied);
    let why = refused(&host, "lab").await;
    assert!(why.why.contains("permission denied") && why.advice.contains("`delete`"), "{why:?}");
    assert!(vault.has_key());
    assert_eq!(wipe_with_key(&host, "lab", Some(6)).await.unwrap_err().kind, Kind::BadInput, "too short for AWS");

    vault.set_deletion(Deletion::Allowed);
    let ended = wipe_with_key(&host, "lab", Some(30)).await.unwrap();
    let key = format!("127.0.0.1:{}/team/transit/chat", vault.port);
    assert_eq!(
        (&ended["keys_destroyed"], &ended["keys_scheduled"], &ended["keys_to_destroy"]),
        (&json!([key]), &json!([]), &json!([]))
    );
    assert!(!vault.has_key() && host.running().host().find("lab").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_something_else_needs_is_not_ended() {
    let (host, vault) = with_lab().await;
    vault.set_deletion(Deletion::Allowed);
    assert_eq!(refused(&host, "acme").await.kind, Kind::BadInput, "the host's");

    // Another workspace's key is the same one by now, under another name.
    let second = Vault::start().await;
    host.running().host().create_workspace("den", Vec::new()).unwrap();
    move_one(&host, "den", &second.uri(), None).await.unwrap();
    second.adopt(&vault);
    let command = Command::KeyRotate { workspace: Some("den".into()), what: "kms".into(), new_passphrase: None };
    admin::run(host.running().host(), command).await.unwrap();
    let why = refused(&host, "lab").await;
    assert!(why.kind == Kind::BadInput && why.why.contains("guards den, too"), "{why:?}");
    // What is not told is not taken for a no.
    vault.refuse(Some(host.running().host().workspace("den").unwrap().id.to_string()));
    let why = refused(&host, "lab").await;
    assert!(why.kind == Kind::KeyService && why.why.contains("whether it guards den"), "{why:?}");
    vault.refuse(None);
    move_one(&host, "den", "host", None).await.unwrap();

    // The host was here before, and a backup of it opens with this key still.
    let (former, away) = (Vault::start().await, host.folder.path().join("backups"));
    admin::run(host.running().host(), Command::KeyMove(to(&former.uri(), None))).await.unwrap();
    let backup = Command::BackupCreate { to: away.clone(), passphrase: None, key_service: true };
    admin::run(host.running().host(), backup).await.unwrap();
    std::fs::rename(&away, host.folder.path().join("unmounted")).unwrap();
    admin::run(host.running().host(), Command::KeyMove(to(&second.uri(), None))).await.unwrap_err();
    let back = format!("local:{}", host.folder.path().join("back.json").display());
    admin::run(host.running().host(), Command::KeyMove(to(&back, Some("back")))).await.unwrap();
    move_one(&host, "den", &former.uri(), None).await.unwrap();
    former.set_deletion(Deletion::Allowed);
    let why = refused(&host, "den").await;
    assert!(why.kind == Kind::BadInput && why.why.contains(&away.display().to_string()), "{why:?}");
    assert!(vault.has_key() && former.has_key());
    // Another key does not, which shows once they are there.
    assert_eq!(refused(&host, "lab").await.kind, Kind::KeyService);
    std::fs::rename(host.folder.path().join("unmounted"), &away).unwrap();
    wipe_with_key(&host, "lab", Some(7)).await.unwrap();
}

/// A key is a known backup's whatever it is called by now: as the host's before, or as that of another workspace in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_opens_backups_under_another_name_is_not_ended() {
    for of_host in [true, false] {
        let (host, vault) = with_lab().await;
        host.running().host().create_workspace("den", Vec::new()).unwrap();
        if of_host {
            move_one(&host, "lab", "host", None).await.unwrap();
            admin::run(host.running().host(), Command::KeyMove(to(&vault.uri(), None))).await.unwrap();
        }
        let (folder, away) = (host.folder.path().join("backups"), host.folder.path().join("unmounted"));
        let backup = Command::BackupCreate { to: folder.clone(), passphrase: None, key_service: true };
        let made = admin::run(host.running().host(), backup).await.unwrap();
        std::fs::rename(&folder, &away).unwrap();
        if of_host {
            let back = format!("local:{}", host.folder.path().join("back.json").display());
            admin::run(host.running().host(), Command::KeyMove(to(&back, Some("back")))).await.unwrap();
        } else {
            move_one(&host, "lab", "host", None).await.unwrap();
        }
        let same = vault.at_another_address().await;
        same.set_deletion(Deletion::Allowed);
        move_one(&host, "den", &same.uri(), None).await.unwrap();
        let path = folder.display().to_string();

        // What cannot be looked at is not taken for a no.
        let why = refused(&host, "den").await;
        assert!(why.kind == Kind::KeyService && why.why.contains(&path), "{why:?}");
        std::fs::rename(&away, &folder).unwrap();
        let why = refused(&host, "den").await;
        assert!(
            why.kind == Kind::BadInput && why.why.contains(&format!("guards the backups in {path}, too")),
            "{why:?}"
        );
        let snapshot = folder.join("snapshots").join(made["backup"].as_str().unwrap());
        if !of_host {
            let bytes = std::fs::read(&snapshot).unwrap();
            std::fs::write(&snapshot, &bytes[1..]).unwrap();
            let why = refused(&host, "den").await;
            assert!(why.kind == Kind::KeyService && why.why.contains("cannot be told"), "{why:?}");
        }
        // One that is gone needs no key.
        std::fs::remove_file(&snapshot).unwrap();
        wipe_with_key(&host, "den", Some(30)).await.unwrap();
        assert!(!same.has_key());
    }
}

/// The server's program on a host that is not served.
fn run(host: &Host, args: &[&str], end: Option<&str>) -> Output {
    let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.arg("workspace").args(args).arg("--data").arg(host.data()).arg("--json").stdin(Stdio::null());
    program.env("THECHATAPP_KEY_PASSPHRASE", "server passphrase");
    program.env("THECHATAPP_KEY_WORKSPACE_LAB_VAULT_TOKEN", TOKEN).envs(end.map(|end| ("THECHATAPP_CRASH_AT", end)));
    program.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_that_ends_after_its_key_did_is_given_again() {
    for lost in [false, true] {
        let (mut host, vault) = with_lab().await;
        let own = OwnKeySection { vault_token: Some(TOKEN.into()), ..OwnKeySection::default() };
        host.config.key.workspace.insert("lab".into(), own);
        host.stop().await;
        vault.set_deletion(if lost { Deletion::Lost } else { Deletion::Allowed });
        let wipe = ["wipe", "--workspace", "lab", "--yes"];
        let with_key = [&wipe[..], &["--destroy-remote-key"]].concat();
        let broken = tokio::task::block_in_place(|| run(&host, &with_key, Some("wipe: remote key ended")));
        assert_eq!(broken.status.code(), lost.then_some(30));
        if lost {
            let said: Value = serde_json::from_slice(&broken.stderr).unwrap();
            assert!(said["why"].as_str().unwrap().contains("may be destroyed all the same"), "{said}");
        }
        assert!(!vault.has_key() && host.data().join("lab").exists());
        let again = tokio::task::block_in_place(|| run(&host, &with_key, None));
        assert_eq!(again.status.code(), Some(30), "what is not there cannot be shown to be this key");
        let done = tokio::task::block_in_place(|| run(&host, &wipe, None));
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(said["keys_to_destroy"].as_array().unwrap().len(), 1, "{said}");
        assert!(!host.data().join("lab").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_option_is_for_a_whole_workspace_and_has_bounds() {
    let host = Host::start().await;
    for more in [
        &["--channel", "general", "--destroy-remote-key"][..],
        &["--person", "alice", "--destroy-remote-key"],
        &["--pending-window-days", "30"],
        &["--destroy-remote-key", "--pending-window-days", "6"],
        &["--destroy-remote-key", "--pending-window-days", "31"],
    ] {
        let args = [&["wipe", "--workspace", "acme", "--yes"][..], more].concat();
        assert_eq!(tokio::task::block_in_place(|| run(&host, &args, None)).status.code(), Some(2), "{more:?}");
    }
    assert!(host.running().host().find("acme").is_some());
}
