//! A client is killed with messages in its queue: they are sent after its restart, once.

use std::collections::HashSet;
use thechatapp_tests::{Cli, Server, rounds, server::signal};

#[test]
fn what_a_killed_client_had_queued_is_sent_once_after_its_restart() {
    let mut server = Server::start();
    let alice = Cli::with_passphrase();
    let bob = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();

    let mut expected = Vec::new();
    for round in 0..rounds(3, 30) {
        // Queued without a server, so that nothing leaves before the kill.
        server.kill();
        for number in 0..3 {
            let text = format!("round {round}, message {number}");
            alice.run(&["send", "general", &text, "--queue"]).ok();
            expected.push(text);
        }
        server.serve();
        // Killed while it sends, at a moment that moves.
        let mut child = alice.spawn(&["watch", "general"]);
        std::thread::sleep(std::time::Duration::from_millis(20 + 45 * round as u64 % 400));
        signal(child.id(), "KILL");
        child.wait().unwrap();
    }
    let last = "and everything is on its way";
    alice.run(&["send", "general", last]).ok();
    expected.push(last.to_owned());

    for person in [&alice, &bob] {
        let texts = person.run(&["read", "general", "-n", "1000"]).ok().texts();
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "a message is there twice");
        assert_eq!(texts, expected);
    }
}
