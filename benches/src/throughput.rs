//! Acknowledged messages a second with fifty people sending at once, beside a bare SQLCipher loop with the same rows and
//! as many of them in a transaction.

use crate::bare::{insert_message, workspace};
use crate::table::Table;
use std::time::Instant;
use thechatapp_protocol::MessageId;
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams};
use thechatapp_tests::Server;
use thechatapp_tests::raw::RawClient;

const SENDERS: usize = 50;
const EACH: u64 = 400;
const TEXT: &str = "Build 318 passes on all three systems. The only open point is the proxy test, @olu has it.";

pub async fn run(table: &mut Table) {
    let (ours, listened) = (product(false).await, product(true).await);
    let peer = bare();
    table.rate_beside("acknowledged messages, 50 senders", ours, peer, 0.6);
    table.note("the same, each of the 50 seeing all messages", listened, peer);
}

/// Senders, and whether each also hears what the others send.
async fn product(listening: bool) -> f64 {
    let server = Server::start();
    let mut senders = Vec::new();
    let invite = server.invite_for(SENDERS);
    for number in 0..SENDERS {
        let mut client = RawClient::join(&server, &invite, &format!("sender {number}")).await;
        if !listening {
            client.again(&server).await;
        }
        senders.push(client);
    }
    let begun = Instant::now();
    let tasks: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(sender, mut client)| {
            tokio::spawn(async move {
                for number in 0..EACH {
                    let mut random = [0; 10];
                    random[..2].copy_from_slice(&(sender as u16).to_be_bytes());
                    random[2..10].copy_from_slice(&number.to_be_bytes());
                    let id = MessageId::from_parts(number, &random);
                    let params = SendMessageParams { id, channel: client.general, text: TEXT.into(), thread: None, after: None };
                    client.call::<SendMessage>(&params).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (SENDERS as u64 * EACH) as f64 / begun.elapsed().as_secs_f64()
}

/// The same rows into the same tables, as many in a transaction as there are senders.
fn bare() -> f64 {
    let total = SENDERS as i64 * EACH as i64;
    let folder = tempfile::tempdir().unwrap();
    let db = workspace(&folder.path().join("bare.db"));
    let begun = Instant::now();
    let mut seq = 0;
    while seq < total {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for sender in 0..SENDERS {
            seq += 1;
            insert_message(&db, seq, sender as u8, TEXT);
        }
        db.execute_batch("COMMIT").unwrap();
    }
    total as f64 / begun.elapsed().as_secs_f64()
}
