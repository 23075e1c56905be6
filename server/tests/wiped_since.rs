//! What was wiped after a backup was made is not brought back by it, as far as a later backup in the folder tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command as Program, Output, Stdio};
use std::sync::Arc;
use support::files::copy_folder;
use support::{Host, PASSWORD, Person, channel_id, texts};
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::account::Credential;
use thechatapp_protocol::methods::channels::{CreateChannel, CreateChannelParams};
use thechatapp_protocol::methods::roles::{SetRank, SetRankParams};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::StaticKey;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::backup::{Folder, Opening};

const RECOVERY: &str = "recovery passphrase";

async fn wipe(host: &Host, workspace: &str, channel: Option<ChannelId>, person: Option<&str>) {
    let command = Command::WorkspaceWipe {
        workspace: workspace.into(),
        channel: channel.map(|id| id.to_string()),
        person: person.map(str::to_owned),
        destroy_remote_key: None,
    };
    admin::run(host.running().host(), command).await.unwrap();
}

async fn back_up(host: &Host, to: &Path) -> String {
    let command = Command::BackupCreate { to: to.to_owned(), passphrase: Some(RECOVERY.into()), key_service: false };
    admin::run(host.running().host(), command).await.unwrap()["backup"].as_str().unwrap().to_owned()
}

async fn restore(host: &mut Host, from: &Path, backup: Option<&str>, how: &[&str]) -> Output {
    let file = |name: &str, text: &str| {
        let path = host.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (recovery, passphrase) = (file("recovery", RECOVERY), file("passphrase", "server passphrase"));
    let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.args(["backup", "restore"]).args(how).arg("--from").arg(from).arg("--data").arg(host.data());
    program.arg("--recovery-passphrase-file").arg(recovery).arg("--passphrase-file").arg(passphrase);
    program.args(backup.iter().flat_map(|name| ["--backup", name])).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

async fn sign_in(host: &Host, name: &str) -> Option<Person> {
    let credential = Credential::Password { name: name.into(), password: PASSWORD.into(), code: None };
    host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.ok()
}

async fn everything(person: &mut Person) -> Vec<String> {
    let mut all = texts(&person.sync(0).await.1);
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_backup_says_was_wiped_stays_so() {
    let mut host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let plans = channel_id();
    let params = CreateChannelParams { id: plans, name: "plans".into(), kind: ChannelKind::Public };
    alice.call::<CreateChannel>(&params).await.unwrap();
    alice.send(general, "stays").await.unwrap();
    bob.send(general, "of bob").await.unwrap();
    alice.send(plans, "of the plans").await.unwrap();
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let folder = host.folder.path().join("backups");
    let before = back_up(&host, &folder).await;
    let alone = host.folder.path().join("alone");
    copy_folder(&folder, &alone);
    wipe(&host, "acme", Some(plans), None).await;
    wipe(&host, "acme", None, Some("bob")).await;
    wipe(&host, "lab", None, None).await;
    let after = back_up(&host, &folder).await;
    host.stop().await;

    for (from, backup) in [(&folder, Some(before.as_str())), (&folder, Some(after.as_str())), (&alone, None)] {
        std::fs::remove_dir_all(host.data()).unwrap();
        let done = restore(&mut host, from, backup, &["--json"]).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        let was_wiped = *from == folder;
        assert_eq!(said["workspaces"], if was_wiped { 1 } else { 2 }, "{said}");
        let since = json!([
            { "workspace": "lab", "whole": true, "channels": 0, "people": 0 },
            { "workspace": "acme", "whole": false, "channels": 1, "people": 1 },
        ]);
        assert_eq!(said["wiped_since"], if backup == Some(&before) { since } else { Value::Null });
        host.serve().await;
        host.running().host().go_on_wiping().await.unwrap();
        assert_eq!(host.running().host().find("lab").is_none(), was_wiped);
        let mut alice = sign_in(&host, "alice").await.unwrap();
        let said = if was_wiped { vec!["", "stays"] } else { vec!["of bob", "of the plans", "stays"] };
        assert_eq!(everything(&mut alice).await, said, "{from:?} {backup:?}");
        assert_eq!(sign_in(&host, "bob").await.is_none(), was_wiped);
        let checked = admin::run(host.running().host(), Command::Doctor).await.unwrap();
        assert_eq!(checked["ok"], true, "{checked}");
        // It is wiped, so backups of this host say so in their turn.
        let next = host.folder.path().join("next");
        back_up(&host, &next).await;
        let opening = Opening { passphrase: Some(RECOVERY), service: None };
        let (_, said) = Folder::open(&next, opening).unwrap().snapshot(None).unwrap();
        let within = said.workspaces.iter().find(|kept| kept.name == "acme").unwrap();
        assert_eq!((said.wiped.is_empty(), within.wiped.is_empty()), (!was_wiped, !was_wiped));
        host.stop().await;
        std::fs::remove_dir_all(host.folder.path().join("next")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_whose_last_owner_is_wiped_again_has_an_owner_s_invite() {
    let mut host = Host::start().await;
    let mut ana = host.join_by(&host.owner_invite.clone(), "ana").await;
    let ben = host.join("ben").await;
    let folder = host.folder.path().join("backups");
    let before = back_up(&host, &folder).await;
    ana.call::<SetRank>(&SetRankParams { person: ben.id(), rank: Rank::Owner }).await.unwrap();
    let both = back_up(&host, &folder).await;
    wipe(&host, "acme", None, Some("ana")).await;
    back_up(&host, &folder).await;
    host.stop().await;

    for (backup, is_lost) in [(before, true), (both, false)] {
        std::fs::remove_dir_all(host.data()).unwrap();
        let done = restore(&mut host, &folder, Some(&backup), &["--json"]).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        let invite = said["wiped_since"][0]["invite"].as_str().map(str::to_owned);
        assert_eq!(invite.is_some(), is_lost, "{said}");
        host.serve().await;
        host.running().host().go_on_wiping().await.unwrap();
        if let Some(invite) = invite {
            let mut next = host.join_by(&invite, "nora").await;
            next.call::<SetRank>(&SetRankParams { person: ben.id(), rank: Rank::Owner }).await.unwrap();
        }
        host.stop().await;
        if is_lost {
            std::fs::remove_dir_all(host.data()).unwrap();
            let words = restore(&mut host, &folder, Some(&backup), &[]).await;
            let words = String::from_utf8(words.stdout).unwrap();
            assert!(words.contains("acme has no owner any longer. An invite that makes one: https://"), "{words}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_backup_that_does_not_say_what_was_wiped_keeps_an_older_one_from_coming_back() {
    let mut host = Host::start().await;
    let folder = host.folder.path().join("backups");
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(back_up(&host, &folder).await);
    }
    host.stop().await;
    let snapshot = |name: &str| folder.join("snapshots").join(name);
    let flip = |name: &str| {
        let mut bytes = std::fs::read(snapshot(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(snapshot(name), bytes).unwrap();
    };
    flip(&made[2]);
    std::fs::remove_dir_all(host.data()).unwrap();
    let refused = restore(&mut host, &folder, Some(&made[1]), &["--json"]).await;
    assert_eq!(refused.status.code(), Some(24), "{}", String::from_utf8_lossy(&refused.stderr));
    let said: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert!(said["why"].as_str().unwrap().contains(&made[2]), "{said}");
    assert!(said["do"].as_str().unwrap().contains(&format!("take snapshots/{} out", made[2])), "{said}");
    assert!(!host.data().exists());
    // One from before knows nothing of what came after.
    flip(&made[0]);
    std::fs::remove_file(snapshot(&made[2])).unwrap();
    let done = restore(&mut host, &folder, Some(&made[1]), &["--json"]).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_which_everything_was_wiped_is_not_restored() {
    let mut host = Host::start().await;
    let folder = host.folder.path().join("backups");
    let before = back_up(&host, &folder).await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    wipe(&host, "acme", None, None).await;
    back_up(&host, &folder).await;
    host.stop().await;
    std::fs::remove_dir_all(host.data()).unwrap();
    let done = restore(&mut host, &folder, Some(&before), &["--json"]).await;
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(!host.data().exists());
    assert!(restore(&mut host, &folder, None, &["--json"]).await.status.success());
}
