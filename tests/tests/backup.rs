//! Backups: made while the server runs, proved, restored into an empty host, and damaged in many places.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use thechatapp_tests::{Cli, Server, files_below, files_with, server::json, server::line_file};

const MARKER: &str = "marker-backup-vexkuqolumi";

struct Vault {
    folder: tempfile::TempDir,
    recovery: PathBuf,
}

impl Vault {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recovery = line_file(folder.path(), "recovery", "a recovery passphrase of some length");
        Self { folder, recovery }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn create(&self, server: &Server) -> Value {
        let (to, file) = (self.path(), self.recovery.clone());
        json(&server.run(&["backup", "create", "--to", text(&to), "--recovery-passphrase-file", text(&file)]))
    }

    fn verify(&self, server: &Server, passphrase: &Path) -> Output {
        self.on("verify", passphrase, &[], |args| server.bare(args))
    }

    /// A command about the backup, run in this way.
    fn on(&self, what: &str, passphrase: &Path, extra: &[&str], run: impl Fn(&[&str]) -> Output) -> Output {
        let path = self.path();
        let args = ["backup", what, "--from", text(&path), "--recovery-passphrase-file", text(passphrase)];
        run(&[&args, extra].concat())
    }
}

/// Says that it is enough, however its scope ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_is_proved_and_a_host_goes_on_from_it() {
    let mut server = Server::start();
    let (alice, bob, folder) = (Cli::with_passphrase(), Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    bob.join(&server.invite(), "bob").ok();
    let path = folder.path().join("plan.txt");
    std::fs::write(&path, format!("{MARKER}\n").repeat(200_000)).unwrap();
    let sent = alice.run(&["upload", "general", text(&path), "--text", MARKER]).ok().json();
    for number in 0..4 {
        bob.run(&["send", "general", &format!("{MARKER} {number}")]).ok();
    }
    let vault = Vault::new();
    let made = vault.create(&server);
    assert_eq!(
        (made["workspaces"].as_u64(), made["messages"].as_u64(), made["files"].as_u64()),
        (Some(1), Some(5), Some(1))
    );
    assert_eq!(made["ok"], true);
    assert!(made["bytes"].as_u64().unwrap() > 5_000_000);

    // What comes later is not in it, and a second one writes little.
    let pieces = files_below(&vault.path().join("pieces")).len();
    bob.run(&["send", "general", "after the backup"]).ok();
    let again = vault.create(&server);
    assert_eq!(again["messages"], 6);
    let more = files_below(&vault.path().join("pieces")).len() - pieces;
    assert!(more <= 2, "{more} new pieces for one message");

    let proved = json(&vault.verify(&server, &vault.recovery));
    assert_eq!(proved, again);
    let which = ["--backup", made["backup"].as_str().unwrap()];
    let first = vault.on("verify", &vault.recovery, &which, |args| server.bare(args));
    assert_eq!(json(&first), made);
    let wrong = line_file(folder.path(), "wrong", "another passphrase");
    assert_eq!(vault.verify(&server, &wrong).status.code(), Some(23));
    assert!(files_with(vault.folder.path(), &[MARKER, "alice"]).is_empty(), "a backup is sealed");

    // The host is lost; another takes its place, with a passphrase of its own.
    server.stop();
    std::fs::remove_dir_all(server.data()).unwrap();
    let restored = vault.on("restore", &vault.recovery, &which, |args| server.run(args));
    let mut back = json(&restored);
    let voided = back.as_object_mut().unwrap().remove("voided").unwrap();
    assert_eq!((back, &voided["invites"]), (made, &0.into()));
    let twice = vault.on("restore", &vault.recovery, &[], |args| server.try_run(args));
    assert_eq!(twice.status.code(), Some(3), "only into an empty host");
    server.serve();
    // Devices go on, with what was lost offered again by whoever wrote it.
    bob.run(&["send", "general", "after the restore"]).ok();
    let texts = alice.run(&["read", "general", "-n", "100"]).ok().texts();
    assert_eq!(texts.len(), 7, "{texts:?}");
    assert!(texts.contains(&"after the backup".to_owned()) && texts.contains(&"after the restore".to_owned()));
    let to = folder.path().join("again.txt");
    bob.run(&["download", sent["files"][0]["id"].as_str().unwrap(), "-o", text(&to)]).ok();
    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&path).unwrap());
}

#[test]
fn a_backup_amid_writing_holds_everything_acknowledged_before() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), "alice").ok();
    let (vault, stop) = (Vault::new(), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let writing = threads.spawn(|| {
            let mut sent = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                server.import_irc(
                    "busy",
                    &format!("2026-11-{:02}.log", sent % 28 + 1),
                    "[10:00] <ana> one\n[10:01] <ana> two\n",
                );
                sent += 1;
            }
            sent
        });
        // Also when something below fails, the other thread ends.
        let _end = End(&stop);
        for _ in 0..5 {
            let before = alice.run(&["send", "general", "before"]).ok().json()["seq"].as_u64().unwrap();
            let made = vault.create(&server);
            assert!(made["messages"].as_u64().unwrap() >= before);
            assert_eq!(json(&vault.verify(&server, &vault.recovery)), made);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writing.join().unwrap() > 0);
    });
}

#[test]
fn a_flipped_bit_anywhere_is_noticed() {
    let server = Server::start();
    let (alice, folder) = (Cli::with_passphrase(), tempfile::tempdir().unwrap());
    alice.join(server.owner_invite(), "alice").ok();
    let path = folder.path().join("a.bin");
    std::fs::write(&path, vec![7; 50_000]).unwrap();
    alice.run(&["upload", "general", text(&path)]).ok();
    let vault = Vault::new();
    vault.create(&server);
    let mut all = files_below(&vault.path());
    // It is empty and says nothing.
    all.retain(|path| !path.ends_with("backup.lock"));
    assert!(all.len() >= 4);
    for (number, file) in all.iter().enumerate() {
        let good = std::fs::read(file).unwrap();
        let mut bad = good.clone();
        let place = (number * 7919 + 104_729) % bad.len();
        bad[place] ^= 1 << (number % 8);
        std::fs::write(file, &bad).unwrap();
        let said = vault.verify(&server, &vault.recovery);
        // A changed key file looks like a wrong passphrase; that is noticed, too.
        assert!(matches!(said.status.code(), Some(3 | 23 | 24 | 27)), "{}: {said:?}", file.display());
        std::fs::remove_file(file).unwrap();
        let said = vault.verify(&server, &vault.recovery);
        assert!(matches!(said.status.code(), Some(3 | 24)), "{} removed: {said:?}", file.display());
        std::fs::write(file, &good).unwrap();
    }
    json(&vault.verify(&server, &vault.recovery));
}

#[test]
fn a_server_makes_backups_by_itself() {
    let mut server = Server::init();
    let vault = Vault::new();
    let config = server.folder.path().join("server.toml");
    let text_of = |path: &Path| text(path).to_owned();
    std::fs::write(
        &config,
        format!(
            "[backup]\nto = {:?}\nrecovery_passphrase_file = {:?}\n",
            text_of(&vault.path()),
            text_of(&vault.recovery)
        ),
    )
    .unwrap();
    server.config = Some(config);
    server.serve();
    while files_below(&vault.path().join("snapshots")).iter().all(|path| path.extension().is_some()) {
        assert!(server.running(), "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(json(&vault.verify(&server, &vault.recovery))["workspaces"], 1);
    // Started again, it waits for its time.
    server.stop();
    server.serve();
    assert_eq!(server.stop(), Some(0));
    assert_eq!(files_below(&vault.path().join("snapshots")).len(), 1);
}
