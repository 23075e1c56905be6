//! What waits to be sent is changed and given up without a server.

use thechatapp_tests::{Cli, Server};

#[test]
fn what_was_written_offline_is_changed_and_given_up_before_it_goes_out() {
    let mut server = Server::start();
    let (alice, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    server.kill();

    let queued = |text: &str| alice.run(&["send", "general", text, "--queue"]).ok().json()["id"].clone();
    let ids = ["one", "tow", "never mind", "four"].map(queued).map(|id| id.as_str().unwrap().to_owned());
    let changed = alice.run(&["edit", "general", &ids[1], "two"]).ok().json();
    assert_eq!((changed["text"].as_str(), changed["state"].as_str()), (Some("two"), Some("pending")));
    let gone = alice.run(&["delete", "general", &ids[2]]).ok().json();
    assert_eq!(gone["deleted"], true);
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["one", "two", "four"]);
    assert_eq!(alice.run(&["edit", "general", &ids[2], "after all"]).code, 10, "it waits nowhere here any more");

    server.serve();
    alice.run(&["send", "general", "and the rest"]).ok();
    for person in [&alice, &bob] {
        assert_eq!(person.run(&["read", "general"]).ok().texts(), ["one", "two", "four", "and the rest"]);
    }
    let history = bob.run(&["history", "general", "2"]).ok().rows();
    assert!(history.iter().all(|version| version["text"] != "tow"), "nobody ever saw it: {history:?}");
    let sent = alice.run(&["edit", "general", &ids[0], "One"]).ok().json();
    assert_eq!(sent["edited"], true);
}
