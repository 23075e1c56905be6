//! What people at a command line see while the server's key service is away. The service is a stand-in that keeps Vault's
//! contract for one key and wraps nothing: what it has to do here is come and go.

use std::sync::atomic::Ordering;
use thechatapp_tests::{Cli, Outcome, Server, vault::Vault};

#[test]
fn readers_and_writers_end_with_30_until_the_service_is_back() {
    let vault = Vault::start();
    let mut server = Server::init_with(vault.environment("2"));
    server.serve();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "Alice").ok();
    alice.run(&["send", "general", "before"]).ok();

    // First the server closes; then it starts with nothing to open with.
    let mut said = vec!["before".to_owned()];
    for restarted in [false, true] {
        vault.denies.store(true, Ordering::SeqCst);
        if restarted {
            assert_eq!(server.stop(), Some(0));
            server.serve();
        }
        // On a busy machine the key's time may be over a moment before the service has said why.
        let denied = "the key service denies access to the key";
        let told = |done: &Outcome| done.code == 30 && done.error()["why"] == denied;
        wait(|| Some(alice.run(&["search", "before", "--remote"])).filter(told));
        assert_eq!(Cli::with_passphrase().join(server.owner_invite(), "Bob").code, 30);
        said.push(format!("meanwhile {restarted}"));
        assert_eq!(alice.run(&["send", "general", said.last().unwrap()]).code, 30);
        assert_eq!(alice.run(&["read", "general"]).code, 30);

        vault.denies.store(false, Ordering::SeqCst);
        wait(|| {
            said.push(format!("attempt {}", said.len()));
            Some(alice.run(&["send", "general", said.last().unwrap()])).filter(|done| done.code == 0)
        });
    }
    // What could not be sent waited on its device: everything is there, once.
    let mut read = wait(|| {
        let texts = alice.run(&["read", "general", "-n", "200"]).ok().texts();
        Some(texts).filter(|texts| texts.len() >= said.len())
    });
    read.sort();
    said.sort();
    assert_eq!(read, said);
}

fn wait<T>(mut until: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(done) = until() {
            return done;
        }
        assert!(begun.elapsed().as_secs() < 60, "it does not come");
    }
}
