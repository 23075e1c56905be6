//! The audit log: how long a million entries take to be proved, and what an entry adds to the write that it tells of.

use crate::table::{Table, median};
use std::time::{Duration, Instant};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::kms::KeySource;
use thechatapp_server::tenants::Host;

const ENTRIES: u64 = 1_000_000;
/// Writes of each kind, in rounds that take turns, so that a slow moment of the machine meets both.
const ROUNDS: usize = 20;
const WRITES: usize = 100;

pub async fn run(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let source = KeySource::Local { file: None, passphrase: "server passphrase".to_owned().into() };
    thechatapp_server::init(&data, &source, "acme", None, Cost::PRODUCT).unwrap();
    let host = Host::open(&data, &source, Cost::PRODUCT).unwrap();
    let workspace = host.workspace("acme").unwrap();

    let (mut with, mut without, mut number) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        for (recorded, times) in [(true, &mut with), (false, &mut without)] {
            for _ in 0..WRITES {
                let begun = Instant::now();
                workspace.make_channel(number, recorded).await.unwrap();
                times.push(begun.elapsed());
                number += 1;
            }
        }
    }
    table.slower_by("a write with its audit entry, beside one without", median(with), median(without), 1.15);

    let begun = Instant::now();
    workspace.record_many(ENTRIES).await.unwrap();
    eprintln!("{:.0} entries a second written", ENTRIES as f64 / begun.elapsed().as_secs_f64());
    workspace.checkpoint().await.unwrap();
    let begun = Instant::now();
    let report = workspace.verify_audit(None, None).await.unwrap();
    let took = begun.elapsed();
    assert!(report.ok && report.entries >= ENTRIES, "{report:?}");
    table.within(&format!("an audit log of {} entries proved", report.entries), took, None, Duration::from_secs(5));
}
