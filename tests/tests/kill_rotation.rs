//! The server, or the command that works without one, is killed while keys are replaced and people write: it always opens, it
//! always comes to an end, nothing is lost, and nothing is left under older keys.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thechatapp_core::testing::Dice;
use thechatapp_core::view::Window;
use thechatapp_core::{ChannelId, Client, WorkspaceId};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::config::{KeySection, OwnKeySection};
use thechatapp_server::kms::KeySource;
use thechatapp_server::tenants::Host;
use thechatapp_tests::{Server, bin, person, person::Memory, rounds, server::json};

const KINDS: [&str; 8] = ["channels", "workspace", "kms", "database", "move", "move one", "session", "identity"];
const IMPORTED: usize = 1500;
const PATIENCE: Duration = Duration::from_secs(600);

/// A moment within a time.
fn moment(dice: &mut Dice, most: Duration) -> Duration {
    Duration::from_micros(dice.below(most.as_micros() as u64 + 1))
}

/// A host whose key file may be another one after each move.
struct Subject {
    server: Server,
    files: [PathBuf; 2],
    at: usize,
    /// Whether the workspace has a key service of its own, or the host's guards it.
    own: bool,
}

impl Subject {
    fn new() -> Self {
        let server = Server::init();
        let files = [server.data().join("keys/local.json"), server.folder.path().join("moved.json")];
        let mut subject = Self { server, files, at: 0, own: false };
        subject.uses(0);
        subject
    }

    fn uses(&mut self, at: usize) {
        self.at = at;
        let own = self.server.passphrase_file().display().to_string();
        self.server.env = vec![
            ("THECHATAPP_KEY_KMS".into(), format!("local:{}", self.files[at].display())),
            ("THECHATAPP_KEY_WORKSPACE_ACME_PASSPHRASE_FILE".into(), own),
        ];
    }

    /// After a move that may have come to its end, or not: one of the two key files is the host's.
    fn find_key_file(&mut self) {
        let status = |subject: &Self| subject.server.try_run(&["key", "status", "--workspace", "acme"]).status.code();
        let first = status(self);
        if first != Some(0) {
            assert_eq!(first, Some(23), "another key file is said to be one");
            self.uses(1 - self.at);
            assert_eq!(status(self), Some(0));
        }
    }

    fn arguments(&self, kind: &str) -> Vec<String> {
        let mut args: Vec<String> = match kind {
            "move" => {
                let to = format!("local:{}", self.files[1 - self.at].display());
                let file = self.server.passphrase_file().display().to_string();
                vec!["key".into(), "move".into(), "--to".into(), to, "--to-passphrase-file".into(), file]
            }
            "move one" => {
                let to = if self.own { "host" } else { "local:" };
                ["key", "move", "--workspace", "acme", "--to", to].map(str::to_owned).to_vec()
            }
            "kms" => vec!["key".into(), "rotate".into(), "--what".into(), kind.into()],
            _ => ["key", "rotate", "--workspace", "acme", "--what", kind].map(str::to_owned).to_vec(),
        };
        args.extend(["--data".into(), self.server.data().display().to_string(), "--json".into()]);
        args.extend(["--passphrase-file".into(), self.server.passphrase_file().display().to_string()]);
        args
    }

    fn begin(&self, kind: &str) -> Child {
        let mut command = Command::new(bin("thechatapp-server"));
        command.args(self.arguments(kind)).envs(self.server.env.clone());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// To its end, by the running server. Answers how long it took.
    fn whole(&mut self, kind: &str) -> Duration {
        let begun = Instant::now();
        let mut command = Command::new(bin("thechatapp-server"));
        let done = command.args(self.arguments(kind)).envs(self.server.env.clone()).output().unwrap();
        assert!(done.status.success(), "{kind}: {}", String::from_utf8_lossy(&done.stderr));
        if kind == "move" {
            self.uses(1 - self.at);
        }
        // Broken off or not, it was the same command that was given again.
        self.own ^= kind == "move one";
        begun.elapsed()
    }

    fn status(&self) -> Value {
        json(&self.server.run(&["key", "status", "--workspace", "acme"]))
    }

    /// Values, and keys of channels, that are of an older epoch than the newest. The server does not run.
    fn of_older_epochs(&self, runtime: &tokio::runtime::Handle) -> (u64, u64) {
        let passphrase = std::fs::read_to_string(self.server.passphrase_file()).unwrap().trim().to_owned();
        let source = KeySource::Local { file: Some(self.files[self.at].clone()), passphrase: passphrase.into() };
        let own = OwnKeySection { passphrase_file: Some(self.server.passphrase_file()), ..OwnKeySection::default() };
        let section = KeySection { workspace: [("acme".to_owned(), own)].into(), ..KeySection::default() };
        let host = Host::open_with(&self.server.data(), &source, Cost::TESTS, &section).unwrap();
        let workspace = host.workspace("acme").unwrap();
        let left = tokio::task::block_in_place(|| runtime.block_on(workspace.of_older_epochs())).unwrap();
        drop(workspace);
        host.close();
        left
    }
}

struct Member {
    client: Client,
    workspace: WorkspaceId,
    channel: ChannelId,
}

impl Member {
    async fn new(folder: &Path, invite: &str, name: &str) -> Self {
        let (client, workspace) = person(folder, &Arc::new(Memory::default()), invite, name).await;
        client.connect(workspace, Duration::from_secs(30)).await.unwrap();
        let channel = client.resolve_channel(workspace, "general").await.unwrap().id;
        Self { client, workspace, channel }
    }

    async fn everything(&self, channel: ChannelId) -> Vec<String> {
        let (mut window, mut pages) = (Window::Latest, Vec::new());
        loop {
            let page = self.client.fetch(self.workspace, channel, window, 500).await.unwrap();
            let sent: Vec<_> = page.messages.iter().filter(|message| message.seq.is_some()).collect();
            let first = sent.first().and_then(|message| message.seq);
            pages.push(sent.iter().map(|message| message.text.clone()).collect::<Vec<_>>());
            match first {
                Some(seq) if page.older => window = Window::Before { seq },
                _ => return pages.into_iter().rev().flatten().collect(),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_while_keys_change_it_opens_and_comes_to_an_end() {
    let mut subject = Subject::new();
    subject.server.serve();
    let folder = tempfile::tempdir().unwrap();
    let member = Arc::new(Member::new(folder.path(), subject.server.owner_invite(), "sender").await);
    let lines: String = (0..IMPORTED).map(|n| format!("[10:{:02}] <nick{}> line {n}\n", n / 60 % 60, n % 7)).collect();
    subject.server.import_irc("history", "2026-01-02.log", &lines);

    let (stop, sender) = (Arc::new(AtomicBool::new(false)), member.clone());
    let stopped = stop.clone();
    let sending = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let text = format!("message {}", acknowledged.len());
            let sent = sender.client.send(sender.workspace, sender.channel, &text, None).await.unwrap();
            sender.client.wait_sent(sender.workspace, sent.id, PATIENCE).await.unwrap();
            acknowledged.push(text);
        }
        acknowledged
    });

    // How long each takes undisturbed says among which moments it is killed.
    let lasts = KINDS.map(|kind| subject.whole(kind));
    assert_eq!(subject.server.stop(), Some(0));
    let begun = Instant::now();
    subject.status();
    let opening = begun.elapsed();
    subject.server.serve();
    let mut dice = Dice::new(11);
    for round in 0..rounds(16, 64) {
        let kind = KINDS[round % KINDS.len()];
        let mut moment = moment(&mut dice, lasts[round % KINDS.len()] * 5 / 4);
        // By a server with people in it, and by a command alone, which first opens the data.
        let alone = round / KINDS.len() % 2 == 1;
        if alone {
            assert_eq!(subject.server.stop(), Some(0));
            moment += opening * 9 / 10;
        }
        let mut command = subject.begin(kind);
        tokio::time::sleep(moment).await;
        if alone {
            let _ = command.kill();
        } else {
            subject.server.kill();
        }
        let _ = command.wait();
        if kind == "move" {
            subject.find_key_file();
        }
        subject.server.serve();
        let status = subject.status();
        assert_eq!(status["state"], "open", "round {round}, {kind} after {moment:?}: {status}");
        subject.whole(kind);
        assert_eq!(subject.status()["own"], subject.own, "round {round}, {kind}");
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged = sending.await.unwrap();
    // What an earlier round left is done, too.
    let begun = Instant::now();
    while !subject.status()["resealing"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", subject.status());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    assert_eq!(subject.server.stop(), Some(0));
    assert_eq!(subject.of_older_epochs(&tokio::runtime::Handle::current()), (0, 0));
    subject.server.serve();
    let another = tempfile::tempdir().unwrap();
    let reader = Member::new(another.path(), &subject.server.invite(), "reader").await;
    assert_eq!(reader.everything(reader.channel).await, acknowledged);
    let history = reader.client.resolve_channel(reader.workspace, "history").await.unwrap().id;
    reader.client.join_channel(reader.workspace, history).await.unwrap();
    let imported: Vec<String> = (0..IMPORTED).map(|number| format!("line {number}")).collect();
    assert_eq!(reader.everything(history).await, imported);
    let report = json(&subject.server.run(&["doctor"]));
    assert_eq!(report["ok"], true, "{report}");
    // Kills that came between two steps: what had changed already came to its end, what had not was undone.
    let log = subject.server.log();
    let settled = |came: bool| {
        log.lines()
            .filter(|line| line.contains("broken off is settled") && line.contains(&format!("came={came}")))
            .count()
    };
    println!(
        "{} messages acknowledged, each kind lasts {lasts:?}, settled at a start: {} came, {} undone",
        acknowledged.len(),
        settled(true),
        settled(false)
    );
    // Of so many some fell between two steps; of few it may be none.
    assert!(rounds(0, 1) == 0 || settled(true) + settled(false) > 0, "no kill came while keys changed");
}
