//! The ways into a profile, with a real Secret Service: moved, lost, and found again.

use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::{Cli, Server, bin};

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

#[test]
fn a_recovery_code_opens_a_profile_where_no_secure_storage_is_left() {
    let server = Server::start();
    let mut keyring = Keyring::unlocked();
    let cli = Cli::with_secure_storage(keyring.env());
    cli.join(server.owner_invite(), "alice").ok();
    cli.run(&["send", "general", "kept all the same"]).ok();
    let code = cli.run(&["key", "recovery-code"]).ok().json();
    let code = line(&cli, "code", code["code"].as_str().unwrap());
    keyring.stop_daemon();
    assert_eq!(cli.run(&["key", "restore", "--code-file", code.to_str().unwrap()]).code, 20);
    let mine = line(&cli, "new", "a quiet afternoon");
    let mine = mine.to_str().unwrap();
    let restored =
        cli.run(&["key", "restore", "--code-file", code.to_str().unwrap(), "--new-passphrase-file", mine]).ok().json();
    assert_eq!(restored, json!({"backend": "passphrase", "passphrase": true, "recovery": true}));
    let read = cli.run(&["--passphrase-file", mine, "read", "general"]).ok();
    assert_eq!(read.texts(), ["kept all the same"]);
}

#[test]
fn a_person_at_a_terminal_is_asked_for_the_second_passphrase_where_secure_storage_does_not_open() {
    let server = Server::start();
    let mut keyring = Keyring::unlocked();
    let cli = Cli::with_secure_storage(keyring.env());
    cli.join(server.owner_invite(), "alice").ok();
    cli.run(&["send", "general", "kept all the same"]).ok();
    keyring.stop_daemon();
    // Without one there is nothing to ask for.
    assert!(!at_a_terminal(&cli, "a quiet afternoon", "read general").contains("Passphrase"));
    keyring.start_daemon(true);
    let mine = line(&cli, "new", "a quiet afternoon");
    cli.run(&["key", "passphrase", "--new-passphrase-file", mine.to_str().unwrap()]).ok();
    keyring.stop_daemon();
    let shown = at_a_terminal(&cli, "a quiet afternoon", "read general");
    assert!(shown.contains("Passphrase: ") && shown.contains("kept all the same"), "{shown}");
    assert_eq!(cli.run(&["read", "general"]).code, 20, "nobody is there to be asked");
}

/// Runs a command as a person does who types a line, and gives what the terminal shows.
fn at_a_terminal(cli: &Cli, typed: &str, command: &str) -> String {
    let program = bin("thechatapp-cli");
    let command = format!("{} --profile {} {command}", program.display(), cli.profile().display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--command", &command, "/dev/null"]).envs(cli.env.iter().cloned());
    let mut terminal = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(terminal.stdin.take().unwrap(), "{typed}").unwrap();
    String::from_utf8_lossy(&terminal.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn a_profile_is_set_aside_only_on_purpose_and_what_was_not_sent_comes_back_with_its_key() {
    let mut server = Server::start();
    let keyring = Keyring::unlocked();
    let cli = Cli::with_secure_storage(keyring.env());
    assert_eq!(cli.run(&["key", "set-aside", "--yes"]).code, 3, "there is nothing to set aside");
    cli.join(server.owner_invite(), "alice").ok();
    let code = cli.run(&["key", "recovery-code"]).ok().json();
    let code = line(&cli, "code", code["code"].as_str().unwrap());
    cli.run(&["draft", "general", "half a sentence"]).ok();
    server.stop();
    cli.run(&["send", "general", "written on the train", "--queue"]).ok();
    let asked = cli.run(&["key", "set-aside"]);
    let why = asked.error()["why"].as_str().unwrap().to_owned();
    assert_eq!(asked.code, 2);
    assert!(why.contains("messages that wait to be sent: 1, drafts: 1"), "{why}");

    // Its key is gone: nobody can count.
    let fresh = Keyring::unlocked();
    let cli = Cli { env: fresh.env(), ..cli };
    let asked = cli.run(&["key", "set-aside"]);
    assert_eq!(asked.code, 2);
    assert!(asked.error()["why"].as_str().unwrap().contains("cannot be counted"), "{asked:?}");
    assert!(!cli.profile().join("set-aside").exists());
    let aside = cli.run(&["key", "set-aside", "--yes"]).ok().json();
    assert_eq!((&aside["messages"], &aside["drafts"]), (&json!(null), &json!(null)));
    server.serve();
    cli.join(&server.invite(), "alice again").ok();

    // The code brings back what lies there.
    let folder = aside["folder"].as_str().unwrap();
    let there = |args: &[&str]| {
        let mut command = Command::new(bin("thechatapp-cli"));
        command.args(["--json", "--profile", folder]).args(args).envs(cli.env.iter().cloned());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    there(&["key", "restore", "--code-file", code.to_str().unwrap()]);
    let drafts = there(&["drafts"]);
    assert!(drafts.contains("half a sentence"), "{drafts}");
    there(&["sign-out"]);
    assert_eq!(cli.run(&["read", "general"]).ok().texts(), ["written on the train"]);
}
