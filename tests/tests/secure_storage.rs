//! The key of a profile in a real Secret Service: absent, locked, emptied, swapped, silent. Nothing is deleted, and
//! everything is back once the storage is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::server::signal;
use thechatapp_tests::{Cli, Server, files_below};

fn snapshot(cli: &Cli) -> BTreeMap<PathBuf, Vec<u8>> {
    files_below(&cli.profile()).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

struct Scene {
    server: Server,
    keyring: Keyring,
    alice: Cli,
}

/// Alice has joined, and her key is in the keyring.
fn scene() -> Scene {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let alice = Cli::with_secure_storage(keyring.env());
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "before the storm"]).ok();
    Scene { server, keyring, alice }
}

impl Scene {
    /// While something is wrong every command ends with this code and changes nothing.
    fn refused(&self, code: i32) {
        let before = snapshot(&self.alice);
        for command in [&["read", "general"][..], &["send", "general", "lost?"], &["channels"]] {
            let outcome = self.alice.run(command);
            assert_eq!(outcome.code, code, "{outcome:?}");
            assert_eq!(outcome.error()["code"], code);
        }
        assert_eq!(snapshot(&self.alice), before, "nothing is deleted, nothing is written");
    }

    fn back(&self) {
        assert_eq!(self.alice.run(&["read", "general"]).ok().texts(), ["before the storm"]);
        assert_eq!(self.alice.run(&["identity"]).ok().json()["pin"], self.server.pin());
    }
}

#[test]
fn without_secure_storage_a_profile_ends_with_20_and_comes_back() {
    let mut scene = scene();
    scene.keyring.stop_daemon();
    scene.refused(20);
    scene.keyring.start_daemon(true);
    scene.back();
}

#[test]
fn without_secure_storage_no_profile_is_made() {
    let server = Server::start();
    let bus = Keyring::bus_only();
    let alice = Cli::with_secure_storage(bus.env());
    assert_eq!(alice.join(server.owner_invite(), "alice").code, 20);
    assert!(
        files_below(&alice.profile()).iter().all(|path| path.ends_with("profile.lock")),
        "nothing is made in plain"
    );
}

#[test]
fn a_locked_collection_or_a_dismissed_prompt_ends_with_21_and_comes_back() {
    let mut scene = scene();
    scene.keyring.stop_daemon();
    // Without a password and without a display its prompt cannot be answered: it is dismissed.
    scene.keyring.start_daemon(false);
    scene.refused(21);
    scene.keyring.stop_daemon();
    scene.keyring.start_daemon(true);
    scene.back();
}

#[test]
fn an_emptied_storage_ends_with_22_and_comes_back() {
    let mut scene = scene();
    scene.keyring.stop_daemon();
    let files = scene.keyring.files();
    let aside = files.with_extension("aside");
    std::fs::rename(&files, &aside).unwrap();
    scene.keyring.start_daemon(true);
    scene.refused(22);
    scene.keyring.stop_daemon();
    std::fs::remove_dir_all(&files).unwrap();
    std::fs::rename(&aside, &files).unwrap();
    scene.keyring.start_daemon(true);
    scene.back();
}

#[test]
fn a_swapped_storage_ends_with_22_or_23_and_never_leads_back_to_trust_on_first_use() {
    let scene = scene();
    let other = Keyring::unlocked();
    let mut alice = scene.alice;
    let own = std::mem::replace(&mut alice.env, other.env());
    let outcome = alice.run(&["read", "general"]);
    assert!([22, 23].contains(&outcome.code), "{outcome:?}");
    let joined = alice.join(&scene.server.invite(), "alice again");
    assert!([22, 23].contains(&joined.code), "{joined:?}");
    alice.env = own;
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["before the storm"]);
}

#[test]
fn a_storage_that_does_not_answer_ends_with_25_and_comes_back() {
    let mut scene = scene();
    scene.alice.env.push(("THECHATAPP_SECRET_TIMEOUT".into(), "1".into()));
    signal(scene.keyring.daemon_pid(), "STOP");
    scene.refused(25);
    signal(scene.keyring.daemon_pid(), "CONT");
    scene.back();
}
