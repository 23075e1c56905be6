//! The keyring, the network, the disk's room and the power are pulled out in any order, and put back: everything is there again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use thechatapp_core::testing::Dice;
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::server::signal;
use thechatapp_tests::small_disk::SmallDisk;
use thechatapp_tests::{Cli, Server, rounds};

/// What each of them is called when it is not there.
const NO_KEY: [i32; 3] = [20, 21, 22];
const NO_NETWORK: i32 = 10;
const NO_ROOM: i32 = 28;

struct Device {
    server: Server,
    keyring: Keyring,
    disk: SmallDisk,
    cli: Cli,
    filler: Option<PathBuf>,
    has_key: bool,
    has_network: bool,
    /// Acknowledged, or kept on the disk.
    sure: BTreeSet<String>,
    /// Said, and broken off: there once or not at all.
    maybe: BTreeSet<String>,
    /// What the draft may be; none is empty.
    drafts: BTreeSet<String>,
    number: u64,
}

impl Device {
    fn new() -> Option<Self> {
        let server = Server::start();
        let keyring = Keyring::unlocked();
        let cli = Cli::with_secure_storage(keyring.env());
        let disk = SmallDisk::over(&cli.profile(), "24m")?;
        cli.join(server.owner_invite(), "alice").ok();
        Some(Self {
            server,
            keyring,
            disk,
            cli,
            filler: None,
            has_key: true,
            has_network: true,
            sure: BTreeSet::new(),
            maybe: BTreeSet::new(),
            drafts: BTreeSet::from([String::new()]),
            number: 0,
        })
    }

    fn key(&mut self, there: bool) {
        if self.has_key && !there {
            self.keyring.stop_daemon();
        } else if !self.has_key && there {
            self.keyring.start_daemon(true);
        }
        self.has_key = there;
    }

    fn network(&mut self, there: bool) {
        if self.has_network && !there {
            self.server.kill();
        } else if !self.has_network && there {
            self.server.serve();
        }
        self.has_network = there;
    }

    fn room(&mut self, there: bool) {
        match self.filler.take() {
            Some(filler) if there => std::fs::remove_file(filler).unwrap(),
            None if !there => self.filler = Some(self.disk.fill()),
            unchanged => self.filler = unchanged,
        }
    }

    /// Something is pulled out or put back.
    fn turn(&mut self, dice: &mut Dice) {
        match dice.below(3) {
            0 => self.key(!self.has_key),
            1 => self.network(!self.has_network),
            _ => self.room(self.filler.is_some()),
        }
    }

    fn word(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{what}{}", self.number)
    }

    /// How long the server may take: where it is, a busy machine is no reason.
    fn patience(&self) -> &'static str {
        if self.has_network { "30" } else { "3" }
    }

    /// Whether it was done; if not, because of something that is missing.
    fn is_done(&self, code: i32) -> bool {
        let expected = match code {
            0 => true,
            NO_NETWORK => !self.has_network,
            NO_ROOM => self.filler.is_some(),
            other => NO_KEY.contains(&other) && !self.has_key,
        };
        let (key, network, room) = (self.has_key, self.has_network, self.filler.is_none());
        assert!(expected, "it ended with {code} with key: {key}, network: {network}, room: {room}");
        code == 0
    }

    /// A person does something.
    fn act(&mut self, dice: &mut Dice) {
        match dice.below(5) {
            0 => {
                let text = self.word("said");
                let code = self.cli.run(&["--timeout", self.patience(), "send", "general", &text]).code;
                // Without a network it waits on the disk.
                let kept = self.is_done(code) || code == NO_NETWORK;
                if kept { &mut self.sure } else { &mut self.maybe }.insert(text);
            }
            1 | 2 => {
                let text = self.word("queued");
                let code = self.cli.run(&["send", "general", &text, "--queue"]).code;
                let kept = self.is_done(code);
                if kept { &mut self.sure } else { &mut self.maybe }.insert(text);
            }
            3 => {
                let text = self.word("thought");
                let code = self.cli.run(&["draft", "general", &text]).code;
                if self.is_done(code) {
                    self.drafts.clear();
                }
                self.drafts.insert(text);
            }
            _ => {
                let code = self.cli.run(&["--timeout", self.patience(), "read", "general"]).code;
                self.is_done(code);
            }
        }
    }

    /// The power goes amid something.
    fn power(&mut self, dice: &mut Dice) {
        let text = self.word("cut");
        let mut child = self.cli.spawn(&["send", "general", &text, "--queue"]);
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        signal(child.id(), "KILL");
        let done = child.wait().unwrap().success();
        if done { &mut self.sure } else { &mut self.maybe }.insert(text);
    }

    /// With everything back, everything is there.
    fn look(&mut self) {
        self.key(true);
        self.network(true);
        self.room(true);
        let marker = self.word("said");
        self.cli.run(&["send", "general", &marker]).ok();
        self.sure.insert(marker);
        let texts = self.cli.run(&["read", "general", "-n", "1000"]).ok().texts();
        let there: BTreeSet<String> = texts.iter().cloned().collect();
        assert_eq!(there.len(), texts.len(), "nothing is there twice: {texts:?}");
        let lost: Vec<&String> = self.sure.difference(&there).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let made_up: Vec<&String> =
            there.iter().filter(|text| !self.sure.contains(*text) && !self.maybe.contains(*text)).collect();
        assert!(made_up.is_empty(), "{made_up:?}");
        let draft = self.cli.run(&["draft", "general"]).ok().json();
        let text = draft["text"].as_str().unwrap_or_default();
        assert!(self.drafts.contains(text), "{text:?} is none of {:?}", self.drafts);
        assert_eq!(self.cli.run(&["doctor"]).code, 0);
    }
}

#[test]
fn whatever_is_pulled_out_comes_back_with_everything() {
    for seed in 0..rounds(3, 200) as u64 {
        eprintln!("seed {seed}");
        let mut dice = Dice::new(seed);
        let Some(mut device) = Device::new() else { return };
        for _ in 0..3 {
            for _ in 0..6 {
                device.turn(&mut dice);
                device.act(&mut dice);
                if dice.below(3) == 0 {
                    device.power(&mut dice);
                }
            }
            device.look();
        }
    }
}
