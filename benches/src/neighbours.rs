//! Sending in one workspace while another on the same host is busy, and while the key service answers nothing for the other.

use crate::reseal::{latencies, p99};
use crate::table::{Table, median};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::MessageId;
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, server::json, vault::Vault};

/// Busy: so many people, each with a message every so often, each seeing all of them.
const PEOPLE: usize = 50;
const PAUSE: Duration = Duration::from_millis(250);
const SENDERS: usize = 2;
const LONG: Duration = Duration::from_secs(10);
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
    let (senders, quiet_again) = latencies(senders, wait).await;
    let quiet = if median(quiet.clone()) > median(quiet_again.clone()) { quiet } else { quiet_again };
    eprintln!("99th beside a busy neighbour {:?}, alone {:?}", p99(&beside_busy), p99(&quiet));
    table.slower_by("send beside a busy neighbour", median(beside_busy), median(quiet.clone()), 1.2);

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
    table.slower_by("send beside a neighbour without its key", median(beside_closed), median(quiet), 1.2);
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
