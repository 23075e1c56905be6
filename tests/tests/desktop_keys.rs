//! Real windows: the ways into a profile beside secure storage, moved from one to another, and everything removed.

use thechatapp_tests::desk::Desk;
use thechatapp_tests::server::line_file;
use thechatapp_tests::window::{ENTER, Window};
use thechatapp_tests::{Cli, Server, files_with};

const TIMELINE: &str = "[data-testid=timeline]";
const MARKER: &str = "marker-keys-vexkuqolumi";

#[tokio::test(flavor = "multi_thread")]
async fn a_second_passphrase_or_a_recovery_code_opens_the_window_whatever_became_of_secure_storage() {
    let server = Server::start();
    let mut alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    alice.cli.run(&["send", "general", "before the storm"]).ok();
    let code = alice.cli.run(&["key", "recovery-code"]).ok().json()["code"].as_str().unwrap().to_owned();
    let mine = line_file(alice.folder.path(), "mine", "a quiet afternoon");
    let mine = mine.to_str().unwrap();
    alice.cli.run(&["key", "passphrase", "--new-passphrase-file", mine]).ok();
    alice.keyring.stop_daemon();

    let window = alice.open().await;
    window.key_state("no_backend").await;
    window.fill("[data-testid=passphrase]", &format!("a quiet aftermoon{ENTER}")).await;
    window.shows("[role=alert]", "opens no slot").await;
    window.key_state("no_backend").await;
    window.keep_picture("key-no-backend-passphrase");
    window.fill("[data-testid=passphrase]", &format!("a quiet afternoon{ENTER}")).await;
    window.shows(TIMELINE, "before the storm").await;
    window.close().await;

    // The same passphrase from a file: nobody is asked.
    let mut arguments = alice.cli.window();
    arguments.extend(["--passphrase-file".to_owned(), mine.to_owned()]);
    let window = Window::open(&alice.display, &arguments, &alice.cli.env).await;
    window.shows(TIMELINE, "before the storm").await;
    window.close().await;

    // The code gives the profile a passphrase where there is nothing else.
    let window = alice.open().await;
    window.fill("[data-testid=recovery-code]", &code).await;
    window.fill("[data-testid=restore-passphrase]", "another afternoon").await;
    window.click("[data-testid=restore]").await;
    window.shows(TIMELINE, "before the storm").await;
    assert_eq!(alice.profile_file()["backend"], "passphrase");

    // Secure storage is back: the profile moves there, and away again.
    alice.keyring.start_daemon(true);
    window.click("[data-testid=device]").await;
    window.click("[data-testid=move-to-store]").await;
    window.element("[data-testid=move-to-passphrase]").await;
    assert!(alice.keyring.has(&alice.entry()));
    let entry = alice.entry();
    window.keep_picture("device-ways");
    window.click("[data-testid=move-to-passphrase]").await;
    window.fill("[data-testid=new-passphrase]", &format!("a third afternoon{ENTER}")).await;
    window.element("[data-testid=move-to-store]").await;
    assert_eq!(alice.profile_file()["backend"], "passphrase");
    assert!(!alice.keyring.has(&entry), "the old place forgot it");
    window.close().await;
    let third = line_file(alice.folder.path(), "third", "a third afternoon");
    let read = alice.cli.run(&["--passphrase-file", third.to_str().unwrap(), "read", "general"]).ok();
    assert_eq!(read.texts(), ["before the storm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_removed_from_the_device_key_first_and_only_after_it_was_said_what_is_lost() {
    let server = Server::start();
    let alice = Desk::set_up();
    alice.cli.join(server.owner_invite(), "alice").ok();
    alice.cli.run(&["send", "general", MARKER]).ok();
    alice.cli.run(&["draft", "general", "half a sentence"]).ok();
    let phone = Cli::with_passphrase();
    phone.login(&server.url(), server.pin(), "alice").ok();
    let entry = alice.entry();

    let window = alice.open().await;
    window.shows(TIMELINE, MARKER).await;
    window.click("[data-testid=device]").await;
    window.click("[data-testid=wipe]").await;
    window.shows("[role=alertdialog]", "drafts (1)").await;
    window.keep_picture("device-wipe");
    assert!(alice.keyring.has(&entry), "nothing happens before somebody says yes");
    window.click("[data-testid=wipe-yes]").await;
    window.element("[data-testid=invite]").await;
    assert!(!alice.keyring.has(&entry), "its entry in secure storage is gone");
    assert_ne!(alice.entry(), entry, "what is there is a new profile");
    assert!(!alice.cli.profile().join("accounts").exists());
    assert_eq!(files_with(&alice.cli.profile(), &[MARKER]), Vec::<std::path::PathBuf>::new());
    window.close().await;
    let devices = phone.run(&["devices"]).ok().rows();
    let others = devices.iter().filter(|device| device["this"] != true && device["revoked"] == false);
    assert_eq!(others.count(), 0, "the server was told: {devices:?}");
}
