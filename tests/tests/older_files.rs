//! A profile that an early release left behind opens, is brought up to date, and lacks nothing. Its server is gone: all of this is from
//! the device.

use std::path::Path;
use thechatapp_tests::Cli;
use thechatapp_tests::server::line_file;

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_profile_of_an_early_release_opens_and_lacks_nothing() {
    let mut cli = Cli::with_passphrase();
    cli.passphrase = Some(line_file(cli.folder.path(), "first-passphrase", "the first passphrase"));
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/profile-1"), &cli.profile());

    let said = cli.run(&["read", "general", "-n", "100"]).ok();
    assert_eq!(said.texts(), ["one", "two, edited", "three with a marmalade", "", "waits for a server"]);
    let rows = said.rows();
    assert_eq!(rows[1]["edited"], true);
    assert_eq!(rows[3]["deleted"], true);
    assert_eq!(rows[2]["reactions"][0]["emoji"], "👍");
    assert_eq!((rows[4]["state"].as_str(), rows[4]["seq"].as_u64()), (Some("pending"), None));

    let hits = cli.run(&["search", "marmalade"]).ok().rows();
    assert_eq!(hits.len(), 1, "its old index was made anew: {hits:?}");
    let channels = cli.run(&["channels"]).ok().rows();
    assert!(channels.iter().any(|channel| channel["name"] == "design"), "{channels:?}");
    let doctor = cli.run(&["doctor"]).ok().json();
    assert_eq!((&doctor["local"]["ok"], &doctor["workspaces"][0]["cache"]["ok"]), (&true.into(), &true.into()));
    assert_eq!(doctor["workspaces"][0]["waiting"], 1);

    cli.run(&["draft", "general", "typed with the new one"]).ok();
    cli.run(&["key", "renew"]).ok();
    assert_eq!(cli.run(&["draft", "general"]).ok().json()["text"], "typed with the new one");
    assert_eq!(cli.run(&["whoami"]).ok().json()["name"], "Ana Reis");
}
