//! No room left on either side, and a folder that cannot be written: a clear error with its code, nothing lost.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, Error, Unlock, WorkspaceId};
use thechatapp_tests::person::{Memory, platform};
use thechatapp_tests::small_disk::SmallDisk;
use thechatapp_tests::{Cli, Server, files_below, person, rounds};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_server_without_room_says_so_loses_nothing_and_goes_on() {
    let mut server = Server::init();
    // The host was made on the real disk; from here on it lives on a small one.
    let kept = server.folder.path().join("kept");
    std::fs::rename(server.data(), &kept).unwrap();
    let Some(disk) = SmallDisk::over(&server.data(), "24m") else { return };
    assert!(Command::new("cp").args(["-a"]).arg(kept.join(".")).arg(server.data()).status().unwrap().success());
    server.serve();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "there is room"]).ok();

    let filler = disk.fill();
    let text = "x".repeat(50_000);
    let mut refused = None;
    for _ in 0..100 {
        let outcome = alice.run(&["send", "general", &text]);
        if outcome.code != 0 {
            refused = Some(outcome);
            break;
        }
    }
    let refused = refused.expect("a full disk is noticed");
    assert_eq!(refused.code, 28, "{refused:?}");
    let texts = alice.run(&["read", "general"]).ok().texts();
    assert_eq!(texts[0], "there is room");
    assert!(server.running());

    std::fs::remove_file(filler).unwrap();
    alice.run(&["send", "general", "room again"]).ok();
    let texts = alice.run(&["read", "general", "-n", "1000"]).ok().texts();
    assert_eq!(texts.last().unwrap(), "room again");
    assert_eq!(texts[texts.len() - 2], text, "what waited was sent");
}

#[test]
fn an_upload_that_meets_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let mut server = Server::init();
    let kept = server.folder.path().join("kept");
    std::fs::rename(server.data(), &kept).unwrap();
    let Some(disk) = SmallDisk::over(&server.data(), "48m") else { return };
    assert!(Command::new("cp").args(["-a"]).arg(kept.join(".")).arg(server.data()).status().unwrap().success());
    server.serve();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "there is room"]).ok();
    let (folder, content) = (tempfile::tempdir().unwrap(), pattern(16 << 20));
    let (path, small) = (folder.path().join("plan.bin"), folder.path().join("small.bin"));
    std::fs::write(&path, &content).unwrap();
    std::fs::write(&small, b"this one came before").unwrap();
    let before = alice.run(&["upload", "general", small.to_str().unwrap()]).ok().json();

    // Room for a part of it.
    let filler = disk.fill();
    let length = std::fs::metadata(&filler).unwrap().len();
    std::fs::File::options().write(true).open(&filler).unwrap().set_len(length - (6 << 20)).unwrap();
    let refused = alice.run(&["--timeout", "20", "upload", "general", path.to_str().unwrap()]);
    assert_eq!(refused.code, 28, "{refused:?}");
    assert_eq!(refused.error()["error"], "server_disk_full", "{refused:?}");
    assert!(server.running());
    let parts = || -> Vec<PathBuf> {
        let mut parts = files_below(&server.data().join("acme/files"));
        parts.retain(|path| path.extension().is_some_and(|end| end == "part"));
        parts
    };
    assert_eq!(parts().len(), 1, "what came stays");
    let came = std::fs::metadata(&parts()[0]).unwrap().len();
    assert!(came > 1 << 20, "{came} bytes came");
    // What was there before is there still.
    assert_eq!(alice.run(&["read", "general"]).ok().texts()[0], "there is room");
    let to = folder.path().join("fetched");
    let fetch = |id: &Value| alice.run(&["download", id.as_str().unwrap(), "-o", to.to_str().unwrap()]).ok();
    fetch(&before["files"][0]["id"]);
    assert_eq!(std::fs::read(&to).unwrap(), b"this one came before");

    std::fs::remove_file(filler).unwrap();
    let begun = parts()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    let sent = alice.run(&["upload", "general", path.to_str().unwrap()]).ok().json();
    assert_eq!(sent["files"][0]["id"], begun.as_str(), "it is the same upload, gone on with");
    fetch(&sent["files"][0]["id"]);
    assert!(std::fs::read(&to).unwrap() == content);
}

/// Bytes that do not repeat soon.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251 + at / 65_521) as u8).collect()
}

#[test]
fn a_client_without_room_or_with_a_read_only_folder_ends_with_28_and_loses_nothing() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    let Some(disk) = SmallDisk::over(&alice.profile(), "24m") else { return };
    alice.join(server.owner_invite(), "alice").ok();
    alice.run(&["send", "general", "there is room"]).ok();

    let filler = disk.fill();
    let refused = alice.run(&["send", "general", &"y".repeat(60_000)]);
    assert_eq!(refused.code, 28, "{refused:?}");
    std::fs::remove_file(filler).unwrap();
    alice.run(&["send", "general", "room again"]).ok();

    let before = files_below(&alice.profile()).len();
    disk.remount("ro");
    let refused = alice.run(&["send", "general", "nowhere to write"]);
    assert_eq!(refused.code, 28, "{refused:?}");
    disk.remount("rw");
    assert_eq!(files_below(&alice.profile()).len(), before);
    let texts = alice.run(&["read", "general"]).ok().texts();
    assert_eq!(texts.first().unwrap(), "there is room");
    assert_eq!(texts.last().unwrap(), "room again");
}

/// What a client did until something failed, and what was acknowledged by then.
#[derive(Default)]
struct Run {
    failed: Option<(&'static str, Error)>,
    sent: Vec<String>,
    kept: Vec<String>,
    draft: Option<String>,
}

impl Run {
    /// Answers whether it was done.
    fn done<T>(&mut self, what: &'static str, done: Result<T, Error>) -> bool {
        match done {
            Ok(_) => true,
            Err(why) => {
                self.failed.get_or_insert((what, why));
                false
            }
        }
    }

    /// Everything a client does, also after something of it has failed.
    async fn make(client: &Client, ws: WorkspaceId, general: ChannelId, name: &str) -> Self {
        let mut run = Self::default();
        run.done("connect", client.connect(ws, PATIENCE).await);
        let text = format!("sent with {name}");
        match client.send(ws, general, &text, None).await {
            Ok(message) => {
                run.kept.push(text.clone());
                if run.done("wait_sent", client.wait_sent(ws, message.id, PATIENCE).await) {
                    run.sent.push(text);
                }
            }
            Err(why) => drop(run.done::<()>("send", Err(why))),
        }
        let text = format!("typed with {name}");
        if run.done("draft", client.save_draft(ws, general, None, &text).await) {
            run.draft = Some(text);
        }
        run.done("read", client.timeline(ws, general, Window::Latest, 100).await);
        let query = SearchQuery { words: "sent".into(), ..SearchQuery::default() };
        run.done("search", client.search(ws, &query).await);
        run.done("mark", client.mark_read(ws, general, 1).await);
        run.done("renew", client.renew_keys().await);
        run
    }
}

/// At every size of what is left, up to where everything has room.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_runs_out_of_room_at_any_write_ends_with_28_and_loses_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("profile");
    let Some(disk) = SmallDisk::over(&profile, "16m") else { return };
    let secrets = Arc::<Memory>::default();
    let (client, ws) = person(&profile, &secrets, server.owner_invite(), "alice").await;
    client.connect(ws, PATIENCE).await.unwrap();
    let general = client.resolve_channel(ws, "general").await.unwrap().id;
    client.close().await.unwrap();
    let (bob, _) = person(&folder.path().join("bob"), &Arc::default(), &server.invite(), "bob").await;
    bob.connect(ws, PATIENCE).await.unwrap();
    let open = async || Client::open(&profile, Unlock::SecureStorage, platform(secrets.clone())).await;

    let (mut expected, mut failures, mut left) = (BTreeSet::new(), BTreeMap::<_, u32>::new(), 0);
    let mut whole = 0;
    while whole < 3 {
        let name = format!("{left} KiB left");
        let theirs = format!("from bob, {name}, {}", "and so on ".repeat(100));
        let message = bob.send(ws, general, &theirs, None).await.unwrap();
        bob.wait_sent(ws, message.id, PATIENCE).await.unwrap();
        expected.insert(theirs);

        let filler = disk.leave(left);
        let run = match open().await {
            Ok(client) => {
                let mut run = Run::make(&client, ws, general, &name).await;
                run.done("close", client.close().await);
                run
            }
            Err(why) => Run { failed: Some(("open", why)), ..Run::default() },
        };
        match &run.failed {
            Some((what, why)) => {
                assert_eq!(why.exit_code(), 28, "{what} with {name}: {why:?}");
                *failures.entry(*what).or_default() += 1;
                whole = 0;
            }
            None => whole += 1,
        }
        std::fs::remove_file(filler).unwrap();
        let left_over = |path: &PathBuf| path.extension().is_some_and(|end| end == "rekeyed" || end == "new");
        assert!(!files_below(&profile).iter().any(left_over), "{name}: a copy that failed is left");

        let client = open().await.unwrap_or_else(|why| panic!("{name}: {why:?}"));
        let draft = client.draft(ws, general, None).await.unwrap();
        assert!(run.draft.is_none_or(|typed| typed == draft), "{name}: the draft is {draft}");
        client.connect(ws, PATIENCE).await.unwrap();
        client.flush(ws, PATIENCE).await.unwrap();
        assert_eq!(client.doctor().await.unwrap()["ok"], true, "{name}");
        let said = client.timeline(ws, general, Window::Latest, 10_000).await.unwrap().messages;
        client.close().await.unwrap();
        let here: Vec<String> = said.into_iter().map(|message| message.text).collect();
        expected.extend(run.kept.into_iter().chain(run.sent));
        let each: BTreeSet<String> = here.iter().cloned().collect();
        assert_eq!(each.len(), here.len(), "{name}: something is there twice");
        for text in &expected {
            assert!(each.contains(text), "{name}: lost: {text}");
        }
        left += 4 * rounds(3, 1) as u64;
        assert!(left < 12 << 10, "it never has enough");
    }
    assert!(failures.len() >= 4, "{failures:?}");
}

#[test]
fn an_upgrade_without_room_for_its_copy_does_not_begin() {
    let server = Server::init();
    std::fs::write(server.passphrase_file(), "server passphrase\n").unwrap();
    std::fs::remove_dir_all(server.data()).unwrap();
    let Some(disk) = SmallDisk::over(&server.data(), "8m") else { return };
    let earlier = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../server/tests/schema-4");
    assert!(Command::new("cp").arg("-r").arg(earlier.join(".")).arg(server.data()).status().unwrap().success());
    let refused = server.try_run(&["workspace", "list"]);
    assert_eq!(refused.status.code(), Some(28), "{refused:?}");
    let said: serde_json::Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert!(said["what"].as_str().unwrap().contains("no copy of it could be kept"), "{said}");
    for path in ["host.db", "acme/workspace.db"] {
        assert!(
            std::fs::read(server.data().join(path)).unwrap() == std::fs::read(earlier.join(path)).unwrap(),
            "{path}"
        );
    }
    assert_eq!(files_below(&server.data().join("upgrade")).len(), 0);

    disk.remount("size=64m");
    server.run(&["workspace", "list"]);
    assert!(files_below(&server.data().join("upgrade")).iter().any(|path| path.ends_with("acme/workspace.db")));
}
