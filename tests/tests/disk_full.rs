//! No room left on either side, and a folder that cannot be written: a clear error with its code, nothing lost.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use thechatapp_tests::small_disk::SmallDisk;
use thechatapp_tests::{Cli, Server, files_below};

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
