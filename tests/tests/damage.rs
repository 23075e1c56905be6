//! Damaged files: said with their code, set aside and rebuilt when asked, and what was written waits through it.

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
fn a_cache_damaged_anywhere_ends_with_24_until_it_is_repaired_and_nothing_is_lost() {
    let (_server, alice) = scene();
    let path = caches(&alice).remove(0);
    let whole = std::fs::read(&path).unwrap();
    // The first page, one in the middle of the schema, and one that holds messages.
    for page in [0, 1, whole.len() / 4096 / 2] {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[page * 4096 + 2000] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let seen = [&["read", "general", "-n", "100"][..], &["doctor"]].map(|command| alice.run(command));
        assert!(seen.iter().any(|outcome| outcome.code == 24), "page {page}: {seen:?}");
        assert!(seen.iter().all(|outcome| [0, 24].contains(&outcome.code)), "page {page}: {seen:?}");

        alice.run(&["doctor", "--repair"]).ok();
        alice.run(&["doctor"]).ok();
        alice.run(&["status"]).ok();
        let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
        assert_eq!(texts.len(), 21, "page {page}");
        assert_eq!(texts[20], "it waits");
    }
    let aside: Vec<_> = caches(&alice).into_iter().filter(|path| path.iter().any(|part| part == "set-aside")).collect();
    assert_eq!(aside.len(), 3, "what was damaged is still there");
}
