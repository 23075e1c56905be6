use super::super::channels::Channel;
use super::super::messages::{self, Ready};
use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::MessageId;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::messages::{Found, SearchParams};
use thechatapp_protocol::permission::Rank;

/// How many messages a walk looks at here.
const MOST: usize = 5;

/// One message a second, the last of them the newest, in the index.
fn said(store: &Store, channel: Channel, from: i64, texts: &[&str]) {
    let batch: Vec<_> = (from..)
        .zip(texts)
        .map(|(second, text)| {
            let id = MessageId::from_parts(second as u64 * 1000, &[channel.number as u8; 10]);
            let text = (*text).to_owned();
            let ready = Ready::new(&store.keyring, ALICE, channel.id, id, None, text, Vec::new()).unwrap();
            (Timestamp(second * 1000), ready)
        })
        .collect();
    store.job(|tx| messages::import(tx, channel, &batch)).unwrap();
    while store.count("unindexed") > 0 {
        store.job(|tx| take(tx, &coming(tx.view(), -1)?)).unwrap();
    }
}

fn found(store: &Store, words: &str, before: Option<Timestamp>) -> Found {
    let params = SearchParams { words: words.into(), before, ..SearchParams::default() };
    store.job(|tx| finding::within(tx.view(), ALICE, None, &params, MOST)).unwrap()
}

fn texts(found: &Found) -> Vec<&str> {
    found.messages.iter().map(|message| message.text.as_str()).collect()
}

fn scene() -> (Store, Channel, Channel) {
    let store = Store::new();
    store.job(|tx| super::super::people::create(tx, ALICE, "alice", "x", Rank::Member)).unwrap();
    let open = store.channel(1);
    let closed = ChannelId::from_bytes([2; 16]);
    let closed = store.job(|tx| channels::create(tx, closed, "c2", ChannelKind::Private, None, false)).unwrap();
    (store, open, closed)
}

#[test]
fn whoever_may_read_little_finds_it_behind_however_much_of_others() {
    let (store, open, closed) = scene();
    said(&store, open, 10, &["the oldest plan", "an old plan"]);
    said(&store, closed, 20, &["plan"; 20]);
    said(&store, open, 50, &["a new plan"]);
    let all = found(&store, "plan", None);
    assert_eq!(texts(&all), ["a new plan", "an old plan", "the oldest plan"]);
    assert_eq!((all.reaches_back_to, all.behind), (None, false));
    assert_eq!(found(&store, "nothing", None).reaches_back_to, None);
}

#[test]
fn a_walk_that_ends_early_says_where_and_goes_on_from_there() {
    let (store, open, _) = scene();
    // The index knows six letters of a beginning, so all of these are looked at.
    said(&store, open, 10, &["rerouting at last"]);
    said(&store, open, 11, &["reroutes"; 12]);
    // Two walks of five each, from the message of second 22 on, and the next is where it goes on.
    let part = found(&store, "rerouting*", None);
    assert_eq!((texts(&part).len(), part.reaches_back_to), (0, Some(Timestamp(13_001))));
    let rest = found(&store, "rerouting*", part.reaches_back_to);
    assert_eq!((texts(&rest), rest.reaches_back_to), (vec!["rerouting at last"], None));
}

#[test]
fn whoever_may_read_many_channels_learns_nothing_of_others_from_where_it_ended() {
    let (store, open, closed) = scene();
    let channels: Vec<_> = (0..600_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let id = ChannelId::from_bytes([9, high, low, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
            store.job(|tx| channels::create(tx, id, &format!("m{number}"), ChannelKind::Public, None, false)).unwrap()
        })
        .collect();
    // Newest first, each hit in another walk than the one before it.
    let [first, middle, last] = [0, 300, 599].map(|number| channels[number]);
    said(&store, last, 10, &["plan d"]);
    said(&store, first, 11, &["plan c"]);
    said(&store, middle, 12, &["plan b"]);
    said(&store, last, 13, &["plan a"]);
    said(&store, closed, 20, &["plan"; 20]);
    let all = found(&store, "plan", None);
    assert_eq!((texts(&all), all.reaches_back_to), (vec!["plan a", "plan b", "plan c", "plan d"], None));
    let two = SearchParams { words: "plan".into(), limit: 2, ..SearchParams::default() };
    let two = store.job(|tx| finding::within(tx.view(), ALICE, None, &two, MOST)).unwrap();
    assert_eq!((texts(&two), two.reaches_back_to), (vec!["plan a", "plan b"], None));
    assert_eq!(found(&store, "plan", Some(Timestamp(13_000))).messages, all.messages[1..]);

    // Where it ends early all the same, that is told by what may be read: six that only look alike, and one behind them.
    said(&store, open, 30, &["rerouting at last"]);
    said(&store, first, 31, &["rerouting before"]);
    said(&store, middle, 32, &["reroutes"; 6]);
    said(&store, last, 40, &["rerouting now"]);
    said(&store, closed, 50, &["rerouting"; 20]);
    let part = found(&store, "rerouting*", None);
    assert_eq!((texts(&part), part.reaches_back_to), (vec!["rerouting now"], Some(Timestamp(33_001))));
    let rest = found(&store, "rerouting*", part.reaches_back_to);
    assert_eq!((texts(&rest), rest.reaches_back_to), (vec!["rerouting before", "rerouting at last"], None));
}

#[test]
fn an_index_that_lacks_messages_knows_it() {
    let (store, open, _) = scene();
    let behind = |store: &Store| store.job(|tx| is_behind(tx.view())).unwrap();
    assert!(!behind(&store));
    store.send(open, 7, None);
    assert!(behind(&store));
    said(&store, open, 10, &[]);
    assert!(!behind(&store));
}
