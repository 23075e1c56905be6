//! Acknowledged messages a second with fifty people sending at once, beside a bare SQLCipher loop that writes the same rows
//! into the same tables, the search index's included, as many in a transaction as the server did; and beside the same loop on plain
//! SQLite, where nothing is sealed and nothing indexed: the server itself has no such form, so that is what it could save at most.

use crate::bare::{Tokens, insert_body, insert_message, plain_workspace, workspace};
use crate::table::Table;
use rusqlite::Connection;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use thechatapp_protocol::MessageId;
use thechatapp_protocol::methods::messages::{Search, SearchParams, SendMessage, SendMessageParams};
use thechatapp_tests::Server;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::server::free_port;

const SENDERS: usize = 50;
const EACH: u64 = 1000;
/// Messages that each has on their way, as the product's client does.
const WINDOW: usize = 32;
const TEXT: &str = "Build 318 passes on all three systems. The only open point is the proxy test, @olu has it.";

pub async fn run(table: &mut Table) {
    let quiet = product(false, true).await;
    let peer = bare(quiet.group);
    let what = format!("acknowledged messages, 50 senders, {} in a commit", quiet.group);
    table.rate_beside(&what, quiet.acknowledged, peer, 0.6);
    table.note("the same, until the search index has them too", quiet.indexed, peer);
    let listening = product(true, true).await;
    table.note("the same, each of the 50 seeing all messages", listening.acknowledged, peer);
    let plain = bare_plain(quiet.group);
    table.note("acknowledged, beside plain SQLite without seal and index", quiet.acknowledged, plain);
    table.note("bare with seal and index, beside plain SQLite without", peer, plain);
    let without = product(false, false).await.acknowledged;
    table.rate_beside("acknowledged with a search index, beside without", quiet.acknowledged, without, 1.0 / 1.3);
    table.rate_beside("the same, until the index has them", quiet.indexed, without, 0.25);
}

/// Senders, whether each also hears what the others send, and whether the server indexes it.
async fn product(listening: bool, index: bool) -> Rates {
    let mut server = Server::init();
    let metrics = free_port();
    let config = server.folder.path().join("config.toml");
    std::fs::write(&config, format!("[server]\nmetrics = \"127.0.0.1:{metrics}\"\n[search]\nindex = {index}\n"))
        .unwrap();
    server.config = Some(config);
    server.serve();
    let mut senders = Vec::new();
    let invite = server.invite_for(SENDERS);
    for number in 0..SENDERS {
        let mut client = RawClient::join(&server, &invite, &format!("sender {number}")).await;
        if !listening {
            client.again(&server).await;
        }
        senders.push(client);
    }
    let before = committed(metrics);
    let begun = Instant::now();
    let tasks: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(sender, mut client)| {
            tokio::spawn(async move {
                let general = client.general;
                let all = (0..EACH).map(|number| {
                    let mut random = [0; 10];
                    random[..2].copy_from_slice(&(sender as u16).to_be_bytes());
                    random[2..10].copy_from_slice(&number.to_be_bytes());
                    let id = MessageId::from_parts(number, &random);
                    SendMessageParams {
                        id,
                        channel: general,
                        text: TEXT.into(),
                        files: Vec::new(),
                        thread: None,
                        after: None,
                    }
                });
                client.calls::<SendMessage>(all, WINDOW).await;
                client
            })
        })
        .collect();
    let mut last = None;
    for task in tasks {
        last = Some(task.await.unwrap());
    }
    let total = SENDERS as u64 * EACH;
    let acknowledged = total as f64 / begun.elapsed().as_secs_f64();
    let after = committed(metrics);
    // A search takes in what the index lacks, some thousands at a time; the last one finds everything there.
    let mut client = last.unwrap();
    let rounds = if index { total / 5000 + 1 } else { 0 };
    for _ in 0..rounds {
        client.call::<Search>(&SearchParams { words: "nothing".into(), ..SearchParams::default() }).await.unwrap();
    }
    let indexed = total as f64 / begun.elapsed().as_secs_f64();
    let group = ((after.0 - before.0) as f64 / (after.1 - before.1) as f64).round() as usize;
    Rates { acknowledged, indexed, group }
}

/// Messages a second, and how many were committed at once.
struct Rates {
    acknowledged: f64,
    indexed: f64,
    group: usize,
}

/// How many writes the server has committed, and in how many transactions.
fn committed(metrics: u16) -> (u64, u64) {
    let mut stream = TcpStream::connect(("127.0.0.1", metrics)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let value = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    (value("thechatapp_writes_total "), value("thechatapp_commits_total "))
}

/// The same rows into the same tables.
fn bare(group: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let db = workspace(&folder.path().join("bare.db"));
    let tokens = Tokens::of(TEXT);
    commits(&db, group, |seq, author| insert_message(&db, seq, author, TEXT, &tokens))
}

/// The messages' own rows, with their text as it is, into a database without a key.
fn bare_plain(group: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let db = plain_workspace(&folder.path().join("plain.db"));
    commits(&db, group, |seq, author| insert_body(&db, seq, author, TEXT.as_bytes()))
}

fn commits(db: &Connection, group: usize, mut insert: impl FnMut(i64, u8)) -> f64 {
    let total = SENDERS as i64 * EACH as i64;
    let begun = Instant::now();
    let mut seq = 0;
    while seq < total {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for _ in 0..group {
            seq += 1;
            insert(seq, (seq % SENDERS as i64) as u8);
        }
        db.execute_batch("COMMIT").unwrap();
    }
    seq as f64 / begun.elapsed().as_secs_f64()
}
