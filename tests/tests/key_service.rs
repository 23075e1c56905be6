//! What people at a command line see while the server's key service is away. The service is a stand-in that keeps Vault's
//! contract for one key and wraps nothing: what it has to do here is come and go.

use std::sync::atomic::Ordering;
use std::time::Duration;
use thechatapp_protocol::Code;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Cli, Outcome, Server, server, vault::Vault};

const PATIENCE: Duration = Duration::from_secs(60);

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
        let found = alice.run(&["doctor"]).ok().json();
        let key = &found["workspaces"][0]["hops"][7];
        assert_eq!((key["hop"].as_str(), key["state"].as_str()), (Some("key"), Some("failed")), "{found}");
        assert!(key["why"].as_str().unwrap().contains(denied), "{key}");

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

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_silent_for_one_workspace_holds_up_no_other() {
    let vault = Vault::start();
    let mut server = Server::init_with(vault.environment("2"));
    server.serve();
    let other = server::json(&server.run(&["workspace", "create", "--workspace", "beta"]));
    let mut alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    let invite = server::json(&server.run(&["invite", "--workspace", "beta"]));
    let invite = invite["invite"].as_str().unwrap();
    let mut bob = RawClient::join_at(&server, other["pin"].as_str().unwrap(), invite, "bob").await;

    vault.ignore_first_workspace();
    tokio::time::timeout(PATIENCE, async { while alice.call::<WhoAmI>(&Nothing {}).await.is_ok() {} }).await.unwrap();
    // The key is asked for again at half of its time, so it would long be over by then.
    let until = vault.answered.load(Ordering::SeqCst) + 6;
    tokio::time::timeout(PATIENCE, async {
        while vault.answered.load(Ordering::SeqCst) < until {
            bob.call::<WhoAmI>(&Nothing {}).await.expect("the neighbour goes on");
        }
    })
    .await
    .expect("its key is asked for");
    assert_eq!(alice.call::<WhoAmI>(&Nothing {}).await.unwrap_err().code, Code::KeyService);
}
