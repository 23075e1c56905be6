//! Words that were sent, edited away, set as topics, asked in polls, noted or left as drafts are found nowhere on disk: while
//! running, after exit, after SIGKILL.

use std::sync::Arc;
use std::time::Duration;
use thechatapp_tests::{Cli, Server, files_with, person, person::Memory};

const MESSAGE: &str = "marker-message-vexkuqolumi";
const TOPIC: &str = "marker-topic-vexkuqolumi";
const DRAFT: &str = "marker-draft-vexkuqolumi";
const NAME: &str = "Marker Person Vexkuqolumi";
const FORMER: &str = "marker-former-text-vexkuqolumi";
const NOTE: &str = "marker-note-vexkuqolumi";
const OPTION: &str = "marker-option-vexkuqolumi";
const WRITTEN: [&str; 7] = [MESSAGE, TOPIC, DRAFT, NAME, FORMER, NOTE, OPTION];
const PASSWORD: &str = "correct horse battery";

fn assert_sealed(server: &Server, folders: &[&std::path::Path]) {
    for folder in folders.iter().copied().chain([server.folder.path()]) {
        let found = files_with(folder, &WRITTEN);
        assert!(found.is_empty(), "a marker stands in plain in {found:?}");
    }
    let found = files_with(&server.data(), &[&WRITTEN[..], &[PASSWORD]].concat());
    assert!(found.is_empty(), "a password stands in plain in {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_is_nowhere_on_disk_in_plain() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (client, workspace) = person(folder.path(), &Arc::new(Memory::default()), server.owner_invite(), NAME).await;
    client.connect(workspace, Duration::from_secs(30)).await.unwrap();
    let channel = client.resolve_channel(workspace, "general").await.unwrap().id;
    client.set_topic(workspace, channel, TOPIC).await.unwrap();
    for number in 0..50 {
        let sent = client.send(workspace, channel, &format!("{MESSAGE} {number}"), None).await.unwrap();
        client.wait_sent(workspace, sent.id, Duration::from_secs(30)).await.unwrap();
    }
    let page = client.timeline(workspace, channel, thechatapp_core::view::Window::Latest, 10).await.unwrap();
    let last = page.messages.last().unwrap().id;
    client.edit(workspace, channel, last, &format!("{MESSAGE} edited")).await.unwrap();
    let former = client.send(workspace, channel, FORMER, None).await.unwrap();
    client.wait_sent(workspace, former.id, Duration::from_secs(30)).await.unwrap();
    client.edit(workspace, channel, former.id, MESSAGE).await.unwrap();
    assert_eq!(client.history(workspace, channel, former.id).await.unwrap()[0].text, FORMER);
    client.save_message(workspace, channel, former.id, Some(NOTE)).await.unwrap();
    assert_eq!(client.saved_messages(workspace).await.unwrap()[0].note, NOTE);
    let options = vec![OPTION.to_owned(), "another".to_owned()];
    let poll = client.create_poll(workspace, channel, MESSAGE, options, false).await.unwrap();
    client.vote(workspace, channel, poll.id, vec![0]).await.unwrap();
    client.save_draft(workspace, channel, None, DRAFT).await.unwrap();

    assert_sealed(&server, &[folder.path()]);
    client.close().await.unwrap();
    assert_sealed(&server, &[folder.path()]);
    server.kill();
    assert_sealed(&server, &[folder.path()]);
    server.serve();
    server.stop();
    assert_sealed(&server, &[folder.path()]);
}

#[test]
fn a_killed_command_line_leaves_nothing_in_plain() {
    let server = Server::start();
    let alice = Cli::with_passphrase();
    alice.join(server.owner_invite(), NAME).ok();
    alice.run(&["send", "general", MESSAGE]).ok();
    alice.run(&["send", "general", MESSAGE, "--queue"]).ok();
    let mut child = alice.spawn(&["watch"]);
    std::thread::sleep(Duration::from_millis(500));
    thechatapp_tests::server::signal(child.id(), "KILL");
    child.wait().unwrap();
    assert_sealed(&server, &[&alice.profile()]);
}

#[test]
fn the_search_for_markers_would_find_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plain"), format!("x{MESSAGE}y")).unwrap();
    let utf16: Vec<u8> = TOPIC.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("wide"), utf16).unwrap();
    assert_eq!(files_with(folder.path(), &WRITTEN).len(), 2);
}
