//! A server that misbehaves: whatever it sends, the cache holds what can be made of it, answers quickly, and goes on afterwards.

use crate::client::desk::{Desk, channel, named};
use crate::view::{Difference, SearchQuery, Window};
use proptest::prelude::*;
use thechatapp_protocol::event::Reaction;
use thechatapp_protocol::{AccountId, Changes, ChannelId, Row};

async fn texts(desk: &Desk) -> Vec<String> {
    let part = desk.client.timeline(desk.ws, channel(1), Window::Latest, 100).await.unwrap();
    part.messages.into_iter().map(|message| message.text).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_order_with_any_repeats_and_gaps_ends_in_the_same(
        order in proptest::collection::vec(1u64..=20, 1..60),
        batch in 1usize..7,
    ) {
        runtime().block_on(async {
            let mut desk = Desk::new().await;
            for numbers in order.chunks(batch) {
                let rows = numbers.iter().map(|seq| desk.message(1, *seq, &format!("number {seq:02}"))).collect();
                desk.take(rows).await;
            }
            // What was left out comes later, as from a page of history.
            let rows = (1..=20).map(|seq| desk.message(1, seq, &format!("number {seq:02}"))).collect();
            desk.take(rows).await;
            let all: Vec<String> = (1..=20).map(|seq| format!("number {seq:02}")).collect();
            assert_eq!(texts(&desk).await, all);
            let query = SearchQuery { words: "number".into(), limit: 100, ..SearchQuery::default() };
            assert_eq!(desk.client.search(desk.ws, &query).await.unwrap().len(), 20);
        });
    }
}

#[tokio::test]
async fn a_cursor_from_the_future_breaks_nothing() {
    let mut desk = Desk::new().await;
    let rows = vec![desk.message(1, 1, "before")];
    desk.client.take_changes(desk.ws, Changes { rows, to: u64::MAX, live: true }).await.unwrap();
    let rows = vec![desk.message(1, 2, "after")];
    desk.client.take_changes(desk.ws, Changes { rows, to: 3, live: true }).await.unwrap();
    desk.said(1, 3..=3).await;
    assert_eq!(texts(&desk).await, ["before", "after", "number 3"]);
}

#[tokio::test]
async fn a_million_reactions_are_a_number_and_some_names() {
    let mut desk = Desk::new().await;
    let Row::Message(mut row) = desk.message(1, 1, "popular") else { unreachable!() };
    let person = |n: u32| AccountId::from_bytes((u128::from(n) << 8).to_be_bytes());
    row.reactions = vec![Reaction { emoji: "👍".into(), people: (0..1_000_000).map(person).collect() }];
    desk.take(vec![Row::Message(row)]).await;
    let part = desk.client.timeline(desk.ws, channel(1), Window::Latest, 50).await.unwrap();
    let reaction = &part.messages[0].reactions[0];
    assert_eq!((reaction.count, reaction.people.len(), reaction.mine), (1_000_000, 50, false));
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_kept_shown_and_found() {
    let mut desk = Desk::new().await;
    let long = "a long story without end ".repeat(42_000);
    let rows = vec![desk.message(1, 1, &long)];
    desk.take(rows).await;
    desk.said(1, 2..=2).await;
    assert_eq!(texts(&desk).await, [long, "number 2".into()]);
    let query = SearchQuery { words: "story".into(), ..SearchQuery::default() };
    assert_eq!(desk.client.search(desk.ws, &query).await.unwrap().len(), 1);
}

#[tokio::test]
async fn names_of_control_characters_are_names() {
    let mut desk = Desk::new().await;
    let name = "\u{202e}\u{0}\u{1b}[2J\r\n\u{feff}";
    desk.take(vec![named(channel(1), name)]).await;
    let rows = vec![desk.message(1, 1, name)];
    desk.take(rows).await;
    let channels = desk.client.channels(desk.ws, false).await.unwrap();
    assert!(channels.iter().any(|one| one.id == channel(1) && one.name == name));
    assert_eq!(texts(&desk).await, [name]);
}

#[tokio::test]
async fn ten_thousand_channels_renamed_at_once_are_one_event_and_one_list() {
    let mut desk = Desk::new().await;
    let ids: Vec<ChannelId> = (0..10_000u128).map(|n| ChannelId::from_bytes(((n + 1) << 64).to_be_bytes())).collect();
    let renamed = |word: &str| ids.iter().enumerate().map(|(n, id)| named(*id, &format!("{word} {n}"))).collect();
    desk.take(renamed("before")).await;
    let mut window = desk.client.watch_channels(desk.ws, true).unwrap();
    window.next().await.unwrap().unwrap();
    desk.client.next_events().await;
    desk.take(renamed("after")).await;
    assert!(desk.client.next_events().await.len() <= 2);
    let told = window.next().await.unwrap().unwrap();
    let [Difference::Resync(all)] = &told.rows[..] else { panic!("{} steps", told.rows.len()) };
    assert_eq!(all.iter().filter(|one| one.name.starts_with("after ")).count(), 10_000);
}
