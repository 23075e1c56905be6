//! The desktop program beside a bare Tauri window: from start to a painted timeline, and the memory of all its
//! processes. Both in one run, in turns, under the same display.

use crate::table::{Table, median};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::window::{Display, below};
use thechatapp_tests::{Cli, Server, bin};

const TURNS: usize = 7;
/// The windows settle before their memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub fn run(table: &mut Table) {
    let display = Display::start();
    let server = Server::start();
    let lines: String = (0..2000)
        .map(|n| format!("[{:02}:{:02}] <nick{}> line {n} of an ordinary day\n", n / 60 % 24, n % 60, n % 9))
        .collect();
    server.import_irc("general", "2026-11-20.log", &lines);
    // As on a desktop: the key in the system's secure storage.
    let keyring = Keyring::unlocked();
    let alice = Cli::with_secure_storage(keyring.env());
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["read", "general", "-n", "200"]).ok();

    let ours = || {
        let mut command = Command::new(bin("thechatapp-desktop"));
        command.args(alice.window()).env("THECHATAPP_TRACE_START", "1");
        command
    };
    let bare = || Command::new(bin("bare-window"));
    let env = keyring.env();
    let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
    let (mut our_memory, mut bare_memory) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        for (command, times, memory) in
            [(bare(), &mut bare_times, &mut bare_memory), (ours(), &mut our_times, &mut our_memory)]
        {
            let (took, kib) = measure(command, display.name(), &env);
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
    table.larger_by(
        "desktop: memory of all processes",
        our_memory[our_memory.len() / 2],
        bare_memory[bare_memory.len() / 2],
        1.35,
    );
}

fn measure(mut command: Command, display: &str, env: &[(String, String)]) -> (Duration, u64) {
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    command.envs(env.iter().cloned());
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
    std::iter::once(root)
        .chain(below(root))
        .filter_map(|pid| {
            // One may have ended meanwhile.
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        })
        .sum()
}
