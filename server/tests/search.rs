//! The server's blind index answers as a device does, and only with what the asker may read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{Host, Person, channel_id, message_id};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::{ChannelId, Code, ErrorBody};

/// What is found, newest first.
async fn found(person: &mut Person, words: &str) -> Vec<String> {
    with(person, SearchParams { words: words.into(), ..SearchParams::default() }).await.unwrap()
}

async fn with(person: &mut Person, params: SearchParams) -> Result<Vec<String>, ErrorBody> {
    let found = person.call::<Search>(&params).await?;
    Ok(found.messages.into_iter().map(|message| message.text).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_phrases_and_beginnings_are_found_newest_first() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let general = alice.general().await;
    for text in
        ["the resolver kept the old route", "Route 66, old Café", "rerouting is no route of old", "nothing here"]
    {
        alice.send(general, text).await.unwrap();
    }
    let [first, second, third] =
        ["the resolver kept the old route", "Route 66, old Café", "rerouting is no route of old"];
    assert_eq!(found(&mut alice, "ROUTE old").await, [third, second, first]);
    assert_eq!(found(&mut alice, "\"old route\"").await, [first]);
    assert_eq!(found(&mut alice, "cafe").await, [second]);
    assert_eq!(found(&mut alice, "rerou*").await, [third]);
    assert_eq!(found(&mut alice, "rerouting*").await, [third], "beyond the six letters that the index knows");
    assert!(found(&mut alice, "reroutings*").await.is_empty());
    assert!(found(&mut alice, "rou").await.is_empty(), "a word is not its beginning");
    for unanswerable in ["ro*", "", " - "] {
        let refused = with(&mut alice, SearchParams { words: unanswerable.into(), ..SearchParams::default() }).await;
        assert_eq!(refused.unwrap_err().code, Code::BadInput, "{unanswerable:?}");
    }
    let newest = SearchParams { words: "route".into(), limit: 1, ..SearchParams::default() };
    assert_eq!(with(&mut alice, newest).await.unwrap(), [third]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_a_deletion_are_followed_and_filters_narrow() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let general = alice.general().await;
    let params = |text: &str| SendMessageParams {
        id: message_id(),
        channel: general,
        text: text.into(),
        files: Vec::new(),
        thread: None,
        after: None,
    };
    let (one, two) = (params("apples and pears"), params("apples alone"));
    let sent = alice.call::<SendMessage>(&one).await.unwrap();
    alice.call::<SendMessage>(&two).await.unwrap();
    bob.send(general, "apples of bob").await.unwrap();

    let by_alice = SearchParams { words: "apples".into(), author: Some(alice.id()), ..SearchParams::default() };
    assert_eq!(with(&mut bob, by_alice.clone()).await.unwrap(), ["apples alone", "apples and pears"]);
    let before = SearchParams { before: Some(sent.at), ..by_alice.clone() };
    assert!(with(&mut bob, before).await.unwrap().is_empty());
    assert_eq!(with(&mut bob, SearchParams { after: Some(sent.at), ..by_alice }).await.unwrap().len(), 2);

    let edit = EditMessageParams { channel: general, id: one.id, text: "plums only".into() };
    alice.call::<EditMessage>(&edit).await.unwrap();
    assert!(found(&mut bob, "pears").await.is_empty());
    assert_eq!(found(&mut bob, "plums").await, ["plums only"]);
    alice.call::<DeleteMessage>(&OneMessage { channel: general, id: one.id }).await.unwrap();
    assert!(found(&mut bob, "plums").await.is_empty());
    assert_eq!(found(&mut bob, "apples").await, ["apples of bob", "apples alone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_what_they_may_not_read() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let mut bob = host.join("bob").await;
    let (private, public): (ChannelId, ChannelId) = (channel_id(), channel_id());
    for (id, name, kind) in [(private, "leadership", ChannelKind::Private), (public, "release", ChannelKind::Public)] {
        alice.call::<CreateChannel>(&CreateChannelParams { id, name: name.into(), kind }).await.unwrap();
        alice.send(id, &format!("the plan of {name}")).await.unwrap();
    }
    assert_eq!(found(&mut alice, "plan").await, ["the plan of release", "the plan of leadership"]);
    assert_eq!(found(&mut bob, "plan").await, ["the plan of release"]);
    let inside = SearchParams { words: "plan".into(), channel: Some(private), ..SearchParams::default() };
    assert_eq!(with(&mut bob, inside.clone()).await.unwrap_err().code, Code::NotFound);
    assert_eq!(with(&mut alice, inside.clone()).await.unwrap(), ["the plan of leadership"]);

    alice.call::<AddMember>(&AddMemberParams { channel: private, person: bob.id() }).await.unwrap();
    assert_eq!(with(&mut bob, inside.clone()).await.unwrap(), ["the plan of leadership"]);
    bob.call::<LeaveChannel>(&InChannel { channel: private }).await.unwrap();
    assert_eq!(with(&mut bob, inside).await.unwrap_err().code, Code::NotFound);
    assert_eq!(found(&mut bob, "plan").await, ["the plan of release"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_an_index_says_so_keeps_nothing_of_it_and_catches_up_when_it_has_one_again() {
    let host = Host::start().await;
    let mut alice = host.join("alice").await;
    let general = alice.general().await;
    alice.send(general, "apples before").await.unwrap();
    assert_eq!(found(&mut alice, "apples").await, ["apples before"]);

    host.running().host().set_index(false);
    let words = || SearchParams { words: "apples".into(), ..SearchParams::default() };
    assert_eq!(with(&mut alice, words()).await.unwrap_err().code, Code::BadInput);
    alice.send(general, "apples meanwhile").await.unwrap();

    host.running().host().set_index(true);
    assert_eq!(found(&mut alice, "apples").await, ["apples meanwhile", "apples before"]);
}
