//! A command that replaces keys ends between any two of its steps, as by a kill: the data opens with what was said before or
//! with what is said now, never with neither; nothing is lost; and the command, given again, comes to its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command as Program, Output, Stdio};
use support::{Host, Person};
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::methods::messages::{History, HistoryParams};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::config::OwnKeySection;
use thechatapp_server::kms::KeySource;

const PASSPHRASE: &str = "server passphrase";

struct Subject {
    host: Host,
    alice: Person,
    channel: ChannelId,
    said: Vec<String>,
}

impl Subject {
    async fn new() -> Self {
        let mut host = Host::start().await;
        std::fs::write(host.folder.path().join("passphrase"), PASSPHRASE).unwrap();
        let own = host.folder.path().join("own");
        std::fs::write(&own, "a passphrase of its own").unwrap();
        let own = OwnKeySection { passphrase_file: Some(own), ..OwnKeySection::default() };
        host.config.key.workspace.insert("acme".into(), own);
        let mut alice = host.join("alice").await;
        let channel = alice.general().await;
        let said: Vec<String> = (0..150).map(|number| format!("message {number}")).collect();
        for text in &said {
            alice.send(channel, text).await.unwrap();
        }
        host.stop().await;
        Self { host, alice, channel, said }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.host.folder.path().join(name)
    }

    /// The server's program on this host, ending at a place if one is named.
    fn run(&self, args: &[&str], end: Option<&str>) -> Output {
        self.program("key", args, end)
    }

    fn program(&self, group: &str, args: &[&str], end: Option<&str>) -> Output {
        let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        program.arg(group).args(args).arg("--data").arg(self.host.data()).arg("--json");
        program.arg("--passphrase-file").arg(self.file("passphrase")).stdin(Stdio::null());
        program.env("THECHATAPP_KEY_WORKSPACE_ACME_PASSPHRASE_FILE", self.file("own"));
        if let Some(end) = end {
            program.env("THECHATAPP_CRASH_AT", end);
        }
        program.output().unwrap()
    }

    fn ends_at(&self, place: &str, args: &[&str]) {
        let output = self.run(args, Some(place));
        assert_eq!(output.status.code(), None, "{place}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn succeeds(&self, args: &[&str]) -> Value {
        let output = self.run(args, None);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Serves, reads everything, says one thing more, and gives the key's status.
    async fn goes_on(&mut self, place: &str) -> Value {
        self.host.serve().await;
        let command = Command::KeyStatus { workspace: "acme".into() };
        let status = admin::run(self.host.running().host(), command).await.unwrap();
        assert_eq!(status["state"], "open", "{place}");
        self.alice.again(&self.host).await;
        let params = HistoryParams { channel: self.channel, before: None, after: Some(0), limit: 500 };
        let page = self.alice.call::<History>(&params).await.unwrap();
        let texts: Vec<String> = page.messages.into_iter().map(|message| message.text).collect();
        assert_eq!(texts, self.said, "{place}");
        self.said.push(format!("after {place}"));
        self.alice.send(self.channel, self.said.last().unwrap()).await.unwrap();
        self.host.stop().await;
        status
    }
}

fn rotate(what: &str) -> Vec<&str> {
    vec!["rotate", "--workspace", "acme", "--what", what]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_key_is_the_former_until_the_commit_and_the_next_after_it() {
    let mut subject = Subject::new().await;
    let mut epoch = 1;
    let places = [("workspace: coming", 0), ("workspace: not committed", 0), ("workspace: rewrapped", 1)];
    for (place, came) in places {
        subject.ends_at(place, &rotate("workspace"));
        epoch += came;
        assert_eq!(subject.goes_on(place).await["epoch"], epoch, "{place}");
        epoch += 1;
        assert_eq!(subject.succeeds(&rotate("workspace"))["epoch"], epoch);
        assert_eq!(subject.goes_on("once more").await["epoch"], epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_opens_under_the_key_of_the_file_that_is_in_place() {
    let mut subject = Subject::new().await;
    for place in ["database: coming", "database: replaced"] {
        subject.ends_at(place, &rotate("database"));
        // What a kill in the middle of the copy leaves.
        let left = subject.host.data().join("acme/workspace.fresh.db");
        std::fs::write(&left, "half a copy").unwrap();
        subject.goes_on(place).await;
        assert!(!left.exists());
        assert!(subject.succeeds(&rotate("database"))["paused_ms"].is_u64());
        subject.goes_on("once more").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn older_texts_are_sealed_again_by_whoever_opens_the_data_next() {
    let mut subject = Subject::new().await;
    for place in ["channels: stored", "channels: a step"] {
        subject.ends_at(place, &rotate("channels"));
        let status = subject.succeeds(&["status", "--workspace", "acme"]);
        assert!(!status["resealing"].is_null(), "{place}: {status}");
        subject.goes_on(place).await;
        let done = subject.succeeds(&rotate("channels"));
        assert_eq!(done["resealed"], subject.said.len(), "{done}");
        assert!(subject.succeeds(&["status", "--workspace", "acme"])["resealing"].is_null());
        subject.goes_on("once more").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_the_former_until_the_host_s_own_key_is_wrapped_by_the_next() {
    let mut subject = Subject::new().await;
    let key = |subject: &Subject| subject.succeeds(&["status", "--workspace", "acme"])["key"].clone();
    let places = ["local: made", "service: wrapped", "service: changed", "local: used", "local: renamed"];
    for (place, came) in places.into_iter().zip([false, false, true, true, true]) {
        let before = key(&subject);
        subject.ends_at(place, &["rotate", "--what", "kms"]);
        subject.goes_on(place).await;
        assert_eq!(key(&subject) != before, came, "{place}");
        assert!(!subject.host.data().join("keys/local.next.json").exists(), "{place}");
        subject.succeeds(&["rotate", "--what", "kms"]);
        subject.goes_on("once more").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_where_it_was_until_its_own_key_has_moved() {
    for (place, came) in [("service: wrapped", false), ("service: changed", true)] {
        let mut subject = Subject::new().await;
        let file = subject.file("moved.json");
        std::fs::write(subject.file("other"), "another passphrase").unwrap();
        let (to, other) = (format!("local:{}", file.display()), subject.file("other").display().to_string());
        let arguments = ["move", "--to", &to, "--to-passphrase-file", &other];
        subject.ends_at(place, &arguments);
        let moved = file.clone();
        let there =
            move || KeySource::Local { file: Some(moved.clone()), passphrase: "another passphrase".to_owned().into() };
        if came {
            let refused = subject.run(&["status", "--workspace", "acme"], None);
            assert_eq!(refused.status.code(), Some(23));
            subject.host.source(there.clone());
        }
        subject.goes_on(place).await;
        if !came {
            assert_eq!(subject.succeeds(&arguments)["workspaces"], 1);
            subject.host.source(there);
        }
        subject.goes_on("once more").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_under_the_one_key_service_or_the_other() {
    let mut subject = Subject::new().await;
    let there = ["move", "--workspace", "acme", "--to", "local:"];
    let back = ["move", "--workspace", "acme", "--to", "host"];
    let own = |subject: &Subject| subject.succeeds(&["status", "--workspace", "acme"])["own"].clone();
    for (place, came) in [("own: wrapped", false), ("own: changed", true)] {
        subject.ends_at(place, &there);
        assert_eq!(subject.goes_on(place).await["own"], came, "{place}");
        assert_eq!(subject.succeeds(&there)["own"], true);
        subject.goes_on("once more").await;
        subject.ends_at(place, &back);
        assert_eq!(subject.goes_on(place).await["own"], !came, "{place}");
        assert_eq!(subject.succeeds(&back)["own"], false);
        assert_eq!(subject.goes_on("back").await["own"], false);
    }
    // Its key file is replaced as the host's is.
    subject.succeeds(&there);
    let key = |subject: &Subject| subject.succeeds(&["status", "--workspace", "acme"])["key"].clone();
    let places = ["own: made", "own: wrapped", "own: changed", "own: renamed"];
    for (place, came) in places.into_iter().zip([false, false, true, true]) {
        let before = key(&subject);
        subject.ends_at(place, &rotate("kms"));
        subject.goes_on(place).await;
        assert_eq!(key(&subject) != before, came, "{place}");
        assert!(!subject.host.data().join("keys/workspace-acme.next.json").exists(), "{place}");
        subject.succeeds(&rotate("kms"));
        subject.goes_on("once more").await;
    }
    assert_eq!(own(&subject), true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_wiped_workspace_follows_its_keys() {
    let subject = Subject::new().await;
    subject.succeeds(&["move", "--workspace", "acme", "--to", "local:"]);
    let file = subject.host.data().join("keys/workspace-acme.json");
    let folder = subject.host.data().join("acme");
    let ended = subject.program("workspace", &["wipe", "--workspace", "acme", "--yes"], Some("wipe: keys destroyed"));
    assert_eq!(ended.status.code(), None);
    assert!(folder.join("workspace.db").exists() && file.exists());
    let list: Value = serde_json::from_slice(&subject.program("workspace", &["list"], None).stdout).unwrap();
    assert_eq!(list["workspaces"], serde_json::json!([]));
    assert!(!folder.exists() && !file.exists());
    assert!(subject.program("workspace", &["create", "--workspace", "acme"], None).status.success());
}
