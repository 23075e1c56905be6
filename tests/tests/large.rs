//! More than a gibibyte: a cache, and a file. They write some gigabytes, and so belong to the soak.

use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{AccountId, ChannelId, Client, MessageId, Timestamp, Unlock};
use thechatapp_protocol::event::{ChannelRole, ChannelRow, MemberRow, MessageRow};
use thechatapp_protocol::{Changes, Row};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::{Cli, Server, files_below};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// Messages of a page, and how many make more than a gibibyte.
const PAGE: u64 = 500;
const PAGES: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes two gigabytes: `cargo xtask soak`"]
async fn a_cache_of_more_than_a_gibibyte_opens_is_read_and_gets_new_keys_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Arc::<Memory>::default();
    let me = AccountId::from_bytes([9; 16]);
    let channel = ChannelId::from_bytes([1; 16]);
    let client = Client::create(folder.path(), Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
    let ws = client.add_without_server(me, "Ana").await.unwrap();
    let rows = vec![
        Row::Channel(ChannelRow::plain(channel, "general", Timestamp(1), 0)),
        Row::Member(MemberRow { channel, person: me, joined: true, role: ChannelRole::Member, change: 0 }),
    ];
    client.take_changes(ws, Changes { rows, to: 1, live: true }).await.unwrap();
    let long = format!("{} ", "x".repeat(63)).repeat(300);
    let begun = Instant::now();
    for page in 0..PAGES {
        let message = |seq: u64| {
            let id = MessageId::from_parts(seq, &[1; 10]);
            MessageRow::plain(channel, seq, id, me, Timestamp(seq as i64), format!("number{seq} {long}"), 1)
        };
        client.take_pages(ws, vec![(page * PAGE + 1..=(page + 1) * PAGE).map(message).collect()]).await.unwrap();
    }
    client.close().await.unwrap();
    let size = files_below(folder.path())
        .into_iter()
        .find(|path| path.ends_with("cache.db"))
        .map(|path| std::fs::metadata(path).unwrap().len())
        .unwrap();
    println!("{} MiB written in {:?}", size / MIB, begun.elapsed());
    assert!(size > GIB, "{size} bytes");

    let open = async || Client::open(folder.path(), Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
    let read = async |client: &Client| {
        let begun = Instant::now();
        for at in [1, PAGE * PAGES / 3, PAGE * PAGES / 2, PAGE * PAGES] {
            let page = client.timeline(ws, channel, Window::Around { seq: at }, 50).await.unwrap();
            assert!(page.messages.iter().any(|message| message.text.starts_with(&format!("number{at} "))), "{at}");
            let query = SearchQuery { words: format!("number{at}"), ..SearchQuery::default() };
            assert_eq!(client.search(ws, &query).await.unwrap().len(), 1, "{at}");
        }
        begun.elapsed() / 4
    };
    let begun = Instant::now();
    let client = open().await;
    let (opened, each) = (begun.elapsed(), read(&client).await);
    println!("opened in {opened:?}, a page and a search in {each:?}");
    assert!(opened < Duration::from_secs(2) && each < Duration::from_millis(500), "{opened:?}, {each:?}");
    let begun = Instant::now();
    client.renew_keys().await.unwrap();
    println!("new keys in {:?}", begun.elapsed());
    client.close().await.unwrap();
    let client = open().await;
    assert!(read(&client).await < Duration::from_millis(500));
    client.close().await.unwrap();
}

/// The most that a program has had in memory, while it runs.
fn most(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Runs a command to its end, and tells the most that it had in memory, as far as that was seen.
fn run(cli: &Cli, args: &[&str]) -> (String, u64) {
    let mut child = cli.spawn(args);
    let mut seen = 0;
    while child.try_wait().unwrap().is_none() {
        seen = seen.max(most(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), seen)
}

/// Part of a file whose bytes do not repeat soon.
fn part(number: u64) -> Vec<u8> {
    (0..MIB).map(|at| ((at ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn is_whole(path: &Path, parts: u64) -> bool {
    let mut file = std::fs::File::open(path).unwrap();
    let mut read = vec![0; MIB as usize];
    (0..parts).all(|number| file.read_exact(&mut read).is_ok() && read == part(number))
        && file.read(&mut read).is_ok_and(|more| more == 0)
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "writes six gigabytes: `cargo xtask soak`"]
fn a_file_of_more_than_a_gibibyte_goes_up_and_comes_down_through_little_memory() {
    const PARTS: u64 = 1100;
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    let (from, to) = (alice.folder.path().join("plan.bin"), alice.folder.path().join("fetched.bin"));
    let mut file = BufWriter::new(std::fs::File::create(&from).unwrap());
    (0..PARTS).for_each(|number| file.write_all(&part(number)).unwrap());
    file.into_inner().unwrap().sync_all().unwrap();

    // What any command takes: the passphrase alone wants some.
    let (_, usual) = run(&alice, &["channels"]);
    let before = most(server.pid()).unwrap();
    let begun = Instant::now();
    let (said, up) = run(&alice, &["upload", "general", from.to_str().unwrap()]);
    println!("up in {:?}, {} MiB more than usual", begun.elapsed(), up.saturating_sub(usual) / MIB);
    let said: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    std::fs::remove_file(&from).unwrap();
    let begun = Instant::now();
    let id = said["files"][0]["id"].as_str().unwrap();
    let (_, down) = run(&alice, &["download", id, "-o", to.to_str().unwrap()]);
    println!("down in {:?}, {} MiB more than usual", begun.elapsed(), down.saturating_sub(usual) / MIB);
    assert!(is_whole(&to, PARTS), "something else came");
    for (what, most) in [("up", up), ("down", down)] {
        assert!(most < usual + 64 * MIB, "{what}: {} MiB, usually {}", most / MIB, usual / MIB);
    }
    let server = most(server.pid()).unwrap().saturating_sub(before) / MIB;
    assert!(server < 128, "the server took {server} MiB more");
    let left = files_below(&alice.profile());
    let sealed = ["up", "down", "kept", "tags"].map(std::ffi::OsStr::new);
    assert!(!left.iter().any(|path| path.extension().is_some_and(|end| sealed.contains(&end))), "{left:?}");
    assert!(!to.with_file_name("fetched.bin.part").exists());
}
