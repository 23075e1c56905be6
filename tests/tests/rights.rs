//! An owner at a terminal decides who may do what, and the others' programs follow.

use serde_json::Value;
use thechatapp_tests::{Cli, Server};

fn json(cli: &Cli, args: &[&str]) -> Value {
    cli.run(args).ok().json()
}

#[test]
fn roles_groups_and_ranks_are_given_and_taken_at_the_command_line() {
    let server = Server::start();
    let (olga, ana) = (Cli::with_passphrase(), Cli::with_passphrase());
    olga.join(server.owner_invite(), "Olga").ok();
    ana.join(&server.invite(), "Ana Reis").ok();
    // Who lacks the power is refused with its code, and who holds it goes on.
    assert_eq!(ana.run(&["role", "create", "auditors", "--power", "audit"]).code, 12);
    let role = json(&olga, &["role", "create", "auditors", "--power", "audit", "--power", "analytics"]);
    assert_eq!(role["powers"], serde_json::json!(["audit", "analytics"]));
    assert_eq!(olga.run(&["role", "create", "x", "--power", "everything"]).code, 3);
    let group = json(&olga, &["group", "create", "design", "Design team", "--visibility", "private"]);
    assert_eq!(group["slug"], "design");
    json(&olga, &["group", "add", "design", "@Ana Reis"]);
    let granted = json(&olga, &["role", "grant", "auditors", "--group", "design"]);
    assert_eq!(granted["grants"][0]["group"], "design");
    // What a role gives within a group is part of what one is shown to hold.
    assert_eq!(json(&ana, &["account", "show"])["within"], serde_json::json!([]));
    json(&olga, &["role", "grant", "auditors", "@Ana Reis", "--within", "design"]);
    let within = serde_json::json!([{ "group": "design", "powers": ["audit", "analytics"] }]);
    for (cli, args) in [(&ana, vec!["account", "show"]), (&olga, vec!["account", "show", "@Ana Reis"])] {
        assert_eq!(json(cli, &args)["within"], within);
    }
    json(&olga, &["role", "take", "auditors", "@Ana Reis", "--within", "design"]);
    json(&olga, &["create", "reviews", "--private"]);
    let members = json(&olga, &["group", "link", "design", "reviews"]);
    assert_eq!(members["channels"], serde_json::json!(["reviews"]));
    assert_eq!(members["people"], serde_json::json!(["Ana Reis"]));
    // What follows from it: a channel, and a mention by the group's slug.
    olga.run(&["send", "reviews", "@design: please look"]).ok();
    let channels = json(&ana, &["channels"]);
    let reviews = channels.as_array().unwrap().iter().find(|channel| channel["name"] == "reviews").unwrap();
    assert_eq!(reviews["mentions"], 1, "{reviews}");
    json(&olga, &["moderator", "add", "reviews", "@Ana Reis"]);
    json(&olga, &["group", "unlink", "design", "reviews"]);
    // Her device does not know yet; the server refuses, and the next look finds nothing.
    assert_eq!(ana.run(&["send", "reviews", "still in?"]).code, 12);
    assert_eq!(ana.run(&["read", "reviews"]).code, 3);
    let became = json(&olga, &["account", "rank", "@Ana Reis", "guest"]);
    assert_eq!(became["role"], "guest");
    let people = json(&olga, &["people"]);
    let ranks: Vec<_> = people.as_array().unwrap().iter().map(|one| (&one["name"], &one["rank"])).collect();
    assert_eq!(ranks, [(&"Ana Reis".into(), &"guest".into()), (&"Olga".into(), &"owner".into())], "{people}");
    assert_eq!(ana.run(&["create", "mine"]).code, 12);
    assert_eq!(olga.run(&["account", "rank", "@Olga", "member"]).code, 12, "the last owner");
    let left = json(&olga, &["group", "delete", "design"]);
    assert_eq!(left["slug"], "design");
    assert_eq!(json(&olga, &["role", "list"])[0]["grants"], serde_json::json!([]));
}

#[test]
fn an_app_older_than_the_workspace_asks_for_says_so_and_goes_on() {
    let mut server = Server::start();
    let olga = Cli::with_passphrase();
    olga.join(server.owner_invite(), "Olga").ok();
    olga.run(&["send", "general", "good morning"]).ok();
    let update = |said: &Value| said["workspaces"][0]["update"].clone();
    let told = serde_json::json!({ "required": false, "minimum": null, "channel": "stable" });
    assert_eq!(update(&json(&olga, &["status"])), told);
    json(&olga, &["settings", "set", "updates.minimum_version", "9.0.0"]);
    let told = serde_json::json!({ "required": true, "minimum": "9.0.0", "channel": "stable" });
    assert_eq!(update(&json(&olga, &["status"])), told);
    server.stop();
    // Also while it is offline, where it reads on.
    assert_eq!(update(&json(&olga, &["doctor"])), told);
    assert_eq!(json(&olga, &["read", "general"])[0]["text"], "good morning");
}
