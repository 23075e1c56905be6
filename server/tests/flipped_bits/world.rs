//! A host with two workspaces and something of every kind in them, as a killed server leaves it, as a stopped one does, and
//! its backup.

use super::reading::{Known, Who};
use super::support::{self, Host, Person, message_id, millis};
use std::path::{Path, PathBuf};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::{OFFSET_HEADER, PROOF_HEADER, TOKEN_HEADER, file_path, proof_covers};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::{ChannelId, FileId, MessageId};
use thechatapp_seal::{Argon2Params, Context, Key, LocalKeyService, seal};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::backup::{self, Folder};
use thechatapp_server::error::Error;
use thechatapp_server::{Options, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub const RECOVERY: &str = "a recovery passphrase of some length";

pub struct World {
    _folder: tempfile::TempDir,
    pub killed: PathBuf,
    pub stopped: PathBuf,
    pub backup: PathBuf,
    pub config: thechatapp_server::config::Config,
    pub people: Vec<Who>,
}

/// A copy of a folder, as `data` in a new one.
pub fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(from, &to.path().join("data"));
    to
}

/// The files below a folder, by their paths in it.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_type().unwrap().is_dir() {
                walk(root, &entry.path(), found);
            } else if entry.file_type().unwrap().is_file() {
                found.push(entry.path().strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found
}

/// As the files lie: also those of a server that runs, if it rests. A log is copied after what it belongs to.
fn copy(from: &Path, to: &Path) {
    let mut files = files_below(from);
    files.retain(|file| !file.to_string_lossy().ends_with("-shm"));
    files.sort_by_key(|file| (file.to_string_lossy().ends_with("-wal"), !file.to_string_lossy().ends_with("-mark")));
    for file in files {
        let (from, to) = (from.join(&file), to.join(&file));
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

impl World {
    pub async fn make() -> Self {
        let mut host = Host::start().await;
        let folder = tempfile::tempdir().unwrap();
        let (mut alice, mut bob) = (host.join("alice").await, host.join("bob").await);
        let mut eve = host.elsewhere("globex", "eve").await;
        let acme = fill(&host, "acme", &mut alice, Some(&mut bob)).await;
        let globex = fill(&host, "globex", &mut eve, None).await;
        let backup = folder.path().join("backup");
        let cost = Argon2Params { m_kib: 64, t: 1, p: 1 };
        backup::create(host.running().host(), Folder::open_or_make(&backup, RECOVERY, &cost).unwrap()).await.unwrap();
        // More of it, so that it is in the logs when the server is killed.
        for (person, known) in [(&mut alice, &acme), (&mut eve, &globex)] {
            for number in 0..20 {
                person.send(known.channels[0], &format!("after the backup {number}")).await.unwrap();
            }
        }
        // A key file that opens quickly.
        let key = host.data().join("keys/local.json");
        let opened = LocalKeyService::open(&key, b"server passphrase").unwrap();
        std::fs::write(&key, opened.under(b"server passphrase", &cost).unwrap().0).unwrap();

        let pins: Vec<_> = ["acme", "globex"]
            .map(|name| host.running().host().workspace(name).unwrap().face().unwrap().pin())
            .into_iter()
            .collect();
        let (killed, stopped) = (folder.path().join("killed"), folder.path().join("stopped"));
        copy(&host.data(), &killed);
        host.stop().await;
        copy(&host.data(), &stopped);
        assert!(std::fs::metadata(killed.join("acme/workspace.db-wal")).unwrap().len() > 100_000);
        let people = vec![
            Who { workspace: "acme", pin: pins[0], id: alice.me.workspace, device: alice.device, known: acme },
            Who { workspace: "globex", pin: pins[1], id: eve.me.workspace, device: eve.device, known: globex },
        ];
        Self { _folder: folder, killed, stopped, backup, config: host.config.clone(), people }
    }

    /// Serves from a folder.
    pub async fn serve(&self, data: &Path) -> Result<Running, Error> {
        thechatapp_server::serve(Options {
            program: None,
            data: data.to_owned(),
            key: support::key(),
            config: self.config.clone(),
            ready_file: None,
            cost: Cost::TESTS,
        })
        .await
    }
}

async fn fill(host: &Host, workspace: &str, one: &mut Person, other: Option<&mut Person>) -> Known {
    let general = one.general().await;
    let board = support::channel_id();
    one.call::<CreateChannel>(&CreateChannelParams { id: board, name: "board".into(), kind: ChannelKind::Private })
        .await
        .unwrap();
    one.call::<SetTopic>(&SetTopicParams { channel: general, topic: "what this is about".into() }).await.unwrap();
    let mut messages = Vec::new();
    for number in 0..60 {
        let channel = if number % 3 == 2 { board } else { general };
        messages.push((
            channel,
            say(one, channel, &format!("harbour {number} {}", "and more ".repeat(number)), None).await,
        ));
    }
    for (channel, id) in &messages[..6] {
        for text in ["second", "third"] {
            one.call::<EditMessage>(&EditMessageParams { channel: *channel, id: *id, text: text.into() })
                .await
                .unwrap();
        }
    }
    let root = messages[0].1;
    for number in 0..5 {
        say(one, general, &format!("answer {number}"), Some(root)).await;
    }
    let at = |place: usize| OneMessage { channel: messages[place].0, id: messages[place].1 };
    one.call::<DeleteMessage>(&at(10)).await.unwrap();
    one.call::<Pin>(&at(12)).await.unwrap();
    let react = ReactParams { channel: at(13).channel, id: at(13).id, emoji: "👍".into(), on: true };
    one.call::<React>(&react).await.unwrap();
    for place in 15..20 {
        let OneMessage { channel, id } = at(place);
        one.call::<Save>(&SaveParams { channel, id, note: Some(format!("note {place}")) }).await.unwrap();
    }
    let poll = message_id();
    let options = vec!["north".to_owned(), "south".to_owned()];
    let ask = CreatePollParams { id: poll, channel: general, question: "where to?".into(), options, multiple: false };
    one.call::<CreatePoll>(&ask).await.unwrap();
    one.call::<CastVote>(&CastVoteParams { channel: general, id: poll, choices: vec![1] }).await.unwrap();
    one.call::<MarkRead>(&MarkReadParams { channel: general, seq: 3 }).await.unwrap();
    if let Some(other) = other {
        for number in 0..40 {
            say(other, general, &format!("bob says {number}"), None).await;
        }
    }
    let mut files = Vec::new();
    for (number, size) in [(1, 100), (2, 40_000), (3, 150_000)] {
        let plain: Vec<u8> = (0..size).map(|at: u32| (at * number % 251) as u8).collect();
        files.push(share(host, workspace, one, general, &plain).await);
    }
    Known { channels: vec![general, board], edited: messages[0], thread: root, files }
}

async fn say(person: &mut Person, channel: ChannelId, text: &str, thread: Option<MessageId>) -> MessageId {
    let id = message_id();
    let params = SendMessageParams { id, channel, text: text.into(), files: Vec::new(), thread, after: None };
    person.call::<SendMessage>(&params).await.unwrap();
    id
}

async fn share(host: &Host, workspace: &str, person: &mut Person, channel: ChannelId, plain: &[u8]) -> FileId {
    let (mut random, key) = ([0; 10], Key::random().unwrap());
    getrandom::fill(&mut random).unwrap();
    let file = FileId::from_parts(millis(), &random);
    let bytes = seal(&key, &Context::file(person.me.workspace.as_bytes(), file.as_bytes()), plain).unwrap();
    let (name, media_type) = ("plan.bin".to_owned(), "application/octet-stream".to_owned());
    let begin = BeginUploadParams { file, channel, name, media_type, size: plain.len() as u64 };
    let grant = person.call::<BeginUpload>(&begin).await.unwrap();
    let path = file_path(workspace, file);
    let answer = request(host.port, "PATCH", &path, &grant.token, &bytes).await;
    assert!(answer.starts_with(b"HTTP/1.1 204"));
    let key = FileKey(key.expose().to_vec());
    person.call::<FinishUpload>(&FinishUploadParams { channel, file, key }).await.unwrap();
    let params = SendMessageParams {
        id: message_id(),
        channel,
        text: "a file".into(),
        files: vec![file],
        thread: None,
        after: None,
    };
    person.call::<SendMessage>(&params).await.unwrap();
    file
}

/// A proved request for a file, from its first byte on; the whole answer. Test devices sign with one key.
pub async fn request(port: u16, method: &str, path: &str, token: &FileToken, body: &[u8]) -> Vec<u8> {
    use data_encoding::BASE64URL_NOPAD;
    use ed25519_dalek::Signer;
    let mut once = [0; 16];
    getrandom::fill(&mut once).unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let signature = key.sign(&proof_covers(method, path, &token.token, &once)).to_bytes();
    let proof = BASE64URL_NOPAD.encode(&[once.as_slice(), &signature].concat());
    let mut stream = support::tls(port).await;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{TOKEN_HEADER}: {}\r\n\
         {PROOF_HEADER}: {proof}\r\n{OFFSET_HEADER}: 0\r\nContent-Length: {}\r\n\r\n",
        BASE64URL_NOPAD.encode(&token.token),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
