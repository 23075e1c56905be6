//! A channel or a person is wiped: from the disk, from the database as its key opens it, and from before those who look at it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Output, Stdio};
use support::{Host, Person, channel_id, message_id, texts};
use thechatapp_protocol::event::{ChannelKind, MessageRow};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::{ChannelId, Code, Event, Row};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::error::Kind;

/// Words in which nothing else is written.
const NAME: &str = "vexkuqo";
const PERSON: &str = "Kuqomira Vexlund";

async fn wipe(host: &Host, channel: Option<&str>, person: Option<&str>) -> Result<Value, thechatapp_server::Error> {
    let command = Command::WorkspaceWipe {
        workspace: "acme".into(),
        channel: channel.map(str::to_owned),
        person: person.map(str::to_owned),
        destroy_remote_key: None,
    };
    admin::run(host.running().host(), command).await
}

async fn make(person: &mut Person, name: &str, kind: ChannelKind) -> ChannelId {
    let id = channel_id();
    person.call::<CreateChannel>(&CreateChannelParams { id, name: name.into(), kind }).await.unwrap();
    id
}

async fn found(person: &mut Person, words: &str) -> usize {
    let params = SearchParams { words: words.into(), limit: 100, ..SearchParams::default() };
    person.call::<Search>(&params).await.unwrap().messages.len()
}

async fn read(person: &mut Person, channel: ChannelId) -> Result<Vec<MessageRow>, Code> {
    let params = HistoryParams { channel, before: None, after: Some(0), limit: 500 };
    Ok(person.call::<History>(&params).await.map_err(|body| body.code)?.messages)
}

/// What comes until there is a row like this.
async fn until(person: &mut Person, last: impl Fn(&Row) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    while !rows.iter().any(&last) {
        rows.extend(person.session.changes().await.rows);
    }
    rows
}

/// In which tables a value is, or has this in it.
async fn tables_with(host: &Host, part: &[u8]) -> Vec<String> {
    let workspace = host.running().host().workspace("acme").unwrap();
    let all = workspace.every_value().await.unwrap();
    let mut tables: Vec<_> = all
        .into_iter()
        .filter(|(_, value)| value.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part)))
        .map(|(table, _)| table)
        .collect();
    tables.dedup();
    tables
}

fn wal(host: &Host) -> u64 {
    std::fs::metadata(host.data().join("acme/workspace.db-wal")).map_or(0, |found| found.len())
}

fn left(row: &Row, channel: ChannelId, person: &Person) -> bool {
    matches!(row, Row::Member(row) if row.channel == channel && row.person == person.me.person.id && !row.joined)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_saw_a_wiped_channel_loses_it_at_once_or_when_they_come() {
    let host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let (mut bob, mut carol, mut dora) = (host.join("bob").await, host.join("carol").await, host.join("dora").await);
    let channel = make(&mut alice, NAME, ChannelKind::Public).await;
    bob.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    dora.call::<JoinChannel>(&InChannel { channel }).await.unwrap();
    for number in 0..130 {
        alice.send(channel, &format!("{NAME} number {number}")).await.unwrap();
    }
    let id = read(&mut bob, channel).await.unwrap()[3].id;
    bob.call::<Save>(&SaveParams { channel, id, note: Some("keep it".into()) }).await.unwrap();
    assert_eq!(found(&mut bob, "\"number 77\"").await, 1);
    // Bob is in it and listens, Carol knows of it and listens, Dora is in it and away.
    let (_, rows, cursor) = dora.sync(0).await;
    assert_eq!(texts(&rows).len(), 130);
    bob.sync(0).await;
    carol.sync(0).await;

    let done = wipe(&host, Some(&format!("#{NAME}")), None).await.unwrap();
    assert_eq!((&done["wiped"], &done["messages"], &done["files"]), (&json!(true), &json!(130), &json!(0)));
    for person in [&mut bob, &mut carol] {
        let id = person.me.person.id;
        let last =
            |row: &Row| matches!(row, Row::Member(row) if row.channel == channel && row.person == id && !row.joined);
        let rows = until(person, last).await;
        let nameless = rows.iter().position(|row| {
            matches!(row, Row::Channel(row) if row.id == channel && row.name.is_empty() && row.kind == ChannelKind::Private)
        });
        assert!(nameless.unwrap() < rows.iter().position(last).unwrap(), "its name goes before it does");
    }
    let (_, rows, _) = {
        dora.again(&host).await;
        dora.sync(cursor).await
    };
    assert!(rows.iter().any(|row| left(row, channel, &dora)));
    assert!(rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == channel && row.name.is_empty())));

    for person in [&mut alice, &mut bob, &mut carol] {
        assert_eq!(read(person, channel).await, Err(Code::NotFound));
        assert_eq!(person.send(channel, "anybody?").await.unwrap_err().code, Code::NotFound);
        assert_eq!(person.call::<JoinChannel>(&InChannel { channel }).await.unwrap_err().code, Code::NotFound);
        assert_eq!(found(person, "number").await, 0);
    }
    assert!(bob.call::<ListSaved>(&ListSavedParams::default()).await.unwrap().saved.is_empty());
    assert!(tables_with(&host, NAME.as_bytes()).await.is_empty());
    let mut tables = tables_with(&host, channel.as_bytes()).await;
    tables.sort();
    // The audit log still says that there was something with this id: nothing can be taken out of it.
    assert_eq!(tables, ["audit", "channels", "members"]);
    // Whoever comes later hears nothing of it, and its name is free.
    let mut erin = host.join("erin").await;
    let (_, rows, _) = erin.sync(0).await;
    assert!(!rows.iter().any(|row| matches!(row, Row::Channel(row) if row.id == channel)));
    make(&mut bob, NAME, ChannelKind::Public).await;
    let refused = wipe(&host, Some("nowhere"), None).await.unwrap_err();
    assert_eq!(refused.kind, Kind::BadInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_person_is_signed_out_and_leaves_tombstones_by_nobody() {
    let host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let mut bob = host.join(PERSON).await;
    let general = alice.general().await;
    let mine = alice.send(general, "a question").await.unwrap();
    for number in 0..70 {
        bob.send(general, &format!("{NAME} number {number}")).await.unwrap();
    }
    let id = read(&mut alice, general).await.unwrap()[0].id;
    bob.call::<React>(&ReactParams { channel: general, id, emoji: "+1".into(), on: true }).await.unwrap();
    let own = make(&mut bob, "diary", ChannelKind::Private).await;
    bob.send(own, "dear diary").await.unwrap();
    alice.again(&host).await;
    alice.sync(0).await;

    let done = wipe(&host, None, Some(PERSON)).await.unwrap();
    assert_eq!((&done["messages"], &done["person"]), (&json!(71), &json!(PERSON)));
    assert!(done.get("invite").is_none());
    // At once, and for good.
    loop {
        match bob.session.event().await {
            Some(Event::SignedOut { .. }) => break,
            Some(_) => {}
            None => panic!("the session ended without a word"),
        }
    }
    assert!(bob.session.closed().await);
    bob.again(&host).await;
    assert_eq!(bob.send(general, "still here?").await.unwrap_err().code, Code::SignedOut);
    let credential = thechatapp_protocol::methods::account::Credential::Password {
        name: PERSON.into(),
        password: support::PASSWORD.into(),
        code: None,
    };
    let device = std::sync::Arc::new(thechatapp_protocol::session::StaticKey::random().unwrap());
    assert_eq!(host.enrol(&device, credential).await.err().unwrap().code, Code::Denied);

    let gone = |rows: &[Row]| rows.iter().filter(|row| matches!(row, Row::Message(row) if row.deleted)).count();
    let mut rows = Vec::new();
    while gone(&rows) < 70 {
        rows.extend(alice.session.changes().await.rows);
    }
    assert!(rows.iter().any(|row| matches!(row, Row::Person(row) if row.name == "Deleted person" && !row.active)));
    let page = read(&mut alice, general).await.unwrap();
    assert_eq!(page.iter().filter(|message| message.deleted && message.text.is_empty()).count(), 70);
    let question = page.iter().find(|message| message.seq == mine.seq).unwrap();
    assert!(question.reactions.is_empty() && question.text == "a question");
    assert_eq!(found(&mut alice, NAME).await, 0);
    let who = bob.me.person.id;
    let mut tables = tables_with(&host, who.as_bytes()).await;
    tables.sort();
    // The audit log keeps who did what by their id, which is nobody's name any more.
    assert_eq!(tables, ["audit", "members", "messages", "people"]);
    assert!(
        tables_with(&host, own.as_bytes())
            .await
            .iter()
            .all(|table| ["audit", "channels", "members"].contains(&table.as_str()))
    );

    // The last owner takes the power over the workspace along: somebody else has to get it.
    let done = wipe(&host, None, Some(&alice.me.person.id.to_string())).await.unwrap();
    let mut owner = host.join_by(done["invite"].as_str().unwrap(), "owner").await;
    assert_eq!(owner.me.powers, thechatapp_protocol::permission::Powers::ALL);
    assert!(owner.general().await != own);
}

struct Subject {
    host: Host,
    alice: Person,
    general: ChannelId,
    channel: ChannelId,
}

impl Subject {
    async fn new() -> Self {
        let mut host = Host::start().await;
        std::fs::write(host.folder.path().join("passphrase"), "server passphrase").unwrap();
        let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
        let mut bob = host.join(PERSON).await;
        let general = alice.general().await;
        let channel = make(&mut bob, NAME, ChannelKind::Public).await;
        for number in 0..70 {
            bob.send(channel, &format!("{NAME} number {number}")).await.unwrap();
            bob.send(general, &format!("{NAME} number {number}")).await.unwrap();
        }
        alice.send(general, "it stays").await.unwrap();
        host.stop().await;
        Self { host, alice, general, channel }
    }

    fn folder(&self) -> &Path {
        self.host.folder.path()
    }

    fn program(&self, args: &[&str], end: Option<&str>) -> Output {
        let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        program.arg("workspace").args(args).arg("--data").arg(self.host.data()).arg("--json");
        program.arg("--passphrase-file").arg(self.folder().join("passphrase")).stdin(Stdio::null());
        if let Some(end) = end {
            program.env("THECHATAPP_CRASH_AT", end);
        }
        program.output().unwrap()
    }

    /// Serves until the wipe is done, and looks at what is left.
    async fn ends(mut self, person: bool, place: &str) {
        self.host.serve().await;
        let workspace = self.host.running().host().workspace("acme").unwrap();
        while workspace.has_unfinished_wipe() {
            tokio::task::yield_now().await;
        }
        drop(workspace);
        self.alice.again(&self.host).await;
        let page = read(&mut self.alice, self.general).await.unwrap();
        assert_eq!(page.last().unwrap().text, "it stays", "{place}");
        assert_eq!(page.iter().filter(|message| message.deleted).count(), if person { 70 } else { 0 }, "{place}");
        assert_eq!(found(&mut self.alice, "stays").await, 1, "{place}");
        if person {
            assert_eq!(found(&mut self.alice, NAME).await, 0, "{place}");
            assert_eq!(tables_with(&self.host, b"wiping").await, Vec::<String>::new());
        } else {
            assert_eq!(read(&mut self.alice, self.channel).await, Err(Code::NotFound), "{place}");
            assert_eq!(found(&mut self.alice, NAME).await, 70, "those of another channel stay");
            assert!(tables_with(&self.host, NAME.as_bytes()).await.is_empty(), "{place}");
        }
        self.host.stop().await;
    }
}

const PLACES: [&str; 6] = [
    "wipe: begun",
    "wipe: keys destroyed",
    "wipe: a step",
    "wipe: files removed",
    "wipe: index tidied",
    "wipe: emptied",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_of_a_channel_that_is_broken_off_comes_to_its_end() {
    for place in PLACES {
        let subject = Subject::new().await;
        let ended = subject.program(&["wipe", "--workspace", "acme", "--channel", NAME, "--yes"], Some(place));
        assert_eq!(ended.status.code(), None, "{place}: {}", String::from_utf8_lossy(&ended.stderr));
        // Keys leave the WAL before anything else happens, and the rest before it is forgotten that there was a wipe.
        if ["wipe: keys destroyed", "wipe: emptied"].contains(&place) {
            assert_eq!(wal(&subject.host), 0, "{place}");
        }
        subject.ends(false, place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_of_a_person_that_is_broken_off_comes_to_its_end() {
    for place in PLACES {
        let subject = Subject::new().await;
        let ended = subject.program(&["wipe", "--workspace", "acme", "--person", PERSON, "--yes"], Some(place));
        assert_eq!(ended.status.code(), None, "{place}: {}", String::from_utf8_lossy(&ended.stderr));
        if place == "wipe: emptied" {
            assert_eq!(wal(&subject.host), 0, "{place}");
        }
        subject.ends(true, place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_asks_whether_it_is_meant_and_goes_on_with_what_was_broken_off() {
    let subject = Subject::new().await;
    let wipe = ["wipe", "--workspace", "acme", "--channel", NAME];
    assert_eq!(subject.program(&wipe, None).status.code(), Some(2));
    let both = [&wipe[..], &["--person", PERSON, "--yes"]].concat();
    assert_eq!(subject.program(&both, None).status.code(), Some(2));
    let meant = [&wipe[..], &["--yes"]].concat();
    assert_eq!(subject.program(&meant, Some("wipe: begun")).status.code(), None);
    // Any command ends it first, and by its name there is none any longer.
    assert_eq!(subject.program(&meant, None).status.code(), Some(3));
    let id = subject.channel.to_string();
    let again = subject.program(&["wipe", "--workspace", "acme", "--channel", &id, "--yes"], None);
    let said: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&said["wiped"], &said["messages"]), (&json!(true), &json!(0)));
    subject.ends(false, "by commands").await;
}

/// Every file below a folder that holds one of these words, in plain.
fn files_with(folder: &Path, words: &[&str]) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).is_ok_and(|bytes| {
                words.iter().any(|word| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
            }) {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_wiped_conversation_is_in_the_folder() {
    let mut host = Host::start().await;
    let mut alice = host.join_by(&host.owner_invite.clone(), "alice").await;
    let bob = host.join("bob").await;
    let row = alice.call::<OpenDirect>(&OpenDirectParams { people: vec![bob.me.person.id] }).await.unwrap();
    let sent = alice.send(row.id, NAME).await.unwrap();
    assert_eq!(sent.seq, 1);
    wipe(&host, Some(&row.id.to_string()), None).await.unwrap();
    // The same two people talk again, in another one.
    let again = alice.call::<OpenDirect>(&OpenDirectParams { people: vec![bob.me.person.id] }).await.unwrap();
    assert_ne!(again.id, row.id);
    alice.send(again.id, "hello").await.unwrap();
    host.stop().await;
    assert!(files_with(&host.data(), &[NAME, &row.id.to_string()]).is_empty());
    let _ = message_id();
}
