//! A draft goes with its person from one device to another, and ends when it is sent or deleted.

use serde_json::{Value, json};
use thechatapp_tests::{Cli, Server};

/// The laptop and the phone of one person, and somebody else.
fn scene(server: &Server) -> (Cli, Cli, Cli) {
    let (laptop, phone, bob) = (Cli::with_passphrase(), Cli::with_passphrase(), Cli::with_passphrase());
    laptop.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    phone.login(&server.url(), server.pin(), "alice").ok();
    (laptop, phone, bob)
}

fn texts(cli: &Cli) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    cli.run(&["drafts"]).ok().rows().iter().map(|draft| (text(&draft["channel"]), text(&draft["text"]))).collect()
}

fn only(channel: &str, text: &str) -> Vec<(String, String)> {
    vec![(channel.to_owned(), text.to_owned())]
}

#[test]
fn a_draft_is_on_every_device_of_its_person_until_it_is_sent_or_deleted() {
    let mut server = Server::start();
    let (laptop, phone, bob) = scene(&server);
    laptop.run(&["create", "plans"]).ok();
    let kept = laptop.run(&["draft", "general", "Half a thought"]).ok().json();
    assert_eq!((&kept["state"], &kept["thread"], &kept["earlier"]), (&json!("synced"), &Value::Null, &json!([])));
    assert_eq!(texts(&phone), only("general", "Half a thought"));
    assert!(texts(&bob).is_empty());
    // It belongs to its conversation.
    phone.run(&["draft", "plans", "Another"]).ok();
    phone.run(&["draft", "plans", "--clear"]).ok();
    assert_eq!(texts(&laptop), only("general", "Half a thought"));

    // Typed on without a connection, and sent as it was from the other device: neither text is lost, and nothing is sent twice.
    server.stop();
    let offline = laptop.run(&["draft", "general", "Half a thought, and the other half"]).ok().json();
    assert_eq!(offline["state"], "waiting");
    server.serve();
    phone.run(&["send", "general", "Half a thought"]).ok();
    assert!(texts(&phone).is_empty());
    assert_eq!(texts(&laptop), only("general", "Half a thought, and the other half"));
    laptop.run(&["send", "general", "Half a thought, and the other half"]).ok();
    assert_eq!((texts(&laptop), texts(&phone)), (Vec::new(), Vec::new()));
    assert_eq!(bob.run(&["read", "general"]).ok().rows().len(), 2);

    // A thread has a draft of its own, whichever of its messages names it.
    bob.run(&["send", "general", "Which half?", "--thread", "1"]).ok();
    laptop.run(&["draft", "general", "--thread", "1", "The first"]).ok();
    laptop.run(&["draft", "general", "Something else"]).ok();
    let named = phone.run(&["draft", "general", "--thread", "3"]).ok().json();
    assert_eq!(named["text"], "The first");
    phone.run(&["send", "general", "--thread", "1", "The first"]).ok();
    assert_eq!(texts(&laptop), only("general", "Something else"));
    assert_eq!(laptop.run(&["draft", "general", "--thread", "1"]).ok().json(), Value::Null);
}

#[test]
fn where_two_devices_typed_apart_both_texts_are_kept() {
    let mut server = Server::start();
    let (laptop, phone, _) = scene(&server);
    server.stop();
    laptop.run(&["draft", "general", "On the train"]).ok();
    phone.run(&["draft", "general", "At the station"]).ok();
    server.serve();
    assert_eq!(texts(&phone), only("general", "At the station"));
    phone.run(&["draft", "general", "At the station"]).ok();
    let both = laptop.run(&["draft", "general", "On the train!"]).ok().json();
    assert_eq!((&both["text"], &both["earlier"][0]["text"]), (&json!("On the train!"), &json!("At the station")));
    assert_eq!(texts(&phone), only("general", "On the train!"));
    laptop.run(&["draft", "general", "--clear"]).ok();
    assert!(laptop.run(&["drafts"]).ok().rows().is_empty());
    assert!(texts(&phone).is_empty());
}
