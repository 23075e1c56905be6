//! One profile, and more than one who wants it.

use std::process::Command;
use std::time::{Duration, Instant};
use thechatapp_tests::server::signal;
use thechatapp_tests::{Cli, Server};

/// Longer than anybody waits for a profile that another program has, on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_second_program_on_one_profile_is_told_soon_who_has_it_and_touches_nothing() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "the first"]).ok();
    let mut first = alice.spawn(&["watch", "general"]);
    // A look that takes no time: the first one tries again.
    let lock = std::fs::File::open(alice.profile().join("profile.lock")).unwrap();
    while lock.try_lock().is_ok() {
        lock.unlock().unwrap();
        assert!(first.try_wait().unwrap().is_none(), "it goes on until it is told to end");
        std::thread::sleep(Duration::from_millis(5));
    }

    let commands: [&[&str]; 6] = [
        &["send", "general", "from a second one"],
        &["read", "general"],
        &["draft", "general", "from a second one"],
        &["doctor", "--repair"],
        &["key", "renew"],
        &["sign-out", "--wipe"],
    ];
    for command in commands {
        let begun = Instant::now();
        let refused = alice.run(command);
        assert_eq!((refused.code, refused.error()["error"].as_str()), (26, Some("busy")), "{command:?}: {refused:?}");
        assert!(begun.elapsed() < SOON, "{command:?} took {:?}", begun.elapsed());
    }
    assert!(first.try_wait().unwrap().is_none(), "the first one goes on");
    // Its end, also one that it did not choose, leaves the profile free.
    signal(first.id(), "KILL");
    first.wait().unwrap();
    alice.run(&["send", "general", "the second"]).ok();
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["the first", "the second"]);
}

/// As on a network file system without locks.
#[test]
fn a_folder_in_which_files_cannot_be_locked_is_refused_with_the_reason_and_nothing_is_called_damaged() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: without strace no lock can be made to fail");
        return;
    }
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "kept"]).ok();
    let cli = alice.command(&["read", "general"]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"]);
    let output = traced.arg(cli.get_program()).args(cli.get_args()).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &said["error"]), (Some(3), &"no_locks".into()), "{said}");
    assert!(said["why"].as_str().unwrap().contains("files cannot be locked there"), "{said}");
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["kept"]);
}
