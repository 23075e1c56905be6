//! The size of years: many channels with millions of messages, all on one device, and that device asleep for a month. It takes most
//! of an hour, so it runs only when it is named: `--only scale [--messages N] [--channels N]`.

use crate::history::logs;
use crate::search::said;
use crate::table::{Table, median};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, Unlock, WorkspaceId};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Server, person};

/// How many are there to be.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub messages: usize,
    pub channels: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { messages: 10_000_000, channels: 5000 }
    }
}

/// What is said in a month, in one channel of five.
const MONTH: usize = 50;

pub async fn run(table: &mut Table, given: Option<&Path>, size: Size) {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = logs(given, folder.path()).iter().flat_map(|path| said(path)).collect();
    let mut server = Server::init();
    let config = server.folder.path().join("config.toml");
    std::fs::write(&config, "[search]\nindex = false\n").unwrap();
    server.config = Some(config);
    server.serve();
    let each = size.messages / size.channels;
    let begun = Instant::now();
    let mut total = 0;
    for number in 0..size.channels {
        let year = 2015 + number % 10;
        total += import(&server, number, &format!("{year}-0{}-11", 1 + number % 9), &lines, each);
    }
    table.rate_alone("into the server, channel by channel", total as f64 / begun.elapsed().as_secs_f64(), 5_000.0);

    let (profile, secrets) = (folder.path().join("profile"), Arc::new(Memory::default()));
    let (client, ws) = person(&profile, &secrets, server.owner_invite(), "alice").await;
    client.connect(ws, Duration::from_secs(60)).await.unwrap();
    let mut ids = Vec::new();
    for channel in client.channels(ws, true).await.unwrap().into_iter().filter(|channel| channel.name != "general") {
        client.join_channel(ws, channel.id).await.unwrap();
        ids.push(channel.id);
    }
    let (begun, before) = (Instant::now(), held(&client).await);
    client.start();
    let page = first_page(&client, ws, ids[ids.len() / 2]).await;
    table.within("a page of a channel nobody looked at, while everything comes", page, None, Duration::from_secs(1));
    until(&client, total).await;
    let rate = (total - before) as f64 / begun.elapsed().as_secs_f64();
    table.rate_alone("from the server into the device", rate, 10_000.0);
    looked_at(table, &client, ws, &ids).await;
    client.close().await.unwrap();

    let missed: usize =
        (0..size.channels).step_by(5).map(|number| import(&server, number, "2026-10-11", &lines, MONTH)).sum();
    let (begun, before) = (Instant::now(), private());
    let client = Client::open(&profile, Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
    client.timeline(ws, ids[0], Window::Latest, 50).await.unwrap();
    table.within("profile closed to first page", begun.elapsed(), None, Duration::from_millis(5));
    client.start();
    client.connect(ws, Duration::from_secs(60)).await.unwrap();
    table.within("after a month: until every channel's newest is known", begun.elapsed(), None, Duration::from_secs(3));
    until(&client, total + missed).await;
    table.within("until all of it is here", begun.elapsed(), None, Duration::from_secs(60));
    table.no_larger("memory that it takes then", private().saturating_sub(before), 40 << 10);
    client.close().await.unwrap();
}

/// Returns how many messages came of it: not every line is one.
fn import(server: &Server, number: usize, day: &str, lines: &[String], count: usize) -> usize {
    let mut log = String::new();
    for line in 0..count {
        let said = &lines[(number * 7919 + line) % lines.len()];
        let minute = line * 1440 / count;
        writeln!(log, "[{:02}:{:02}] <person{}> {said}", minute / 60, minute % 60, (number + line / 3) % 200).unwrap();
    }
    let imported = server.import_irc(&format!("channel-{number}"), &format!("{day}.log"), &log);
    imported["messages"].as_u64().unwrap() as usize
}

/// What this process has in memory for itself, in KiB.
fn private() -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = smaps.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn held(client: &Client) -> usize {
    client.storage().await.unwrap().workspaces[0].messages as usize
}

async fn until(client: &Client, count: usize) {
    let mut said = Instant::now();
    loop {
        let here = held(client).await;
        if here >= count {
            return;
        }
        if said.elapsed() > Duration::from_secs(60) {
            eprintln!("{here} of {count}");
            said = Instant::now();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn first_page(client: &Client, ws: WorkspaceId, channel: ChannelId) -> Duration {
    let begun = Instant::now();
    let shown = client.fetch(ws, channel, Window::Latest, 50).await.unwrap();
    assert_eq!(shown.messages.len(), 50);
    begun.elapsed()
}

async fn looked_at(table: &mut Table, client: &Client, ws: WorkspaceId, ids: &[ChannelId]) {
    let mut pages = Vec::new();
    for turn in 0..200 {
        let begun = Instant::now();
        let page = client.timeline(ws, ids[turn * 37 % ids.len()], Window::Latest, 50).await.unwrap();
        pages.push(begun.elapsed());
        assert_eq!(page.messages.len(), 50);
    }
    table.within("open one of its channels: 50 messages", median(pages), None, Duration::from_millis(1));
    let mut listed = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        assert!(client.channels(ws, false).await.unwrap().len() >= ids.len());
        listed.push(begun.elapsed());
    }
    table.within("the list of all its channels, with what is unread", median(listed), None, Duration::from_millis(100));
    for words in ["install", "the", "kernel module", "insta*"] {
        let query = SearchQuery { words: words.into(), limit: 20, ..Default::default() };
        let mut hits = Vec::new();
        for _ in 0..50 {
            let begun = Instant::now();
            client.search(ws, &query).await.unwrap();
            hits.push(begun.elapsed());
        }
        table.within(&format!("newest 20 hits of `{words}`"), median(hits), None, Duration::from_millis(20));
    }
}
