//! Several accounts of one workspace in one profile: each has its own device key, cache, drafts and queue, and none sees another's.

use thechatapp_tests::{Cli, Server, files_below};

#[test]
fn two_accounts_in_one_profile_keep_apart() {
    let server = Server::start();
    let cli = Cli::with_passphrase();
    cli.join(server.owner_invite(), "alice").ok();
    cli.join(&server.invite(), "bob").ok();
    let caches = || files_below(&cli.profile()).into_iter().filter(|path| path.ends_with("cache.db")).count();
    assert_eq!(caches(), 2);

    let ambiguous = cli.run(&["channels"]);
    assert_eq!(ambiguous.code, 3, "{}", ambiguous.stderr);
    let (alice, bob) = (["--workspace", "acme/alice"], ["--workspace", "acme/bob"]);
    let run = |who: [&str; 2], args: &[&str]| cli.run(&[&who, args].concat());
    for (who, name) in [(alice, "alice"), (bob, "bob")] {
        assert_eq!(run(who, &["whoami"]).ok().json()["name"], name);
    }
    run(alice, &["create", "hers", "--private"]).ok();
    run(alice, &["send", "hers", "for nobody else"]).ok();
    run(alice, &["send", "general", "hello bob"]).ok();
    run(alice, &["draft", "general", "half a thought"]).ok();
    assert_eq!(run(bob, &["read", "general"]).ok().texts(), ["hello bob"]);
    assert_eq!(run(bob, &["draft", "general"]).ok().stdout.trim(), "null");
    let channels = run(bob, &["channels", "--all"]).ok().stdout;
    assert!(!channels.contains("hers"), "{channels}");
    assert_eq!(run(bob, &["search", "nobody"]).ok().rows().len(), 0);

    // Signed in once more, an account is the one that is there.
    cli.login(&server.url(), server.pin(), "bob").ok();
    assert_eq!(caches(), 2);
    run(bob, &["sign-out"]).ok();
    assert_eq!(caches(), 1);
    assert_eq!(cli.run(&["read", "hers"]).ok().texts(), ["for nobody else"]);
    assert_eq!(cli.run(&["draft", "general"]).ok().json()["text"], "half a thought");
}
