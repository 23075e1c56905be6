use super::Graph;
use serde_json::{Value, json};

/// A package: its name and features, and what it names (`dev:` before those for tests only).
type Line<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// Cargo's metadata for some packages, as `cargo metadata --format-version 1` writes it. Ids are `name` or `name@version`.
fn metadata(members: &[&str], lines: &[Line]) -> Value {
    let name = |id: &str| id.split('@').next().unwrap().to_owned();
    let packages: Vec<Value> =
        lines.iter().map(|(id, ..)| json!({"id": id, "name": name(id), "version": "1.0.0"})).collect();
    let nodes: Vec<Value> = lines
        .iter()
        .map(|(id, features, named)| {
            let deps: Vec<Value> = named
                .iter()
                .map(|other| match other.strip_prefix("dev:") {
                    Some(other) => json!({"pkg": other, "dep_kinds": [{"kind": "dev", "target": null}]}),
                    None => json!({"pkg": other, "dep_kinds": [{"kind": null, "target": null}]}),
                })
                .collect();
            json!({"id": id, "features": features, "deps": deps})
        })
        .collect();
    json!({"packages": packages, "workspace_members": members, "resolve": {"nodes": nodes}})
}

fn faults(members: &[&str], lines: &[Line]) -> Vec<String> {
    let built: String =
        lines.iter().map(|(id, ..)| format!("{} v1.0.0 (/somewhere)\n", id.split('@').next().unwrap())).collect();
    Graph::read(&metadata(members, lines), &super::built(&built)).unwrap().faults()
}

#[test]
fn the_drawn_arrows_pass() {
    let members = ["thechatapp-protocol", "thechatapp-seal", "thechatapp-core", "thechatapp-cli", "thechatapp-tests"];
    let lines: &[Line] = &[
        ("thechatapp-protocol", &[], &["snow"]),
        ("thechatapp-seal", &[], &[]),
        ("thechatapp-core", &[], &["thechatapp-protocol", "thechatapp-seal", "rustls", "tokio"]),
        ("thechatapp-cli", &[], &["thechatapp-core", "keyring"]),
        ("thechatapp-tests", &[], &["thechatapp-core", "thechatapp-cli", "thechatapp-seal"]),
        ("rustls", &["aws_lc_rs", "std"], &[]),
        ("snow", &[], &[]),
        ("tokio", &[], &[]),
        ("keyring", &[], &[]),
    ];
    assert_eq!(faults(&members, lines), Vec::<String>::new());
}

#[test]
fn seal_must_not_know_the_protocol_not_even_in_its_tests() {
    let members = ["thechatapp-protocol", "thechatapp-seal"];
    let lines: &[Line] = &[("thechatapp-protocol", &[], &[]), ("thechatapp-seal", &[], &["dev:thechatapp-protocol"])];
    assert_eq!(faults(&members, lines), ["thechatapp-seal must not depend on thechatapp-protocol"]);
}

#[test]
fn a_crate_may_name_itself_for_its_tests() {
    let lines: &[Line] = &[("thechatapp-server", &[], &["dev:thechatapp-server"])];
    assert_eq!(faults(&["thechatapp-server"], lines), Vec::<String>::new());
}

#[test]
fn nothing_depends_on_the_tests() {
    let members = ["thechatapp-core", "thechatapp-tests"];
    let lines: &[Line] =
        &[("thechatapp-core", &[], &["dev:thechatapp-tests"]), ("thechatapp-tests", &[], &["thechatapp-core"])];
    assert_eq!(faults(&members, lines), ["thechatapp-core must not depend on thechatapp-tests"]);
}

#[test]
fn a_shell_hidden_below_the_core_is_found_with_its_path() {
    let members = ["thechatapp-core"];
    let lines: &[Line] =
        &[("thechatapp-core", &[], &["innocent"]), ("innocent", &[], &["keyring"]), ("keyring", &[], &[])];
    assert_eq!(faults(&members, lines), ["the core knows no shell: thechatapp-core -> innocent -> keyring"]);
}

#[test]
fn what_only_tests_need_is_not_shipped() {
    let members = ["thechatapp-protocol"];
    let lines: &[Line] =
        &[("thechatapp-protocol", &[], &["dev:proptest"]), ("proptest", &[], &["tokio"]), ("tokio", &[], &[])];
    assert_eq!(faults(&members, lines), Vec::<String>::new());
}

#[test]
fn a_second_tls_provider_is_refused() {
    let members = ["thechatapp-server"];
    let lines: &[Line] =
        &[("thechatapp-server", &[], &["rustls"]), ("rustls", &["aws_lc_rs", "ring"], &["ring"]), ("ring", &[], &[])];
    let found = faults(&members, lines);
    assert_eq!(
        found,
        [
            "thechatapp-server has a second TLS provider: thechatapp-server -> rustls -> ring",
            "rustls is built with ring"
        ]
    );
}

#[test]
fn two_versions_of_sqlite_are_refused() {
    let members = ["thechatapp-database"];
    let lines: &[Line] = &[
        ("thechatapp-database", &[], &["rusqlite@1", "rusqlite@2"]),
        ("rusqlite@1", &[], &[]),
        ("rusqlite@2", &[], &[]),
    ];
    assert_eq!(faults(&members, lines), ["rusqlite is there in 2 versions"]);
}

#[test]
fn a_new_member_wants_its_arrows_drawn() {
    let found = faults(&["thechatapp-surprise"], &[("thechatapp-surprise", &[], &[])]);
    assert_eq!(
        found,
        ["thechatapp-surprise is a new member: draw its arrows in xtask/src/arrows.rs and ARCHITECTURE.md"]
    );
}

#[test]
fn an_unknown_form_of_metadata_is_said() {
    assert!(Graph::read(&json!({"packages": {}}), &super::built("")).is_err());
}

#[test]
fn an_optional_package_that_is_not_built_is_no_fault() {
    let lines: &[Line] = &[("thechatapp-server", &[], &["ring"]), ("ring", &[], &[])];
    let metadata = metadata(&["thechatapp-server"], lines);
    let graph = Graph::read(&metadata, &super::built("thechatapp-server v1.0.0 (/somewhere)\n")).unwrap();
    assert_eq!(graph.faults(), Vec::<String>::new());
}
