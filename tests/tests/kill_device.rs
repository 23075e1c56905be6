//! A device's program is killed at any moment of whatever it does: it opens again, and nothing that was acknowledged or kept is lost.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use thechatapp_core::testing::Dice;
use thechatapp_tests::keyring::Keyring;
use thechatapp_tests::server::signal;
use thechatapp_tests::{Cli, Server, files_below, rounds};

const DOES: [&str; 8] = ["sync", "send", "queue", "draft", "search", "renew", "repair", "evict"];

struct Device {
    cli: Cli,
    bob: Cli,
    _keyring: Keyring,
    /// What was acknowledged, or kept on this device's disk.
    sure: BTreeSet<String>,
    /// What was said and not answered: there once or not at all.
    maybe: BTreeSet<String>,
    /// The draft that was answered last, and what was being typed when the program was killed.
    draft: [Option<String>; 2],
    number: u64,
    /// How many times the past was let go, or taken back.
    evictions: u64,
    /// How many times a file was damaged, to be repaired.
    damages: usize,
}

/// What is damaged before a repair, each in its turn.
const DAMAGED: [&str; 4] = ["cache.db", "local.db", "profile.json", "nothing"];

/// Messages of years ago, of which the newest hundred stay whatever is let go.
const PAST: usize = 1500;

impl Device {
    fn new(server: &Server) -> Self {
        let log = server.folder.path().join("2020-01-01.log");
        let lines: Vec<String> =
            (0..PAST).map(|n| format!("[{:02}:{:02}] <zoe> long ago {n}", n / 60 % 24, n % 60)).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        let log = log.to_str().unwrap();
        server.run(&["import", "--workspace", "acme", "--format", "irc", "--channel", "past", log]);
        let keyring = Keyring::unlocked();
        let cli = Cli::with_secure_storage(keyring.env());
        cli.join(server.owner_invite(), "alice").ok();
        let bob = Cli::with_passphrase();
        bob.join(&server.invite(), "bob").ok();
        Self {
            cli,
            bob,
            _keyring: keyring,
            sure: BTreeSet::new(),
            maybe: BTreeSet::new(),
            draft: [None, None],
            number: 0,
            evictions: 0,
            damages: 0,
        }
    }

    /// Messages on this device.
    fn kept(&self) -> u64 {
        let storage = self.cli.run(&["storage"]).ok().json();
        storage["workspaces"][0]["messages"].as_u64().unwrap()
    }

    fn word(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{what}{}", self.number)
    }

    /// Starts something; what it says later tells what became of it.
    fn start(&mut self, what: &str) -> (Child, Vec<String>, Instant) {
        let (args, lines): (Vec<String>, Vec<String>) = match what {
            "sync" => {
                let lines: Vec<String> = (0..40).map(|_| self.word("fromafar")).collect();
                speak(&self.bob, &lines);
                self.sure.extend(lines);
                (vec!["read".into(), "general".into(), "-n".into(), "1".into()], Vec::new())
            }
            "send" | "queue" => {
                let lines: Vec<String> = (0..30).map(|_| self.word("fromhere")).collect();
                let mut args: Vec<String> = vec!["send".into(), "general".into(), "-".into()];
                if what == "queue" {
                    args.push("--queue".into());
                }
                (args, lines)
            }
            "draft" => {
                let text = self.word("halfathought");
                self.draft[1] = Some(text.clone());
                (vec!["draft".into(), "general".into(), text], Vec::new())
            }
            "search" => (vec!["search".into(), format!("fromhere{}", self.number)], Vec::new()),
            "renew" => (vec!["key".into(), "renew".into()], Vec::new()),
            "repair" => {
                self.damage();
                (vec!["doctor".into(), "--repair".into()], Vec::new())
            }
            _ => {
                self.evictions += 1;
                let choice: &[&str] = if self.evictions % 2 == 1 { &["--days", "1"] } else { &["--all"] };
                (["storage"].iter().chain(choice).map(|arg| (*arg).to_owned()).collect(), Vec::new())
            }
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.cli.command(&args);
        let begun = Instant::now();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        // The lines fit into the pipe. Nobody reads them any more after a kill.
        let mut input = child.stdin.take().unwrap();
        let _ = input.write_all((lines.join("\n") + "\n").as_bytes());
        (child, lines, begun)
    }

    /// Changes a bit of a file of the profile, which nobody has open.
    fn damage(&mut self) {
        let name = DAMAGED[self.damages % DAMAGED.len()];
        self.damages += 1;
        let Some(path) = files_below(&self.cli.profile()).into_iter().find(|path| {
            path.file_name().is_some_and(|file| file == name) && !path.iter().any(|part| part == "set-aside")
        }) else {
            return;
        };
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        // The last program that was not killed left a good copy of all there is.
        std::fs::write(path, bytes).unwrap();
    }

    fn end(&mut self, what: &str, mut child: Child, lines: Vec<String>) {
        let done = child.wait().unwrap().success();
        if what == "repair" {
            self.cli.run(&["doctor", "--repair"]).ok();
        }
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        if what == "draft" {
            let typed = self.draft[1].take();
            if done {
                self.draft = [typed, None];
            } else {
                self.draft[1] = typed;
            }
        }
        for line in lines {
            // A line that was cut off says nothing.
            let answered = said.split_inclusive('\n').any(|answer| answer.ends_with('\n') && answer.contains(&line));
            if answered {
                self.sure.insert(line)
            } else {
                self.maybe.insert(line)
            };
        }
    }

    /// Everything is as it must be, whatever was killed.
    fn holds(&mut self, everything: bool) {
        let doctor = self.cli.run(&["doctor"]).ok().json();
        for file in std::iter::once(&doctor["local"])
            .chain(doctor["workspaces"].as_array().unwrap().iter().map(|one| &one["cache"]))
        {
            assert_eq!(file["ok"], true, "{doctor}");
        }
        let draft = self.cli.run(&["draft", "general"]).ok().json();
        let text = draft["text"].as_str().map(str::to_owned);
        let typed = self.draft[1].take();
        assert!(
            text == self.draft[0] || (typed.is_some() && text == typed),
            "{text:?} is not {:?} or {typed:?}",
            self.draft[0]
        );
        self.draft[0] = text;
        if !everything {
            return;
        }
        // What waits goes out, and what was let go is fetched.
        self.cli.run(&["storage", "--all"]).ok();
        self.cli.run(&["send", "general", "andsoon"]).ok();
        self.sure.insert("andsoon".into());
        let all = self.cli.run(&["read", "general", "-n", "100000"]).ok().texts();
        for text in &self.sure {
            assert!(all.contains(text), "{text} is lost");
        }
        let mut seen = BTreeSet::new();
        for text in all.iter().filter(|text| *text != "andsoon") {
            assert!(seen.insert(text), "{text} is there twice");
            assert!(self.sure.contains(text) || self.maybe.contains(text), "{text} was never said");
        }
        let bobs: BTreeSet<String> =
            self.bob.run(&["read", "general", "-n", "100000"]).ok().texts().into_iter().collect();
        assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), bobs, "both have the same");
        for text in self.sure.iter().step_by(self.sure.len() / 3 + 1) {
            let hits = self.cli.run(&["search", text]).ok().rows();
            assert!(hits.iter().any(|hit| hit.to_string().contains(text.as_str())), "{text} is not found");
        }
    }
}

fn speak(cli: &Cli, lines: &[String]) {
    let mut child = cli.command(&["send", "general", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn killed_at_any_moment_a_device_opens_again_with_all_that_was_acknowledged() {
    let server = Server::start();
    let mut device = Device::new(&server);
    let mut dice = Dice::new(5);
    // How long each takes when nothing happens to it.
    let mut usual = [Duration::from_millis(300); DOES.len()];
    for (what, usual) in DOES.iter().zip(&mut usual) {
        let (child, lines, begun) = device.start(what);
        device.end(what, child, lines);
        *usual = begun.elapsed();
    }
    // Unkilled, each does what it is there for.
    device.cli.run(&["storage", "--all"]).ok();
    device.cli.run(&["read", "past", "-n", "100000"]).ok();
    let much = device.kept();
    let begun = Instant::now();
    device.cli.run(&["storage", "--days", "1"]).ok();
    usual[DOES.len() - 1] = begun.elapsed();
    let little = device.kept();
    assert!(much > little + PAST as u64 / 2, "letting go does let go: {little} of {much}");
    device.cli.run(&["storage", "--all"]).ok();
    device.cli.run(&["read", "past", "-n", "100000"]).ok();
    device.evictions = 0;
    device.holds(true);
    let all = rounds(50, 1000);
    for round in 0..all {
        let chosen = dice.below(DOES.len() as u64) as usize;
        let (mut child, lines, _) = device.start(DOES[chosen]);
        // At a moment of its work, told in thousandths of what it usually takes.
        std::thread::sleep(usual[chosen] * dice.below(1000) as u32 / 1000);
        if child.try_wait().unwrap().is_none() {
            signal(child.id(), "KILL");
        }
        device.end(DOES[chosen], child, lines);
        device.holds(round + 1 == all || round % 25 == 24);
    }
}

#[test]
fn a_wipe_that_was_killed_is_brought_to_its_end_by_whatever_comes_next() {
    let server = Server::start();
    let keyring = Keyring::unlocked();
    let mut dice = Dice::new(7);
    let mut usual = Duration::ZERO;
    for round in 0..rounds(6, 100) {
        let cli = Cli::with_secure_storage(keyring.env());
        let invite = if round == 0 { server.owner_invite().to_owned() } else { server.invite() };
        cli.join(&invite, &format!("person {round}")).ok();
        cli.run(&["send", "general", "to be gone"]).ok();
        let entry = cli.key_entry();
        let begun = Instant::now();
        let mut child = cli.spawn(&["sign-out", "--wipe"]);
        if round == 0 {
            assert!(child.wait().unwrap().success());
            usual = begun.elapsed();
        } else {
            std::thread::sleep(usual * (500 + dice.below(500) as u32) / 1000);
            if child.try_wait().unwrap().is_none() {
                signal(child.id(), "KILL");
            }
            child.wait().unwrap();
        }
        // It had not begun, and everything is there; or it is brought to its end.
        if cli.run(&["read", "general"]).code != 0 {
            cli.join(&server.invite(), &format!("another {round}")).ok();
            assert!(!keyring.has(&entry), "round {round}: its key is gone");
            assert_eq!(cli.run(&["status"]).ok().json()["workspaces"].as_array().unwrap().len(), 1);
        }
    }
}
