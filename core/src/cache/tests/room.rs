use super::*;

async fn long(cache: &Cache, n: u8, count: u64) {
    let mut rows = vec![channel(n, ChannelKind::Public, 0, 1), member(n, ME, true, 2)];
    let words = "and quite a few words more, so that it takes some room ".repeat(8);
    rows.extend((1..=count).map(|seq| Row::Message(text(n, seq, OTHER, &format!("number {seq} {words}"), 10 + seq))));
    cache.apply(changes(rows), true).await.unwrap();
}

#[tokio::test]
async fn what_is_older_leaves_and_is_known_as_missing_without_coming_back_by_itself() {
    let (_folder, cache) = fresh().await;
    long(&cache, 5, 300).await;
    let pinned = Some(thechatapp_protocol::event::Pin { by: OTHER, at: Timestamp(6) });
    let pin = MessageRow { pinned, ..text(5, 7, OTHER, "number 7", 900) };
    let named = text(5, 9, OTHER, "look, @inês", 901);
    cache.apply(changes(vec![Row::Message(pin), Row::Message(named)]), false).await.unwrap();
    let unread = cache.unread().await.unwrap();
    let since = text(5, 251, OTHER, "", 0).at;
    let gone = cache.keep_within(Bounds { since: Some(since), bytes: None }).await.unwrap();
    // The newest hundred stay though they are older, and so do what is pinned and what names one and was not read.
    assert_eq!((gone, cache.used().await.unwrap().messages), (198, 102));
    assert_eq!(hits(&cache, "150").await.len(), 0);
    assert_eq!(hits(&cache, "250").await.len(), 1);
    assert_eq!(cache.unread().await.unwrap(), unread);
    assert!(cache.incomplete().await.unwrap().is_empty());
    assert!(cache.is_partial(None).await.unwrap());
    let part = cache.part(channel_id(5), Window::Before { seq: 201 }, 10, Vec::new()).await.unwrap().unwrap();
    assert_eq!((part.older, part.wanted), (true, vec![(191, 200)]));
    // Somebody looks there, and it is here until the next time.
    let page: Vec<_> = (191..=200).map(|seq| text(5, seq, OTHER, "again", 10 + seq)).collect();
    cache.apply_page(channel_id(5), 191, 200, 300, page).await.unwrap();
    assert_eq!(hits(&cache, "again").await.len(), 10);
    assert_eq!(cache.keep_within(Bounds { since: Some(since), bytes: None }).await.unwrap(), 10);
    cache.check().await.unwrap();
}

#[tokio::test]
async fn of_too_many_bytes_the_oldest_leave_whichever_channel_they_are_of() {
    let (folder, cache) = fresh().await;
    long(&cache, 5, 3000).await;
    long(&cache, 6, 50).await;
    let before = cache.used().await.unwrap();
    let most = before.bytes / 2;
    assert!(cache.keep_within(Bounds { since: None, bytes: Some(most) }).await.unwrap() > 500);
    let after = cache.used().await.unwrap();
    assert!(after.bytes <= most, "{after:?}");
    let size = std::fs::metadata(folder.path().join("a/cache.db")).unwrap().len();
    assert!(size < before.bytes * 3 / 4, "the file is smaller, too: {size}");
    assert_eq!(texts(&cache, Window::Latest, 3).await.len(), 3);
    assert!(cache.part(channel_id(6), Window::Latest, 50, Vec::new()).await.unwrap().unwrap().messages.len() == 50);
    assert_eq!(cache.keep_within(Bounds { since: None, bytes: Some(most) }).await.unwrap(), 0);
    cache.check().await.unwrap();
}

#[tokio::test]
async fn what_lies_beyond_the_horizon_leaves_with_its_files() {
    let (_folder, cache) = fresh().await;
    long(&cache, 5, 300).await;
    let since = text(5, 251, OTHER, "", 0).at;
    assert_eq!(cache.keep_within(Bounds { since: Some(since), bytes: None }).await.unwrap(), 200);
    // Somebody looks there, and at the files.
    let row = |n: u8| FileRow {
        id: FileId::from_bytes([n; 16]),
        name: "a.png".into(),
        media_type: "image/png".into(),
        size: 1,
    };
    let with = |seq, n| MessageRow { files: vec![row(n)], change: 900, ..text(5, seq, OTHER, "look", 0) };
    cache.apply_page(channel_id(5), 100, 100, 300, vec![with(100, 1)]).await.unwrap();
    cache.apply(changes(vec![Row::Message(with(290, 2))]), false).await.unwrap();
    for n in [1, 2] {
        let file = KeptFile { row: row(n), key: zeroize::Zeroizing::new([n; 32]) };
        assert!(cache.keep_file(channel_id(5), file, Timestamp(5)).await.unwrap());
        cache.keep_thumbnail(row(n).id, Timestamp(5), vec![n]).await.unwrap();
    }
    // Much was missed: a word of its deletion that comes later would not say which files it had.
    assert!(cache.mark_stale(Stale::All).await.unwrap().files, "bytes beside the cache are to go");
    for (n, stays) in [(1, false), (2, true)] {
        assert_eq!(cache.kept_file(row(n).id).await.unwrap().is_some(), stays);
        assert_eq!(cache.thumbnail(row(n).id).await.unwrap().is_some(), stays);
        assert_eq!(cache.channel_of_file(row(n).id).await.unwrap().is_some(), stays);
    }
    assert!(!cache.mark_stale(Stale::All).await.unwrap().files);
}

#[tokio::test]
async fn what_leaves_from_beyond_the_horizon_can_come_again_though_the_server_names_no_change_there() {
    let (_folder, cache) = fresh().await;
    long(&cache, 5, 300).await;
    let since = text(5, 251, OTHER, "", 0).at;
    cache.keep_within(Bounds { since: Some(since), bytes: None }).await.unwrap();
    let page = (1..=100).map(|seq| text(5, seq, OTHER, "looked at", 0)).collect();
    cache.apply_page(channel_id(5), 1, 100, 300, page).await.unwrap();
    cache.mark_stale(Stale::Changed(Vec::new())).await.unwrap();
    let part = cache.part(channel_id(5), Window::Before { seq: 101 }, 100, Vec::new()).await.unwrap().unwrap();
    assert!(part.messages.is_empty());
    assert_eq!(part.wanted, [(1, 100)]);
}
