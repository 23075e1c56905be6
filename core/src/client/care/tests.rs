//! Files that are damaged: found, replaced, and what becomes of what they had.

mod listed;
mod parting;
mod renewing;

use crate::cache::file::{former_path, set_aside};
use crate::client::care::run;
use crate::client::desk::{Desk, channel};
use crate::error::Error;
use crate::event::ClientEvent;
use crate::local::good_path;
use crate::platform::{Clock, SystemClock};
use crate::view::{SearchQuery, Window};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::event::{MessageRow, Pin};
use thechatapp_protocol::{AccountId, Row, Timestamp};

const PAGE: usize = 4096;

/// Changes one byte in pages of a file that are chosen by their numbers; answers how many there were.
fn damage(path: &Path, chosen: impl Fn(usize, usize) -> bool) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let all = bytes.len() / PAGE;
    let pages: Vec<usize> = (0..all).filter(|page| chosen(*page, all)).collect();
    for page in &pages {
        bytes[page * PAGE + 2000] ^= 1;
    }
    std::fs::write(path, bytes).unwrap();
    pages.len()
}

fn cache_of(desk: &Desk) -> PathBuf {
    desk.client.0.shared.profile.cache_path(desk.ws)
}

async fn texts(desk: &Desk, n: u8, window: Window) -> Vec<String> {
    let part = desk.client.timeline(desk.ws, channel(n), window, 100).await.unwrap();
    part.messages.into_iter().map(|message| message.text).collect()
}

async fn rebuilding(desk: &Desk) -> Option<u64> {
    desk.client.workspaces().await.unwrap()[0].rebuilding
}

/// Two channels with much in them, written out.
async fn full() -> Desk {
    let mut desk = Desk::new().await;
    for n in [1, 2] {
        let rows = (1..=400).map(|seq| desk.message(n, seq, &format!("number {seq} {}", "and more words ".repeat(30))));
        let rows: Vec<Row> = rows.collect();
        desk.take(rows).await;
    }
    desk
}

#[tokio::test]
async fn a_cache_damaged_at_opening_is_rebuilt_while_what_is_readable_is_read_and_what_is_written_waits() {
    let desk = full().await;
    let path = cache_of(&desk);
    desk.client.save_draft(desk.ws, channel(2), None, "half a thought").await.unwrap();
    // Some of the messages do not open any more.
    let desk = desk
        .reopened(|_| {
            assert!(damage(&path, |page, all| page > all / 2 && page % 9 == 0) > 5);
            set_aside(&path).unwrap();
        })
        .await;
    assert!(former_path(&path).exists());
    assert!(rebuilding(&desk).await.unwrap() > 500, "it had these, and has none of them yet");
    let names: Vec<String> =
        desk.client.channels(desk.ws, false).await.unwrap().into_iter().map(|channel| channel.name).collect();
    assert_eq!(names, ["channel 1", "channel 2"]);
    let mut seen = 0;
    for n in [1, 2] {
        for first in (100..=400).step_by(100) {
            let read = texts(&desk, n, Window::Before { seq: first + 1 }).await;
            assert!(read.iter().all(|text| text.starts_with("number ") && text.ends_with("and more words ")));
            seen += read.len();
        }
    }
    assert!((400..800).contains(&seen), "what opens is shown, and nothing else: {seen}");
    let sent = desk.client.send(desk.ws, channel(1), "written meanwhile", None).await.unwrap();
    assert!(desk.client.message_by_seq(desk.ws, channel(1), 1).await.is_ok());
    assert_eq!(texts(&desk, 1, Window::Latest).await.last().unwrap(), "written meanwhile");

    // Killed in between, it goes on where it was.
    let mut desk = desk.reopened(|_| {}).await;
    assert!(rebuilding(&desk).await.is_some());
    assert_eq!(desk.client.draft(desk.ws, channel(2), None).await.unwrap(), "half a thought");
    assert_eq!(texts(&desk, 1, Window::Latest).await.last().unwrap(), &sent.text);
    // What comes from the server is shown from then on.
    let again: Vec<Row> = (1..=400).map(|seq| desk.message(1, seq, &format!("anew {seq}"))).collect();
    desk.take(again).await;
    assert_eq!(texts(&desk, 1, Window::Latest).await[..2], ["anew 301", "anew 302"].map(String::from));

    // Whoever does without it lets it go.
    assert!(desk.client.let_damaged_go(desk.ws).await.unwrap());
    assert_eq!((rebuilding(&desk).await, former_path(&path).exists()), (None, false));
    assert!(!desk.client.let_damaged_go(desk.ws).await.unwrap());
}

#[tokio::test]
async fn threads_and_pins_are_read_without_the_server_while_a_damaged_cache_is_rebuilt() {
    let mut desk = Desk::new().await;
    let path = cache_of(&desk);
    let plain = |desk: &Desk, seq, text: &str| {
        let Row::Message(message) = desk.message(1, seq, text) else { unreachable!() };
        message
    };
    let pin = |at| Some(Pin { by: AccountId::from_bytes([8; 16]), at: Timestamp(at) });
    let root = MessageRow { pinned: pin(5), replies: 4, ..plain(&desk, 1, "lunch?") };
    let (of, mut rows) = (root.id, vec![Row::Message(root)]);
    for seq in 2..=5 {
        rows.push(Row::Message(MessageRow { thread: Some(of), ..plain(&desk, seq, &format!("answer {seq}")) }));
    }
    rows.push(Row::Message(MessageRow { pinned: pin(4), ..plain(&desk, 6, "pinned before") }));
    desk.take(rows).await;
    let mut desk = desk.reopened(|_| set_aside(&path).unwrap()).await;
    assert!(rebuilding(&desk).await.is_some());
    let thread = async |desk: &Desk, of, limit| {
        let view = desk.client.thread(desk.ws, channel(1), of, None, limit).await.unwrap();
        let texts = view.replies.into_iter().map(|one| one.text).collect::<Vec<_>>().join(", ");
        (view.root.text, texts, view.older, view.partial)
    };
    let pins = async |desk: &Desk| {
        let pins = desk.client.pins(desk.ws, channel(1)).await.unwrap();
        pins.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    let all = "answer 2, answer 3, answer 4, answer 5".to_owned();
    assert_eq!(thread(&desk, of, 10).await, ("lunch?".into(), all.clone(), false, true));
    assert_eq!(thread(&desk, plain(&desk, 3, "").id, 10).await.1, all, "by any message of it");
    assert_eq!(thread(&desk, of, 2).await, ("lunch?".into(), "answer 4, answer 5".into(), true, true));
    assert_eq!(pins(&desk).await, ["lunch?", "pinned before"]);
    // What is here by now is as it is here.
    let gone = MessageRow { deleted: true, thread: Some(of), ..plain(&desk, 4, "") };
    desk.take(vec![Row::Message(gone), Row::Message(plain(&desk, 6, "pinned no more"))]).await;
    assert_eq!(thread(&desk, of, 10).await.1, "answer 2, answer 3, , answer 5");
    assert_eq!(pins(&desk).await, ["lunch?"]);
}

#[tokio::test]
async fn what_was_sent_and_waits_to_be_told_so_is_shown_once_while_a_damaged_cache_is_rebuilt() {
    let mut desk = Desk::new().await;
    let path = cache_of(&desk);
    desk.said(1, 1..=1).await;
    let root = desk.client.timeline(desk.ws, channel(1), Window::Latest, 1).await.unwrap().messages[0].id;
    let sent = desk.client.send(desk.ws, channel(1), "sent", None).await.unwrap();
    let answer = desk.client.send(desk.ws, channel(1), "an answer", Some(root)).await.unwrap();
    // It came back by the stream, and the program ended before the queue was told.
    let rows = [(2, &sent), (3, &answer)].map(|(seq, view)| {
        let at = Timestamp(seq as i64);
        let row = MessageRow::plain(channel(1), seq, view.id, view.author.id, at, &view.text, desk.change + 1);
        Row::Message(MessageRow { thread: view.thread, ..row })
    });
    desk.take(rows.to_vec()).await;
    let all = ["number 1", "sent", "an answer"];
    assert_eq!(texts(&desk, 1, Window::Latest).await, all);

    let desk = desk.reopened(|_| set_aside(&path).unwrap()).await;
    assert!(rebuilding(&desk).await.is_some());
    assert_eq!(desk.client.workspaces().await.unwrap()[0].waiting, 2, "the queue has them still");
    assert_eq!(texts(&desk, 1, Window::Latest).await, all);
    let thread = desk.client.thread(desk.ws, channel(1), root, None, 10).await.unwrap();
    assert_eq!(thread.replies.into_iter().map(|one| one.text).collect::<Vec<_>>(), ["an answer"]);
}

#[tokio::test]
async fn a_cache_of_which_nothing_opens_is_rebuilt_all_the_same() {
    let desk = full().await;
    let path = cache_of(&desk);
    let mut desk = desk.reopened(|_| assert!(damage(&path, |page, _| page == 0) == 1)).await;
    assert!(former_path(&path).exists());
    assert_eq!(rebuilding(&desk).await, Some(0));
    // What was kept elsewhere is there.
    let channels = desk.client.channels(desk.ws, false).await.unwrap();
    assert_eq!(channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>(), ["channel 1", "channel 2"]);
    let sent = desk.client.send(desk.ws, channel(1), "written meanwhile", None).await.unwrap();
    assert_eq!(texts(&desk, 1, Window::Latest).await, [sent.text]);
    desk.said(1, 1..=3).await;
    assert!(desk.client.doctor().await.unwrap()["workspaces"][0]["cache"]["ok"].as_bool().unwrap());
}

#[tokio::test]
async fn a_cache_damaged_in_use_is_replaced_under_whoever_reads_and_writes_and_the_neighbour_does_not_notice() {
    let mut desk = full().await;
    let other = desk.client.add_without_server_as([8; 16], "beta").await.unwrap();
    let path = cache_of(&desk);
    // Nothing of it is in memory, as after a night.
    desk = desk.reopened(|_| ()).await;
    assert!(damage(&path, |page, all| page > all / 3) > 20);
    let neighbour = {
        let client = desk.client.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                client.channels(other, false).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    let mut readers = Vec::new();
    for n in 0..8u8 {
        let client = desk.client.clone();
        let ws = desk.ws;
        readers.push(tokio::spawn(async move {
            for first in (50..=400).step_by(50) {
                client.timeline(ws, channel(1 + n % 2), Window::Before { seq: first }, 50).await.unwrap();
            }
            client.send(ws, channel(1 + n % 2), &format!("reader {n}"), None).await.unwrap();
        }));
    }
    for reader in readers {
        reader.await.unwrap();
    }
    neighbour.await.unwrap();
    assert!(former_path(&path).exists(), "somebody met the damage");
    let views = desk.client.workspaces().await.unwrap();
    assert_eq!(views.iter().map(|view| view.rebuilding.is_some()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(desk.client.damage(), None);
    let mut waiting = 0;
    for n in [1, 2] {
        waiting += texts(&desk, n, Window::Latest).await.iter().filter(|text| text.starts_with("reader")).count();
    }
    assert_eq!(waiting, 8, "what was written waits to be sent");
    let found = SearchQuery { words: "number 1".into(), limit: 5, ..SearchQuery::default() };
    desk.client.search(desk.ws, &found).await.unwrap();
}

#[tokio::test]
async fn what_the_server_does_not_confirm_goes_and_so_does_the_damaged_file_that_has_it() {
    let desk = full().await;
    let path = cache_of(&desk);
    let mut desk = desk.reopened(|_| set_aside(&path).unwrap()).await;
    assert!(!texts(&desk, 2, Window::Latest).await.is_empty());
    let workspace = desk.client.workspace(desk.ws).unwrap();
    // It tells of one channel only.
    let row = crate::client::desk::named(channel(1), "channel 1");
    let member = Row::Member(thechatapp_protocol::event::MemberRow {
        channel: channel(1),
        person: crate::client::desk::ME,
        joined: true,
        role: thechatapp_protocol::event::ChannelRole::Member,
        change: 9,
    });
    desk.take(vec![row, member]).await;
    let applied = workspace.cache.confirm().await.unwrap().unwrap();
    assert!(applied.channels);
    assert_eq!(workspace.cache.confirm().await.unwrap(), None, "once");
    assert!(!former_path(&path).exists());
    assert!(matches!(desk.client.timeline(desk.ws, channel(2), Window::Latest, 9).await, Err(Error::BadInput { .. })));
}

/// A clock that stands where it is put.
#[derive(Debug)]
struct Put(std::sync::atomic::AtomicI64);

impl Clock for Put {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[tokio::test]
async fn one_damaged_cache_does_not_keep_the_last_good_copy_from_being_renewed() {
    let mut desk = full().await;
    let _ = desk.client.add_without_server_as([8; 16], "beta").await.unwrap();
    let path = cache_of(&desk);
    desk = desk.reopened(|_| ()).await;
    let good = good_path(&desk.client.0.shared.profile.local_path());
    let before = std::fs::read(&good).unwrap();
    assert!(damage(&path, |page, _| page > 0) > 20);
    desk.client.save_draft(desk.ws, channel(1), None, "newer than the copy").await.unwrap();
    let _ = desk.client.care().await;
    assert_ne!(std::fs::read(&good).unwrap(), before);
}

#[tokio::test]
async fn damage_of_what_cannot_be_fetched_again_is_found_within_a_day_and_told_and_its_copy_stays() {
    let clock = Arc::new(Put(SystemClock.now().0.into()));
    let mut desk = Desk::with_clock(clock.clone()).await;
    for n in 0..200 {
        desk.client
            .save_draft(desk.ws, channel(1), None, &format!("{n} {}", "a long thought ".repeat(60)))
            .await
            .unwrap();
        desk.client.send(desk.ws, channel(1), &"waits ".repeat(200), None).await.unwrap();
    }
    desk = desk.reopened(|_| ()).await;
    let path = desk.client.0.shared.profile.local_path();
    let good = std::fs::read(good_path(&path)).unwrap();
    assert!(damage(&path, |page, all| page + 2 > all) > 0);
    clock.0.fetch_add(25 * 60 * 60 * 1000, std::sync::atomic::Ordering::SeqCst);
    let care = tokio::spawn(run(Arc::downgrade(&desk.client.0), Duration::from_millis(1)));
    let told = loop {
        let events = desk.client.next_events().await;
        if let Some(told) = events.into_iter().find(|event| matches!(event, ClientEvent::Damaged { .. })) {
            break told;
        }
    };
    assert!(matches!(&told, ClientEvent::Damaged { file, .. } if file == "local.db"), "{told:?}");
    assert!(matches!(desk.client.damage(), Some(Error::Corrupt { .. })));
    assert!(desk.client.care().await.is_err());
    assert_eq!(std::fs::read(good_path(&path)).unwrap(), good, "the good copy is not written over");
    care.abort();
}
