//! What a sign-in costs beside its one Argon2id, and what messages notice while passwords are sprayed.

use crate::reseal::{latencies, p99};
use crate::table::{Table, median};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::methods::account::Credential;
use thechatapp_protocol::methods::proof::{Confirm, ConfirmParams};
use thechatapp_tests::Server;
use thechatapp_tests::raw::RawClient;

const PASSWORD: &str = "correct horse battery";
const COUNT: usize = 60;
const SENDERS: usize = 2;
const LONG: Duration = Duration::from_secs(10);
/// Who sprays at once, each under another name each time: what is tried is computed until the count of their address closes, and
/// refused from then on.
const SPRAYERS: usize = 8;

pub async fn run(table: &mut Table) {
    let server = Arc::new(Server::start());
    let mut person = RawClient::join(&server, server.owner_invite(), "owner").await;
    let confirm = ConfirmParams { password: PASSWORD.into(), code: None };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // The server's cost, and nothing else of it.
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap());
    let salt = argon2::password_hash::SaltString::encode_b64(&[7; 16]).unwrap();
    let hash = argon2.hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string();
    let parsed = PasswordHash::new(&hash).unwrap();
    // In turns, so that a slow moment of the machine meets both.
    for _ in 0..COUNT {
        let begun = Instant::now();
        person.call::<Confirm>(&confirm).await.unwrap();
        ours.push(begun.elapsed());
        let begun = Instant::now();
        argon2.verify_password(PASSWORD.as_bytes(), &parsed).unwrap();
        bare.push(begun.elapsed());
    }
    let (ours, bare) = (median(ours), median(bare));
    table.note_time("prove who one is, beside one Argon2id", ours, bare);
    table.within("the same, without its Argon2id", ours.saturating_sub(bare), None, Duration::from_millis(5));

    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let mut sender = RawClient::join(&server, &server.invite(), &format!("sender {number}")).await;
        sender.again(&server).await;
        senders.push(sender);
    }
    let wait = || std::thread::sleep(LONG);
    let (senders, quiet) = latencies(senders, wait).await;
    let (over, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sprayers: Vec<_> =
        (0..SPRAYERS).map(|number| tokio::spawn(spray(server.clone(), number, over.clone(), tried.clone()))).collect();
    let (_, sprayed) = latencies(senders, wait).await;
    over.store(true, Ordering::Relaxed);
    for sprayer in sprayers {
        sprayer.await.unwrap();
    }
    eprintln!("{:.0} attempts a second", tried.load(Ordering::Relaxed) as f64 / LONG.as_secs_f64());
    table.slower_by("send while passwords are sprayed, 99th of a hundred", p99(&sprayed), p99(&quiet), 2.0);
}

async fn spray(server: Arc<Server>, number: usize, over: Arc<AtomicBool>, tried: Arc<AtomicU64>) {
    let mut turn = 0;
    while !over.load(Ordering::Relaxed) {
        let name = format!("nobody {number} {turn}");
        let credential = Credential::Password { name, password: "a guess".into(), code: None };
        let refused = RawClient::try_enrol(&server, server.pin(), credential).await;
        assert!(refused.is_err());
        tried.fetch_add(1, Ordering::Relaxed);
        turn += 1;
    }
}
