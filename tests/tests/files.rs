//! Files: they arrive as they were sent, go on where they broke off, and lie sealed everywhere in between.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use thechatapp_tests::{Cli, Server, files_below, files_with, server};

const MARKER: &str = "marker-file-vexkuqolumi";

/// Bytes that do not repeat, the same each time.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn write(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn download(cli: &Cli, file: &str, folder: &Path, extra: &[&str]) -> Vec<u8> {
    let to = folder.join("downloaded").display().to_string();
    cli.run(&[&["download", file, "-o", &to], extra].concat()).ok();
    std::fs::read(to).unwrap()
}

#[test]
fn a_file_arrives_as_it_was_sent_and_so_does_a_part_of_it() {
    let server = Server::start();
    let (alice, bob, folder) = (Cli::with_passphrase(), Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    let content = bytes(3_000_000);
    let path = write(folder.path(), "plan of the week.bin", &content);

    let sent = alice.run(&["upload", "general", &path, "--text", "the plan"]).ok().json();
    let file = &sent["files"][0];
    assert_eq!((sent["state"].as_str(), sent["text"].as_str()), (Some("sent"), Some("the plan")));
    assert_eq!((file["name"].as_str(), file["size"].as_u64()), (Some("plan of the week.bin"), Some(3_000_000)));
    assert_eq!(file["type"], "application/octet-stream");
    let id = file["id"].as_str().unwrap();

    let rows = bob.run(&["read", "general"]).ok().rows();
    assert_eq!(rows[0]["files"], sent["files"]);
    alice.run(&["send", "general", "about the plan"]).ok();
    for where_to in [&["--remote"][..], &[]] {
        let found = bob.run(&[&["search", "plan", "--has-file"], where_to].concat()).ok().rows();
        assert_eq!((found.len(), &found[0]["files"]), (1, &sent["files"]), "{where_to:?}");
        let by_name = bob.run(&[&["search", "week"], where_to].concat()).ok().rows();
        assert_eq!((by_name.len(), &by_name[0]["id"]), (1, &sent["id"]), "{where_to:?}");
    }
    assert_eq!(download(&bob, id, folder.path(), &[]), content);
    for (range, part) in [
        ("0-0", &content[..1]),
        ("16383-16384", &content[16_383..=16_384]),
        ("1000000-2345678", &content[1_000_000..=2_345_678]),
        ("2999999-9999999", &content[2_999_999..]),
        ("2990000-", &content[2_990_000..]),
    ] {
        assert_eq!(download(&bob, id, folder.path(), &["--range", range]), part, "{range}");
    }
    let outside = bob.run(&["download", id, "--range", "3000000-3000001", "-o", &path]);
    assert_eq!(outside.code, 3, "{outside:?}");
    assert_eq!(std::fs::read(&path).unwrap(), content, "what stood there stays");
    // Nothing of it is left behind on the way, but for what came whole, sealed.
    let left = |cli: &Cli| -> Vec<PathBuf> {
        files_below(&cli.profile()).into_iter().filter(|path| path.parent().unwrap().ends_with("files")).collect()
    };
    assert_eq!(left(&alice), Vec::<PathBuf>::new());
    let kept = left(&bob);
    assert!(matches!(&kept[..], [one] if one.ends_with(format!("{id}.kept"))), "{kept:?}");
    let sealed = std::fs::read(&kept[0]).unwrap();
    assert!(!sealed.windows(64).any(|part| part == &content[..64]));

    let seq = sent["seq"].to_string();
    alice.run(&["delete", "general", &seq]).ok();
    let gone = bob.run(&["download", id, "-o", &path]);
    assert_eq!(gone.code, 3, "{gone:?}");
    assert_eq!(left(&bob), Vec::<PathBuf>::new(), "it goes with its message");
}

#[test]
fn a_picture_has_a_small_one_that_stays_on_the_device() {
    let server = Server::start();
    let (alice, bob, folder) = (Cli::with_passphrase(), Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    let icon =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../icons/icon.png").display().to_string();
    let sent = alice.run(&["upload", "general", &icon]).ok().json();
    let id = sent["files"][0]["id"].as_str().unwrap();
    bob.run(&["read", "general"]).ok();
    let to = folder.path().join("small").display().to_string();
    // It is drawn a moment after the upload.
    let begun = std::time::Instant::now();
    let small = loop {
        let asked = bob.run(&["download", id, "--thumbnail", "-o", &to]);
        if asked.code == 0 || begun.elapsed() > Duration::from_secs(30) {
            break asked.ok().json();
        }
        assert_eq!(asked.code, 3, "{asked:?}");
    };
    let picture = std::fs::read(&to).unwrap();
    assert_eq!(small["bytes"].as_u64(), Some(picture.len() as u64));
    assert!(picture.starts_with(b"\x89PNG") || picture.starts_with(b"\xff\xd8\xff"));
    assert!(files_below(&bob.profile()).iter().all(|path| {
        let bytes = std::fs::read(path).unwrap();
        !bytes.windows(64).any(|part| part == &picture[picture.len() / 2..][..64])
    }));
    let text = write(folder.path(), "a.txt", b"no picture");
    let sent = alice.run(&["upload", "general", &text]).ok().json();
    let none = alice.run(&["download", sent["files"][0]["id"].as_str().unwrap(), "--thumbnail", "-o", &to]);
    assert_eq!(none.code, 3, "{none:?}");
}

#[test]
fn an_empty_file_and_one_of_whole_chunks_are_files_too() {
    let server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    for length in [0, 1, 16_384, 32_768] {
        let content = bytes(length);
        let path = write(folder.path(), &format!("{length}.txt"), &content);
        let sent = alice.run(&["upload", "general", &path]).ok().json();
        assert_eq!(download(&alice, sent["files"][0]["id"].as_str().unwrap(), folder.path(), &[]), content);
    }
}

#[test]
fn a_file_of_a_private_channel_is_nothing_to_others() {
    let server = Server::start();
    let (alice, bob, folder) = (Cli::with_passphrase(), Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    alice.run(&["create", "board", "--private"]).ok();
    let path = write(folder.path(), "minutes.txt", b"nothing for bob");
    let sent = alice.run(&["upload", "board", &path]).ok().json();
    let refused = bob.run(&["download", sent["files"][0]["id"].as_str().unwrap(), "-o", &path]);
    assert_eq!(refused.code, 3, "{refused:?}");
}

#[test]
fn what_cannot_be_uploaded_says_why_and_leaves_nothing() {
    let server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    let reserved = write(folder.path(), "nul.txt", b"x");
    let turned = write(folder.path(), "invoice\u{202e}fdp.exe", b"x");
    let missing = folder.path().join("missing").display().to_string();
    let itself = folder.path().display().to_string();
    for (path, says) in
        [(reserved, "device"), (turned, "cannot be seen"), (missing, "o such file"), (itself, "no file")]
    {
        let refused = alice.run(&["upload", "general", &path]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(refused.error()["why"].as_str().unwrap().contains(says), "{refused:?}");
    }
    assert!(alice.run(&["read", "general"]).ok().rows().is_empty());
    assert!(files_below(&server.data().join("acme/files")).is_empty());
}

#[test]
fn no_byte_of_a_file_or_its_name_is_on_a_disk_in_plain() {
    let server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    let content = format!("{MARKER}\n").repeat(5000);
    let path = write(folder.path(), &format!("{MARKER}.txt"), content.as_bytes());
    let sent = alice.run(&["upload", "general", &path]).ok().json();
    download(&alice, sent["files"][0]["id"].as_str().unwrap(), folder.path(), &[]);
    assert_eq!(files_below(&server.data().join("acme/files")).len(), 1);
    for place in [server.folder.path(), &alice.profile()] {
        let found = files_with(place, &[MARKER]);
        assert!(found.is_empty(), "a marker stands in plain in {found:?}");
    }
}

/// Waits until the server has a good part of an upload, and tells whose.
fn under_way(server: &Server, child: &mut Child, size: u64) -> String {
    let folder = server.data().join("acme/files");
    loop {
        let found = files_below(&folder).into_iter().find(|path| path.extension().is_some_and(|end| end == "part"));
        if let Some(part) = found
            && std::fs::metadata(&part).is_ok_and(|found| found.len() > size / 10)
        {
            return part.file_stem().unwrap().to_str().unwrap().to_owned();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be disturbed");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_upload_goes_on_where_it_was() {
    let server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    let content = bytes(96 << 20);
    let path = write(folder.path(), "large.bin", &content);
    let mut child = alice.spawn(&["upload", "general", &path]);
    let begun = under_way(&server, &mut child, content.len() as u64);
    server::signal(child.id(), "KILL");
    child.wait().unwrap();
    assert!(alice.run(&["read", "general"]).ok().rows().is_empty());

    let sent = alice.run(&["upload", "general", &path]).ok().json();
    assert_eq!(sent["files"][0]["id"], begun.as_str(), "it is the same upload");
    assert_eq!(download(&alice, &begun, folder.path(), &[]), content);
}

#[test]
fn an_upload_outlives_its_server() {
    let mut server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    let content = bytes(96 << 20);
    let path = write(folder.path(), "large.bin", &content);
    let mut child = alice.spawn(&["upload", "general", &path]);
    let begun = under_way(&server, &mut child, content.len() as u64);
    server.kill();
    server.serve();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(download(&alice, &begun, folder.path(), &[]), content);
}
