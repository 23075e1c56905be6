//! Reports and blocked people, by the programs that people use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use thechatapp_tests::{Cli, Server};

#[test]
fn whoever_is_banned_stays_out_until_that_is_lifted() {
    let server = Server::start();
    let (mia, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    for (cli, name) in [(&mia, "mia"), (&bob, "bob")] {
        cli.join(&server.invite(), name).ok();
    }
    mia.run(&["create", "plans"]).ok();
    bob.run(&["join-channel", "plans"]).ok();
    bob.run(&["send", "plans", "hi"]).ok();
    let bans = mia.run(&["channel", "ban", "plans", "@bob"]).ok().json();
    assert_eq!((&bans[0]["person"], &bans[0]["by"]), (&"bob".into(), &"mia".into()));
    assert_eq!(bob.run(&["send", "plans", "hi again"]).code, 12);
    assert_eq!(bob.run(&["join-channel", "plans"]).code, 12);
    assert_eq!(mia.run(&["channel", "add", "plans", "@bob"]).code, 12);
    assert_eq!(bob.run(&["channel", "bans", "plans"]).code, 12, "for its moderators");
    assert_eq!(mia.run(&["channel", "bans", "plans"]).ok().json(), bans);
    assert_eq!(mia.run(&["channel", "unban", "plans", "@bob"]).ok().json(), serde_json::json!([]));
    bob.run(&["join-channel", "plans"]).ok();
    bob.run(&["send", "plans", "thank you"]).ok();
}

#[test]
fn a_channel_made_private_leaves_those_outside_and_becomes_public_only_with_a_yes() {
    let server = Server::start();
    let (mia, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    for (cli, name) in [(&mia, "mia"), (&bob, "bob")] {
        cli.join(&server.invite(), name).ok();
    }
    mia.run(&["create", "plans"]).ok();
    mia.run(&["send", "plans", "a secret of ours"]).ok();
    assert_eq!(bob.run(&["read", "plans"]).ok().json()[0]["text"], "a secret of ours");
    let shown = mia.run(&["channel", "visibility", "plans", "private"]).ok().json();
    assert_eq!(shown["kind"], "private");
    assert_eq!(bob.run(&["read", "plans"]).code, 3, "there is no such channel");
    assert!(bob.run(&["search", "secret"]).ok().texts().is_empty());
    assert_eq!(mia.run(&["channel", "visibility", "plans", "public"]).code, 2, "not without a yes");
    let shown = mia.run(&["channel", "visibility", "plans", "public", "--yes"]).ok().json();
    assert_eq!(shown["kind"], "public");
    assert_eq!(bob.run(&["read", "plans"]).ok().json()[0]["text"], "a secret of ours");
}

#[test]
fn a_reported_message_is_removed_by_somebody_who_is_not_in_its_channel() {
    let server = Server::start();
    let (owner, mia, bob) = (Cli::with_passphrase(), Cli::with_passphrase(), Cli::with_passphrase());
    owner.join(server.owner_invite(), "olga").ok();
    for (cli, name) in [(&mia, "mia"), (&bob, "bob")] {
        cli.join(&server.invite(), name).ok();
    }
    let sent = bob.run(&["send", "@mia", "an insult"]).ok().json();
    let id = sent["id"].as_str().unwrap();
    let report = mia.run(&["report", "message", "@bob", id, "an insult"]).ok().json();
    let report = report["report"].as_str().unwrap();
    assert_eq!(bob.run(&["report", "list"]).code, 12, "not everybody reads reports");
    let open = owner.run(&["report", "list"]).ok().json();
    assert_eq!(open.as_array().unwrap().len(), 1);
    for (field, value) in [("report", report), ("by", "mia"), ("about", "bob"), ("text", "an insult")] {
        assert_eq!(open[0][field], value, "{field}");
    }
    // What is reported of somebody is looked after by others.
    bob.run(&["report", "person", "@olga", "she knows me"]).ok();
    assert_eq!(owner.run(&["report", "list"]).ok().json(), open);
    let closed = owner.run(&["report", "close", report, "removed", "--note", "we talked"]).ok().json();
    assert_eq!((&closed["outcome"], &closed["closed_by"]), (&"removed".into(), &"olga".into()));
    let read = mia.run(&["read", "@bob"]).ok().json();
    assert_eq!((&read[0]["deleted"], &read[0]["text"]), (&true.into(), &"".into()));
    assert!(owner.run(&["report", "list"]).ok().json().as_array().unwrap().is_empty());

    assert_eq!(mia.run(&["block", "@bob"]).ok().json(), serde_json::json!(["bob"]));
    let refused = bob.run(&["send", "@mia", "one more"]);
    assert_eq!(refused.code, 12, "{}", refused.stderr);
    mia.run(&["send", "@bob", "never mind"]).ok();
    bob.run(&["send", "general", "hello all"]).ok();
    mia.run(&["block", "@bob", "--off"]).ok();
    assert_eq!(mia.run(&["block"]).ok().json(), serde_json::json!([]));
    bob.run(&["send", "@mia", "sorry"]).ok();

    // Each has its trace, and none says whom mia blocked.
    let log = owner.run(&["audit", "list", "--class", "moderation"]).ok();
    let acts: Vec<_> = log.rows().iter().map(|entry| entry["act"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        acts,
        [
            "person.unblocked",
            "person.blocked",
            "reports.read",
            "report.closed",
            "message.removed",
            "reports.read",
            "report.filed",
            "reports.read",
            "report.filed",
        ]
    );
    assert_eq!(log.rows()[1]["target"], "workspace");
}
