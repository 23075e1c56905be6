use crate::client::desk::{Desk, channel};
use crate::local::{drafts_behind, good_path};
use crate::part_file::PartFile;
use crate::profile::PinCopy;
use rusqlite::types::ValueRef;
use std::path::{Path, PathBuf};
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::{FileId, MessageId, Row, WorkspaceId};

const MARKER: &str = "marker-signed-out-tuvexo";

/// What a sealed file has, decrypted: each table with its rows.
fn rows(path: &Path, key: &[u8; 32]) -> Vec<(String, Vec<String>)> {
    let db = thechatapp_database::open_reader(path, key).unwrap();
    // Free pages are zeros.
    let secure: i64 = db.query_row("PRAGMA secure_delete", [], |row| row.get(0)).unwrap();
    assert_eq!(secure, 1);
    let names: Vec<String> = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let table = |name: String| {
        let mut select = db.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = select.column_count();
        let found = select
            .query_map([], |row| {
                let value = |n| match row.get_ref(n).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    other => format!("{other:?}"),
                };
                Ok((0..columns).map(value).collect::<Vec<_>>().join("|"))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        (name, found)
    };
    names.into_iter().map(table).collect()
}

/// Everything below a folder, folders included.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        }
    }
    found
}

/// Whether something of the account is named, as text or by its bytes.
fn names(text: &str, ws: WorkspaceId) -> bool {
    text.contains(MARKER) || text.contains(&ws.to_string()) || text.contains(&*String::from_utf8_lossy(ws.as_bytes()))
}

/// What is in a file; of `profile.json` all but the pins, which stay.
fn without_pins(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    if !name.starts_with("profile.json") {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    file.as_object_mut().unwrap().remove("pins");
    file.to_string()
}

/// A folder of the person's, in which a large file broke off on its way.
async fn broke_off(desk: &Desk) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mkv.part");
    std::fs::write(&path, MARKER).unwrap();
    let part = (path.to_str().unwrap().to_owned(), PartFile::stamp(&path.metadata().unwrap()).unwrap());
    desk.client.0.shared.local.writes_to(desk.ws, FileId::from_bytes([2; 16]), part).await.unwrap();
    folder
}

#[tokio::test]
async fn a_profile_that_is_destroyed_takes_what_lies_open_elsewhere_along() {
    let desk = Desk::new().await;
    let film = broke_off(&desk).await;
    // Whoever ends it, should this program not, knows of it without any key.
    desk.client.begin_wipe().await;
    let mark = desk.client.0.shared.profile.local_path().with_file_name("profile.wiping");
    assert!(std::fs::read_to_string(&mark).unwrap().contains("film.mkv.part"));
    // Without room for the mark it goes all the same.
    std::fs::remove_file(&mark).unwrap();
    std::fs::create_dir_all(mark.with_extension("wiping.new").join("full")).unwrap();
    desk.client.wipe().await.unwrap();
    assert!(film.path().read_dir().unwrap().next().is_none());
}

#[tokio::test]
async fn signing_out_of_the_last_workspace_leaves_nothing_of_the_account_and_a_profile_that_can_join_again() {
    let mut desk = Desk::new().await;
    let ws = desk.ws;
    let message = desk.message(1, 1, MARKER);
    desk.take(vec![message]).await;
    let client = &desk.client;
    client.save_draft(ws, channel(1), None, MARKER).await.unwrap();
    client.send(ws, channel(2), MARKER, None).await.unwrap();
    client.mark_read(ws, channel(1), 1).await.unwrap();
    client.0.shared.local.choose(drafts_behind(ws), Some(1)).await.unwrap();
    client.0.shared.local.choose("kept", Some(7)).await.unwrap();
    let pin = client.workspace(ws).unwrap().account().known.pin();
    let copy = PinCopy { url: "https://chat.invalid".into(), workspace: "acme".into(), pin };
    client.0.shared.profile.store_pin_copy(ws, copy).unwrap();
    let files = client.workspace(ws).unwrap().files_folder();
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("a.kept"), "sealed").unwrap();
    let film = broke_off(&desk).await;
    let profile = client.0.shared.profile.clone();
    let (path, key) = (profile.local_path(), profile.local_key());
    client.0.shared.local.keep_good().await.unwrap();
    let holds = |path: &Path| {
        let rows = rows(path, key.expose()).into_iter();
        rows.filter(|(_, rows)| rows.iter().any(|row| names(row, ws))).map(|(name, _)| name).collect::<Vec<_>>()
    };
    for path in [&path, &good_path(&path)] {
        assert_eq!(
            holds(path),
            ["accounts", "outbox", "marks", "drafts", "choices", "listed", "downloads"],
            "{}",
            path.display()
        );
    }

    // What signing out comes to, once the server was told or could not be.
    client.forget(ws).await.unwrap();
    assert!(film.path().read_dir().unwrap().next().is_none(), "what lay open elsewhere stays");
    assert!(client.workspaces().await.unwrap().is_empty());
    drop(profile);
    let desk = desk
        .reopened(|folder| {
            for path in below(folder) {
                assert!(!names(&path.display().to_string(), ws), "{}", path.display());
                assert!(path.is_dir() || !names(&without_pins(&path), ws), "{}", path.display());
            }
            for path in [&path, &good_path(&path)] {
                assert!(holds(path).is_empty(), "{:?}", holds(path));
                // What is left is the device's: no account has a row in any table.
                let left: Vec<_> = rows(path, key.expose()).into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
                let left: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(left, ["sqlite_sequence", "choices"]);
            }
        })
        .await;
    assert!(desk.client.workspaces().await.unwrap().is_empty());
    assert_eq!(desk.client.0.shared.local.choice("kept").await.unwrap(), Some(7));
    let known = desk.client.0.shared.profile.pin_copy(ws, "https://chat.invalid", "acme");
    assert_eq!(known, Some(pin), "which server it was is still known: another one in its place is not trusted");
    let again = desk.client.add_without_server(crate::client::desk::ME, "Ana").await.unwrap();
    assert_eq!(again, ws);
    assert_eq!(desk.client.draft(ws, channel(1), None).await.unwrap(), "");
    assert!(desk.client.channels(ws, false).await.unwrap().is_empty());
}

/// The server's stream may tell of a message before its acknowledgement is written down, and the program may end between the two.
#[tokio::test]
async fn a_message_that_came_back_from_the_server_waits_no_more_whether_or_not_it_was_acknowledged() {
    let mut desk = Desk::new().await;
    let waiting = async |desk: &Desk| {
        let shown = desk.client.workspaces().await.unwrap()[0].waiting;
        assert_eq!(desk.client.unsent().await.unwrap().messages, shown);
        shown
    };
    desk.said(1, 1..=1).await;
    let sent = desk.client.send(desk.ws, channel(1), "on its way", None).await.unwrap();
    desk.client.send(desk.ws, channel(1), "behind it", None).await.unwrap();
    assert_eq!(waiting(&desk).await, 2);
    let row = desk.message(1, 2, "on its way");
    desk.take(vec![with_id(row, sent.id)]).await;
    assert_eq!(waiting(&desk).await, 1);
    desk.client.edit(desk.ws, channel(1), sent.id, "changed meanwhile").await.unwrap();
    assert_eq!(waiting(&desk).await, 2, "the change waits");
}

fn with_id(row: Row, id: MessageId) -> Row {
    let Row::Message(row) = row else { panic!("it is a message") };
    Row::Message(MessageRow { id, ..row })
}
