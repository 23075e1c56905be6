//! From `send` to "seen by the other client", on loopback, beside a bare relay with three commits in series.

use crate::bare::{Relay, database, insert};
use crate::table::{Table, median};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::ClientEvent;
use thechatapp_tests::{Server, person, person::Memory};
use tokio_tungstenite::tungstenite::Message;

const WARM: usize = 50;
const COUNT: usize = 400;
const TEXT: &str = "Build 318 passes on all three systems. The only open point is the proxy test, @olu has it.";

pub async fn run(table: &mut Table) {
    // Interleaved in two halves, so that a slow moment of the machine meets both.
    let mut ours = Vec::new();
    let mut peer = Vec::new();
    for _ in 0..2 {
        ours.extend(product().await);
        peer.extend(bare().await);
    }
    table.slower_by("send to seen by the other client", median(ours), median(peer), 1.6);
}

async fn product() -> Vec<Duration> {
    let server = Server::start();
    let (folder_a, folder_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (alice, workspace) =
        person(folder_a.path(), &Arc::new(Memory::default()), server.owner_invite(), "alice").await;
    let (bob, _) = person(folder_b.path(), &Arc::new(Memory::default()), &server.invite(), "bob").await;
    for client in [&alice, &bob] {
        client.connect(workspace, Duration::from_secs(20)).await.unwrap();
    }
    let channel = alice.resolve_channel(workspace, "general").await.unwrap().id;
    bob.resolve_channel(workspace, "general").await.unwrap();
    let mut times = Vec::new();
    for number in 1..=(WARM + COUNT) as u64 {
        let begun = Instant::now();
        alice.send(workspace, channel, TEXT, None).await.unwrap();
        'seen: loop {
            for event in bob.next_events().await {
                if matches!(event, ClientEvent::Messages { from, .. } if from >= number) {
                    break 'seen;
                }
            }
        }
        times.push(begun.elapsed());
    }
    let page = bob.timeline(workspace, channel, thechatapp_core::view::Window::Latest, 1).await.unwrap();
    assert_eq!(page.messages.last().unwrap().seq, Some((WARM + COUNT) as u64), "what was timed was there");
    times.split_off(WARM)
}

async fn bare() -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(database(&folder.path().join("server.db"))).await;
    let (outbox, cache) = (database(&folder.path().join("outbox.db")), database(&folder.path().join("cache.db")));
    let mut alice = relay.connect().await;
    let mut bob = relay.connect().await;
    let mut times = Vec::new();
    for number in 1..=(WARM + COUNT) as i64 {
        let begun = Instant::now();
        insert(&outbox, number, TEXT);
        alice.send(Message::text(TEXT)).await.unwrap();
        let message = bob.next().await.unwrap().unwrap();
        insert(&cache, number, message.to_text().unwrap());
        times.push(begun.elapsed());
    }
    times.split_off(WARM)
}
