//! A channel and a person are wiped under the eyes of people with the real programs.

use std::path::Path;
use thechatapp_tests::{Cli, Server, files_below, files_with, server::json};

const MARKER: &str = "marker-wiped-vexkuqolumi";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(cli: &Cli) -> Vec<String> {
    let rows = cli.run(&["channels", "--all"]).ok().rows();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_wiped_leaves_the_host_and_every_device() {
    let mut server = Server::start();
    let (alice, bob, carol) = (Cli::with_passphrase(), Cli::with_passphrase(), Cli::with_passphrase());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    carol.join(&server.invite(), "carol").ok();
    alice.run(&["create", "plans"]).ok();
    bob.run(&["join-channel", "plans"]).ok();
    let path = alice.folder.path().join("plan.txt");
    std::fs::write(&path, format!("{MARKER}\n").repeat(2000)).unwrap();
    let sent = alice.run(&["upload", "plans", text(&path), "--text", MARKER]).ok().json();
    let shared = sent["files"][0]["id"].as_str().unwrap().to_owned();
    bob.run(&["send", "plans", MARKER]).ok();
    bob.run(&["send", "general", MARKER]).ok();
    let own = bob.run(&["upload", "general", text(&path)]).ok().json();
    let own = own["files"][0]["id"].as_str().unwrap().to_owned();
    alice.run(&["react", "general", "1", "+1"]).ok();
    alice.run(&["send", "general", "it stays"]).ok();
    for cli in [&alice, &bob, &carol] {
        assert!(names(cli).contains(&"plans".to_owned()));
    }
    assert_eq!(bob.run(&["read", "plans"]).ok().rows().len(), 2);
    assert_eq!(alice.run(&["search", MARKER]).ok().rows().len(), 3);
    let files = || files_below(&server.data().join("acme/files"));
    assert_eq!(files().len(), 2);

    let asked = server.try_run(&["workspace", "wipe", "--workspace", "acme", "--channel", "plans"]);
    assert_eq!(asked.status.code(), Some(2), "it has to be meant");
    let done = json(&server.run(&["workspace", "wipe", "--workspace", "acme", "--channel", "plans", "--yes"]));
    assert_eq!((done["messages"].as_u64(), done["files"].as_u64()), (Some(2), Some(1)), "{done}");
    assert!(files().iter().all(|path| !path.ends_with(&shared)));
    for cli in [&alice, &bob, &carol] {
        assert!(!names(cli).contains(&"plans".to_owned()));
        assert_eq!(cli.run(&["read", "plans"]).code, 3);
    }
    // On the device, too: without a word of it.
    assert_eq!(alice.run(&["search", MARKER]).ok().rows().len(), 1);
    assert_eq!(alice.run(&["search", MARKER, "--remote"]).ok().rows().len(), 1);

    // The other way about: no server runs, and the person's device comes back later.
    server.stop();
    let done = json(&server.run(&["workspace", "wipe", "--workspace", "acme", "--person", "bob", "--yes"]));
    assert_eq!((done["messages"].as_u64(), done["files"].as_u64()), (Some(2), Some(1)), "{done}");
    assert!(files_below(&server.data().join("acme/files")).iter().all(|path| !path.ends_with(&own)));
    server.serve();
    assert_eq!(bob.run(&["send", "general", "still here?"]).code, 12);
    let rows = alice.run(&["read", "general", "-n", "50"]).ok().rows();
    let shown: Vec<_> = rows.iter().map(|row| (row["author"].as_str().unwrap(), row["deleted"] == true)).collect();
    assert_eq!(shown, [("Deleted person", true), ("Deleted person", true), ("alice", false)]);
    assert!(alice.run(&["search", MARKER]).ok().rows().is_empty());
    // Their name is free.
    let another = Cli::with_passphrase();
    another.join(&server.invite(), "bob").ok();
    server.stop();
    assert!(files_with(&server.data(), &[MARKER, "bob", "plans"]).is_empty());
    let report = json(&server.run(&["doctor"]));
    assert_eq!(report["ok"], true, "{report}");
}
