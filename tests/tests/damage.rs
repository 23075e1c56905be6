//! Damaged files of a device: a cache is rebuilt by itself, what exists here only comes back when asked, and what was written waits through it.

use std::path::PathBuf;
use thechatapp_tests::{Cli, Server, files_below};

fn caches(cli: &Cli) -> Vec<PathBuf> {
    files_below(&cli.profile()).into_iter().filter(|path| path.ends_with("cache.db")).collect()
}

/// Alice has talked, and something waits in her outbox.
fn scene() -> (Server, Cli) {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    for number in 0..20 {
        alice.run(&["send", "general", &format!("message {number}, {}", "with some words ".repeat(200))]).ok();
    }
    alice.run(&["send", "general", "it waits", "--queue"]).ok();
    (server, alice)
}

#[test]
fn a_cache_damaged_anywhere_is_rebuilt_by_itself_and_nothing_is_lost() {
    let (_server, alice) = scene();
    let path = caches(&alice).remove(0);
    let whole = std::fs::read(&path).unwrap();
    // The first page, one in the middle of the schema, and one that holds messages.
    for page in [0, 1, whole.len() / 4096 / 2] {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[page * 4096 + 2000] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
        assert_eq!(texts.len(), 21, "page {page}");
        // What nobody has read until now the doctor finds, and what it found is replaced.
        let seen = alice.run(&["doctor"]);
        assert!([0, 24].contains(&seen.code), "page {page}: {seen:?}");
        alice.run(&["doctor"]).ok();
        alice.run(&["status"]).ok();
        let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
        assert_eq!(texts.len(), 21, "page {page}");
        assert_eq!(texts[20], "it waits");
    }
    alice.run(&["status"]).ok();
    assert_eq!(former(&alice).len(), 0, "it has all that the damaged ones had");
}

/// Damaged caches that stand aside.
fn former(cli: &Cli) -> Vec<PathBuf> {
    files_below(&cli.profile()).into_iter().filter(|path| path.ends_with("cache.db.damaged")).collect()
}

#[test]
fn offline_a_damaged_cache_is_read_as_far_as_it_opens_and_what_is_written_waits_until_it_is_rebuilt() {
    let (mut server, alice) = scene();
    server.stop();
    let path = caches(&alice).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    // The last pages are those of the last texts: what leads to them lies before.
    for page in [pages - 1, pages - 4] {
        bytes[page * 4096 + 2000] ^= 1;
    }
    std::fs::write(&path, bytes).unwrap();
    // Whoever finds it first sets it aside.
    alice.run(&["doctor"]);
    assert_eq!(former(&alice).len(), 1);
    assert_eq!(alice.run(&["doctor"]).ok().json()["workspaces"][0]["rebuilding"], true);
    let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
    assert!(texts.len() > 2 && texts.last().unwrap() == "it waits", "{texts:?}");
    alice.run(&["send", "general", "written meanwhile", "--queue"]).ok();
    alice.run(&["draft", "general", "half a thought"]).ok();
    assert!(alice.run(&["status"]).ok().json()["workspaces"][0]["rebuilding"].as_u64().is_some());

    server.serve();
    // A long look fetches what was there, and then the damaged one is not needed any more.
    let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
    assert_eq!(texts.len(), 22);
    assert_eq!(texts[20..], ["it waits", "written meanwhile"]);
    assert_eq!(alice.run(&["draft", "general"]).ok().json()["text"], "half a thought");
    alice.run(&["doctor", "--let-go"]).ok();
    assert_eq!(former(&alice).len(), 0);
    assert_eq!(alice.run(&["doctor"]).ok().json()["workspaces"][0]["rebuilding"], false);
}

#[test]
fn offline_one_reads_and_writes_though_a_damaged_cache_does_not_tell_which_channels_there_are() {
    let (mut server, alice) = scene();
    server.stop();
    let path = caches(&alice).remove(0);
    // Without its first page nothing of it opens.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[2000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["it waits"]);
    assert_eq!(former(&alice).len(), 1);
    alice.run(&["send", "general", "written meanwhile", "--queue"]).ok();
    alice.run(&["draft", "general", "half a thought"]).ok();
    assert!(alice.run(&["channels"]).ok().stdout.contains("general"));

    server.serve();
    let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
    assert_eq!(texts.len(), 22);
    assert_eq!(texts[20..], ["it waits", "written meanwhile"]);
    assert_eq!(alice.run(&["draft", "general"]).ok().json()["text"], "half a thought");
}
