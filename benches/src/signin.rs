//! What a sign-in costs beside its one Argon2id, and what messages notice while passwords are sprayed.

use crate::reseal::{latencies, p99};
use crate::table::{Table, median};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thechatapp_protocol::methods::account::Credential;
use thechatapp_protocol::methods::proof::{Confirm, ConfirmParams};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Server, wire};

const PASSWORD: &str = "correct horse battery";
const COUNT: usize = 60;
const SENDERS: usize = 2;
const LONG: Duration = Duration::from_secs(10);
/// Who sprays at once, each under another name each time: what is tried is computed until the count of their address closes, and
/// refused from then on.
const SPRAYERS: usize = 8;
/// The argument by which this program sprays a server on this port, whose workspace has this pin.
pub const SPRAY: &str = "--spray";

pub async fn run(table: &mut Table) {
    let server = Server::start();
    let mut person = RawClient::join(&server, server.owner_invite(), "owner").await;
    let confirm = ConfirmParams { password: PASSWORD.into(), code: None };
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // The server's cost, and nothing else of it.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap());
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
    let (senders, quiet) = latencies(senders, || std::thread::sleep(LONG)).await;
    let mut tried = 0;
    let (_, sprayed) = latencies(senders, || tried = spray_apart(&server)).await;
    eprintln!("{:.0} attempts a second", tried as f64 / LONG.as_secs_f64());
    table.slower_by("send while passwords are sprayed, 99th of a hundred", p99(&sprayed), p99(&quiet), 2.0);
}

/// Sprays from a process of its own with the least weight: whoever does that to a real server takes none of its cores to do it.
/// How much was tried.
fn spray_apart(server: &Server) -> u64 {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(own).args([SPRAY, &server.port.to_string(), server.pin()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

/// What that process does: for a while, and then it says how much it tried.
pub async fn spray(port: u16, pin: &str) {
    let known = Arc::new(wire::identity(port, pin).await);
    let end = Instant::now() + LONG;
    let tried = Arc::new(AtomicU64::new(0));
    let one = |number: usize| {
        let (known, tried) = (known.clone(), tried.clone());
        async move {
            while Instant::now() < end {
                let name = format!("nobody {number} {}", tried.fetch_add(1, Ordering::Relaxed));
                let credential = Credential::Password { name, password: "a guess".into(), code: None };
                let refused = RawClient::enrol_over(wire::tls(port).await, port, &known, credential).await;
                assert!(refused.is_err());
            }
        }
    };
    let sprayers: Vec<_> = (0..SPRAYERS).map(|number| tokio::spawn(one(number))).collect();
    for sprayer in sprayers {
        sprayer.await.unwrap();
    }
    println!("{}", tried.load(Ordering::Relaxed));
}
