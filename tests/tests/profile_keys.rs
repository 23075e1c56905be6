//! The ways into a profile, with a real Secret Service: moved, lost, and found again.

use serde_json::json;
use std::path::PathBuf;
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::{Cli, Server};

fn line(cli: &Cli, name: &str, text: &str) -> PathBuf {
    let path = cli.folder.path().join(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    path
}

#[test]
fn a_key_moves_between_secure_storage_and_a_passphrase_and_a_recovery_code_brings_it_back() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let cli = Cli::with_secure_storage(keyring.env());
    cli.join(server.owner_invite(), "alice").ok();
    cli.run(&["send", "general", "kept through all of it"]).ok();
    let shown = cli.run(&["key", "show"]).ok().json();
    assert_eq!((&shown["passphrase"], &shown["recovery"]), (&json!(false), &json!(false)));
    assert_eq!(cli.run(&["key", "drop", "passphrase"]).code, 3);

    let passphrase = line(&cli, "new", "another passphrase");
    let mine = passphrase.to_str().unwrap();
    let moved = cli.run(&["key", "move", "passphrase", "--new-passphrase-file", mine]).ok().json();
    assert_eq!(moved, json!({"backend": "passphrase", "passphrase": true, "recovery": false}));
    assert_eq!(cli.run(&["read", "general"]).code, 21, "secure storage opens it no longer");
    let read = cli.run(&["--passphrase-file", mine, "read", "general"]).ok();
    assert_eq!(read.texts(), ["kept through all of it"]);

    let code = cli.run(&["--passphrase-file", mine, "key", "recovery-code"]).ok().json();
    let code = line(&cli, "code", code["code"].as_str().unwrap());
    let back = cli.run(&["--passphrase-file", mine, "key", "move", "secret-store"]).ok().json();
    assert_eq!((&back["passphrase"], &back["recovery"]), (&json!(false), &json!(true)));
    assert_eq!(cli.run(&["read", "general"]).ok().texts(), ["kept through all of it"]);
    assert_eq!(cli.run(&["--passphrase-file", mine, "read", "general"]).code, 23);

    // Another keyring, as after a new installation: the key is missing, and the code brings it back.
    let fresh = Keyring::unlocked();
    let cli = Cli { env: fresh.env(), ..cli };
    assert_eq!(cli.run(&["read", "general"]).code, 22);
    let other = line(&cli, "other", "0000-0000");
    assert_eq!(cli.run(&["key", "restore", "--code-file", other.to_str().unwrap()]).code, 3);
    cli.run(&["key", "restore", "--code-file", code.to_str().unwrap()]).ok();
    assert_eq!(cli.run(&["read", "general"]).ok().texts(), ["kept through all of it"]);
    cli.run(&["key", "drop", "recovery"]).ok();
    assert_eq!(cli.run(&["key", "show"]).ok().json()["recovery"], false);
}
