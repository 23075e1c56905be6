//! The main job at the command line, and its contract.

use serde_json::Value;
use thechatapp_tests::{Cli, Server, server};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn two_people_join_talk_and_find_everything_again() {
    let mut server = Server::start();
    assert_eq!(keys(&server.init), ["invite", "pin", "successor", "workspace"]);
    let alice = Cli::with_passphrase();
    let bob = Cli::with_passphrase();
    let joined = alice.join(server.owner_invite(), "alice").ok().json();
    assert_eq!(joined["workspace"], "acme");
    bob.join(&server.invite(), "bob").ok();

    let sent = alice.run(&["send", "general", "hello from alice"]).ok().json();
    assert_eq!(
        keys(&sent),
        [
            "at",
            "author",
            "channel",
            "deleted",
            "edited",
            "files",
            "id",
            "last_reply",
            "pinned",
            "poll",
            "reactions",
            "replies",
            "seq",
            "state",
            "text",
            "thread",
            "workspace"
        ]
    );
    assert_eq!(sent["seq"], 1);
    assert_eq!(sent["state"], "sent");
    bob.run(&["send", "#general", "hello from bob"]).ok();
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["hello from alice", "hello from bob"]);

    bob.run(&["edit", "general", "2", "hello from bob, corrected"]).ok();
    bob.run(&["react", "general", "1", "👍"]).ok();
    alice.run(&["delete", "general", "1"]).ok();
    let rows = bob.run(&["read", "general"]).ok().rows();
    assert_eq!(rows[0]["deleted"], true);
    assert_eq!(rows[0]["text"], "");
    assert_eq!(rows[1]["text"], "hello from bob, corrected");
    assert_eq!(rows[1]["edited"], true);
    let denied = bob.run(&["delete", "general", "1"]);
    assert_eq!(denied.code, 12, "{denied:?}");

    let found = bob.run(&["search", "CORRECTED"]).ok().texts();
    assert_eq!(found, ["hello from bob, corrected"]);
    assert!(bob.run(&["search", "from alice"]).ok().rows().is_empty(), "a deleted message is not found");

    // Offline: reading goes on, sending waits.
    server.stop();
    assert_eq!(bob.run(&["read", "general"]).ok().texts().len(), 2);
    let queued = bob.run(&["send", "general", "written offline", "--queue"]).ok().json();
    assert_eq!(queued["state"], "pending");
    assert_eq!(bob.run(&["send", "general", "also offline"]).code, 10);
    server.serve();
    bob.run(&["send", "general", "online again"]).ok();
    let texts = alice.run(&["read", "general"]).ok().texts();
    assert_eq!(texts[2..], ["written offline", "also offline", "online again"]);

    let identity = alice.run(&["identity"]).ok().json();
    assert_eq!(identity["pin"], server.pin());
    assert_eq!(identity["words"].as_str().unwrap().split('-').count(), 8);
}

#[test]
fn direct_messages_and_private_channels_stay_with_their_members() {
    let server = Server::start();
    let people = ["alice", "bob", "carol"].map(|name| {
        let cli = Cli::with_passphrase();
        cli.join(&server.invite(), name).ok();
        (name, cli)
    });
    let [(_, alice), (_, bob), (_, carol)] = &people;
    alice.run(&["send", "@bob", "just between us"]).ok();
    assert_eq!(bob.run(&["read", "@alice"]).ok().texts(), ["just between us"]);
    assert!(carol.run(&["search", "between"]).ok().rows().is_empty());

    alice.run(&["create", "leadership", "--private"]).ok();
    alice.run(&["send", "leadership", "secret plan"]).ok();
    assert_ne!(carol.run(&["read", "leadership"]).code, 0);
    assert_ne!(carol.run(&["join-channel", "leadership"]).code, 0);
    let names = |cli: &Cli| -> Vec<String> {
        cli.run(&["channels", "--all"]).ok().rows().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(alice).contains(&"leadership".to_owned()));
    assert!(!names(carol).contains(&"leadership".to_owned()));

    alice.run(&["create", "release"]).ok();
    assert!(names(carol).contains(&"release".to_owned()));
    carol.run(&["join-channel", "release"]).ok();
    carol.run(&["send", "release", "I am in"]).ok();
    carol.run(&["leave-channel", "release"]).ok();
    assert_ne!(carol.run(&["send", "release", "I am out"]).code, 0);
}

#[test]
fn the_same_account_signs_in_on_a_second_device_and_finds_the_history() {
    let server = Server::start();
    let laptop = Cli::with_passphrase();
    laptop.join(server.owner_invite(), "alice").ok();
    laptop.run(&["send", "general", "written on the laptop"]).ok();
    let phone = Cli::with_passphrase();
    let password = phone.password.to_str().unwrap().to_owned();
    let untrusted = phone.run(&["login", &server.url(), "--name", "alice", "--password-file", &password]);
    assert!([2, 11].contains(&untrusted.code), "{untrusted:?}");
    phone
        .run(&["login", &server.url(), "--name", "alice", "--password-file", &password, "--trust-pin", server.pin()])
        .ok();
    assert_eq!(phone.run(&["read", "general"]).ok().texts(), ["written on the laptop"]);
    assert_eq!(laptop.run(&["devices"]).ok().rows().len(), 2);

    let wrong = server::line_file(phone.folder.path(), "wrong", "not the password");
    let third = Cli::with_passphrase();
    let refused = third.run(&[
        "login",
        &server.url(),
        "--name",
        "alice",
        "--password-file",
        wrong.to_str().unwrap(),
        "--trust-pin",
        server.pin(),
    ]);
    assert_eq!(refused.code, 12, "{refused:?}");
}

#[test]
fn imported_history_is_read_searched_and_not_imported_twice() {
    let server = Server::start();
    let log = "[09:14] <kim> does a client exist?\n=== lee has joined\n[09:15] <lee> yes, try the new one\n[09:15] <kim> thanks\n";
    let imported = server.import_irc("history", "2005-02-06.log", log);
    assert_eq!(imported["messages"], 3);
    assert_eq!(imported["people"], 2);
    let again = server.import_irc("history", "2005-02-06.log", log);
    assert_eq!(again["messages"], 0);

    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["join-channel", "history"]).ok();
    let rows = alice.run(&["read", "history"]).ok().rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["author"], "lee");
    assert_eq!(&rows[1]["at"].as_str().unwrap()[..16], "2005-02-06T09:15");
    assert_eq!(alice.run(&["search", "client", "--from", "kim"]).ok().texts(), ["does a client exist?"]);
}
