//! A device that missed more than is told one by one hears where it changed.

mod support;

use support::rights::channel;
use support::{Host, texts};
use thechatapp_protocol::Row;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::channels::{InChannel, JoinChannel};
use thechatapp_protocol::methods::messages::{EditMessage, EditMessageParams};
use thechatapp_protocol::methods::sync::{ChangedRange, HEADS_OVER};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_missed_too_much_is_told_where_and_one_that_begins_is_not() {
    let host = Host::start().await;
    let mut alice = host.join("Alice").await;
    let mut bob = host.join("Bob").await;
    let busy = alice.general().await;
    let quiet = channel(&mut alice, ChannelKind::Public).await;
    let hidden = channel(&mut alice, ChannelKind::Public).await;
    bob.call::<JoinChannel>(&InChannel { channel: quiet }).await.unwrap();
    alice.send_many(quiet, 600).await;
    alice.send_many(busy, 20).await;
    bob.again(&host).await;
    let (started, rows, seen) = bob.sync(0).await;
    assert!(!started.heads && started.changed.is_none());
    let first = rows.iter().find_map(|row| match row {
        Row::Message(message) if message.channel == quiet && message.seq == 1 => Some(message.id),
        _ => None,
    });

    alice.send_many(busy, HEADS_OVER + 1).await;
    let edit = EditMessageParams { channel: quiet, id: first.unwrap(), text: "edited".into() };
    alice.call::<EditMessage>(&edit).await.unwrap();
    let last = alice.send(quiet, "last").await.unwrap();
    alice.send(hidden, "not told").await.unwrap();
    bob.again(&host).await;
    let (started, rows, to) = bob.sync(seen).await;
    assert!(started.heads && texts(&rows).is_empty());
    let mut changed = started.changed.unwrap();
    changed.sort_by_key(|range| (range.channel == quiet, range.first));
    let range = |channel, first, last| ChangedRange { channel, first, last };
    let told = [range(busy, 21, HEADS_OVER + 21), range(quiet, 1, 1), range(quiet, last.seq, last.seq)];
    assert_eq!(changed, told, "what lies between two far apart did not change");

    bob.again(&host).await;
    let (started, _, _) = bob.sync(to).await;
    assert!(!started.heads && started.changed.is_none(), "nothing is missing");
    bob.again(&host).await;
    let (started, _, _) = bob.sync(0).await;
    assert!(started.heads && started.changed.is_none(), "it has nothing that could be stale");
}
