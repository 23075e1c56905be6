//! The memory of a core that rests, in a process of its own: the measuring program once more, told to do this only.

use crate::ours::open;
use data_encoding::HEXLOWER;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_core::SecretStore;
use thechatapp_core::profile::memory::MemoryStore;
use thechatapp_core::view::Window;

/// The argument by which the program knows that it is that process.
pub const IDLE: &str = "rest-with";

/// What a process that opened the profile has to itself, in KiB.
pub fn measure(folder: &Path, secrets: Vec<(String, Vec<u8>)>) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(IDLE)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    for (name, secret) in secrets {
        writeln!(to, "{name}\t{}", HEXLOWER.encode(&secret)).unwrap();
    }
    writeln!(to).unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut figures = Vec::new();
    for when in ["before it opened anything", "with a profile open and a page read, resting"] {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        // It waits for a line before it goes on.
        let smaps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", child.id())).unwrap();
        let kib = |name: &str| -> u64 {
            let line = smaps.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let (rss, own) = (kib("Rss:"), kib("Private_Dirty:") + kib("Private_Clean:"));
        eprintln!(
            "{when}: {own} KiB to itself, of these {} changed; {rss} KiB resident, {} KiB PSS",
            kib("Private_Dirty:"),
            kib("Pss:")
        );
        figures.push(own);
        writeln!(to).unwrap();
    }
    child.wait().unwrap();
    figures[1]
}

/// Opens a profile, lists its channels, reads a page, and rests until it is told to end.
pub async fn rest(folder: &Path) {
    let secrets = Arc::new(MemoryStore::new());
    let mut lines = std::io::stdin().lines().map(Result::unwrap);
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, secret) = line.split_once('\t').unwrap();
        secrets.write(name, &HEXLOWER.decode(secret.as_bytes()).unwrap()).unwrap();
    }
    println!("ready");
    lines.next();
    let client = open(folder, secrets).await;
    let workspace = client.workspaces().await.unwrap().remove(0).id;
    let channels = client.channels(workspace, false).await.unwrap();
    let page = client.timeline(workspace, channels[0].id, Window::Latest, 50).await.unwrap();
    assert!(!page.messages.is_empty());
    drop((channels, page));
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("rests");
    lines.next();
}
