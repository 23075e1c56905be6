//! The app lock: a window that is locked is disconnected, shows nothing, and has no key left in its memory.

use aho_corasick::AhoCorasick;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::{Client, Unlock};
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::server::line_file;
use thechatapp_tests::window::{Display, Window};
use thechatapp_tests::{Cli, Server};
use zeroize::Zeroizing;

const TIMELINE: &str = "[data-testid=timeline]";

const PAGE: u64 = 4096;
/// Pages that are read at once, and as many bytes of the one before as a needle may begin in.
const TOGETHER: u64 = 256;
const BEFORE: u64 = 128;

/// How often each of these stands in the memory that a process has written. A web view reserves far more than it uses, so
/// only pages that are there are read.
fn found(pid: u32, needles: &[(String, Vec<u8>)]) -> Vec<(String, usize)> {
    let search = AhoCorasick::new(needles.iter().map(|(_, bytes)| bytes)).unwrap();
    let mut counts = vec![0; needles.len()];
    let open = |name: &str| {
        std::fs::File::open(format!("/proc/{pid}/{name}")).expect("this test may look into its own window")
    };
    let (memory, pages) = (open("mem"), open("pagemap"));
    for line in BufReader::new(open("maps")).lines().map(Result::unwrap) {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        for first in (from..to).step_by(usize::try_from(TOGETHER * PAGE).unwrap()) {
            let last = (first + TOGETHER * PAGE).min(to);
            // Eight bytes a page; the upper two bits say that it is in memory, or in swap.
            let mut entries = vec![0; usize::try_from((last - first) / PAGE * 8).unwrap()];
            let there = pages.read_exact_at(&mut entries, first / PAGE * 8).is_ok()
                && entries.chunks(8).any(|entry| entry[7] & 0xc0 != 0);
            let first = (first - BEFORE).max(from);
            let mut bytes = vec![0; usize::try_from(last - first).unwrap()];
            // A mapping may be gone by now.
            if !there || memory.read_exact_at(&mut bytes, first).is_err() {
                continue;
            }
            for hit in search.find_overlapping_iter(&bytes) {
                counts[hit.pattern().as_usize()] += 1;
            }
        }
    }
    needles.iter().map(|(name, _)| name.clone()).zip(counts).collect()
}

/// The keys of a profile, as they are and as they are written in hexadecimal digits.
async fn keys(cli: &Cli, passphrase: &str, entry: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let unlock = Unlock::Passphrase(Zeroizing::new(passphrase.to_owned()));
    let client = Client::open(&cli.profile(), unlock, platform(Arc::new(Memory::default()))).await.unwrap();
    let mut keys: Vec<(String, Vec<u8>)> =
        client.key_material().unwrap().into_iter().map(|(name, key)| (name, key.to_vec())).collect();
    client.close().await.unwrap();
    keys.push(("secure storage".into(), entry));
    keys.iter()
        .flat_map(|(name, key)| {
            let hex = |bytes: String| (format!("{name} in digits"), bytes.into_bytes());
            let lower = data_encoding::HEXLOWER.encode(key);
            [(name.clone(), key.clone()), hex(lower.to_uppercase()), hex(lower)]
        })
        .collect()
}

/// How many connections to this port a process has open, or is about to: by its descriptors, and by the table of its network.
fn connections(pid: u32, port: u16) -> usize {
    let ours: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let link = std::fs::read_link(entry.path()).ok()?;
            Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["tcp", "tcp6"]
        .iter()
        .map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| {
            // Number, local address, remote address, and as the tenth the inode.
            let fields: Vec<&str> = line.split_whitespace().collect();
            let remote = fields[2].rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            remote == Some(port) && ours.iter().any(|inode| inode == fields[9])
        })
        .count()
}

/// Waits until none of these stands in a process's memory any more. A thread that has nothing to do ends after ten seconds, and its
/// stack with it.
async fn gone(pid: u32, needles: &[(String, Vec<u8>)]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut after = found(pid, needles);
    while Instant::now() < deadline && after.iter().any(|(_, count)| *count > 0) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        after = found(pid, needles);
    }
    assert!(after.iter().all(|(_, count)| *count == 0), "{after:?}");
}

/// Waits until a process has no connection to this port.
async fn disconnected(pid: u32, port: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while connections(pid, port) > 0 {
        assert!(Instant::now() < deadline, "it is connected still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody who said something and has a passphrase since, and the keys that must not be found.
async fn alice_under_a_passphrase(server: &Server, keyring: &Keyring, alice: &Cli) -> Vec<(String, Vec<u8>)> {
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "before the break"]).ok();
    let entry = keyring.read(&alice.key_entry());
    let passphrase = line_file(alice.folder.path(), "unlocking", "a quiet afternoon");
    alice.run(&["key", "passphrase", "--new-passphrase-file", passphrase.to_str().unwrap()]).ok();
    keys(alice, "a quiet afternoon", entry).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_window_has_no_key_in_its_memory_and_opens_again_by_its_passphrase() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let display = Display::start();
    let mut env = keyring.env();
    let temporary = tempfile::tempdir().unwrap();
    env.push(("TMPDIR".into(), temporary.path().display().to_string()));
    let alice = Cli::with_secure_storage(env);
    let keys = alice_under_a_passphrase(&server, &keyring, &alice).await;

    let window = Window::open(&display, &alice.window(), &alice.env).await;
    window.shows(TIMELINE, "before the break").await;
    window.say("back in ten minutes").await;
    window.until_sent().await;
    let pid = window.process();
    let before = found(pid, &keys);
    assert!(before.iter().any(|(_, count)| *count > 0), "an open window has its keys: {before:?}");
    assert!(connections(pid, server.port) > 0, "an open window is connected");

    window.click("[data-testid=lock]").await;
    window.key_state("passphrase").await;
    window.keep_picture("locked");
    let text = window.text("body").await;
    assert!(!text.contains("back in ten minutes"), "{text}");
    disconnected(pid, server.port).await;
    gone(pid, &keys).await;
    assert_eq!(alice.run(&["channels"]).code, 21, "its profile does not open by itself either");

    window.fill("[data-testid=passphrase]", "not this one").await;
    window.press("[data-testid=passphrase]", thechatapp_tests::window::ENTER).await;
    window.element("[role=alert]").await;
    window.fill("[data-testid=passphrase]", "a quiet afternoon").await;
    window.press("[data-testid=passphrase]", thechatapp_tests::window::ENTER).await;
    window.shows(TIMELINE, "back in ten minutes").await;
    window.say("and here again").await;
    window.shows(TIMELINE, "and here again").await;
    window.until_sent().await;

    // What was typed to unlock it is no longer there after the next lock either.
    let mut typed = keys;
    typed.push(("passphrase".into(), b"a quiet afternoon".to_vec()));
    window.click("[data-testid=lock]").await;
    window.key_state("passphrase").await;
    disconnected(pid, server.port).await;
    gone(pid, &typed).await;
    window.fill("[data-testid=passphrase]", "a quiet afternoon").await;
    window.press("[data-testid=passphrase]", thechatapp_tests::window::ENTER).await;
    window.shows(TIMELINE, "and here again").await;
    window.close().await;
    assert_eq!(
        alice.run(&["read", "general"]).ok().texts(),
        ["before the break", "back in ten minutes", "and here again"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_locks_the_window_and_a_click_unlocks_it() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let display = Display::start();
    let alice = Cli::with_secure_storage(keyring.env());
    assert_eq!(alice.run(&["lock"]).code, 3, "there is nothing to lock");
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "before the break"]).ok();
    alice.run(&["lock", "--after", "5"]).ok();

    let window = Window::open(&display, &alice.window(), &alice.env).await;
    window.shows(TIMELINE, "before the break").await;
    assert_eq!(alice.run(&["lock"]).ok().json()["locked"], true);
    window.key_state("app_locked").await;
    let refused = alice.run(&["channels"]);
    assert_eq!((refused.code, refused.error()["error"].as_str()), (21, Some("locked")));
    window.click("[data-testid=try-again]").await;
    window.shows(TIMELINE, "before the break").await;
    window.click("[data-testid=device]").await;
    window.element("[data-testid=lock-after]").await;
    window.keep_picture("this-device");
    window.close().await;

    alice.run(&["lock"]).ok();
    assert_eq!(alice.run(&["read", "general"]).code, 21);
    alice.run(&["unlock"]).ok();
    assert_eq!(alice.run(&["read", "general"]).ok().texts(), ["before the break"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_nobody_is_at_locks_itself_disconnects_and_forgets_its_keys() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let display = Display::start();
    let alice = Cli::with_secure_storage(keyring.env());
    let keys = alice_under_a_passphrase(&server, &keyring, &alice).await;
    alice.run(&["lock", "--after", "1"]).ok();

    let window = Window::open(&display, &alice.window(), &alice.env).await;
    window.shows(TIMELINE, "before the break").await;
    let pid = window.process();
    let before = found(pid, &keys);
    assert!(before.iter().any(|(_, count)| *count > 0), "an open window has its keys: {before:?}");
    // The shortest time that can be chosen is a minute.
    let deadline = Instant::now() + Duration::from_secs(180);
    while window.text("[data-key-state=passphrase]").await.is_empty() {
        assert!(Instant::now() < deadline, "nobody was there, and it shows:\n{}", window.text("body").await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(!window.text("body").await.contains("before the break"));
    disconnected(pid, server.port).await;
    gone(pid, &keys).await;
    assert_eq!(alice.run(&["channels"]).code, 21);
    window.close().await;
}
