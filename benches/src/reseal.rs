//! Sending while 100,000 older messages are sealed again under new keys, beside sending while nothing else happens; and how
//! long the other rotations hold people up, with 20,000 of them.

use crate::table::Table;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::MessageId;
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, server::json};

const MESSAGES: usize = 100_000;
const PEOPLE: usize = 20_000;
const SENDERS: usize = 4;
static NEXT: AtomicU64 = AtomicU64::new(1);

const QUIET: Duration = Duration::from_secs(10);

pub async fn run(table: &mut Table) {
    let server = Server::start();
    let mut lines = String::new();
    for line in 0..MESSAGES {
        let minute = line * 1440 / MESSAGES;
        let _ = writeln!(
            lines,
            "[{:02}:{:02}] <nick{}> line {line} of a long day",
            minute / 60,
            minute % 60,
            line % PEOPLE
        );
    }
    server.import_irc("history", "2026-01-02.log", &lines);
    // The index follows an import; here it has all of it first.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let invite = server.invite_for(SENDERS);
    let mut clients = Vec::new();
    for number in 0..SENDERS {
        let mut client = RawClient::join(&server, &invite, &format!("sender {number}")).await;
        client.again(&server).await;
        clients.push(client);
    }
    let rotate = |what: &str, more: &[&str]| {
        let begun = Instant::now();
        let done = json(&server.run(&[&["key", "rotate", "--workspace", "acme", "--what", what], more].concat()));
        (begun.elapsed(), done)
    };
    let (mut clients, quiet) = latencies(clients, || std::thread::sleep(QUIET)).await;
    let mut took = Duration::ZERO;
    let (again, busy) = latencies(std::mem::take(&mut clients), || took = rotate("channels", &[]).0).await;
    table.slower_by("99th of 100 sends while 100,000 messages are sealed again", p99(&busy), p99(&quiet), 2.0);
    eprintln!("channels: {:.0} messages a second sealed again", MESSAGES as f64 / took.as_secs_f64());
    clients = again;
    for what in ["workspace", "database"] {
        let mut said = (Duration::ZERO, serde_json::Value::Null);
        let (again, held) = latencies(std::mem::take(&mut clients), || {
            said = rotate(what, &[]);
            std::thread::sleep(Duration::from_millis(200));
        })
        .await;
        clients = again;
        let longest = held.iter().max().copied().unwrap_or_default();
        eprintln!("{what}: took {:?}, longest send {longest:?}, said {}", said.0, said.1);
    }
}

/// How long each send takes, one after the other by each sender, while something else happens.
pub async fn latencies(clients: Vec<RawClient>, meanwhile: impl FnOnce()) -> (Vec<RawClient>, Vec<Duration>) {
    let over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let over = over.clone();
            tokio::spawn(async move {
                let mut all = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let params = SendMessageParams {
                        id: MessageId::from_parts(NEXT.fetch_add(1, Ordering::Relaxed), &[7; 10]),
                        channel: client.general,
                        text: "Build 318 passes on all three systems.".into(),
                        files: Vec::new(),
                        thread: None,
                        after: None,
                    };
                    let begun = Instant::now();
                    client.call::<SendMessage>(&params).await.unwrap();
                    all.push(begun.elapsed());
                    // People pause; what is measured is not how a full queue drains.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                (client, all)
            })
        })
        .collect();
    tokio::task::block_in_place(meanwhile);
    over.store(true, Ordering::Relaxed);
    let (mut clients, mut all) = (Vec::new(), Vec::new());
    for task in tasks {
        let (client, times) = task.await.unwrap();
        clients.push(client);
        all.extend(times);
    }
    (clients, all)
}

pub fn p99(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}
