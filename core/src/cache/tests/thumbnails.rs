use super::*;
use crate::cache::thumbnails;

#[tokio::test]
async fn a_thumbnail_leaves_with_its_message_and_with_its_channel() {
    let (_folder, cache) = fresh().await;
    let file = |n: u8| FileRow {
        id: FileId::from_bytes([n; 16]),
        name: "a.png".into(),
        media_type: "image/png".into(),
        size: 1,
    };
    let with = |seq, files| MessageRow { files, ..text(5, seq, OTHER, "look", seq + 3) };
    let rows = vec![
        channel(5, ChannelKind::Private, 2, 2),
        member(5, ME, true, 3),
        Row::Message(with(1, vec![file(1), file(2)])),
        Row::Message(with(2, vec![file(3)])),
    ];
    cache.apply(changes(rows), true).await.unwrap();
    for n in 1..=4 {
        cache.keep_thumbnail(file(n).id, Timestamp(n.into()), vec![n; 1000]).await.unwrap();
    }
    let here = async || {
        let mut here = Vec::new();
        for n in 1..=4_u8 {
            let kept = cache.thumbnail(file(n).id).await.unwrap();
            assert!(kept.as_ref().is_none_or(|kept| *kept == [n; 1000]));
            here.push(kept.is_some());
        }
        here
    };
    assert_eq!(here().await, [true, true, true, false], "of a file that no message has nothing is kept");
    let deleted = MessageRow { text: String::new(), deleted: true, ..text(5, 1, OTHER, "", 9) };
    cache.apply(changes(vec![Row::Message(deleted)]), false).await.unwrap();
    assert_eq!(here().await, [false, false, true, false]);
    // One that ends only now does not stay, and is no file of a message any more.
    let late = KeptFile { row: file(1), key: zeroize::Zeroizing::new([1; 32]) };
    assert!(!cache.keep_file(channel_id(5), late, Timestamp(9)).await.unwrap());
    assert_eq!(cache.channel_of_file(file(1).id).await.unwrap(), None);
    cache.keep_thumbnail(file(2).id, Timestamp(9), vec![2; 1000]).await.unwrap();
    assert_eq!(here().await, [false, false, true, false]);
    assert_eq!(cache.channel_of_file(file(3).id).await.unwrap(), Some(channel_id(5)));
    cache.apply(changes(vec![member(5, ME, false, 10)]), false).await.unwrap();
    assert_eq!(here().await, [false; 4]);
    cache.keep_thumbnail(file(3).id, Timestamp(11), vec![3]).await.unwrap();
    assert_eq!(cache.thumbnail(file(3).id).await.unwrap(), None, "one that was still on its way is not kept");
}

#[tokio::test]
async fn of_too_many_thumbnails_the_oldest_leave() {
    let (_folder, cache) = fresh().await;
    cache
        .write(|db| {
            for n in 0..10_u8 {
                db.execute(
                    "INSERT INTO thumbnails (file, at, size, picture) VALUES (?1, ?2, 100, zeroblob(100))",
                    params![[n], i64::from(n)],
                )?;
            }
            thumbnails::make_room(db, 350)?;
            let kept: Vec<i64> = db
                .prepare("SELECT at FROM thumbnails ORDER BY at")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            assert_eq!(kept, [7, 8, 9]);
            Ok(())
        })
        .await
        .unwrap();
}
