//! Damage that turns out while every file gets a new key: one has its own by then, another has not.

use super::{damage, rebuilding};
use crate::cache::file::former_path;
use crate::client::desk::{Desk, channel, named};
use crate::error::Error;
use crate::view::Window;
use std::path::PathBuf;
use thechatapp_protocol::{Changes, Row, WorkspaceId};

const SLOTS: [u8; 2] = [6, 8];

/// Two workspaces beside the desk's own, one of which is renewed before it and one after, both with much in them.
async fn three() -> (Desk, [WorkspaceId; 3]) {
    let desk = super::full().await;
    let mut all = [desk.ws; 3];
    for (place, slot) in [(0, SLOTS[0]), (2, SLOTS[1])] {
        let ws = desk.client.add_without_server_as([slot; 16], &format!("beside-{slot}")).await.unwrap();
        let rows = (1..=400).map(|seq| desk.message(1, seq, &format!("beside {seq} {}", "and more words ".repeat(30))));
        let rows: Vec<Row> = std::iter::once(named(channel(1), "plans")).chain(rows).collect();
        desk.client.take_changes(ws, Changes { rows, to: 1, live: true }).await.unwrap();
        all[place] = ws;
    }
    // Nothing of them is in memory, and they are renewed in this order.
    let desk = desk.reopened(|_| ()).await;
    assert_eq!(desk.client.all().iter().map(|workspace| workspace.id).collect::<Vec<_>>(), all);
    (desk, all)
}

fn path_of(desk: &Desk, ws: WorkspaceId) -> PathBuf {
    desk.client.0.shared.profile.cache_path(ws)
}

async fn newest(desk: &Desk, ws: WorkspaceId) -> Option<String> {
    let part = desk.client.timeline(ws, channel(1), Window::Latest, 1).await.unwrap();
    part.messages
        .into_iter()
        .next()
        .map(|message| message.text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

async fn is_rebuilt(desk: &Desk) -> Vec<bool> {
    let mut views = desk.client.workspaces().await.unwrap();
    views.sort_by_key(|view| view.id);
    views.iter().map(|view| view.rebuilding.is_some()).collect()
}

#[tokio::test]
async fn damage_found_between_two_files_that_get_new_keys_leaves_a_profile_that_opens_and_can_be_renewed_again() {
    // Whether it goes on, or is ended right there and opened again.
    for ended in [false, true] {
        for hurt in 0..3 {
            let (mut desk, all) = three().await;
            let before: Vec<Vec<u8>> = all.iter().map(|ws| key(&desk, *ws)).collect();
            assert!(damage(&path_of(&desk, all[hurt]), |page, pages| page > pages / 3) > 20);
            let renewed = desk.client.renew_keys().await;
            assert!(matches!(renewed, Err(Error::Corrupt { .. } | Error::BadInput { .. })), "{hurt}: {renewed:?}");
            // Those before it have theirs, it and those after it do not.
            let now: Vec<bool> = all.iter().zip(&before).map(|(ws, before)| key(&desk, *ws) != *before).collect();
            assert_eq!(now, (0..3).map(|n| n < hurt).collect::<Vec<_>>(), "{hurt}");
            if ended {
                desk = desk.reopened(|_| ()).await;
            } else {
                assert!(desk.client.workspace(all[hurt]).unwrap().cache.recovered().await, "{hurt}");
            }
            assert_eq!(is_rebuilt(&desk).await, (0..3).map(|n| n == hurt).collect::<Vec<_>>(), "{hurt}");
            for (n, ws) in all.iter().enumerate().filter(|(n, _)| *n != hurt) {
                assert!(newest(&desk, *ws).await.unwrap().ends_with(" 400"), "{n}");
            }
            // What comes into the new file is there after the next opening, too.
            let rows = vec![named(channel(1), "plans"), desk.message(1, 401, "came anew")];
            desk.client.take_changes(all[hurt], Changes { rows, to: 9, live: true }).await.unwrap();
            let again = desk.client.renew_keys().await;
            assert!(matches!(again, Err(Error::BadInput { .. })), "{again:?}");
            let desk = desk.reopened(|_| ()).await;
            assert!(former_path(&path_of(&desk, all[hurt])).exists());
            assert_eq!(newest(&desk, all[hurt]).await.unwrap(), "came anew");
            // Without the damaged one all of them get theirs.
            assert!(desk.client.let_damaged_go(all[hurt]).await.unwrap());
            desk.client.renew_keys().await.unwrap();
            assert!(!desk.client.0.shared.profile.keys_are_replaced());
            assert!(all.iter().zip(&before).all(|(ws, before)| key(&desk, *ws) != *before));
            let desk = desk.reopened(|_| ()).await;
            assert_eq!(newest(&desk, all[hurt]).await.unwrap(), "came anew");
            assert_eq!(rebuilding(&desk).await, None);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_after_it_got_its_new_key_is_rebuilt_under_that_one() {
    let (desk, all) = three().await;
    desk.client.renew_keys().await.unwrap();
    // Not yet opened again: what takes its place is made by who renewed it.
    assert!(damage(&path_of(&desk, all[0]), |page, pages| page > pages / 3) > 20);
    let _ = desk.client.workspace(all[0]).unwrap().cache.check().await;
    assert!(desk.client.workspace(all[0]).unwrap().cache.recovered().await);
    assert_eq!(is_rebuilt(&desk).await, [true, false, false]);
    let rows = vec![named(channel(1), "plans"), desk.message(1, 401, "came anew")];
    desk.client.take_changes(all[0], Changes { rows, to: 9, live: true }).await.unwrap();
    let desk = desk.reopened(|_| ()).await;
    assert_eq!(newest(&desk, all[0]).await.unwrap(), "came anew");
    assert_eq!(is_rebuilt(&desk).await, [true, false, false]);
}

/// The key that the profile has for a cache.
fn key(desk: &Desk, ws: WorkspaceId) -> Vec<u8> {
    desk.client.0.shared.profile.cache_key(ws).unwrap().expose().to_vec()
}
