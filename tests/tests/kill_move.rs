//! The host moves from one key service to another and is killed, while one workspace cannot come along because its key is not given, and
//! another one's own key service is gone. Whatever the moment: what can be opened opens, the move is done or undone, the same command
//! comes to its end, and the two are whole once their keys are back.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thechatapp_core::testing::Dice;
use thechatapp_tests::vault::Vault;
use thechatapp_tests::{Cli, Server, bin, rounds, server};

struct Subject {
    server: Server,
    vaults: [Vault; 2],
    /// Which of them guards the host.
    at: usize,
    /// The workspace that stays behind.
    den: String,
    /// Where the key file of `lab` is, and where it is while it is gone.
    files: [PathBuf; 2],
}

impl Subject {
    fn new() -> Self {
        let vaults = [Vault::start(), Vault::start()];
        let server = Server::init_with(vaults[0].environment("300"));
        let files = ["keys/workspace-lab.json", "lab.json"];
        let files = [server.data().join(files[0]), server.folder.path().join(files[1])];
        let mut subject = Self { server, vaults, at: 0, den: String::new(), files };
        subject.uses(0);
        for name in ["lab", "den"] {
            subject.server.run(&["workspace", "create", "--workspace", name]);
        }
        subject.server.run(&["key", "move", "--workspace", "lab", "--to", "local:"]);
        let list = server::json(&subject.server.run(&["workspace", "list"]));
        let rows = list["workspaces"].as_array().unwrap();
        let den = rows.iter().find(|row| row["workspace"] == "den").unwrap();
        subject.den = den["id"].as_str().unwrap().to_owned();
        subject
    }

    /// What the programs find in their environment, with the host there.
    fn uses(&mut self, at: usize) {
        self.at = at;
        let passphrase = self.server.passphrase_file().display().to_string();
        self.server.env = self.vaults[at].environment("300");
        // Where one stays behind it has a token of its own: the host's is for the host's service alone.
        let own = [("LAB_PASSPHRASE_FILE", passphrase), ("DEN_VAULT_TOKEN", "a token".to_owned())];
        self.server.env.extend(own.map(|(name, value)| (format!("THECHATAPP_KEY_WORKSPACE_{name}"), value)));
    }

    fn begin(&self) -> Child {
        let mut command = Command::new(bin("thechatapp-server"));
        command.args(["key", "move", "--to", &self.vaults[1 - self.at].uri(), "--json", "--data"]);
        command.arg(self.server.data()).arg("--passphrase-file").arg(self.server.passphrase_file());
        command.envs(self.server.env.clone()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn status(&self, workspace: &str) -> Value {
        server::json(&self.server.run(&["key", "status", "--workspace", workspace]))
    }

    fn states(&self) -> [(Value, Value); 3] {
        ["acme", "lab", "den"].map(|name| {
            let mut status = self.status(name);
            (status["state"].take(), status["own"].take())
        })
    }

    /// One workspace's key file is gone, and the host's service does not give the key of another.
    fn close_two(&self) {
        self.vaults[self.at].refuse(Some(&self.den));
        std::fs::rename(&self.files[0], &self.files[1]).unwrap();
    }

    fn bring_back(&self) {
        self.vaults.iter().for_each(|vault| vault.refuse(None));
        std::fs::rename(&self.files[1], &self.files[0]).unwrap();
    }
}

#[test]
fn a_move_of_the_host_that_is_killed_while_two_workspaces_are_closed_is_done_or_undone() {
    let mut subject = Subject::new();
    subject.server.serve();
    let alice = Cli::with_passphrase();
    alice.join(subject.server.owner_invite(), "Alice").ok();
    assert_eq!(subject.server.stop(), Some(0));
    let (open, closed) = (json!("open"), json!("closed"));
    let (mut dice, mut said, mut came) = (Dice::new(23), Vec::new(), [0, 0]);
    let mut lasts = Duration::from_millis(300);
    for round in 0..rounds(8, 64) {
        subject.close_two();
        let alone = round % 2 == 1;
        if !alone {
            subject.server.serve();
        }
        let former = subject.at;
        let mut command = subject.begin();
        // The first two are not killed, and say how long one lasts.
        let killed = round > 1;
        if killed {
            std::thread::sleep(Duration::from_micros(dice.below(lasts.as_micros() as u64 * 5 / 4)));
            if alone {
                let _ = command.kill();
            } else {
                subject.server.kill();
            }
            let _ = command.wait();
        } else {
            let begun = Instant::now();
            assert!(command.wait().unwrap().success());
            lasts = lasts.max(begun.elapsed());
            if !alone {
                assert_eq!(subject.server.stop(), Some(0));
            }
        }

        // It is with the one or the other.
        if subject.status("acme")["state"] != "open" {
            subject.uses(1 - former);
        }
        let moved = subject.at != former;
        assert!(moved || killed, "round {round}");
        came[usize::from(moved)] += usize::from(killed);
        subject.server.serve();
        let told = format!("round {round}, killed {killed} by itself {alone}, moved {moved}");
        let there = [(open.clone(), json!(false)), (closed.clone(), json!(true)), (closed.clone(), json!(moved))];
        assert_eq!(subject.states(), there, "{told}");
        // Given again it comes to its end, and then one has stayed behind.
        if !moved {
            let done = subject.begin().wait_with_output().unwrap();
            assert!(done.status.success(), "{told}");
            let answer = server::json(&done);
            assert_eq!((&answer["workspaces"], &answer["left"]), (&json!(1), &json!(["den"])), "{told}");
            subject.uses(1 - former);
        }
        let there = [(open.clone(), json!(false)), (closed.clone(), json!(true)), (closed.clone(), json!(true))];
        assert_eq!(subject.states(), there, "{told}");
        said.push(format!("after {told}"));
        alice.run(&["send", "general", said.last().unwrap()]).ok();

        // Once their keys are back they open where they are, and the one that stayed follows.
        subject.bring_back();
        assert_eq!(subject.server.stop(), Some(0));
        subject.server.serve();
        let there = [false, true, true].map(|own| (open.clone(), json!(own)));
        assert_eq!(subject.states(), there, "{told}");
        subject.server.run(&["key", "move", "--workspace", "den", "--to", "host"]);
        assert_eq!(subject.server.stop(), Some(0));
    }
    subject.server.serve();
    assert_eq!(alice.run(&["read", "general", "-n", "500"]).ok().texts(), said);
    let report = server::json(&subject.server.run(&["doctor"]));
    assert_eq!(report["ok"], true, "{report}");
    println!("killed: {} undone, {} done; one lasts {lasts:?}", came[0], came[1]);
}
