//! The desktop program beside a bare Tauri window: from start to a painted timeline, and the memory of all its
//! processes. Both in one run, in turns, under the same display.

use crate::table::{Table, median};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thechatapp_tests::{Cli, Server, bin};

const TURNS: usize = 7;
/// The windows settle before their memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub fn run(table: &mut Table) {
    let display = Display::start();
    let server = Server::start();
    let lines: String = (0..2000).map(|n| format!("[{:02}:{:02}] <nick{}> line {n} of an ordinary day\n", n / 60 % 24, n % 60, n % 9)).collect();
    server.import_irc("general", "2026-11-20.log", &lines);
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["read", "general", "-n", "200"]).ok();

    let ours = || {
        let mut command = Command::new(bin("thechatapp-desktop"));
        command.arg("--profile").arg(alice.profile()).arg("--passphrase-file").arg(alice.passphrase.as_ref().unwrap());
        command.env("THECHATAPP_TRACE_START", "1");
        command
    };
    let bare = || Command::new(bin("bare-window"));
    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    let (mut our_memory, mut bare_memory) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for (command, times, memory) in [
            (bare(), &mut bare_times, &mut bare_memory),
            (ours(), &mut our_times, &mut our_memory),
        ] {
            let (took, kib) = measure(command, &display.name);
            // The first turn warms the disk's cache.
            if turn > 0 {
                times.push(took);
                memory.push(kib);
            }
        }
    }
    table.slower_by("desktop: start to a painted timeline", median(our_times), median(bare_times), 1.6);
    our_memory.sort_unstable();
    bare_memory.sort_unstable();
    table.larger_by("desktop: memory of all processes", our_memory[our_memory.len() / 2], bare_memory[bare_memory.len() / 2], 1.35);
}

fn measure(mut command: Command, display: &str) -> (Duration, u64) {
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut child = command.env("DISPLAY", display).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut painted = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(micros) = line.strip_prefix("painted ") {
            painted = Some(Duration::from_micros(micros.trim().parse().unwrap()));
            break;
        }
    }
    let took = painted.expect("the window says when it was painted").saturating_sub(begun);
    std::thread::sleep(SETTLE);
    let kib = memory(child.id());
    let _ = child.kill();
    let _ = child.wait();
    (took, kib)
}

/// Proportional set size of a process and all below it, in KiB.
fn memory(root: u32) -> u64 {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything; what follows it does not.
        let Some(parent) = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()) else { continue };
        children.entry(parent).or_default().push(pid);
    }
    let mut wanted = vec![root];
    let mut total = 0;
    while let Some(pid) = wanted.pop() {
        wanted.extend(children.get(&pid).into_iter().flatten());
        let Ok(rollup) = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("smaps_rollup")) else { continue };
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        total += pss.unwrap_or(0);
    }
    total
}

/// A display of our own.
struct Display {
    name: String,
    server: Child,
}

impl Display {
    fn start() -> Self {
        for number in 90..200 {
            if Path::new(&format!("/tmp/.X11-unix/X{number}")).exists() {
                continue;
            }
            let name = format!(":{number}");
            let server = Command::new("Xvfb").args([&name, "-screen", "0", "1400x900x24"]).stderr(Stdio::null()).spawn().unwrap();
            let begun = Instant::now();
            while !Path::new(&format!("/tmp/.X11-unix/X{number}")).exists() {
                assert!(begun.elapsed() < Duration::from_secs(20), "no display");
                std::thread::sleep(Duration::from_millis(20));
            }
            return Self { name, server };
        }
        panic!("no display is free");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
