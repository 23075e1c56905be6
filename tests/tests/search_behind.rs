//! After a long import the server's index lacks messages for a while. A search says so until it has them all, and never passes over one
//! in silence.

use std::fmt::Write;
use std::time::{Duration, Instant};
use thechatapp_protocol::methods::messages::{Found, Search, SearchParams};
use thechatapp_tests::Server;
use thechatapp_tests::raw::RawClient;

/// More than a search waits for.
const MESSAGES: usize = 12_000;
/// One of so many has the word that is looked for.
const EVERY: usize = 400;
const PATIENCE: Duration = Duration::from_secs(120);

fn lines(hour: usize) -> String {
    let mut lines = String::new();
    for number in 0..MESSAGES {
        let needle = if number % EVERY == 0 { "needle" } else { "hay" };
        let _ = writeln!(lines, "[{hour:02}:{:02}] <nick{}> {needle} {number}", number / 200 % 60, number % 7);
    }
    lines
}

async fn found(alice: &mut RawClient) -> Found {
    let params = SearchParams { words: "needle".into(), limit: 100, ..SearchParams::default() };
    alice.call::<Search>(&params).await.unwrap()
}

/// Searches until nothing is missing. Every answer says that something is, or has everything; how many said so.
async fn until_complete(alice: &mut RawClient, needles: usize) -> usize {
    let (begun, mut lacking) = (Instant::now(), 0);
    loop {
        let found = found(alice).await;
        assert!(found.messages.len() <= needles);
        if !found.behind {
            assert_eq!(found.messages.len(), needles, "it did not say that some are missing");
            return lacking;
        }
        lacking += 1;
        assert!(begun.elapsed() < PATIENCE, "the index lacks messages still");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_right_after_an_import_has_everything_or_says_that_something_is_missing() {
    let mut server = Server::init();
    server.serve();
    let mut alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    tokio::task::block_in_place(|| server.import_irc("general", "2026-01-02.log", &lines(10)));
    let at_once = until_complete(&mut alice, MESSAGES / EVERY).await;

    // Killed before the index had anything of the next ones, which were imported without one.
    assert_eq!(server.stop(), Some(0));
    server.env.push(("THECHATAPP_SEARCH_INDEX".into(), "false".into()));
    server.serve();
    tokio::task::block_in_place(|| server.import_irc("general", "2026-01-03.log", &lines(11)));
    server.kill();
    server.env.clear();
    server.serve();
    alice.again(&server).await;
    let after_a_start = until_complete(&mut alice, 2 * MESSAGES / EVERY).await;
    assert!(after_a_start > 0, "so many are not taken in while one search waits");
    assert!(!found(&mut alice).await.behind);
    println!("said to be missing something: {at_once} searches after the import, {after_a_start} after the start");
}
