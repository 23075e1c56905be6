use super::*;

#[tokio::test]
async fn filters_narrow_a_search() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    let find = |query: SearchQuery| {
        let cache = &cache;
        async move { cache.search(query).await.unwrap().len() }
    };
    let words = || SearchQuery { words: "yes".into(), ..SearchQuery::default() };
    assert_eq!(find(words()).await, 1);
    assert_eq!(find(SearchQuery { author: Some(OTHER), ..words() }).await, 0);
    assert_eq!(find(SearchQuery { channel: Some(channel_id(5)), ..words() }).await, 1);
    assert_eq!(find(SearchQuery { channel: Some(channel_id(6)), ..words() }).await, 0);
    assert_eq!(find(SearchQuery { before: Some(Timestamp(1_700_000_060_000)), ..words() }).await, 0);
    assert_eq!(find(SearchQuery { after: Some(Timestamp(1_700_000_060_000)), ..words() }).await, 1);
    // A filter alone is a question, too; a word that looks like what the index keeps for filters is none.
    let none = SearchQuery::default;
    assert_eq!(find(SearchQuery { author: Some(OTHER), ..none() }).await, 2);
    assert_eq!(find(none()).await, 0);
    let file = FileRow { id: FileId::from_bytes([9; 16]), name: "plan.pdf".into(), media_type: "a/b".into(), size: 1 };
    let sent = MessageRow { files: vec![file], ..text(5, 4, OTHER, "", 9) };
    cache.apply(changes(vec![Row::Message(sent)]), false).await.unwrap();
    assert_eq!(find(SearchQuery { has_file: true, ..none() }).await, 1);
    assert_eq!(find(SearchQuery { words: "plan".into(), has_file: true, author: Some(OTHER), ..none() }).await, 1);
    assert_eq!(find(SearchQuery { words: "f".into(), ..none() }).await, 0);
    assert_eq!(find(SearchQuery { words: format!("a{}", "02".repeat(16)), ..none() }).await, 0);
}

#[tokio::test]
async fn the_fittest_come_first_on_request_and_pieces_are_found_together() {
    let (_folder, cache) = fresh().await;
    cache.apply(small(), true).await.unwrap();
    let said = [
        "lunch lunch lunch",
        "lunch, and then a long walk along the river with everybody",
        "std::vec",
        "vec of std",
        "東京タワー",
        "京東",
    ];
    let rows = said.iter().enumerate().map(|(n, said)| Row::Message(text(5, 4 + n as u64, OTHER, said, 10 + n as u64)));
    cache.apply(changes(rows.collect()), false).await.unwrap();
    assert_eq!(hits(&cache, "lunch").await, [said[1], said[0]]);
    let query = SearchQuery { words: "lunch".into(), relevance: true, ..SearchQuery::default() };
    let fit: Vec<_> = cache.search(query).await.unwrap().into_iter().map(|hit| hit.message.text).collect();
    assert_eq!(fit, [said[0], said[1]]);
    assert_eq!(hits(&cache, "std::vec").await, [said[2]]);
    assert_eq!(hits(&cache, "std::ve*").await, [said[2]]);
    assert_eq!(hits(&cache, "東京").await, [said[4]]);
    assert_eq!(hits(&cache, "東京タ*").await, [said[4]]);
}

#[tokio::test]
async fn copies_of_a_history_lie_apart_and_are_found_in_order() {
    let (_folder, cache) = fresh().await;
    let mut rows = Vec::new();
    for n in 1..=3 {
        rows.extend([channel(n, ChannelKind::Public, 0, u64::from(n)), member(n, ME, true, 10 + u64::from(n))]);
        // All within one millisecond, with the same numbers.
        rows.extend((1..=40).map(|seq| {
            let at = Timestamp(1_700_000_000_000);
            Row::Message(MessageRow {
                at,
                ..text(n, seq, OTHER, &format!("copy {seq}"), 20 + u64::from(n) * 100 + seq)
            })
        }));
    }
    cache.apply(changes(rows), true).await.unwrap();
    let place = |n, seq| schema::rowid(channel_id(n), Timestamp(1_700_000_000_000), seq);
    assert!((1..3).all(|n| place(n, 40) < place(n + 1, 1)), "none wants another's place");
    let query =
        SearchQuery { words: "copy".into(), channel: Some(channel_id(2)), limit: 100, ..SearchQuery::default() };
    let found: Vec<_> = cache.search(query).await.unwrap().into_iter().map(|hit| hit.message.seq.unwrap()).collect();
    assert_eq!(found, (1..=40).rev().collect::<Vec<_>>());
    assert_eq!(hits(&cache, "copy").await.len(), 20);
}
