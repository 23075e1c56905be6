//! Sending in one workspace while another on the same host is busy in each way that it can be, and while the key service answers
//! nothing for the other.

use crate::reseal::{latencies, p99};
use crate::table::{Table, median};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::http::{OFFSET_HEADER, file_path};
use thechatapp_protocol::methods::files::{BeginUpload, BeginUploadParams, FileKey, FinishUpload, FinishUploadParams};
use thechatapp_protocol::methods::messages::{Search, SearchParams, SendMessage, SendMessageParams};
use thechatapp_protocol::{FileId, MessageId};
use thechatapp_seal::{Context, Key, seal};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::tab::answer;
use thechatapp_tests::{Server, server::json, vault::Vault, wire};
use tokio::io::AsyncWriteExt;

/// Busy: so many people, each with a message every so often, each seeing all of them.
const PEOPLE: usize = 50;
const PAUSE: Duration = Duration::from_millis(250);
const SENDERS: usize = 2;
const LONG: Duration = Duration::from_secs(10);
/// Files that somebody shares, each as large, and how many people do.
const FILE: usize = 1 << 20;
const SHARERS: usize = 4;
/// Messages of long ago, for searches and to be sealed again.
const OLD: usize = 50_000;
/// The key's time in memory; when it is over the service has to be asked.
const CACHE: &str = "5";

pub async fn run(table: &mut Table) {
    let vault = Vault::start();
    let mut server = Server::init_with(vault.environment(CACHE));
    server.serve();
    let other = json(&server.run(&["workspace", "create", "--workspace", "beta"]));
    let invite = json(&server.run(&["invite", "--workspace", "beta", "--uses", "10"]));
    let (pin, invite) = (other["pin"].as_str().unwrap(), invite["invite"].as_str().unwrap());
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let mut sender = RawClient::join_at(&server, pin, invite, &format!("sender {number}")).await;
        sender.again(&server).await;
        senders.push(sender);
    }
    let invite = server.invite_for(PEOPLE);
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(RawClient::join(&server, &invite, &format!("person {number}")).await);
    }
    let wait = || std::thread::sleep(LONG);
    // A quiet stretch comes before each busy one: what machines do by themselves changes over minutes.
    let (senders, quiet) = latencies(senders, wait).await;
    let over = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = people
        .into_iter()
        .enumerate()
        .map(|(number, person)| tokio::spawn(talk(person, number, over.clone())))
        .collect();
    let (senders, beside_busy) = latencies(senders, wait).await;
    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    let mut people = Vec::new();
    for person in busy {
        let (client, count) = person.await.unwrap();
        sent += count;
        people.push(client);
    }
    eprintln!("the busy neighbour had {:.0} messages a second", sent as f64 / LONG.as_secs_f64());
    beside(table, "a busy neighbour", &beside_busy, &quiet);

    let lines: String = (0..OLD)
        .map(|line| {
            format!("[{:02}:{:02}] <nick> line {line} of a long day\n", line * 24 / OLD, line * 1440 / OLD % 60)
        })
        .collect();
    server.import_irc("history", "2026-01-02.log", &lines);
    // The index follows an import; here it has all of it first.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (senders, quiet) = latencies(senders, wait).await;
    let over = Arc::new(AtomicBool::new(false));
    let searching: Vec<_> = people.into_iter().map(|person| tokio::spawn(search(person, over.clone()))).collect();
    let (senders, beside_searches) = latencies(senders, wait).await;
    over.store(true, Ordering::Relaxed);
    people = Vec::new();
    for person in searching {
        people.push(person.await.unwrap());
    }
    beside(table, "a neighbour that searches", &beside_searches, &quiet);

    let known = wire::identity(server.port, server.pin()).await;
    let (workspace, port) = (known.document().workspace_id, server.port);
    let (senders, quiet) = latencies(senders, wait).await;
    let over = Arc::new(AtomicBool::new(false));
    let sharers = people.split_off(PEOPLE - SHARERS).into_iter().enumerate();
    let sharing: Vec<_> =
        sharers.map(|(who, person)| tokio::spawn(share(person, who, port, workspace, over.clone()))).collect();
    let (senders, beside_files) = latencies(senders, wait).await;
    over.store(true, Ordering::Relaxed);
    for person in sharing {
        people.push(person.await.unwrap());
    }
    beside(table, "a neighbour that shares files", &beside_files, &quiet);

    let (senders, quiet) = latencies(senders, wait).await;
    let (senders, beside_resealing) = latencies(senders, || {
        server.run(&["key", "rotate", "--workspace", "acme", "--what", "channels"]);
    })
    .await;
    beside(table, "a neighbour that is sealed again", &beside_resealing, &quiet);

    let (senders, quiet) = latencies(senders, wait).await;
    // Nothing more is answered for the first workspace; its people keep asking.
    vault.ignore_first_workspace();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let over = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = people.into_iter().map(|person| tokio::spawn(ask(person, over.clone()))).collect();
    let (_, beside_closed) = latencies(senders, wait).await;
    over.store(true, Ordering::Relaxed);
    let mut refused = 0;
    for person in asking {
        refused += person.await.unwrap();
    }
    assert!(refused > 0, "the neighbour is closed");
    eprintln!("the closed neighbour refused {refused} calls");
    beside(table, "a neighbour without its key", &beside_closed, &quiet);
}

/// The median is promised; the slowest of a hundred are shown, since on two cores they are chance more than anything.
fn beside(table: &mut Table, what: &str, busy: &[Duration], quiet: &[Duration]) {
    table.slower_by(&format!("send beside {what}"), median(busy.to_vec()), median(quiet.to_vec()), 1.2);
    table.note_time("the same, 99th of a hundred", p99(busy), p99(quiet));
}

async fn search(mut person: RawClient, over: Arc<AtomicBool>) -> RawClient {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        number = (number + 7919) % OLD;
        let params = SearchParams { words: format!("line {number}"), limit: 20, ..SearchParams::default() };
        person.call::<Search>(&params).await.unwrap();
        tokio::time::sleep(PAUSE.saturating_sub(begun.elapsed())).await;
    }
    person
}

async fn share(mut person: RawClient, who: usize, port: u16, workspace: [u8; 16], over: Arc<AtomicBool>) -> RawClient {
    let (mut number, channel, plain) = (0, person.general, vec![who as u8; FILE]);
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        number += 1;
        let (file, key) = (FileId::from_parts(number, &[who as u8; 10]), Key::random().unwrap());
        let bytes = seal(&key, &Context::file(&workspace, file.as_bytes()), &plain).unwrap();
        let (name, media_type) = ("a.bin".to_owned(), "application/octet-stream".to_owned());
        let begin = BeginUploadParams { file, channel, name, media_type, size: FILE as u64 };
        let grant = person.call::<BeginUpload>(&begin).await.unwrap();
        let path = file_path("acme", file);
        let proved = person.proved("PATCH", &path, &grant.token);
        let mut stream = wire::tls(port).await;
        let head = format!(
            "PATCH {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{proved}{OFFSET_HEADER}: 0\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        assert!(answer(&mut stream).await.0.starts_with("HTTP/1.1 204"));
        let key = FileKey(key.expose().to_vec());
        person.call::<FinishUpload>(&FinishUploadParams { channel, file, key }).await.unwrap();
        tokio::time::sleep(PAUSE.saturating_sub(begun.elapsed())).await;
    }
    person
}

fn message(person: &RawClient, number: u64, who: usize) -> SendMessageParams {
    SendMessageParams {
        id: MessageId::from_parts(number, &[who as u8; 10]),
        channel: person.general,
        text: "Build 318 passes on all three systems.".into(),
        files: Vec::new(),
        thread: None,
        after: None,
    }
}

async fn talk(mut person: RawClient, who: usize, over: Arc<AtomicBool>) -> (RawClient, u64) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        number += 1;
        let params = message(&person, number, who);
        person.call::<SendMessage>(&params).await.unwrap();
        tokio::time::sleep(PAUSE.saturating_sub(begun.elapsed())).await;
    }
    (person, number)
}

/// Calls that are refused, each answered.
async fn ask(mut person: RawClient, over: Arc<AtomicBool>) -> u64 {
    let mut refused = 0;
    while !over.load(Ordering::Relaxed) {
        let params = message(&person, 1_000_000, 200);
        refused += u64::from(person.call::<SendMessage>(&params).await.is_err());
        tokio::time::sleep(PAUSE).await;
    }
    refused
}
