//! A device that missed more than is told one by one hears where it changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Host, Person, channel_id, message_id, texts};
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::sync::{ChangedRange, HEADS_OVER};
use thechatapp_protocol::session::Kind;

/// How many are on their way at once.
const WINDOW: u64 = 100;

/// Says so much in a channel.
async fn say(person: &mut Person, channel: ChannelId, count: u64) {
    let (mut posted, mut answered) = (0, 0);
    while answered < count {
        while posted < count && posted < answered + WINDOW {
            let text = format!("number {posted}");
            let send =
                SendMessageParams { id: message_id(), channel, text, files: Vec::new(), thread: None, after: None };
            person.session.post::<SendMessage>(&send).await;
            posted += 1;
        }
        let answer = person.session.next().await.unwrap();
        assert_ne!(answer.kind, Kind::Error);
        answered += u64::from(answer.kind == Kind::Reply);
    }
}

async fn channel(person: &mut Person, name: &str) -> ChannelId {
    let params = CreateChannelParams { id: channel_id(), kind: ChannelKind::Public, name: name.into() };
    person.call::<CreateChannel>(&params).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_missed_too_much_is_told_where_and_one_that_begins_is_not() {
    let host = Host::start().await;
    let mut alice = host.join("Alice").await;
    let mut bob = host.join("Bob").await;
    let (busy, quiet) = (alice.general().await, channel(&mut alice, "quiet").await);
    let hidden = channel(&mut alice, "not-bob-s").await;
    bob.call::<JoinChannel>(&InChannel { channel: quiet }).await.unwrap();
    let first = message_id();
    let send = SendMessageParams {
        id: first,
        channel: quiet,
        text: "first".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    alice.call::<SendMessage>(&send).await.unwrap();
    say(&mut alice, quiet, 600).await;
    say(&mut alice, busy, 20).await;
    bob.again(&host).await;
    let (started, _, seen) = bob.sync(0).await;
    assert!(!started.heads && started.changed.is_none());

    say(&mut alice, busy, HEADS_OVER + 1).await;
    let edit = EditMessageParams { channel: quiet, id: first, text: "edited".into() };
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
