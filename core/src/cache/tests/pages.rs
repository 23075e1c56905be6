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
        asked: cache.moment(),
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

#[tokio::test]
async fn a_page_that_was_asked_for_before_something_became_stale_does_not_say_that_it_is_right() {
    let (_folder, cache) = fresh().await;
    let rows = vec![channel(5, ChannelKind::Public, 200, 2), member(5, ME, true, 3)];
    cache.apply(changes(rows), false).await.unwrap();
    let page = |first: u64, last: u64, asked, words: &str, change| {
        let rows = (first..=last).map(|seq| text(5, seq, OTHER, words, change + seq)).collect();
        vec![HistoryPage { channel: channel_id(5), first, last, head: 200, asked, rows }]
    };
    let incomplete = || async { cache.incomplete().await.unwrap() };
    let gap = |first, last| vec![(channel_id(5), first, last)];

    // One was outside for a moment, and a page comes that was read before.
    let before = cache.moment();
    cache.apply(changes(vec![member(5, ME, false, 300), member(5, ME, true, 301)]), false).await.unwrap();
    cache.apply_pages(page(1, 200, before, "former", 10)).await.unwrap();
    let applied = cache.apply_pages(page(1, 200, before, "former", 10)).await.unwrap();
    assert_eq!(applied.messages, BTreeMap::from([(channel_id(5), 1)]), "whoever waits for it asks again");
    assert_eq!(incomplete().await, gap(1, 200));
    assert_eq!(hits(&cache, "former").await.len(), 20, "and sees what there is meanwhile");
    cache.apply_pages(page(1, 200, cache.moment(), "edited", 400)).await.unwrap();
    assert_eq!((incomplete().await, hits(&cache, "former").await.len()), (vec![], 0));

    // The server names what changed, or everything is stale.
    let some = ChangedRange { channel: channel_id(5), first: 20, last: 30 };
    for (stale, left) in [(Stale::All, gap(1, 200)), (Stale::Changed(vec![some]), gap(20, 30))] {
        let before = cache.moment();
        cache.mark_stale(stale).await.unwrap();
        cache.apply_pages(page(1, 200, before, "edited", 400)).await.unwrap();
        assert_eq!(incomplete().await, left);
        cache.apply_pages(page(1, 200, cache.moment(), "edited", 400)).await.unwrap();
    }

    // Some left, and may have changed after the page was read: it covers them, another does not.
    let before = cache.moment();
    let since = Timestamp(1_700_000_000_000 + 20 * 60_000);
    assert_eq!(cache.keep_within(Bounds { since: Some(since), bytes: None }).await.unwrap(), 59);
    cache.apply_pages(page(1, 59, before, "edited", 400)).await.unwrap();
    assert_eq!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps, Gaps::one(1, 59));
    assert_eq!(
        cache.used().await.unwrap().messages,
        141,
        "what was deleted meanwhile would stay, as nobody asks again"
    );
    let applied = cache.apply_pages(page(60, 200, before, "edited", 400)).await.unwrap();
    assert_eq!(applied, Applied::default());

    // Of another generation of the server it is nothing at all.
    let before = cache.moment();
    cache.begin_generation(vec![2], Vec::new()).await.unwrap();
    cache.apply(changes(vec![channel(5, ChannelKind::Public, 200, 2), member(5, ME, true, 3)]), true).await.unwrap();
    cache.apply_pages(page(1, 200, before, "edited", 400)).await.unwrap();
    assert_eq!(hits(&cache, "edited").await.len(), 0);
}

#[tokio::test]
async fn a_membership_that_came_ahead_of_its_turn_does_not_hide_that_one_was_outside() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), false).await.unwrap();
    // As an answer has it, or a page of a plan: one is in again, and what was edited in between did not come.
    cache.apply(changes(vec![member(5, ME, true, 20)]), false).await.unwrap();
    assert_eq!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps, Gaps::default());
    cache.apply(changes(vec![member(5, ME, false, 18)]), false).await.unwrap();
    assert_eq!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps, Gaps::one(1, 3));
    // Somebody else's, or one that says no more than what is known, changes nothing.
    cache.apply_page(channel_id(5), 1, 3, 3, Vec::new()).await.unwrap();
    cache.apply(changes(vec![member(5, OTHER, false, 1), member(5, ME, true, 19)]), false).await.unwrap();
    assert_eq!(cache.channel_state(channel_id(5)).await.unwrap().unwrap().gaps, Gaps::default());
}
