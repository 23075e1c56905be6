//! The power goes at some moment while people send, upload and keys are changed: what was acknowledged is there afterwards, once
//! and in order, and the server opens. The disk is one that loses what was not synced, in any order and torn in sectors.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use thechatapp_protocol::MessageId;
use thechatapp_protocol::methods::messages::{History, HistoryParams, SendMessage, SendMessageParams};
use thechatapp_tests::disk::{Chance, Loss, Played};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::{Cli, Server, bin, rounds, server::json};

const EACH: usize = 30;

fn message(channel: thechatapp_protocol::ChannelId, sender: u8, number: u64) -> SendMessageParams {
    SendMessageParams {
        id: MessageId::from_parts(number + 1, &[sender; 10]),
        channel,
        text: format!("{sender}: message {number}"),
        files: Vec::new(),
        thread: None,
        after: None,
    }
}

/// What was acknowledged, and how long the journal was then: whatever the power cut after that must not lose it.
struct Acknowledged {
    at: u64,
    seq: u64,
    text: String,
}

async fn sends(mut client: RawClient, sender: u8, journal: PathBuf) -> (RawClient, Vec<Acknowledged>) {
    let mut all = Vec::new();
    for number in 0..EACH as u64 {
        let params = message(client.general, sender, number);
        let seq = client.call::<SendMessage>(&params).await.unwrap().seq;
        all.push(Acknowledged { at: length(&journal), seq, text: params.text });
    }
    (client, all)
}

fn length(journal: &Path) -> u64 {
    std::fs::metadata(journal).unwrap().len()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The channel, oldest first.
async fn everything(client: &mut RawClient) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|(seq, _)| *seq).unwrap_or_default();
        let params = HistoryParams { channel: client.general, before: None, after: Some(after), limit: 200 };
        let page = client.call::<History>(&params).await.unwrap();
        if page.messages.is_empty() {
            return all;
        }
        all.extend(page.messages.into_iter().map(|message| (message.seq, message.text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let mut server = Server::start();
    let alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    let bob = RawClient::join(&server, &server.invite(), "bob").await;
    let carol = Cli::with_passphrase();
    carol.join(&server.invite(), "carol").ok();
    let fresh = carol.folder.path().join("fresh");
    copy(&carol.profile(), &fresh);
    server.stop();

    let mut played = Played::begin(&server.data());
    let journal = server.folder.path().join("journal");
    std::fs::write(&journal, "").unwrap();
    server.env = [
        ("LD_PRELOAD", bin("libthechatapp_disk_journal.so")),
        ("DISK_JOURNAL_ROOT", server.data()),
        ("DISK_JOURNAL", journal.clone()),
    ]
    .map(|(name, path)| (name.to_owned(), path.display().to_string()))
    .to_vec();
    server.serve();
    server.env.clear();
    let (mut alice, mut bob) = (alice, bob);
    alice.again(&server).await;
    bob.again(&server).await;
    let sending = [sends(alice, 1, journal.clone()), sends(bob, 2, journal.clone())].map(tokio::spawn);
    let mut uploads = Vec::new();
    for (number, what) in ["channels", "database", "workspace"].into_iter().enumerate() {
        let content = vec![number as u8 + 65; 50_000 + number];
        let path = server.folder.path().join(format!("file {number}.bin"));
        std::fs::write(&path, &content).unwrap();
        let sent = carol.run(&["upload", "general", path.to_str().unwrap(), "--text", "a file"]).ok().json();
        let id = sent["files"][0]["id"].as_str().unwrap().to_owned();
        uploads.push((length(&journal), id, content));
        json(&server.run(&["key", "rotate", "--workspace", "acme", "--what", what]));
    }
    let (mut people, mut acknowledged) = (Vec::new(), Vec::new());
    for sender in sending {
        let (client, all) = sender.await.unwrap();
        people.push(client);
        acknowledged.extend(all);
    }
    server.kill();
    played.read(&journal);
    assert!(played.len() > 500, "the server's files are watched");

    // Every other cut comes right after a sync or a change of names; the rest anywhere.
    let mut chance = Chance::new(std::env::var("THECHATAPP_SEED").map_or(1, |seed| seed.parse().unwrap()));
    let turns: Vec<usize> = (0..played.len()).filter(|number| played.is_turn(*number)).collect();
    for round in 0..rounds(8, 150) {
        let after = match round % 2 {
            0 => turns[chance.below(turns.len())] + chance.below(2),
            _ => chance.below(played.len()),
        };
        let loss = [Loss::SomeSectors, Loss::All, Loss::SomeSectors, Loss::Nothing][round % 4];
        let case = format!("round {round}: the power goes after {after} of {}, {loss:?} is lost", played.len());
        played.cut(after, loss, &mut chance);
        server.serve();
        let reader = &mut people[0];
        reader.again(&server).await;
        let found = everything(reader).await;
        for (expected, (seq, text)) in (1..).zip(&found) {
            assert_eq!(*seq, expected, "{case}: {text}");
        }
        let there: HashMap<_, _> = found.iter().map(|(seq, text)| (*seq, text.as_str())).collect();
        for one in acknowledged.iter().filter(|one| played.count_at(one.at) <= after) {
            assert_eq!(there.get(&one.seq), Some(&one.text.as_str()), "{case}");
        }
        let texts: std::collections::HashSet<_> =
            found.iter().filter(|(_, text)| text != "a file").map(|(_, text)| text).collect();
        let files = found.iter().filter(|(_, text)| text == "a file").count();
        assert_eq!(texts.len() + files, found.len(), "{case}: something is there twice");

        let kept: Vec<_> = uploads.iter().filter(|upload| played.count_at(upload.0) <= after).collect();
        if !kept.is_empty() {
            let _ = std::fs::remove_dir_all(carol.profile());
            copy(&fresh, &carol.profile());
            carol.run(&["read", "general"]).ok();
        }
        for (_, id, content) in kept {
            let to = carol.folder.path().join("downloaded");
            carol.run(&["download", id, "-o", to.to_str().unwrap()]).ok();
            assert!(&std::fs::read(to).unwrap() == content, "{case}: a file is not what it was");
        }
        // It goes on.
        let more = message(reader.general, 9, 1000);
        let sent = reader.call::<SendMessage>(&more).await.unwrap_or_else(|why| panic!("{case}: {why:?}"));
        assert_eq!(sent.seq, found.len() as u64 + 1, "{case}");
        server.kill();
    }
}
