//! Our cache, as a catch-up fills it: a device that was away for long learns of every channel's newest number and fetches pages,
//! the newest first; one that missed less follows the stream. What the network would bring is handed over.

use crate::idle;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_core::platform::{PlainNetwork, SECRET_WAIT, SystemClock};
use thechatapp_core::profile::memory::MemoryStore;
use thechatapp_core::view::Window;
use thechatapp_core::{
    AccountId, ChannelId, Client, FileId, MessageId, Platform, SecretStore, Timestamp, Unlock, WorkspaceId,
};
use thechatapp_peers_shared::{Page, Room, Texts, Took, median, pages, stream};
use thechatapp_protocol::event::{ChannelKind, ChannelRow, FileRow, MemberRow, MessageRow, PersonRow, Reaction};
use thechatapp_protocol::{Changes, Row};
use tokio::sync::Mutex;

const ME: AccountId = AccountId(from([0xee; 16]));
const EMOJI: [&str; 3] = ["👍", "🎉", "❤️"];

const fn from(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(bytes)
}

pub struct Ours {
    folder: PathBuf,
    secrets: Arc<MemoryStore>,
    workspace: WorkspaceId,
    /// Closed and opened again by what measures that.
    client: Mutex<Option<Client>>,
}

/// Sixteen bytes that look like those of an id of version 7: a time, then what differs.
pub fn id(kind: u8, at: i64, number: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at.to_be_bytes()[2..]);
    id[6..8].copy_from_slice(&[0x70, kind]);
    // Spread as random bits are.
    id[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id
}

pub fn channel(room: &Room) -> ChannelId {
    ChannelId::from_bytes(id(1, 1_700_000_000_000, room.number))
}

pub fn person(number: usize) -> AccountId {
    AccountId::from_bytes(id(2, 1_700_000_000_000, number))
}

/// What stands for a message's number among all.
fn place(room: &Room, seq: usize) -> usize {
    room.number << 32 | seq
}

pub fn row(texts: &Texts, room: &Room, seq: usize) -> MessageRow {
    let message = room.message(texts, seq);
    let reaction = |number: usize| Reaction {
        emoji: EMOJI[number % EMOJI.len()].into(),
        people: (0..=number).map(|more| person((message.author + 1 + more) % texts.people.len())).collect(),
    };
    let file = || FileRow {
        id: FileId::from_bytes(id(3, message.at, place(room, seq))),
        name: "screenshot.png".into(),
        media_type: "image/png".into(),
        size: 123_456,
    };
    MessageRow {
        channel: channel(room),
        seq: seq as u64,
        id: MessageId::from_bytes(id(4, message.at, place(room, seq))),
        author: person(message.author),
        at: Timestamp(message.at),
        text: message.text.into(),
        edited: None,
        deleted: false,
        thread: None,
        reactions: (0..message.reactions).map(reaction).collect(),
        replies: 0,
        last_reply: None,
        pinned: None,
        poll: None,
        files: message.has_file.then(file).into_iter().collect(),
        // The server counts changes in the order in which things are said.
        change: 10_000 + (message.at - 1_700_000_000_000) as u64,
    }
}

fn platform(secrets: Arc<MemoryStore>) -> Platform {
    Platform {
        secrets,
        secret_wait: SECRET_WAIT,
        clock: Arc::new(SystemClock),
        device_name: "bench".into(),
        device_platform: "linux".into(),
        extra_roots: Vec::new(),
        network: Arc::new(PlainNetwork),
    }
}

pub async fn open(folder: &Path, secrets: Arc<MemoryStore>) -> Client {
    Client::open(folder, Unlock::SecureStorage, platform(secrets)).await.unwrap()
}

impl Ours {
    /// A new profile with everything in it, and how long the cache took; making the rows is not its work.
    pub async fn fill(folder: &Path, texts: &Texts, rooms: &[Room], by_pages: bool) -> (Self, Took) {
        let secrets = Arc::new(MemoryStore::new());
        let client = Client::create(folder, Unlock::SecureStorage, platform(secrets.clone())).await.unwrap();
        let workspace = client.add_without_server(ME, "alice").await.unwrap();
        let head = |room: &Room| if by_pages { room.messages as u64 } else { 0 };
        client.take_changes(workspace, everything_but_messages(texts, rooms, head)).await.unwrap();
        let mut took = Took::default();
        for group in if by_pages { pages(texts, rooms) } else { stream(texts, rooms) } {
            let made = |(room, first, last): &Page<'_>| (*first..=*last).map(|seq| row(texts, room, seq)).collect();
            let made: Vec<Vec<MessageRow>> = group.iter().map(made).collect();
            if by_pages {
                let begun = took.begin();
                client.take_pages(workspace, made).await.unwrap();
                took = begun.end();
            } else {
                let rows: Vec<Row> = made.into_iter().flatten().map(Row::Message).collect();
                let changes = Changes { to: rows.iter().map(Row::change).max().unwrap_or(0), rows, live: false };
                let begun = took.begin();
                client.take_changes(workspace, changes).await.unwrap();
                took = begun.end();
            }
        }
        client.close().await.unwrap();
        let client = Mutex::new(Some(open(folder, secrets.clone()).await));
        (Self { folder: folder.to_owned(), secrets, workspace, client }, took)
    }

    pub async fn remove(self) {
        self.close().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    async fn close(&self) {
        if let Some(client) = self.client.lock().await.take() {
            client.close().await.unwrap();
        }
    }

    /// The newest messages of one channel after the other.
    pub async fn pages(&self, rooms: &[&Room]) -> Duration {
        let client = self.client.lock().await;
        let client = client.as_ref().unwrap();
        let mut took = Vec::new();
        for room in rooms {
            let begun = Instant::now();
            let page = client.timeline(self.workspace, channel(room), Window::Latest, 50).await.unwrap();
            took.push(begun.elapsed());
            assert_eq!(page.messages.len(), 50.min(room.messages));
            if room.messages >= 50 {
                assert!(page.messages.iter().any(|message| !message.reactions.is_empty()));
                assert!(page.messages.iter().any(|message| !message.files.is_empty()));
            }
        }
        median(took)
    }

    /// From a closed profile to a channel's newest messages, so many times.
    pub async fn reopened(&self, room: &Room, times: usize) -> Duration {
        let mut took = Vec::new();
        for _ in 0..times {
            self.close().await;
            let begun = Instant::now();
            let client = open(&self.folder, self.secrets.clone()).await;
            client.timeline(self.workspace, channel(room), Window::Latest, 50).await.unwrap();
            took.push(begun.elapsed());
            *self.client.lock().await = Some(client);
        }
        median(took)
    }

    /// The bytes of the cache's file.
    pub fn size(&self) -> u64 {
        let accounts = std::fs::read_dir(self.folder.join("accounts")).unwrap();
        accounts.map(|account| account.unwrap().path().join("cache.db").metadata().unwrap().len()).sum()
    }

    /// What another process has in memory that opened this profile, listed its channels, read a page and rests; in KiB.
    pub async fn idle(&self) -> u64 {
        self.close().await;
        let entries = self.secrets.entries().into_iter().map(|name| {
            let secret = self.secrets.read(&name).unwrap().unwrap();
            (name, secret.to_vec())
        });
        idle::measure(&self.folder, entries.collect())
    }
}

fn everything_but_messages(texts: &Texts, rooms: &[Room], head: impl Fn(&Room) -> u64) -> Changes {
    let mut rows = Vec::new();
    for (number, name) in texts.people.iter().enumerate() {
        rows.push(Row::Person(PersonRow {
            id: person(number),
            name: name.clone(),
            imported: false,
            active: true,
            rank: Default::default(),
            change: 1 + number as u64,
        }));
    }
    for room in rooms {
        rows.push(Row::Channel(ChannelRow {
            id: channel(room),
            kind: ChannelKind::Public,
            name: format!("channel-{}", room.number),
            topic: String::new(),
            head: head(room),
            created: Timestamp(1_700_000_000_000),
            archived: false,
            gone: false,
            change: 5000 + room.number as u64,
        }));
        // Oneself and some others.
        for member in
            std::iter::once(ME).chain((0..20).map(|more| person((room.number * 20 + more) % texts.people.len())))
        {
            rows.push(Row::Member(MemberRow {
                channel: channel(room),
                person: member,
                joined: true,
                role: Default::default(),
                change: 6000 + room.number as u64,
            }));
        }
    }
    Changes { rows, to: 10_000, live: false }
}
