//! A device with more than a million messages: how fast they come into its sealed, searchable cache, and how fast it answers then.
//! Through a server and the network; `peers/` compares the cache alone with bare SQLCipher doing the same inserts, and with its size.

use crate::history::logs;
use crate::search::{import, said};
use crate::table::{Table, median};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{Client, Unlock};
use thechatapp_protocol::search::words;
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Server, person};

const WANTED: u64 = 1_000_000;
const EACH: usize = 100;

pub async fn run(table: &mut Table, given: Option<&Path>) {
    let folder = tempfile::tempdir().unwrap();
    let files = logs(given, folder.path());
    let lines: Vec<String> = files.iter().flat_map(|path| said(path)).collect();
    let mut server = Server::init();
    let config = server.folder.path().join("config.toml");
    std::fs::write(&config, "[search]\nindex = false\n").unwrap();
    server.config = Some(config);
    server.serve();
    let (mut total, mut channels) = (0, Vec::new());
    while total < WANTED {
        let name = format!("history{}", channels.len());
        total += import(&server, &files, &name);
        channels.push(name);
    }

    let (profile, secrets) = (folder.path().join("profile"), Arc::new(Memory::default()));
    let (client, ws) = person(&profile, &secrets, server.owner_invite(), "alice").await;
    client.connect(ws, Duration::from_secs(20)).await.unwrap();
    let mut ids = Vec::new();
    for name in &channels {
        let id = client.resolve_channel(ws, name).await.unwrap().id;
        client.join_channel(ws, id).await.unwrap();
        ids.push(id);
    }
    let begun = Instant::now();
    for id in &ids {
        client.backfill(ws, *id, &mut |_, _| {}).await.unwrap();
    }
    let ours = total as f64 / begun.elapsed().as_secs_f64();
    table.rate_alone(&format!("{total} messages into the device's cache"), ours, 35_000.0);

    let pages = times(200, async |turn| {
        let page = client.timeline(ws, ids[turn % ids.len()], Window::Latest, 50).await.unwrap();
        assert_eq!(page.messages.len(), 50);
    });
    table.within("open a channel of it: 50 messages", median(pages.await), None, Duration::from_micros(300));

    searches(table, &client, ws, ids[0], &lines).await;

    let typed = times(200, async |turn| client.save_draft(ws, ids[0], None, &"x".repeat(turn + 1)).await.unwrap());
    table.within("a keystroke, on the disk", median(typed.await), None, Duration::from_millis(1));

    client.close().await.unwrap();
    let mut reopened = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let client = Client::open(&profile, Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
        client.timeline(ws, ids[0], Window::Latest, 50).await.unwrap();
        reopened.push(begun.elapsed());
        client.close().await.unwrap();
    }
    table.within("profile closed to first page", median(reopened), None, Duration::from_millis(5));
}

async fn times(count: usize, mut turn: impl AsyncFnMut(usize)) -> Vec<Duration> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let begun = Instant::now();
        turn(number).await;
        all.push(begun.elapsed());
    }
    all
}

async fn searches(
    table: &mut Table,
    client: &Client,
    ws: thechatapp_core::WorkspaceId,
    channel: thechatapp_core::ChannelId,
    lines: &[String],
) {
    let mut counts = HashMap::<String, usize>::new();
    for word in lines.iter().flat_map(|line| words(line)) {
        *counts.entry(word).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    let at = |rank: usize| ranked[rank % ranked.len()].0.clone();
    let plain = |words: String| SearchQuery { words, limit: 20, ..SearchQuery::default() };
    let people = client.timeline(ws, channel, Window::Latest, 50).await.unwrap();
    let (someone, day) = (people.messages[7].author.id, people.messages[0].at);
    let (mut usual, mut hard) = (Vec::new(), Vec::new());
    for number in 0..EACH {
        usual.push(("rare", plain(at(ranked.len() - 1 - number * 11))));
        usual.push(("common", plain(at(number))));
        usual.push(("two words", plain(format!("{} {}", at(number + 3), at(number * 2 + 40)))));
        let long = at(300 + number * 7);
        hard.push(("beginning", plain(format!("{}*", long.chars().take(3 + number % 3).collect::<String>()))));
        hard.push(("by one person", SearchQuery { author: Some(someone), ..plain(at(number)) }));
        hard.push(("in one channel", SearchQuery { channel: Some(channel), ..plain(at(number)) }));
        hard.push(("of one day", SearchQuery { after: Some(day), ..plain(at(number + 50)) }));
    }
    for (what, queries, typical, slow) in [("words", usual, 2, 10), ("a beginning or a filter", hard, 8, 30)] {
        let (mut all, mut kinds) = (Vec::new(), HashMap::<&str, Vec<Duration>>::new());
        for (kind, query) in &queries {
            let begun = Instant::now();
            client.search(ws, query).await.unwrap();
            let took = begun.elapsed();
            all.push(took);
            kinds.entry(kind).or_default().push(took);
        }
        for (kind, times) in kinds {
            let longest = times.iter().max().copied().unwrap_or_default();
            eprintln!("{kind}: median {:?}, longest {longest:?}", median(times));
        }
        all.sort_unstable();
        let name = |which: &str| format!("search on the device, {what}, {which}");
        table.within(&name("median"), all[all.len() / 2], None, Duration::from_millis(typical));
        table.within(&name("99th of 100"), all[all.len() * 99 / 100], None, Duration::from_millis(slow));
    }
}
