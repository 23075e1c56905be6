//! What belongs to messages: former texts. Only who may read a message gets at it, and a foreign id says nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Host, Person, channel_id, message_id};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::{ChannelId, Code, ErrorBody, MessageId};

/// Sends a message and gives its id.
async fn said(person: &mut Person, channel: ChannelId, text: &str) -> MessageId {
    reply(person, channel, text, None).await.unwrap()
}

async fn reply(
    person: &mut Person,
    channel: ChannelId,
    text: &str,
    thread: Option<MessageId>,
) -> Result<MessageId, ErrorBody> {
    let id = message_id();
    let params = SendMessageParams { id, channel, text: text.into(), thread, after: None };
    person.call::<SendMessage>(&params).await?;
    Ok(id)
}

async fn private(person: &mut Person, name: &str) -> ChannelId {
    let id = channel_id();
    let create = CreateChannelParams { id, name: name.into(), kind: ChannelKind::Private };
    person.call::<CreateChannel>(&create).await.unwrap();
    id
}

async fn edit(person: &mut Person, channel: ChannelId, id: MessageId, text: &str) {
    person.call::<EditMessage>(&EditMessageParams { channel, id, text: text.into() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_a_message_had_can_be_read_until_it_is_deleted() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let channel = alice.general().await;
    let id = said(&mut alice, channel, "at nine").await;
    let all = EditsParams { channel, id, from: 0 };
    let texts = |found: &Versions| found.versions.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&bob.call::<Edits>(&all).await.unwrap()), ["at nine"]);
    edit(&mut alice, channel, id, "at ten").await;
    edit(&mut alice, channel, id, "at ten").await;
    edit(&mut alice, channel, id, "at eleven").await;
    let found = bob.call::<Edits>(&all).await.unwrap();
    assert_eq!(texts(&found), ["at nine", "at ten", "at eleven"]);
    assert_eq!(found.versions.iter().map(|one| one.revision).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(found.versions.iter().all(|one| one.by == alice.id()));
    assert!(found.versions.is_sorted_by_key(|one| one.at) && !found.more);
    let later = bob.call::<Edits>(&EditsParams { from: 2, ..all }).await.unwrap();
    assert_eq!(texts(&later), ["at eleven"]);

    alice.call::<DeleteMessage>(&OneMessage { channel, id }).await.unwrap();
    assert_eq!(bob.call::<Edits>(&all).await.unwrap_err().code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_former_texts_come_in_pages() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let channel = alice.general().await;
    let id = said(&mut alice, channel, "0").await;
    let long = "x".repeat(60_000);
    for number in 1..=25 {
        edit(&mut alice, channel, id, &format!("{number} {long}")).await;
    }
    let (mut from, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = alice.call::<Edits>(&EditsParams { channel, id, from }).await.unwrap();
        pages += 1;
        seen.extend(page.versions.iter().map(|one| one.revision));
        from = seen.last().unwrap() + 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..=25).collect::<Vec<u64>>());
    assert!(pages > 1);
}

/// Asks by an id of another channel, and by one that nobody ever used: the answers must not tell them apart.
macro_rules! refused_alike {
    ($person:expr, $method:ty, $foreign:expr, |$id:ident| $params:expr) => {
        let mut answers = Vec::new();
        for $id in [$foreign, message_id()] {
            answers.push($person.call::<$method>(&$params).await.unwrap_err());
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].code, Code::NotFound);
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_channel_is_as_unknown_as_one_that_never_was() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let secret = private(&mut alice, "secret").await;
    let hidden = said(&mut alice, secret, "hidden").await;
    edit(&mut alice, secret, hidden, "hidden still").await;
    said(&mut bob, general, "seen").await;
    // Both in a channel he may read, and in the one that he does not know of.
    for channel in [general, secret] {
        refused_alike!(bob, Edits, hidden, |id| EditsParams { channel, id, from: 0 });
    }
    // Who may read a public channel, and is not in it, does not get former texts.
    bob.call::<LeaveChannel>(&InChannel { channel: general }).await.unwrap();
    let id = said(&mut alice, general, "public").await;
    let denied = bob.call::<Edits>(&EditsParams { channel: general, id, from: 0 }).await;
    assert_eq!(denied.unwrap_err().code, Code::Denied);
}
