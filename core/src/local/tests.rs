use super::*;
use crate::trust::{Known, Source, first_contact};
use ed25519_dalek::SigningKey;
use thechatapp_protocol::event::ChannelRow;
use thechatapp_protocol::identity::Unverified;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, MessageId, Timestamp, WorkspaceId};
use thechatapp_seal::Key;

const KEY: [u8; 32] = [4; 32];
const WS: WorkspaceId = WorkspaceId(uuid::Uuid::from_bytes([7; 16]));
const PLACE: DraftPlace = DraftPlace { channel: ChannelId(uuid::Uuid::from_bytes([5; 16])), thread: None };

pub(crate) fn account() -> Account {
    Account {
        workspace: WS,
        url: "https://chat.example.org".into(),
        short: "acme".into(),
        name: "Acme".into(),
        person: AccountId::from_bytes([1; 16]),
        person_name: "Inês".into(),
        device: DeviceId::from_bytes([3; 16]),
        device_key: StaticKey::from_bytes(&[5; 32]),
        signing_key: Arc::new(SigningKey::from_bytes(&[6; 32])),
        known: known(),
        shown: None,
        added: Timestamp(1),
    }
}

fn known() -> Known {
    let signed = crate::testing::signed_document([1; 16]).unwrap();
    let fetched = Unverified::new(signed);
    let now = Timestamp::from_seconds(1_000_000);
    let pin = fetched.clone().verify_self(now.unix_seconds()).unwrap().pin();
    first_contact(fetched, Some((&pin, Source::Invite)), None, now).unwrap()
}

pub(crate) fn waiting(n: u8, text: &str) -> Waiting {
    Waiting {
        position: 0,
        id: MessageId::from_bytes([n; 16]),
        channel: ChannelId::from_bytes([5; 16]),
        text: text.into(),
        files: Vec::new(),
        thread: None,
        created: Timestamp(1),
        failure: None,
        withdrawn: false,
    }
}

async fn open(path: &Path, fresh: bool) -> Result<Local> {
    Local::open(path, Key::from_bytes(KEY), Key::from_bytes([9; 32]), fresh).await
}

#[tokio::test]
async fn accounts_and_what_waits_survive_reopening_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.db");
    let local = open(&path, true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    for n in [9, 3, 7] {
        local.queue(WS, waiting(n, "waits")).await.unwrap();
    }
    // The same message twice is one.
    local.queue(WS, waiting(3, "waits")).await.unwrap();
    local.refuse(MessageId::from_bytes([7; 16]), "waits".into(), "refused".into()).await.unwrap();
    local.save_draft(WS, PLACE, "half a thought".into(), Timestamp(1)).await.unwrap();
    local.queue_mark(WS, ChannelId::from_bytes([5; 16]), 8).await.unwrap();
    local.queue_mark(WS, ChannelId::from_bytes([5; 16]), 6).await.unwrap();
    // As if the process had been killed: nothing is closed.
    std::mem::forget(local);
    let local = open(&path, false).await.unwrap();
    let ids: Vec<u8> = local.outbox(WS).await.unwrap().iter().map(|message| message.id.as_bytes()[0]).collect();
    assert_eq!(ids, [9, 3, 7]);
    assert_eq!(local.waiting_count(WS).await.unwrap(), 2);
    assert_eq!(local.draft(WS, PLACE).await.unwrap(), "half a thought");
    assert_eq!(local.marks(WS).await.unwrap(), [(ChannelId::from_bytes([5; 16]), 8)]);
    let stored = local.accounts().await.unwrap().remove(0);
    assert_eq!(*stored.device_key.expose(), [5; 32]);
    assert_eq!(stored.known, account().known);
}

#[tokio::test]
async fn signing_in_again_keeps_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let local = open(&folder.path().join("local.db"), true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    local.queue(WS, waiting(1, "waits")).await.unwrap();
    local.put_account(&Account { device_key: StaticKey::from_bytes(&[8; 32]), ..account() }).await.unwrap();
    assert_eq!(local.outbox(WS).await.unwrap().len(), 1);
    assert_eq!(*local.accounts().await.unwrap()[0].device_key.expose(), [8; 32]);
}

#[tokio::test]
async fn a_missing_or_damaged_file_is_said_so_and_the_good_copy_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.db");
    let local = open(&path, true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    local.save_draft(WS, PLACE, "kept".into(), Timestamp(1)).await.unwrap();
    local.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(open(&path, false).await, Err(Error::Corrupt { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(open(&path, false).await, Err(Error::Corrupt { .. })));
    assert!(!path.exists());
    assert!(Local::restore_good(&path).await.unwrap());
    let local = open(&path, false).await.unwrap();
    assert_eq!(local.draft(WS, PLACE).await.unwrap(), "kept");
}

#[tokio::test]
async fn a_page_damaged_in_the_middle_is_found_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.db");
    let local = open(&path, true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    for n in 0..100 {
        local.queue(WS, waiting(n, &"long ".repeat(500))).await.unwrap();
    }
    local.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(open(&path, false).await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn a_removed_account_is_gone_from_the_good_copy_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.db");
    let local = open(&path, true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    local.queue(WS, waiting(1, "waits")).await.unwrap();
    local.keep_good().await.unwrap();
    local.remove_account(WS).await.unwrap();
    // Closing would renew the copy.
    local.readers.end();
    drop(local.writer);
    local.thread.join().unwrap();
    std::fs::remove_file(&path).unwrap();
    Local::restore_good(&path).await.unwrap();
    let local = open(&path, false).await.unwrap();
    assert!(local.accounts().await.unwrap().is_empty());
    assert!(local.outbox(WS).await.unwrap().is_empty());
}

/// Makes a file as the release left it whose schema had so many steps, with all that such a file can hold; uploads came with the second.
fn old(path: &Path, steps: usize) {
    let account = account();
    let db = database::open(path, &KEY, &schema::LOCAL[..steps], Durability::Full).unwrap();
    db.execute(
        "INSERT INTO accounts (workspace, url, short, name, person, person_name, device, device_key, signing_key, known, added)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
        rusqlite::params![
            WS.as_bytes(),
            account.url,
            account.short,
            account.name,
            account.person.as_bytes(),
            account.person_name,
            account.device.as_bytes(),
            account.device_key.expose().as_slice(),
            account.signing_key.as_bytes().as_slice(),
            account.known.encode(),
        ],
    )
    .unwrap();
    for (n, text, failure) in [(1_u8, "it waits", None), (2, "it was refused", Some("you may not write here"))] {
        db.execute(
            "INSERT INTO outbox (workspace, id, channel, text, created, failure) VALUES (?1, ?2, ?3, ?4, 1, ?5)",
            rusqlite::params![WS.as_bytes(), [n; 16], PLACE.channel.as_bytes(), text, failure],
        )
        .unwrap();
    }
    let place = [WS.as_bytes().as_slice(), PLACE.channel.as_bytes()];
    db.execute("INSERT INTO drafts (workspace, channel, text) VALUES (?1, ?2, 'half a thought')", place).unwrap();
    db.execute("INSERT INTO marks (workspace, channel, seq) VALUES (?1, ?2, 17)", place).unwrap();
    if steps > 1 {
        db.execute(
            "INSERT INTO uploads (id, workspace, channel, name, media_type, size, key, path, modified, message)
             VALUES (?1, ?2, ?3, 'plan.pdf', 'application/pdf', 9, ?4, '/home/ana/plan.pdf', 5, ?5)",
            rusqlite::params![[8_u8; 16], WS.as_bytes(), PLACE.channel.as_bytes(), [7_u8; 32], [3_u8; 16]],
        )
        .unwrap();
    }
}

#[tokio::test]
async fn a_file_of_an_older_release_opens_with_keys_drafts_uploads_marks_and_what_failed() {
    for steps in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.db");
        old(&path, steps);
        // Its keys are sealed once more the first time, and are the same ever after.
        for _ in 0..2 {
            let local = open(&path, false).await.unwrap();
            let [known] = local.accounts().await.unwrap().try_into().unwrap();
            assert_eq!(known.device_key.expose(), account().device_key.expose());
            assert_eq!(known.signing_key.as_bytes(), account().signing_key.as_bytes());
            assert_eq!(known.known.pin(), account().known.pin());
            let outbox = local.outbox(WS).await.unwrap();
            let found: Vec<_> = outbox.iter().map(|one| (one.text.as_str(), one.failure.as_deref())).collect();
            assert_eq!(found, [("it waits", None), ("it was refused", Some("you may not write here"))]);
            assert_eq!(local.draft(WS, PLACE).await.unwrap(), "half a thought");
            assert!(local.drafts_wait(WS).await.unwrap(), "no other device has it yet");
            assert_eq!(local.marks(WS).await.unwrap(), [(PLACE.channel, 17)]);
            let path = "/home/ana/plan.pdf".to_owned();
            let source = crate::local::Source { channel: PLACE.channel, path, size: 9, modified: 5 };
            let upload = local.upload_of(WS, source).await.unwrap();
            let found = upload.map(|upload| (upload.file.name, upload.key.to_vec(), *upload.message.as_bytes()));
            assert_eq!(found, (steps > 1).then(|| ("plan.pdf".to_owned(), vec![7; 32], [3; 16])));
            local.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn of_the_list_of_channels_what_is_another_is_written_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local.db");
    let local = open(&path, true).await.unwrap();
    local.put_account(&account()).await.unwrap();
    let one = |n: u8, name: &str| Listed {
        channel: ChannelRow::plain(ChannelId::from_bytes([n; 16]), name, Timestamp(1), 0),
        moderator: n == 2,
        people: Vec::new(),
    };
    let commits = || local.writer.committed().1;
    let list = async |listed: &[Listed]| {
        let before = commits();
        local.list(WS, listed.to_vec()).await.unwrap();
        assert_eq!(local.listed(WS).await.unwrap(), listed);
        commits() - before
    };
    assert_eq!(list(&[one(1, "one"), one(2, "two")]).await, 1);
    assert_eq!(list(&[one(1, "one"), one(2, "two")]).await, 0);
    assert_eq!(list(&[one(1, "one"), one(2, "renamed")]).await, 1);
    assert_eq!(list(&[one(2, "renamed")]).await, 1);
    let before = commits();
    local.unlist(WS, Some(&[ChannelId::from_bytes([1; 16])])).await.unwrap();
    assert_eq!(commits(), before, "it is not there");
    local.unlist(WS, Some(&[ChannelId::from_bytes([2; 16])])).await.unwrap();
    assert!(local.listed(WS).await.unwrap().is_empty());
}
