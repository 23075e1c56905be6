//! What still opens a workspace is never lost, and what was its alone is named in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::Host;
use support::keys::{move_one, status, to, wipe};
use support::vault::{Mood, TOKEN, Vault};
use thechatapp_server::Kind;
use thechatapp_server::admin::{self, Command};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::config::{KeySection, OwnKeySection};

const LATER: Duration = Duration::from_secs(400);

async fn rotate_kms(host: &Host, workspace: &str) -> Value {
    let command = Command::KeyRotate { workspace: Some(workspace.into()), what: "kms".into(), new_passphrase: None };
    admin::run(host.running().host(), command).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_not_wrapped_in_place_of_the_right_one() {
    let (vault, second, third) = (Vault::start().await, Vault::start().await, Vault::start().await);
    let asked = vault.clone();
    let host = Host::start_with(move || asked.source()).await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let lab = host.running().host().workspace("lab").unwrap().id.to_string();
    vault.exchange(Some(lab));
    host.running().check_keys(Instant::now() + LATER).await;
    assert_eq!(status(&host, "lab").await["state"], "closed");
    assert_eq!(move_one(&host, "lab", &third.uri(), None).await.unwrap_err().kind, Kind::KeyService);
    let moved = admin::run(host.running().host(), Command::KeyMove(to(&second.uri(), None))).await.unwrap();
    assert_eq!((&moved["workspaces"], &moved["left"]), (&json!(1), &json!(["lab"])));
    vault.exchange(None);
    host.running().check_keys(Instant::now() + LATER * 2).await;
    assert_eq!(status(&host, "lab").await["state"], "open");
    move_one(&host, "lab", "host", None).await.unwrap();
    host.running().check_keys(Instant::now() + LATER * 3).await;
    assert_eq!(status(&host, "lab").await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_former_key_file_of_a_workspace_stays_for_a_backup_that_is_being_made() {
    let host = Host::start().await;
    move_one(&host, "acme", "local:", Some("of acme")).await.unwrap();
    let file = host.data().join("keys/workspace-acme.json");
    let (former, key) =
        (std::fs::read(&file).unwrap(), status(&host, "acme").await["key"].as_str().unwrap().to_owned());
    rotate_kms(&host, "acme").await;
    let kept = host.data().join("keys").join(format!("former-acme-{key}.json"));
    assert_eq!(std::fs::read(kept).unwrap(), former);
    assert_ne!(std::fs::read(file).unwrap(), former);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_is_not_there_is_named_after_a_wipe() {
    let host = Host::start().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let disk = host.folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let uri = format!("local:{}", disk.join("lab.json").display());
    move_one(&host, "lab", &uri, Some("of the lab")).await.unwrap();
    let key = status(&host, "lab").await["key"].clone();
    std::fs::rename(&disk, host.folder.path().join("unmounted")).unwrap();
    let ended = wipe(&host, "lab").await;
    assert_eq!((&ended["keys_destroyed"], &ended["keys_to_destroy"][0]["key"]), (&json!([]), &key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_another_address_is_found_again() {
    let mut host = Host::start().await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let vault = Vault::start().await;
    move_one(&host, "lab", &vault.uri(), None).await.unwrap();
    // Nobody answers at the former address any more.
    let renamed = vault.at_another_address().await;
    vault.set(Mood::Breaks);
    host.running().check_keys(Instant::now() + LATER).await;
    assert_eq!(status(&host, "lab").await["state"], "closed");
    let stranger = Vault::start().await;
    assert_eq!(move_one(&host, "lab", &stranger.uri(), None).await.unwrap_err().kind, Kind::KeyService);
    move_one(&host, "lab", &renamed.uri(), None).await.unwrap();
    host.running().check_keys(Instant::now() + LATER * 2).await;
    assert_eq!(status(&host, "lab").await["state"], "open");

    // The data folder moves, and with it a key file in it that was named by its whole path.
    let uri = format!("local:{}", host.data().join("keys/of-lab.json").display());
    move_one(&host, "lab", &uri, Some("of the lab")).await.unwrap();
    host.stop().await;
    let moved = host.folder.path().join("moved");
    std::fs::rename(host.data(), &moved).unwrap();
    let own = OwnKeySection { passphrase: Some("of the lab".into()), ..OwnKeySection::default() };
    let section = KeySection { workspace: [("lab".to_owned(), own)].into(), ..KeySection::default() };
    let open = tokio::task::spawn_blocking(move || {
        let host = thechatapp_server::tenants::Host::open_with(&moved, &support::key(), Cost::TESTS, &section).unwrap();
        let open = host.workspaces().iter().all(|workspace| workspace.is_open());
        host.close();
        open
    });
    assert!(open.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_name_is_no_workspace_s_own_all_the_same() {
    let (vault, lab) = (Vault::start().await, Vault::start().await);
    let asked = vault.clone();
    let host = Host::start_with(move || asked.source()).await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let of_host = vault.at_another_address().await;
    assert_eq!(move_one(&host, "lab", &of_host.uri(), None).await.unwrap_err().kind, Kind::BadInput);
    move_one(&host, "lab", &lab.uri(), None).await.unwrap();
    let of_lab = lab.at_another_address().await;
    assert_eq!(move_one(&host, "acme", &of_lab.uri(), None).await.unwrap_err().kind, Kind::BadInput);
    let host_there = admin::run(host.running().host(), Command::KeyMove(to(&of_lab.uri(), None))).await;
    assert_eq!(host_there.unwrap_err().kind, Kind::BadInput);
    move_one(&host, "lab", &of_lab.uri(), None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_service_of_one_workspace_does_not_hold_up_the_start() {
    let mut host = Host::start().await;
    let mut alice = host.join("alice").await;
    host.running().host().create_workspace("lab", Vec::new()).unwrap();
    let vault = Vault::start().await;
    move_one(&host, "lab", &vault.uri(), None).await.unwrap();
    host.stop().await;
    vault.set(Mood::Hangs);
    let own = OwnKeySection { vault_token: Some(TOKEN.into()), ..OwnKeySection::default() };
    host.config.key.workspace.insert("lab".into(), own);
    // Longer than a start may take.
    host.config.key.timeout_seconds = 12;
    let began = Instant::now();
    host.serve().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(status(&host, "lab").await["state"], "closed");
    alice.again(&host).await;
    let channel = alice.general().await;
    alice.send(channel, "not my trouble").await.unwrap();
    vault.set(Mood::Works);
    host.running().check_keys(Instant::now() + LATER).await;
    assert_eq!(status(&host, "lab").await["state"], "open");
}
