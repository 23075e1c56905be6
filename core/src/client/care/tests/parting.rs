use crate::cache::file::{former_path, set_aside};
use crate::cache::{Bounds, KeptFile};
use crate::client::desk::{Desk, ME, channel};
use crate::client::files::here;
use crate::error::Error;
use crate::sync::Workspace;
use crate::view::{SearchQuery, Window};
use futures_util::FutureExt;
use std::time::Duration;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, FileRow, MemberRow, MessageRow};
use thechatapp_protocol::{FileId, Row, Timestamp};
use zeroize::Zeroizing;

fn member(n: u8, joined: bool) -> Row {
    Row::Member(MemberRow { channel: channel(n), person: ME, joined, role: ChannelRole::Member, change: 9 })
}

/// Messages in a public channel and in a private one; what is damaged stands aside, and of messages nothing came yet.
async fn rebuilt() -> (Desk, std::path::PathBuf) {
    let mut desk = Desk::new().await;
    let private =
        ChannelRow { kind: ChannelKind::Private, change: 1, ..ChannelRow::plain(channel(2), "two", Timestamp(1), 0) };
    desk.take(vec![Row::Channel(private)]).await;
    desk.said(1, 1..=300).await;
    desk.said(2, 1..=300).await;
    let path = desk.client.0.shared.profile.cache_path(desk.ws);
    let desk = desk.reopened(|_| set_aside(&path).unwrap()).await;
    assert!(former_path(&path).exists());
    (desk, path)
}

#[tokio::test]
async fn a_channel_that_one_is_not_in_any_more_takes_the_damaged_file_with_it_though_nothing_of_it_came_again() {
    let (mut desk, path) = rebuilt().await;
    desk.take(vec![member(1, false)]).await;
    assert!(former_path(&path).exists(), "a public one is still there to be read");
    desk.take(vec![member(2, false)]).await;
    assert!(!former_path(&path).exists());
}

#[tokio::test]
async fn what_was_to_go_with_a_channel_when_something_came_in_between_goes_when_all_is_confirmed() {
    let (desk, path) = rebuilt().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    // It ended before the damaged file was gone.
    workspace.cache.apply_aside(vec![member(1, true), member(2, false)]).await.unwrap();
    drop(workspace);
    let desk = desk.reopened(|_| ()).await;
    assert!(former_path(&path).exists());
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let row = crate::client::desk::named(channel(1), "channel 1");
    workspace.cache.apply_aside(vec![row]).await.unwrap();
    workspace.cache.confirm().await.unwrap();
    assert!(!former_path(&path).exists());
}

#[tokio::test]
async fn what_is_not_kept_by_choice_is_neither_read_from_the_damaged_file_nor_waited_for() {
    let (mut desk, path) = rebuilt().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let found = async |desk: &Desk| {
        let query =
            SearchQuery { words: "number 7".into(), limit: 500, channel: Some(channel(1)), ..SearchQuery::default() };
        let hits = desk.client.search(desk.ws, &query).await.unwrap();
        hits.iter().filter(|hit| hit.message.text == "number 7").count()
    };
    assert_eq!(found(&desk).await, 1);
    let storage = desk.client.storage().await.unwrap();
    let file = std::fs::metadata(former_path(&path)).unwrap().len();
    assert!(storage.workspaces[0].bytes > file, "the damaged one takes room, too");
    // All comes, and what is older leaves again.
    for n in [1, 2] {
        let rows = (1..=300).map(|seq| desk.message(n, seq, &format!("number {seq}"))).collect();
        desk.take(rows).await;
    }
    assert!(workspace.cache.lacking().await.unwrap().is_empty());
    let bounds = Bounds { since: Some(Timestamp(250)), bytes: None };
    assert!(workspace.cache.keep_within(bounds).await.unwrap() > 100);
    assert!(workspace.cache.lacking().await.unwrap().is_empty(), "and nobody waits for it");
    assert_eq!(found(&desk).await, 0);
    let part = desk.client.timeline(desk.ws, channel(1), Window::Before { seq: 100 }, 50).await.unwrap();
    assert!(part.messages.is_empty(), "{:?}", part.messages);
    assert!(workspace.cache.message_before(channel(1), 7).await.unwrap().is_none());
}

/// Says of a file that it is damaged.
async fn found_damaged(workspace: &Workspace) {
    let read = workspace.cache.read(|_, _| Err::<(), _>(thechatapp_database::Error::Damaged("a page".into())));
    assert!(matches!(read.await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn keys_are_not_renewed_of_a_file_that_turned_out_to_be_damaged_meanwhile_nor_is_it_replaced_while_they_are() {
    let desk = Desk::new().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let renewing = desk.client.0.shared.renewing.lock().await;
    let client = desk.client.clone();
    let mut renewal = Box::pin(client.renew_keys());
    assert!((&mut renewal).now_or_never().is_none());
    found_damaged(&workspace).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), workspace.cache.recovered()).await.is_err());
    drop(renewing);
    assert!(matches!(renewal.await, Err(Error::BadInput { .. })));
    assert!(workspace.cache.recovered().await && workspace.cache.is_being_rebuilt());
}

/// Elsewhere a log that is open cannot be taken away.
#[cfg(unix)]
#[tokio::test]
async fn one_cache_that_cannot_be_replaced_does_not_hide_the_workspaces() {
    let desk = Desk::new().await;
    desk.client.add_without_server_as([8; 16], "beta").await.unwrap();
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let path = desk.client.0.shared.profile.cache_path(desk.ws);
    let with = |path: &std::path::Path| std::path::PathBuf::from(format!("{}-wal", path.display()));
    // What is in the place of its log cannot be moved.
    std::fs::remove_file(with(&path)).unwrap();
    std::fs::create_dir(with(&path)).unwrap();
    std::fs::create_dir_all(with(&former_path(&path)).join("something")).unwrap();
    found_damaged(&workspace).await;
    let failed = async {
        while !matches!(workspace.cache.unread().await, Err(Error::DiskFull { .. })) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap();
    assert_eq!(desk.client.workspaces().await.unwrap().len(), 2);
    assert_eq!(desk.client.resolve_workspace(Some("beta")).await.unwrap().workspace, "beta");
}

#[tokio::test]
async fn files_whose_keys_can_be_read_stay_through_a_rebuild_and_then_go_with_their_messages() {
    let mut desk = Desk::new().await;
    let file =
        |n: u8| FileRow { id: FileId::from_bytes([n; 16]), name: "plan".into(), media_type: "a/b".into(), size: 9 };
    let said = |desk: &Desk, n: u8| {
        let Row::Message(message) = desk.message(n, 1, "look") else { unreachable!() };
        Row::Message(MessageRow { files: vec![file(n)], ..message })
    };
    let lies = |workspace: &Workspace, n: u8| workspace.files_folder().join(format!("{}.kept", file(n).id));
    for n in [1, 2] {
        let row = said(&desk, n);
        desk.take(vec![row]).await;
        let workspace = desk.client.workspace(desk.ws).unwrap();
        let kept = KeptFile { row: file(n), key: Zeroizing::new([n; 32]) };
        assert!(workspace.cache.keep_file(channel(n), kept, Timestamp(1)).await.unwrap());
        std::fs::create_dir_all(workspace.files_folder()).unwrap();
        std::fs::write(lies(&workspace, n), "sealed").unwrap();
    }
    let path = desk.client.0.shared.profile.cache_path(desk.ws);
    let mut desk = desk.reopened(|_| set_aside(&path).unwrap()).await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    here::sweep(&workspace).await.unwrap();
    for n in [1, 2] {
        assert!(lies(&workspace, n).exists() && workspace.cache.kept_file(file(n).id).await.unwrap().is_some());
    }
    // One comes again, of the other it comes that it was deleted.
    let row = said(&desk, 1);
    let Row::Message(message) = desk.message(2, 1, "") else { unreachable!() };
    desk.take(vec![row, Row::Message(MessageRow { deleted: true, ..message })]).await;
    assert!(desk.client.let_damaged_go(desk.ws).await.unwrap());
    assert!(lies(&workspace, 1).exists() && workspace.cache.kept_file(file(1).id).await.unwrap().is_some());
    assert!(!lies(&workspace, 2).exists() && workspace.cache.kept_file(file(2).id).await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_damaged_files_the_one_stays_of_which_more_opens() {
    let (mut desk, path) = rebuilt().await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let oldest = async |desk: &Desk| {
        let part = desk.client.timeline(desk.ws, channel(1), Window::Before { seq: 101 }, 100).await.unwrap();
        part.messages.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    // Nothing came yet.
    found_damaged(&workspace).await;
    assert!(workspace.cache.recovered().await && former_path(&path).exists());
    assert_eq!(oldest(&desk).await.len(), 100);
    for n in [1, 2] {
        let rows = (1..=301).map(|seq| desk.message(n, seq, &format!("anew {seq}"))).collect();
        desk.take(rows).await;
    }
    found_damaged(&workspace).await;
    assert!(workspace.cache.recovered().await && former_path(&path).exists());
    assert_eq!(oldest(&desk).await[..2], ["anew 1", "anew 2"]);
}
