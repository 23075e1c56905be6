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
