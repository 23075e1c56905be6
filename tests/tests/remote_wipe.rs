//! A lost device is wiped from another one: at its next contact it destroys what it keeps, its key first.

use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::{Cli, Outcome, Server, files_below};

/// The id of a person's oldest device but the one that asks.
fn other_device(cli: &Cli) -> String {
    let devices = cli.run(&["devices"]).ok().rows();
    let other = devices.iter().find(|device| device["this"] != true).expect("another device");
    other["id"].as_str().unwrap().to_owned()
}

fn acts(cli: &Cli) -> Vec<String> {
    let entries = cli.run(&["audit", "list"]).ok().rows();
    entries.iter().filter_map(|entry| entry["act"].as_str().map(str::to_owned)).collect()
}

fn refused(outcome: &Outcome) {
    assert_eq!((outcome.code, outcome.error()["error"].as_str()), (12, Some("signed_out")));
}

#[test]
fn a_lost_device_destroys_its_key_and_its_files_at_its_next_contact() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let lost = Cli::with_secure_storage(keyring.env());
    lost.join(server.owner_invite(), "alice").ok();
    lost.run(&["send", "general", "on both devices"]).ok();
    lost.run(&["draft", "general", "half a thought"]).ok();
    let phone = Cli::with_passphrase();
    phone.login(&server.url(), server.pin(), "alice").ok();
    let profile: serde_json::Value =
        serde_json::from_slice(&std::fs::read(lost.profile().join("profile.json")).unwrap()).unwrap();
    let entry = format!("device-key-{}", profile["key_id"].as_str().unwrap());
    assert!(keyring.has(&entry));

    let id = other_device(&phone);
    phone.run(&["devices", "revoke", &id]).ok();
    refused(&lost.run(&["read", "general"]));
    assert!(!files_below(&lost.profile()).is_empty(), "revoking alone leaves what is there");

    phone.run(&["devices", "revoke", &id, "--wipe"]).ok();
    refused(&lost.run(&["read", "general"]));
    assert_eq!(files_below(&lost.profile()), Vec::<std::path::PathBuf>::new());
    assert!(!keyring.has(&entry), "its entry in secure storage is gone");
    assert_eq!(phone.run(&["read", "general"]).ok().texts(), ["on both devices"]);
    let acts = acts(&phone);
    for act in ["device.revoked", "device.wipe_ordered", "device.wipe_told"] {
        assert_eq!(acts.iter().filter(|one| *one == act).count(), 1, "{act} in {acts:?}");
    }
}

#[test]
fn a_device_that_is_connected_is_wiped_at_once_and_keeps_its_other_workspace() {
    let (server, other) = (Server::start(), Server::start());
    let lost = Cli::with_passphrase();
    lost.join(server.owner_invite(), "alice").ok();
    lost.run(&["send", "general", "to be gone"]).ok();
    lost.join(other.owner_invite(), "alice").ok();
    let workspaces = lost.run(&["doctor"]).ok().json();
    let id_of = |number: usize| workspaces["workspaces"][number]["id"].as_str().unwrap().to_owned();
    let (gone, kept) = (id_of(0), id_of(1));
    lost.run(&["--workspace", &kept, "send", "general", "to stay"]).ok();
    let phone = Cli::with_passphrase();
    phone.login(&server.url(), server.pin(), "alice").ok();

    let watch = || lost.spawn(&["--workspace", &gone, "watch", "general"]);
    let mut watching = watch();
    while lost.run(&["channels"]).code != 26 {
        // Whoever looks may have kept it out.
        if watching.try_wait().unwrap().is_some() {
            watching = watch();
        }
    }
    phone.run(&["devices", "revoke", &other_device(&phone), "--wipe"]).ok();
    let ended = watching.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(12), "{ended:?}");
    assert!(!lost.profile().join("accounts").join(&gone).exists());
    assert_eq!(lost.run(&["read", "general"]).ok().texts(), ["to stay"]);
}
