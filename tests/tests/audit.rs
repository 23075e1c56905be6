//! The audit log between the real programs: what it holds, how it is proved, and that an administrator's device notices
//! whatever is done to it behind their back.

use serde_json::Value;
use std::path::Path;
use thechatapp_tests::{Cli, Server, server::json, server::line_file};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// A host with its owner, of which an older copy is kept: three acts were made since, and the owner's device has seen them.
struct Older {
    server: Server,
    olga: Cli,
    /// Somebody who was away meanwhile.
    bob: Cli,
    kept: std::path::PathBuf,
    seen: Value,
}

impl Older {
    fn new() -> Self {
        let mut server = Server::start();
        let (olga, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
        olga.join(server.owner_invite(), "olga").ok();
        bob.join(&server.invite(), "bob").ok();
        olga.run(&["create", "one"]).ok();
        assert_eq!(server.stop(), Some(0));
        let kept = server.folder.path().join("kept");
        copy(&server.data(), &kept);
        server.serve();
        for name in ["two", "three", "four"] {
            olga.run(&["create", name]).ok();
        }
        let seen = olga.run(&["audit", "status"]).ok().json();
        assert_eq!((&seen["state"], &seen["alarms"]), (&"watched".into(), &Value::Array(Vec::new())), "{seen}");
        Self { server, olga, bob, kept, seen }
    }

    /// The older copy takes the place of the data, and so many other acts follow.
    fn put_back(&mut self, acts: usize) {
        assert_eq!(self.server.stop(), Some(0));
        std::fs::remove_dir_all(self.server.data()).unwrap();
        copy(&self.kept, &self.server.data());
        self.server.serve();
        for number in 0..acts {
            self.bob.run(&["create", &format!("other-{number}")]).ok();
        }
    }

    /// What the owner's device says now, in `audit status` and in `status`.
    fn alarm(&self, what: &str) -> Value {
        // The device is ahead in what it has synchronised, too: it says so once, and begins anew.
        let shown = (0..5).map(|_| self.olga.run(&["audit", "status"])).find(|shown| shown.code != 0).unwrap();
        assert_eq!(shown.code, 24, "{shown:?}");
        let shown = shown.json();
        assert_eq!((&shown["state"], &shown["alarms"][0]["what"]), (&"alarm".into(), &what.into()), "{shown}");
        // What is known stays where it was, and both states are kept.
        for part in ["size", "root"] {
            assert_eq!(shown[part], self.seen[part]);
        }
        let (known, other) =
            (shown["alarms"][0]["known"].as_str().unwrap(), shown["alarms"][0]["shown"].as_str().unwrap());
        assert!(known.contains(self.seen["root"].as_str().unwrap()));
        assert!(other != known && !other.is_empty());
        let status = self.olga.run(&["status"]).ok().json();
        assert_eq!(status["workspaces"][0]["audit"], "alarm", "{status}");
        shown
    }
}

#[test]
fn a_rollback_is_noticed_and_stays_noticed_until_somebody_decides() {
    let mut older = Older::new();
    older.put_back(0);
    let shown = older.alarm("rolled_back");
    let why = shown["alarms"][0]["why"].as_str().unwrap();
    assert!(why.contains("entries 10 to 12 are gone"), "{why}");
    // More acts do not make it good.
    for number in 0..5 {
        older.bob.run(&["create", &format!("later-{number}")]).ok();
    }
    older.alarm("rolled_back");
    assert!((0..10).any(|_| older.olga.run(&["join-channel", "general"]).code == 0));
    let accepted = older.olga.run(&["audit", "accept"]).ok().json();
    assert_eq!((&accepted["state"], &accepted["size"]), (&"watched".into(), &15.into()), "{accepted}");
    // It stays in the list of what was found.
    let after = older.olga.run(&["audit", "status"]).ok().json();
    assert_eq!(after["alarms"][0]["what"], "rolled_back");
    assert!(after["alarms"][0]["accepted"].is_string(), "{after}");
    assert_eq!(older.olga.run(&["audit", "accept"]).code, 3);
}

#[test]
fn a_fork_is_noticed() {
    let mut older = Older::new();
    older.put_back(3);
    older.alarm("fork");
    // The host by itself cannot know: nothing there is wrong.
    let report = json(&older.server.run(&["audit", "verify", "--workspace", "acme"]));
    assert_eq!((&report["ok"], &report["entries"]), (&true.into(), &13.into()), "{report}");
}

#[test]
fn another_past_is_noticed() {
    let mut older = Older::new();
    older.put_back(4);
    older.alarm("tampered");
}

#[test]
fn a_restore_is_said_to_be_one_and_goes_on_after_a_decision() {
    let mut server = Server::start();
    let olga = Cli::with_passphrase();
    olga.join(server.owner_invite(), "olga").ok();
    let before = olga.run(&["audit", "status"]).ok().json();
    assert_eq!(before["size"], 5);
    let recovery = line_file(server.folder.path(), "recovery", "a recovery passphrase of some length");
    let to = server.folder.path().join("backup");
    let (to, recovery) = (to.to_str().unwrap(), recovery.to_str().unwrap());
    server.run(&["backup", "create", "--to", to, "--recovery-passphrase-file", recovery]);
    for name in ["two", "three", "four"] {
        olga.run(&["create", name]).ok();
    }
    // Three channels, and the backup itself.
    assert_eq!(olga.run(&["audit", "status"]).ok().json()["size"], 9);
    assert_eq!(server.stop(), Some(0));
    std::fs::remove_dir_all(server.data()).unwrap();
    server.run(&["backup", "restore", "--from", to, "--recovery-passphrase-file", recovery]);
    server.serve();
    let shown = olga.run(&["audit", "status"]);
    assert_eq!(shown.code, 24, "{shown:?}");
    let shown = shown.json();
    let alarm = &shown["alarms"][0];
    assert_eq!(alarm["what"], "restored", "{shown}");
    let why = alarm["why"].as_str().unwrap();
    assert!(why.contains("of the 9 entries that were seen, those from 5 to 8 are gone"), "{why}");
    let accepted = olga.run(&["audit", "accept"]).ok().json();
    assert_eq!((&accepted["state"], &accepted["size"]), (&"watched".into(), &7.into()), "{accepted}");
    let last = &olga.run(&["audit", "list", "-n", "2"]).ok().rows()[1];
    assert_eq!((&last["act"], &last["actor"]), (&"backup.restored".into(), &"host".into()), "{last}");
    let report = json(&server.run(&["audit", "verify", "--workspace", "acme"]));
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn the_log_is_read_searched_taken_away_and_proved_at_the_command_line() {
    let mut server = Server::start();
    let (olga, bob) = (Cli::with_passphrase(), Cli::with_passphrase());
    olga.join(server.owner_invite(), "olga").ok();
    bob.join(&server.invite(), "bob").ok();
    bob.run(&["create", "plans", "--private"]).ok();

    let all = olga.run(&["audit", "list"]).ok().rows();
    assert_eq!(all.len(), 9);
    assert_eq!((&all[0]["act"], &all[0]["after"]), (&"channel.created".into(), &"private".into()));
    let acts = |args: &[&str]| -> Vec<String> {
        let rows = olga.run(&[&["audit", "list"], args].concat()).ok().rows();
        rows.iter().map(|row| row["act"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(acts(&["--actor", "@bob"]), ["channel.created", "device.enrolled", "account.joined"]);
    assert_eq!(acts(&["--actor", "host", "-n", "1"]), ["invite.made"]);
    assert_eq!(acts(&["--target", "@bob"]), ["account.joined"]);
    assert_eq!(acts(&["--target", all[0]["target"].as_str().unwrap()]), ["channel.created"]);
    assert_eq!(acts(&["--class", "server"]), ["server.started", "workspace.created"]);
    // Each time that it was read is one more.
    assert_eq!(acts(&["--after", "2000-01-01"]).len(), 9 + 6);
    assert_eq!(acts(&["--class", "audit"]), ["audit.read"; 7]);
    assert_eq!(acts(&["--before", "2000-01-01"]), [""; 0]);
    for wrong in [["--class", "nothing"], ["--actor", "nobody"], ["--target", "nothing:1"], ["--after", "soon"]] {
        assert_eq!(olga.run(&[&["audit", "list"], &wrong[..]].concat()).code, 3, "{wrong:?}");
    }
    assert_eq!(bob.run(&["audit", "list"]).code, 12);
    assert_eq!(bob.run(&["audit", "status"]).ok().json()["state"], "unknown");

    assert_eq!(olga.run(&["audit", "prove", "8"]).ok().json(), all[0]);
    assert_eq!(olga.run(&["audit", "prove", "99"]).code, 3);

    let file = server.folder.path().join("audit.cef");
    let path = file.to_str().unwrap();
    let done = olga.run(&["audit", "export", "--format", "cef", "-o", path]).ok().json();
    assert_eq!(done["entries"], 20);
    let cef = std::fs::read_to_string(&file).unwrap();
    assert_eq!(cef.lines().count(), 20);
    assert!(cef.lines().all(|line| line.starts_with("CEF:0|TheChatApp|thechatapp-server|")), "{cef}");
    let lines = olga.run(&["audit", "export", "--format", "jsonl"]).ok().rows();
    assert_eq!((lines.len(), &lines[19]["act"]), (21, &"audit.exported".into()));

    // What a witness kept fits, also while nobody serves; cut short, it is none, and another log's is not this one's.
    let note = olga.run(&["audit", "checkpoint"]).ok().json()["note"].as_str().unwrap().to_owned();
    let witness = server.folder.path().join("witness");
    std::fs::write(&witness, &note).unwrap();
    let verify = |server: &Server| {
        server.try_run(&["audit", "verify", "--workspace", "acme", "--witness", witness.to_str().unwrap()])
    };
    let report = json(&verify(&server));
    assert_eq!((&report["ok"], &report["witnessed"], &report["entries"]), (&true.into(), &1.into(), &21.into()));
    assert_eq!(server.stop(), Some(0));
    let report = json(&verify(&server));
    assert_eq!((&report["ok"], &report["root"]), (&true.into(), &note.lines().nth(2).unwrap().into()));
    std::fs::write(&witness, note.replacen("\n21\n", "\n22\n", 1)).unwrap();
    let wrong = verify(&server);
    assert_eq!(wrong.status.code(), Some(24), "{wrong:?}");
    let report: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert!(report["problems"][0].as_str().unwrap().contains("the checkpoint's signature is wrong"), "{report}");

    // Whoever trusts nothing of the data but knows the pin.
    let pinned = |pin: &str| server.try_run(&["audit", "verify", "--workspace", "acme", "--pin", pin]);
    let listed = json(&server.run(&["workspace", "list"]));
    let pin = listed["workspaces"][0]["pin"].as_str().unwrap().to_owned();
    let report = json(&pinned(&pin));
    assert_eq!((&report["ok"], &report["signed"]), (&true.into(), &21.into()), "{report}");
    let other = if pin.starts_with('A') { pin.replacen('A', "B", 1) } else { format!("A{}", &pin[1..]) };
    let wrong = pinned(&other);
    assert_eq!(wrong.status.code(), Some(24), "{wrong:?}");
    let report: Value = serde_json::from_slice(&wrong.stdout).unwrap();
    assert!(report["problems"][0].as_str().unwrap().contains("no identity document is of the root with this pin"));
    assert_eq!(pinned("no pin").status.code(), Some(3));
}
