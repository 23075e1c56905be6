use super::*;
use std::collections::BTreeMap;

#[tokio::test]
async fn pages_of_several_channels_are_taken_together() {
    let (_folder, cache) = fresh().await;
    let mut rows = Vec::new();
    for n in [5, 6, 7] {
        rows.extend([channel(n, ChannelKind::Private, 40, 2), member(n, ME, true, 9)]);
    }
    cache.apply(changes(rows), false).await.unwrap();
    let page = |n: u8, first: u64, last: u64, words: &str| HistoryPage {
        channel: channel_id(n),
        first,
        last,
        head: 40,
        rows: (first..=last).map(|seq| text(n, seq, OTHER, words, 100 + seq)).collect(),
    };
    // The last is of a channel that one is not in.
    let pages = vec![page(5, 21, 40, "plum"), page(5, 1, 20, "plum"), page(6, 31, 40, "pear"), page(9, 1, 5, "quince")];
    let applied = cache.apply_pages(pages).await.unwrap();
    assert_eq!(applied.messages, BTreeMap::from([(channel_id(5), 1), (channel_id(6), 31)]));
    assert_eq!(texts(&cache, Window::Latest, 50).await, vec!["plum"; 40]);
    assert_eq!(hits(&cache, "pear").await.len(), 10);
    assert!(hits(&cache, "quince").await.is_empty());
    // What is newest comes first, and before it that of which nothing is here. What one holds already does not come twice.
    assert_eq!(cache.incomplete().await.unwrap(), [(channel_id(7), 1, 40), (channel_id(6), 1, 30)]);
    cache.apply_pages(vec![page(6, 29, 40, "apple"), page(7, 11, 40, "fig")]).await.unwrap();
    assert_eq!((hits(&cache, "pear").await.len(), hits(&cache, "apple").await.len()), (0, 12));
    assert_eq!(cache.incomplete().await.unwrap(), [(channel_id(6), 1, 28), (channel_id(7), 1, 10)]);
    cache.check().await.unwrap();
    // What was stale and is as it was can be shown again, which is a change; the same once more is none.
    cache.mark_stale(Stale::All).await.unwrap();
    let applied = cache.apply_pages(vec![page(7, 11, 40, "fig")]).await.unwrap();
    assert_eq!(applied, Applied { messages: BTreeMap::from([(channel_id(7), 11)]), ..Applied::default() });
    assert_eq!(cache.apply_pages(vec![page(7, 11, 40, "fig")]).await.unwrap(), Applied::default());
}

#[tokio::test]
async fn of_a_channel_of_which_the_server_names_what_changed_only_that_is_fetched_again() {
    let (_folder, cache) = fresh().await;
    let rows = vec![channel(5, ChannelKind::Public, 40, 1), member(5, ME, true, 2)];
    cache.apply(changes(rows), false).await.unwrap();
    let page = (1..=40).map(|seq| text(5, seq, OTHER, "x", 2 + seq)).collect();
    cache.apply_page(channel_id(5), 1, 40, 40, page).await.unwrap();
    assert!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps.all().is_empty());
    let range = |channel, first, last| ChangedRange { channel: channel_id(channel), first, last };
    // One channel is not known here, one range lies beyond what is, and one is none.
    let named = vec![range(5, 3, 7), range(5, 39, 90), range(5, 20, 19), range(6, 1, 9)];
    cache.mark_stale(Stale::Changed(named)).await.unwrap();
    cache.apply(changes(vec![channel(5, ChannelKind::Public, 42, 60)]), false).await.unwrap();
    let state = cache.channel_state(channel_id(5)).await.unwrap().unwrap();
    assert_eq!(state.gaps.all(), [(3, 7), (39, 42)]);
}
