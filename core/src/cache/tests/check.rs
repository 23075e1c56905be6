//! The whole check finds what a look at the pages does not.

use super::*;

async fn some() -> (tempfile::TempDir, Cache) {
    let (folder, cache) = fresh().await;
    let mut rows = vec![channel(5, ChannelKind::Public, 0, 1), member(5, ME, true, 2)];
    rows.extend((1..=2500).map(|seq| Row::Message(text(5, seq, OTHER, &format!("number {seq}"), 10 + seq))));
    cache.apply(changes(rows), true).await.unwrap();
    cache.check().await.unwrap();
    assert_eq!(cache.look_over().await.unwrap(), 0);
    (folder, cache)
}

async fn done(cache: &Cache, sql: &'static str) {
    cache.apart(move |db| Ok(db.execute_batch(sql)?)).await.unwrap();
}

#[tokio::test]
async fn an_index_that_is_not_as_its_messages_are_is_found_and_brought_to_it() {
    let (_folder, cache) = some().await;
    done(
        &cache,
        "DELETE FROM search WHERE rowid IN (SELECT place FROM messages WHERE seq IN (7, 2400));
         INSERT INTO search (rowid, words, marks) VALUES (77, 'ghost', '')",
    )
    .await;
    assert!(
        matches!(cache.check().await, Err(Error::Corrupt { why, .. }) if why.contains("lacks 2") && why.contains("1 entries"))
    );
    assert_eq!(cache.look_over().await.unwrap(), 3);
    while cache.lacks_index().await.unwrap() {
        cache.index_some(INDEX_TOGETHER).await.unwrap();
    }
    cache.check().await.unwrap();
    assert_eq!(hits(&cache, "2400").await.len(), 1);
    assert_eq!(hits(&cache, "ghost").await.len(), 0);
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_is_found() {
    for column in ["reactions", "files", "poll"] {
        let (_folder, cache) = some().await;
        cache
            .apart(move |db| Ok(db.execute_batch(&format!("UPDATE messages SET {column} = x'c1' WHERE seq = 2200"))?))
            .await
            .unwrap();
        assert!(matches!(cache.check().await, Err(Error::Corrupt { .. })), "{column}");
        assert!(cache.is_damaged(), "it is rebuilt");
    }
}

#[tokio::test]
async fn an_index_that_lacks_rows_of_its_table_is_found_by_the_whole_check_alone() {
    let (_folder, cache) = some().await;
    // As where an index was not written with its table.
    let (quick, whole) = cache
        .apart(|db| {
            db.execute_batch(
                "PRAGMA writable_schema = 1;
                 UPDATE sqlite_schema SET sql = replace(sql, 'quiet = 1', 'quiet = 0') WHERE name = 'messages_quiet';
                 PRAGMA writable_schema = RESET;",
            )?;
            Ok((database::check(db).is_ok(), database::check_whole(db).map_err(|why| why.to_string())))
        })
        .await
        .unwrap();
    assert!(quick);
    let told = whole.unwrap_err();
    assert!(told.matches("missing from index messages_quiet").count() > 50, "all of it, not only the first: {told}");
}
