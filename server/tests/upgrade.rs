//! A host of an earlier release is brought to this one: first a copy is kept, and from that copy there is a way back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Output, Stdio};
use std::sync::Arc;
use support::{Host, PASSWORD, Person};
use thechatapp_protocol::Row;
use thechatapp_protocol::methods::account::Credential;
use thechatapp_protocol::methods::files::{OpenFile, OpenFileParams};
use thechatapp_protocol::session::StaticKey;
use thechatapp_seal::{Key, KeyService, LocalKeyFile, WrapContext, unwrap};
use thechatapp_server::Options;
use thechatapp_server::auth::password::Cost;
use thechatapp_server::error::Kind;

const SAID: [&str; 4] = ["a plan", "first message", "second message, edited", "with a file"];

fn earlier() -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/schema-4")
}

/// A host of this release whose data is that of the earlier one.
async fn host_of_before() -> Host {
    let mut host = Host::start().await;
    host.stop().await;
    std::fs::remove_dir_all(host.data()).unwrap();
    support::files::copy_folder(&earlier(), &host.data());
    host
}

async fn sign_in(host: &Host) -> Person {
    let credential = Credential::Password { name: "alice".into(), password: PASSWORD.into(), code: None };
    host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.unwrap()
}

async fn everything(person: &mut Person) -> (Vec<String>, Vec<Row>) {
    let (_, rows, _) = person.sync(0).await;
    let mut texts = support::texts(&rows);
    texts.sort();
    (texts, rows)
}

async fn fails(host: &Host) -> thechatapp_server::Error {
    let options = Options {
        program: None,
        data: host.data(),
        key: support::key(),
        config: host.config.clone(),
        ready_file: None,
        cost: Cost::TESTS,
    };
    thechatapp_server::serve(options).await.unwrap_err()
}

fn copies(host: &Host) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(host.data().join("upgrade")) else { return Vec::new() };
    let mut copies: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    copies.sort();
    copies
}

fn is_as_before(folder: &Path) {
    for path in ["host.db", "acme/workspace.db", "keys/host.json", "keys/local.json"] {
        assert!(std::fs::read(folder.join(path)).unwrap() == std::fs::read(earlier().join(path)).unwrap(), "{path}");
    }
}

/// The workspace's database, opened by whoever has the key file and its passphrase.
fn database(data: &Path) -> Connection {
    let file = std::fs::read(data.join("keys/local.json")).unwrap();
    let service = LocalKeyFile::open(&file, b"server passphrase").unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(data.join("keys/host.json")).unwrap()).unwrap();
    let wrapped = HEXLOWER.decode(json["wrapped"].as_str().unwrap().as_bytes()).unwrap();
    let key = service.unwrap(&WrapContext::new("host"), &wrapped).unwrap();
    let host = thechatapp_database::open_reader(&data.join("host.db"), key.expose()).unwrap();
    let (id, wrapped, database_key): ([u8; 16], Vec<u8>, Vec<u8>) = host
        .query_row("SELECT id, wrapped_key, database_key FROM workspaces", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let context = WrapContext::new(thechatapp_protocol::WorkspaceId::from_bytes(id).to_string());
    let top = service.unwrap(&context, &wrapped).unwrap();
    let key: Key = unwrap(&top, "database", &id, 0, &database_key).unwrap();
    let db = thechatapp_database::open_reader(&data.join("acme/workspace.db"), key.expose()).unwrap();
    db.pragma_update(None, "query_only", false).unwrap();
    db
}

fn version(data: &Path) -> i64 {
    database(data).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn program(args: &[&str]) -> Output {
    let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.args(args).arg("--json").stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_host_is_copied_before_it_changes_and_there_is_a_way_back() {
    let mut host = host_of_before().await;
    host.serve().await;
    let made = copies(&host);
    assert_eq!(made.len(), 1);
    is_as_before(&made[0]);
    let mut alice = sign_in(&host).await;
    let (texts, rows) = everything(&mut alice).await;
    assert_eq!(texts, SAID);
    let general = rows.iter().find_map(|row| match row {
        Row::Channel(channel) if channel.name == "general" => Some(channel.id),
        _ => None,
    });
    alice.send(general.unwrap(), "after the upgrade").await.unwrap();
    let generation = host.known().await.document().generation;
    host.stop().await;
    assert!(version(&host.data()) > 4);

    // Nothing is pending any more.
    host.serve().await;
    host.stop().await;
    assert_eq!(copies(&host), made);

    let (former, data) = (host.folder.path().join("former"), host.data());
    std::fs::rename(&data, &former).unwrap();
    let (from, to) = (former.join("upgrade").display().to_string(), data.display().to_string());
    // What was shared after the upgrade: its bytes come along, and nobody here knows of them.
    let unknown = thechatapp_protocol::FileId::from_bytes([9; 16]).to_string();
    std::fs::write(former.join("acme/files").join(&unknown), "shared after the upgrade").unwrap();
    let proved = program(&["backup", "verify", "--from", &from]);
    assert!(proved.status.success(), "{}", String::from_utf8_lossy(&proved.stderr));
    let restored = program(&["backup", "restore", "--from", &from, "--data", &to]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let said: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!(
        (said["workspaces"].as_u64(), said["files"].as_u64(), said["ok"].as_bool()),
        (Some(1), Some(2), Some(true))
    );
    // The release before finds what it left. This one brings it on once more.
    is_as_before(&data);
    assert_eq!(version(&data), 4);
    host.serve().await;
    let mut again = sign_in(&host).await;
    assert_eq!(everything(&mut again).await.0, SAID, "what came after the upgrade is not there");
    assert_ne!(host.known().await.document().generation, generation, "devices learn that they may have seen more");
    assert_eq!(copies(&host).len(), 1);
    // The shared file is there, too.
    let file = rows.iter().find_map(|row| match row {
        Row::Message(message) => message.files.first().map(|file| (message.channel, file.id)),
        _ => None,
    });
    let (channel, file) = file.unwrap();
    let grant = again.call::<OpenFile>(&OpenFileParams { channel, file, part: false }).await.unwrap();
    assert_eq!(grant.file.size, 3000);
    assert!(data.join("acme/files").join(file.to_string()).exists());
    let in_two_days = thechatapp_protocol::Timestamp(support::millis() as i64 + 2 * 24 * 60 * 60 * 1000);
    assert!(data.join("acme/files").join(&unknown).exists());
    host.running().host().workspace("acme").unwrap().sweep_files_at(in_two_days).await.unwrap();
    assert!(data.join("acme/files").join(file.to_string()).exists());
    assert!(!data.join("acme/files").join(&unknown).exists());
    assert!(former.join("acme/files").join(&unknown).exists(), "the host that has it keeps it");
    // And the next start is an ordinary one.
    let generation = host.known().await.document().generation;
    host.stop().await;
    host.serve().await;
    assert_eq!(host.known().await.document().generation, generation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_up_to_date_is_not_copied() {
    let mut host = Host::start().await;
    host.stop().await;
    host.serve().await;
    assert!(!host.data().join("upgrade").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_copy_nothing_changes() {
    let mut host = host_of_before().await;
    std::fs::write(host.data().join("upgrade"), "something is in the way").unwrap();
    let why = fails(&host).await;
    assert!(why.what.contains("no copy of it could be kept"), "{why}");
    is_as_before(&host.data());
    assert_eq!(version(&host.data()), 4);
    std::fs::remove_file(host.data().join("upgrade")).unwrap();
    host.serve().await;
    assert_eq!(everything(&mut sign_in(&host).await).await.0, SAID);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_leaves_the_database_as_it_was_however_often_it_is_tried() {
    let mut host = host_of_before().await;
    // Something that no release made is where the new one wants to make its own.
    database(&host.data()).execute_batch("CREATE TABLE wiping (x)").unwrap();
    for _ in 0..3 {
        let why = fails(&host).await;
        assert_eq!(why.kind, Kind::Internal, "{why}");
        assert!(why.why.contains("from version 4 to"), "{why}");
        assert_eq!(version(&host.data()), 4);
        assert_eq!(copies(&host).len(), 1);
    }
    database(&host.data()).execute_batch("DROP TABLE wiping").unwrap();
    host.serve().await;
    assert_eq!(everything(&mut sign_in(&host).await).await.0, SAID);
    host.stop().await;
    // It is another state than the one that was kept, and this time `host.db` was in use.
    let [_, second] = copies(&host).try_into().unwrap();
    let from = second.display().to_string();
    assert!(program(&["backup", "verify", "--from", &from]).status.success());
    assert_eq!(version(&second), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_release_is_refused_and_stays() {
    let host = host_of_before().await;
    database(&host.data()).execute_batch("PRAGMA user_version = 1000").unwrap();
    let why = fails(&host).await;
    assert_eq!(why.kind, Kind::Newer, "{why}");
    assert_eq!(version(&host.data()), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wiped_is_in_no_copy_from_before_an_upgrade() {
    let mut host = host_of_before().await;
    host.serve().await;
    assert_eq!(copies(&host).len(), 1);
    let wipe = thechatapp_server::admin::Command::WorkspaceWipe {
        workspace: "acme".into(),
        channel: Some("plans".into()),
        person: None,
        destroy_remote_key: None,
    };
    thechatapp_server::admin::run(host.running().host(), wipe).await.unwrap();
    assert!(copies(&host).is_empty());
    assert_eq!(everything(&mut sign_in(&host).await).await.0, SAID[1..]);
}
