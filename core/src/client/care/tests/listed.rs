//! The list of channels, where a damaged cache does not tell it and its server is away.

use super::{cache_of, damage, full, texts};
use crate::cache::file::{former_path, set_aside};
use crate::client::desk::{Desk, ME, channel};
use crate::local::good_path;
use crate::view::Window;
use std::path::Path;
use thechatapp_database::open_reader;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, MemberRow, PersonRow};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, Row, Timestamp};

const BEN: AccountId = AccountId(uuid::Uuid::from_bytes([8; 16]));

fn member(channel: ChannelId, person: AccountId, joined: bool) -> Row {
    Row::Member(MemberRow { channel, person, joined, role: ChannelRole::Member, change: 9 })
}

/// A desk with a direct conversation, too.
async fn with_ben() -> Desk {
    let mut desk = full().await;
    let ben = PersonRow { id: BEN, name: "Ben".into(), imported: false, active: true, rank: Rank::Member, change: 3 };
    let direct = ChannelRow { kind: ChannelKind::Direct, ..ChannelRow::plain(channel(3), "", Timestamp(1), 0) };
    desk.take(vec![
        Row::Person(ben),
        Row::Channel(direct),
        member(channel(3), ME, true),
        member(channel(3), BEN, true),
    ])
    .await;
    desk.said(3, 1..=3).await;
    desk
}

async fn names(desk: &Desk) -> Vec<String> {
    desk.client.channels(desk.ws, false).await.unwrap().into_iter().map(|channel| channel.name).collect()
}

async fn listed(desk: &Desk) -> Vec<ChannelId> {
    let listed = desk.client.0.shared.local.listed(desk.ws).await.unwrap();
    listed.into_iter().map(|one| one.channel.id).collect()
}

/// Pages on which tables begin, and end where they are small.
async fn pages_of(desk: &Desk, tables: &'static [&'static str]) -> Vec<usize> {
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let pages = workspace.cache.read(move |db, _| {
        let mut query = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?1")?;
        let pages = tables.iter().map(|table| query.query_row([table], |row| row.get::<_, i64>(0)));
        Ok(pages.collect::<rusqlite::Result<Vec<_>>>()?)
    });
    // As SQLite counts them.
    pages.await.unwrap().into_iter().map(|page| page as usize - 1).collect()
}

#[tokio::test]
async fn without_the_pages_of_the_channel_list_and_the_server_one_reads_and_writes_all_the_same() {
    for at_opening in [true, false] {
        let desk = with_ben().await;
        let path = cache_of(&desk);
        let pages = pages_of(&desk, &["channels", "members", "members_joined", "people", "reads"]).await;
        desk.client.save_draft(desk.ws, channel(2), None, "half a thought").await.unwrap();
        desk.client.send(desk.ws, channel(3), "it waits", None).await.unwrap();
        let desk = desk
            .reopened(|_| {
                assert_eq!(damage(&path, |page, _| pages.contains(&page)), pages.len());
                if at_opening {
                    set_aside(&path).unwrap();
                }
            })
            .await;
        assert_eq!(names(&desk).await, ["channel 1", "channel 2", "Ben"]);
        assert!(former_path(&path).exists());
        // What opens of their messages is shown.
        for n in [1, 2] {
            let read = texts(&desk, n, Window::Latest).await;
            assert_eq!((read.len(), read[99].starts_with("number 400 ")), (100, true));
        }
        assert_eq!(texts(&desk, 3, Window::Latest).await, ["number 1", "number 2", "number 3", "it waits"]);
        desk.client.send(desk.ws, channel(1), "written meanwhile", None).await.unwrap();
        assert_eq!(texts(&desk, 1, Window::Latest).await.last().unwrap(), "written meanwhile");
        assert_eq!(desk.client.draft(desk.ws, channel(2), None).await.unwrap(), "half a thought");
        let workspace = desk.client.workspace(desk.ws).unwrap();
        assert_eq!(workspace.cache.lacking().await.unwrap().len(), 3, "and it is waited for");
        drop(workspace);

        // As often as it is opened.
        let desk = desk.reopened(|_| {}).await;
        assert_eq!(names(&desk).await, ["channel 1", "channel 2", "Ben"]);
        assert_eq!(listed(&desk).await.len(), 3);
    }
}

#[tokio::test]
async fn a_server_that_is_asked_anew_and_goes_away_leaves_the_list() {
    let desk = with_ben().await;
    let path = cache_of(&desk);
    let desk = desk.reopened(|_| assert_eq!(damage(&path, |page, _| page == 0), 1)).await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let listed = workspace.local.listed(workspace.id).await.unwrap();
    workspace.cache.begin_generation(vec![1; 16], listed).await.unwrap();
    assert_eq!(names(&desk).await, ["channel 1", "channel 2", "Ben"]);
}

#[tokio::test]
async fn what_the_list_alone_tells_and_the_server_does_not_confirm_goes() {
    let desk = with_ben().await;
    let path = cache_of(&desk);
    let mut desk = desk.reopened(|_| assert_eq!(damage(&path, |page, _| page == 0), 1)).await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    desk.take(vec![crate::client::desk::named(channel(1), "renamed"), member(channel(1), ME, true)]).await;
    assert_eq!(listed(&desk).await.len(), 3, "what is not confirmed yet is no better");
    workspace.settle(workspace.cache.confirm().await.unwrap().unwrap()).await.unwrap();
    assert_eq!(names(&desk).await, ["renamed"]);
    assert_eq!(listed(&desk).await, [channel(1)]);
}

/// Every channel that a file lists, read as another program would.
fn on_disk(path: &Path, key: &[u8; 32]) -> Vec<[u8; 16]> {
    let db = open_reader(path, key).unwrap();
    let mut query = db.prepare("SELECT channel FROM listed ORDER BY channel").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

#[tokio::test]
async fn a_channel_that_one_lost_is_listed_nowhere_any_more_and_with_the_account_all_go() {
    let mut desk = with_ben().await;
    desk.client.0.shared.local.keep_good().await.unwrap();
    let (path, key) = {
        let profile = &desk.client.0.shared.profile;
        (profile.local_path(), *profile.local_key().expose())
    };
    assert_eq!(listed(&desk).await, [channel(1), channel(2), channel(3)]);
    desk.take(vec![member(channel(2), ME, false)]).await;
    assert_eq!(listed(&desk).await, [channel(1), channel(3)]);
    for file in [&path, &good_path(&path)] {
        assert_eq!(on_disk(file, &key), [[1; 16], [3; 16]], "{}", file.display());
    }
    let log = path.with_extension("db-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |log| log.len()), 0, "nothing of it is in the log");

    desk.client.0.shared.local.remove_account(desk.ws).await.unwrap();
    for file in [&path, &good_path(&path)] {
        assert!(on_disk(file, &key).is_empty(), "{}", file.display());
    }
}

#[tokio::test]
async fn what_an_older_release_kept_nowhere_else_is_kept_when_the_profile_is_opened() {
    let desk = with_ben().await;
    desk.client.0.shared.local.unlist(desk.ws, None).await.unwrap();
    let desk = desk.reopened(|_| {}).await;
    while listed(&desk).await.len() < 3 {
        tokio::task::yield_now().await;
    }
}
