use super::super::tests::{account, waiting};
use super::*;
use std::sync::atomic::{AtomicU32, Ordering};
use thechatapp_seal::Key;

const WS: WorkspaceId = WorkspaceId(uuid::Uuid::from_bytes([7; 16]));
const PLACE: DraftPlace = DraftPlace { channel: ChannelId(uuid::Uuid::from_bytes([5; 16])), thread: None };
const NOW: Timestamp = Timestamp(9);

/// One device.
struct Device {
    local: Local,
    _folder: tempfile::TempDir,
}

impl Device {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local =
            Local::open(&folder.path().join("local.db"), Key::from_bytes([4; 32]), Key::from_bytes([9; 32]), true)
                .await
                .unwrap();
        local.put_account(&account()).await.unwrap();
        Self { local, _folder: folder }
    }

    async fn types(&self, text: &str) {
        self.local.save_draft(WS, PLACE, text.into(), NOW).await.unwrap();
    }

    async fn shows(&self) -> String {
        self.local.draft(WS, PLACE).await.unwrap()
    }

    async fn hears(&self, row: &DraftRow) {
        self.local.take_drafts(WS, vec![row.clone()], NOW).await.unwrap();
    }

    async fn beside(&self) -> Vec<String> {
        self.local.earlier_drafts(WS).await.unwrap().into_iter().map(|earlier| earlier.text).collect()
    }

    /// What this device says to the server; the answer is for the caller to give.
    async fn says(&self) -> Vec<ToPut> {
        static TOKENS: AtomicU32 = AtomicU32::new(1);
        self.local.drafts_to_put(WS, || TOKENS.fetch_add(1, Ordering::SeqCst)).await.unwrap()
    }

    /// Says it, and hears the answers, until nothing is left to say.
    async fn syncs(&self, server: &mut Option<DraftRow>) {
        while self.local.drafts_wait(WS).await.unwrap() {
            for put in self.says().await {
                let row = answer(server, &put);
                self.hears(&row).await;
            }
        }
        if let Some(row) = server {
            self.hears(row).await;
        }
    }
}

/// What the server does, in short.
fn answer(server: &mut Option<DraftRow>, put: &ToPut) -> DraftRow {
    let old = server.clone().unwrap_or(DraftRow {
        channel: PLACE.channel,
        thread: None,
        text: String::new(),
        revision: 0,
        tokens: Vec::new(),
        change: 0,
    });
    if old.revision != put.base || old.tokens.contains(&put.token) {
        return old;
    }
    let mut tokens = old.tokens;
    tokens.push(put.token);
    let row = DraftRow { text: put.text.clone(), revision: put.base + 1, tokens, ..old };
    *server = Some(row.clone());
    row
}

#[tokio::test]
async fn what_is_typed_on_one_device_stands_on_the_other() {
    let (laptop, phone, mut server) = (Device::new().await, Device::new().await, None);
    laptop.types("half").await;
    laptop.syncs(&mut server).await;
    phone.syncs(&mut server).await;
    assert_eq!(phone.shows().await, "half");
    phone.types("half a thought").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    assert_eq!(laptop.shows().await, "half a thought");
    assert!(laptop.beside().await.is_empty() && phone.beside().await.is_empty());
}

#[tokio::test]
async fn a_deleted_draft_does_not_return_and_one_that_was_typed_at_meanwhile_is_kept() {
    let (laptop, phone, mut server) = (Device::new().await, Device::new().await, None);
    laptop.types("half").await;
    laptop.syncs(&mut server).await;
    phone.syncs(&mut server).await;
    phone.types("").await;
    phone.syncs(&mut server).await;
    let gone = server.clone().unwrap();
    laptop.syncs(&mut server).await;
    assert_eq!((laptop.shows().await.as_str(), gone.text.as_str()), ("", ""));

    phone.types("again").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    laptop.types("again and again").await;
    phone.types("").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    assert_eq!(server.as_ref().unwrap().text, "again and again");
    // The other way about: what was deleted here was typed at there.
    phone.syncs(&mut server).await;
    phone.types("again and again and again").await;
    laptop.types("").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    assert_eq!(laptop.shows().await, "again and again and again");
}

#[tokio::test]
async fn a_draft_whose_answer_was_lost_and_that_was_sent_elsewhere_does_not_return() {
    let (laptop, phone, mut server) = (Device::new().await, Device::new().await, None);
    laptop.types("to be sent").await;
    for put in laptop.says().await {
        answer(&mut server, &put);
    }
    phone.syncs(&mut server).await;
    assert_eq!(phone.shows().await, "to be sent");
    let message = Waiting { text: "to be sent".into(), channel: PLACE.channel, ..waiting(3, "") };
    phone.local.queue(WS, message).await.unwrap();
    assert_eq!(phone.shows().await, "");
    phone.syncs(&mut server).await;
    // It asks again, with what it said before.
    laptop.syncs(&mut server).await;
    assert_eq!((laptop.shows().await.as_str(), server.unwrap().text.as_str()), ("", ""));
}

#[tokio::test]
async fn where_both_typed_each_keeps_its_own_and_neither_is_lost() {
    let (laptop, phone, mut server) = (Device::new().await, Device::new().await, None);
    laptop.types("mine").await;
    phone.types("hers").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    assert_eq!((laptop.shows().await.as_str(), laptop.beside().await), ("mine", vec!["hers".to_owned()]));
    phone.syncs(&mut server).await;
    assert_eq!(phone.shows().await, "mine");
    let earlier = laptop.local.earlier_drafts(WS).await.unwrap().remove(0);
    laptop.local.forget_earlier(WS, earlier.number).await.unwrap();
    assert!(laptop.beside().await.is_empty());
}

#[tokio::test]
async fn drafts_of_a_conversation_and_its_threads_are_apart_and_an_older_row_changes_nothing() {
    let device = Device::new().await;
    let thread = DraftPlace { thread: Some(MessageId::from_bytes([8; 16])), ..PLACE };
    let other = DraftPlace { channel: ChannelId::from_bytes([6; 16]), ..PLACE };
    for (place, text) in [(PLACE, "to all"), (thread, "to some"), (other, "elsewhere")] {
        device.local.save_draft(WS, place, text.into(), NOW).await.unwrap();
    }
    let message = Waiting { text: "to some".into(), thread: thread.thread, ..waiting(4, "") };
    device.local.queue(WS, Waiting { channel: PLACE.channel, ..message }).await.unwrap();
    let drafts = device.local.drafts(WS).await.unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.place).collect::<Vec<_>>(), [PLACE, other]);
    let mut server = None;
    device.types("first").await;
    let first = answer(&mut server, device.says().await.iter().find(|put| put.place == PLACE).unwrap());
    device.hears(&first).await;
    device.types("second").await;
    let second = answer(&mut server, device.says().await.iter().find(|put| put.place == PLACE).unwrap());
    device.hears(&second).await;
    device.hears(&first).await;
    assert_eq!(device.shows().await, "second");
    assert!(device.beside().await.is_empty());
}

#[tokio::test]
async fn a_draft_whose_answer_was_lost_and_that_was_deleted_here_does_not_return() {
    let (laptop, mut server) = (Device::new().await, None);
    laptop.types("half").await;
    for put in laptop.says().await {
        answer(&mut server, &put);
    }
    laptop.types("").await;
    laptop.syncs(&mut server).await;
    assert_eq!((laptop.shows().await.as_str(), server.unwrap().text.as_str()), ("", ""));
}

#[tokio::test]
async fn a_text_from_another_device_that_is_typed_over_before_it_was_seen_is_kept_beside() {
    let (laptop, phone, mut server) = (Device::new().await, Device::new().await, None);
    laptop.types("AB").await;
    laptop.syncs(&mut server).await;
    phone.syncs(&mut server).await;
    phone.types("AB from the phone").await;
    phone.syncs(&mut server).await;
    laptop.syncs(&mut server).await;
    laptop.types("ABC").await;
    assert_eq!(laptop.beside().await, ["AB from the phone"]);
    // A letter or two that go, and all that goes, are meant.
    laptop.syncs(&mut server).await;
    phone.syncs(&mut server).await;
    phone.types("AB").await;
    phone.types("").await;
    assert!(phone.beside().await.is_empty());
}

#[tokio::test]
async fn what_the_server_refused_is_offered_again_with_the_next_session() {
    let device = Device::new().await;
    device.types("half").await;
    let put = device.says().await.remove(0);
    device.local.refuse_draft(WS, put).await.unwrap();
    assert!(device.says().await.is_empty());
    device.local.offer_refused_drafts(WS).await.unwrap();
    assert_eq!(device.says().await.len(), 1);
}
