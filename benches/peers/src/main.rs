//! `cargo xtask bench --peers`: the device's cache beside bare SQLCipher with FTS5 and beside `matrix-sdk-sqlite`'s event cache, in
//! one run, in turns, with the same conversations; medians and ratios.
//!
//! The other store links an SQLite of its own and thus is a program of its own, which answers requests (see `matrix/`).

mod bare;
mod idle;
mod ours;
mod peer;
#[expect(dead_code, reason = "the other benches have rows of more kinds")]
#[path = "../../src/table.rs"]
mod table;

use bare::As;
use ours::Ours;
use peer::Peer;
use std::path::PathBuf;
use std::time::Duration;
use table::Table;
use thechatapp_peers_shared::{Room, Texts, Took, median, rooms};

struct Options {
    logs: PathBuf,
    peer: PathBuf,
    messages: usize,
    channels: usize,
    rounds: usize,
    /// Only ours, and not beside the other store.
    alone: bool,
}

const USAGE: &str =
    "usage: thechatapp-peers --logs DIR [--peer PROGRAM] [--messages N] [--channels N] [--rounds N] [--alone]";

fn main() {
    let mut args = std::env::args().skip(1).peekable();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if args.peek().is_some_and(|first| first == idle::IDLE) {
        let folder = PathBuf::from(args.nth(1).unwrap());
        return runtime.block_on(idle::rest(&folder));
    }
    let beside = std::env::current_exe().unwrap().with_file_name("thechatapp-peer-matrix");
    let mut options =
        Options { logs: PathBuf::new(), peer: beside, messages: 1_000_000, channels: 1000, rounds: 3, alone: false };
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} wants a value; {USAGE}"));
        match arg.as_str() {
            "--logs" => options.logs = value().into(),
            "--peer" => options.peer = value().into(),
            "--messages" => options.messages = value().parse().unwrap(),
            "--channels" => options.channels = value().parse().unwrap(),
            "--rounds" => options.rounds = value().parse().unwrap(),
            "--alone" => options.alone = true,
            other => panic!("unknown argument {other}; {USAGE}"),
        }
    }
    assert!(options.logs.is_dir(), "conversations are needed: {USAGE}");
    let mut table = Table::default();
    runtime.block_on(run(&options, &mut table));
    println!("\n{table}");
    if table.missed() {
        eprintln!("a promise is not kept: see the rows marked ✗");
        std::process::exit(1);
    }
}

async fn run(options: &Options, table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let (texts, rooms) = (Texts::read(&options.logs), rooms(options.messages, options.channels));
    let mut peer = (!options.alone).then(|| Peer::start(options, &folder.path().join("peer")));
    let (mut ours, mut bares, mut others) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()], Vec::new());
    let (mut here, mut sizes) = (None, Vec::new());
    let rate = |took: Duration| options.messages as f64 / took.as_secs_f64();
    for round in 0..options.rounds {
        for by_pages in [false, true] {
            if let Some(before) = here.take() {
                Ours::remove(before).await;
            }
            let profile = folder.path().join(format!("ours{round}{by_pages}"));
            let (fresh, took) = Ours::fill(&profile, &texts, &rooms, by_pages).await;
            let here = here.insert(fresh);
            let path = folder.path().join("bare.db");
            let bare = bare::fill(&path, As::Sealed, &texts, &rooms, by_pages);
            let untold = bare::fill(&path, As::Untold, &texts, &rooms, by_pages);
            let way = if by_pages { "pages" } else { "stream" };
            if round == 0 {
                let plain = folder.path().join("plain.db");
                bare::fill(&plain, As::Plain, &texts, &rooms, by_pages);
                sizes.push((way, here.size() >> 10, bare::size(&plain) >> 10));
            }
            eprintln!(
                "round {round}, {way}: ours {}, bare {}, bare in SQLCipher's own form {}",
                told(rate, took),
                told(rate, bare),
                told(rate, untold)
            );
            ours[usize::from(by_pages)].push(rate(took.clock));
            bares[usize::from(by_pages)].push(rate(bare.clock));
        }
        if let Some(peer) = &mut peer {
            let took = peer.fill();
            eprintln!("round {round}: the other store {}", told(rate, took));
            others.push(rate(took.clock));
        }
    }
    let (total, here, other) = (options.messages, here.unwrap(), (!others.is_empty()).then(|| middle(&mut others)));
    let ways =
        [format!("a catch-up of {total} messages by the stream"), "a catch-up of as many by pages of history".into()];
    for (what, (ours, bares)) in ways.iter().zip(ours.iter_mut().zip(&mut bares)) {
        let (ours, bare) = (middle(ours), middle(bares));
        table.rate(&format!("{what}, beside bare SQLCipher with FTS5"), ours, bare, 35_000.0);
        table.rate_beside("the same, the ratio", ours, bare, 0.7);
        if let Some(other) = other {
            table.rate_beside("the same, beside matrix-sdk-sqlite", ours, other, 4.0);
        }
    }
    if let Some(peer) = &mut peer {
        beside(table, &here, peer, &rooms).await;
    }
    for (way, mine, plain) in sizes {
        table.larger_by(&format!("disk for it by {way}, beside plain SQLite with the same index"), mine, plain, 1.06);
    }
    if let Some(peer) = &mut peer {
        eprintln!("the other store has {:.0} MiB", peer.ask("size").as_secs_f64());
    }
    let used = here.idle().await;
    table.no_larger(
        &format!("memory of the core with {total} messages, {} channels, idle", rooms.len()),
        used,
        40 << 10,
    );
}

/// Pages and reopening, in turns. Another channel is opened each time, as a person does: little of it is at hand. The last chunks of
/// busy channels are full, those of quiet ones about as long as our page.
async fn beside(table: &mut Table, ours: &Ours, peer: &mut Peer, rooms: &[Room]) {
    let size = |room: &&Room| room.messages;
    let (most, least) = (rooms.iter().max_by_key(size).unwrap(), rooms.iter().min_by_key(size).unwrap());
    let (quiet, full): (Vec<&Room>, Vec<&Room>) = rooms.iter().partition(|room| room.messages == least.messages);
    // Where all are alike, there is only one kind.
    let (full, quiet) = if full.is_empty() { (quiet, Vec::new()) } else { (full, quiet) };
    for (what, some, bound) in [("", &full, Some(0.2)), (" where that is about as long", &quiet, None)] {
        if some.is_empty() {
            continue;
        }
        let some = &some[..some.len().min(100)];
        let numbers: Vec<String> = some.iter().map(|room| room.number.to_string()).collect();
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            mine.push(ours.pages(some).await);
            theirs.push(peer.ask(&format!("last {}", numbers.join(" "))));
        }
        let (mine, theirs) = (median(mine), median(theirs));
        let name = format!("open a channel: 50 messages, beside matrix-sdk-sqlite's last chunk{what}");
        match bound {
            Some(bound) => {
                table.within(&name, mine, Some(theirs), Duration::from_micros(300));
                table.slower_by("the same, the ratio", mine, theirs, bound);
            }
            None => table.note_time(&name, mine, theirs),
        }
    }
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        mine.push(ours.reopened(most, 5).await);
        theirs.push(peer.ask(&format!("reopen {} 5", most.number)));
    }
    let (mine, theirs) = (median(mine), median(theirs));
    table.within(
        "profile closed to first page, beside its reopening to a last chunk",
        mine,
        Some(theirs),
        Duration::from_millis(5),
    );
    table.slower_by("the same, the ratio", mine, theirs, 0.25);
    let stretched = peer.ask("reopen-stretched 7");
    table.slower_by("the same, where that store is opened by a passphrase", mine, stretched, 0.25);
}

fn told(rate: impl Fn(Duration) -> f64, took: Took) -> String {
    format!("{:.0}/s ({:.0}/s by processor time)", rate(took.clock), rate(took.processor))
}

fn middle(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
