//! Former texts, threads, pins, notes and polls at the command line.

use thechatapp_tests::{Cli, Server};

fn two_people(server: &Server) -> (Cli, Cli) {
    let (alice, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    (alice, bob)
}

#[test]
fn threads_former_texts_and_pins_reach_the_other_person() {
    let mut server = Server::start();
    let (alice, bob) = two_people(&server);
    let root = alice.run(&["send", "general", "lunch at nine?"]).ok().json();
    alice.run(&["send", "general", "something else"]).ok();
    let answer = bob.run(&["send", "general", "too early", "--thread", "1"]).ok().json();
    assert_eq!(answer["thread"], root["id"]);
    // An answer to an answer belongs to the same thread.
    let second = alice.run(&["send", "general", "well then", "--thread", "3"]).ok().json();
    assert_eq!(second["thread"], root["id"]);
    alice.run(&["edit", "general", "1", "lunch at noon?"]).ok();

    let thread = bob.run(&["read", "general", "--thread", "3"]).ok();
    assert_eq!(thread.texts(), ["lunch at noon?", "too early", "well then"]);
    assert_eq!(thread.rows()[0]["replies"], 2);
    assert_eq!(thread.rows()[0]["last_reply"], second["at"]);
    let newest = bob.run(&["read", "general", "--thread", "1", "-n", "1"]).ok().texts();
    assert_eq!(newest, ["lunch at noon?", "well then"]);
    let history = bob.run(&["history", "general", "1"]).ok();
    assert_eq!(history.texts(), ["lunch at nine?", "lunch at noon?"]);
    assert_eq!(history.rows()[0]["author"], "alice");

    bob.run(&["pin", "general", "3"]).ok();
    let pin = bob.run(&["pin", "general", "1"]).ok().json();
    assert_eq!(pin["pinned"]["by"], "bob");
    assert_eq!(alice.run(&["pins", "general"]).ok().texts(), ["lunch at noon?", "too early"]);
    alice.run(&["unpin", "general", "1"]).ok();
    assert_eq!(bob.run(&["pins", "general"]).ok().texts(), ["too early"]);

    server.stop();
    assert_eq!(bob.run(&["read", "general", "--thread", "1"]).ok().texts().len(), 3);
    assert_eq!(bob.run(&["pins", "general"]).ok().texts(), ["too early"]);
    assert_eq!(bob.run(&["history", "general", "1"]).code, 10);
    let queued = bob.run(&["send", "general", "from the train", "--thread", "1", "--queue"]).ok().json();
    assert_eq!(queued["thread"], root["id"]);
    assert_eq!(bob.run(&["read", "general", "--thread", "1"]).ok().texts()[3], "from the train");
    server.serve();
    bob.run(&["send", "general", "back online"]).ok();
    assert_eq!(alice.run(&["read", "general", "--thread", "1"]).ok().texts()[3], "from the train");
    assert_eq!(alice.run(&["read", "general", "--thread", "99"]).code, 3);

    // From outside nothing of the channel is on the device: it is fetched.
    bob.run(&["leave-channel", "general"]).ok();
    let fetched = bob.run(&["read", "general", "--thread", answer["id"].as_str().unwrap(), "-n", "2"]).ok().texts();
    assert_eq!(fetched, ["lunch at noon?", "well then", "from the train"]);
    assert_eq!(bob.run(&["pins", "general"]).ok().texts(), ["too early"]);
    let all = bob.run(&["read", "general", "--thread", "1"]).ok().texts();
    assert_eq!(all, ["lunch at noon?", "too early", "well then", "from the train"]);
    assert_eq!(bob.run(&["history", "general", "1"]).code, 12);
}

#[test]
fn what_one_keeps_is_on_ones_own_list_only() {
    let server = Server::start();
    let (alice, bob) = two_people(&server);
    alice.run(&["send", "general", "the minutes are due"]).ok();
    let saved = bob.run(&["save", "general", "1", "--note", "by Friday"]).ok().json();
    assert_eq!((saved["note"].as_str(), saved["text"].as_str()), (Some("by Friday"), Some("the minutes are due")));
    let list = bob.run(&["saved"]).ok().rows();
    assert_eq!((list.len(), list[0]["note"].as_str(), &list[0]["saved"]), (1, Some("by Friday"), &saved["saved"]));
    assert!(alice.run(&["saved"]).ok().rows().is_empty());
    assert_eq!(bob.run(&["unsave", "general", "1"]).ok().json()["id"], saved["id"]);
    assert!(bob.run(&["saved"]).ok().rows().is_empty());
}

#[test]
fn a_poll_is_asked_answered_closed_and_read_by_everybody() {
    let server = Server::start();
    let (alice, bob) = two_people(&server);
    let asked =
        alice.run(&["poll", "general", "which day?", "--option", "Monday", "--option", "Friday", "--multiple"]).ok();
    assert_eq!(asked.json()["poll"]["multiple"], true);
    bob.run(&["vote", "general", "1", "1", "2"]).ok();
    let voted = bob.run(&["vote", "general", "1", "2"]).ok().json();
    assert_eq!(
        (&voted["poll"]["options"][0]["votes"], &voted["poll"]["options"][1]["mine"]),
        (&0.into(), &true.into())
    );
    assert_eq!(bob.run(&["vote", "general", "1", "3"]).code, 3);
    assert_eq!(bob.run(&["poll", "close", "general", "1"]).code, 12);
    alice.run(&["vote", "general", "1", "2"]).ok();
    alice.run(&["vote", "general", "1", "--withdraw"]).ok();
    alice.run(&["poll", "close", "general", "1"]).ok();
    assert_eq!(bob.run(&["vote", "general", "1", "1"]).code, 3);
    let seen = bob.run(&["read", "general"]).ok().rows().remove(0);
    assert_eq!(seen["text"], "which day?");
    assert!(seen["poll"]["closed"].is_string());
    assert_eq!((&seen["poll"]["voters"], &seen["poll"]["options"][1]["people"]), (&1.into(), &vec!["bob"].into()));
    assert_eq!(bob.run(&["search", "friday"]).ok().texts(), ["which day?"]);
}
