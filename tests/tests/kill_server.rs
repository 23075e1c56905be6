//! The server is killed while eight people send: every acknowledged message exists once, in order, for everybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thechatapp_core::view::Window;
use thechatapp_core::{ChannelId, Client, MessageId, WorkspaceId};
use thechatapp_tests::{Server, person, person::Memory, rounds};

const PEOPLE: usize = 8;
/// The server is up for a moment only, again and again: on a busy machine a client may miss it many times in a row.
const PATIENCE: Duration = Duration::from_secs(600);

struct Member {
    client: Client,
    workspace: WorkspaceId,
    channel: ChannelId,
    _folder: tempfile::TempDir,
}

async fn member(server: &Server, number: usize) -> Member {
    let folder = tempfile::tempdir().unwrap();
    let invite = if number == 0 { server.owner_invite().to_owned() } else { server.invite() };
    let name = format!("person {number}");
    let (client, workspace) = person(folder.path(), &Arc::new(Memory::default()), &invite, &name).await;
    client.connect(workspace, Duration::from_secs(30)).await.unwrap();
    let channel = client.resolve_channel(workspace, "general").await.unwrap().id;
    Member { client, workspace, channel, _folder: folder }
}

/// Every message of the channel, from the device's own cache, oldest first.
async fn everything(member: &Member) -> Vec<(u64, MessageId, String)> {
    let mut window = Window::Latest;
    let mut pages = Vec::new();
    loop {
        let page = member.client.fetch(member.workspace, member.channel, window, 500).await.unwrap();
        let sent: Vec<_> =
            page.messages.iter().filter_map(|message| Some((message.seq?, message.id, message.text.clone()))).collect();
        let first = sent.first().map(|row| row.0);
        pages.push(sent);
        match first {
            Some(seq) if page.older => window = Window::Before { seq },
            _ => break,
        }
    }
    pages.into_iter().rev().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_message_exists_once_in_order_whatever_was_killed() {
    let mut server = Server::start();
    let mut members = Vec::new();
    for number in 0..PEOPLE {
        members.push(Arc::new(member(&server, number).await));
    }

    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for (number, member) in members.iter().enumerate() {
        let (member, stop) = (member.clone(), stop.clone());
        senders.push(tokio::spawn(async move {
            let mut acknowledged: Vec<(u64, MessageId, String)> = Vec::new();
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let text = format!("from {number}, message {count}");
                count += 1;
                let sent = member.client.send(member.workspace, member.channel, &text, None).await.unwrap();
                let sent = member.client.wait_sent(member.workspace, sent.id, PATIENCE).await.unwrap();
                acknowledged.push((sent.seq.unwrap(), sent.id, text));
            }
            acknowledged
        }));
    }

    for round in 0..rounds(20, 200) {
        // A different moment each time, without chance: the writer is met in every phase of its work.
        tokio::time::sleep(Duration::from_millis(40 + (round as u64 * 37) % 160)).await;
        server.kill();
        server.serve();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);

    let mut acknowledged = HashMap::new();
    for sender in senders {
        let mut last = 0;
        for (seq, id, text) in sender.await.unwrap() {
            assert!(seq > last, "one person's messages are numbered in the order they were sent");
            last = seq;
            assert!(acknowledged.insert(id, (seq, text)).is_none());
        }
    }
    assert!(acknowledged.len() > PEOPLE, "only {} messages were acknowledged", acknowledged.len());

    let newest = acknowledged.values().map(|(seq, _)| *seq).max().unwrap();
    for member in &members {
        member.client.connect(member.workspace, Duration::from_secs(60)).await.unwrap();
        // What another was told a moment ago may be on its way here.
        let rows = loop {
            let rows = everything(member).await;
            if rows.last().is_some_and(|row| row.0 >= newest) {
                break rows;
            }
            member.client.next_events().await;
        };
        let numbers: Vec<u64> = rows.iter().map(|row| row.0).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "numbers run without gaps");
        let mut seen: HashMap<MessageId, (u64, String)> = HashMap::new();
        for (seq, id, text) in rows {
            assert!(seen.insert(id, (seq, text)).is_none(), "a message is there twice");
        }
        for (id, expected) in &acknowledged {
            assert_eq!(seen.get(id), Some(expected), "an acknowledged message is not among the {} there", seen.len());
        }
    }
    println!("{} messages acknowledged across {} kills", acknowledged.len(), rounds(20, 200));
}
