//! `matrix-sdk-sqlite`'s event cache, which keeps for a Matrix client what our cache keeps for us: filled, read and reopened on
//! request. Each line it is told is one request, each line it says the answer: seconds, or MiB.
//!
//! Encrypted values under a raw key, so that opening stretches no passphrase; a small one beside it is under a passphrase, as the
//! store's plain constructor has it. Of ours it lacks the index of words; reactions would be events of their own, and are left out.

use matrix_sdk_base::event_cache::Event;
use matrix_sdk_base::event_cache::store::EventCacheStore;
use matrix_sdk_base::linked_chunk::{ChunkContent, ChunkIdentifier, LinkedChunkId, Position, Update};
use matrix_sdk_base::ruma::serde::Raw;
use matrix_sdk_base::ruma::{OwnedRoomId, RoomId};
use matrix_sdk_sqlite::SqliteEventCacheStore;
use serde_json::{json, value::to_raw_value};
use std::path::{Path, PathBuf};
use std::time::Instant;
use thechatapp_peers_shared::{Message, Room, Texts, Took, median, rooms};

/// Events of a chunk, which is what one answer of a server brings and one transaction takes.
const CHUNK: usize = 100;
const KEY: [u8; 32] = [0x5a; 32];

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [logs, folder, messages, channels] = &args[..] else {
        panic!("usage: thechatapp-peer-matrix LOGS FOLDER MESSAGES CHANNELS");
    };
    let (texts, folder) = (Texts::read(Path::new(logs)), PathBuf::from(folder));
    let rooms = rooms(messages.parse().unwrap(), channels.parse().unwrap());
    let mut store = None;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        match words[0] {
            // Everything into a new store.
            "fill" => {
                close(store.take()).await;
                let _ = std::fs::remove_dir_all(&folder);
                let fresh = open(&folder).await;
                let took = fill(&fresh, &texts, &rooms).await;
                store = Some(fresh);
                println!("{}\n{}", took.clock.as_secs_f64(), took.processor.as_secs_f64());
            }
            // The last chunks of these channels.
            "last" => {
                let store = match &mut store {
                    Some(store) => store,
                    none => none.insert(open(&folder).await),
                };
                let mut times = Vec::new();
                for at in 1..words.len() {
                    let room = room_id(&rooms[number(at)]);
                    let begun = Instant::now();
                    assert!(!last(store, &room).await.is_empty());
                    times.push(begun.elapsed());
                }
                println!("{}", median(times).as_secs_f64());
            }
            // From a closed store to the last chunk of a channel, so many times.
            "reopen" => {
                let room = room_id(&rooms[number(1)]);
                let mut times = Vec::new();
                for _ in 0..number(2) {
                    close(store.take()).await;
                    let begun = Instant::now();
                    let fresh = open(&folder).await;
                    assert!(!last(&fresh, &room).await.is_empty());
                    times.push(begun.elapsed());
                    store = Some(fresh);
                }
                println!("{}", median(times).as_secs_f64());
            }
            // The same under a passphrase, in a store of its own with one room.
            "reopen-stretched" => {
                let (room, apart) = (&rooms[0], folder.with_extension("stretched"));
                let stretched = || SqliteEventCacheStore::open(&apart, Some("correct horse battery staple"));
                let mut current = stretched().await.unwrap();
                fill(&current, &texts, std::slice::from_ref(room)).await;
                let mut times = Vec::new();
                for _ in 0..number(1) {
                    current.close().await.unwrap();
                    let begun = Instant::now();
                    current = stretched().await.unwrap();
                    assert!(!last(&current, &room_id(room)).await.is_empty());
                    times.push(begun.elapsed());
                }
                println!("{}", median(times).as_secs_f64());
            }
            // Its files, closed. A log may still go while they are counted.
            "size" => {
                close(store.take()).await;
                let files = std::fs::read_dir(&folder).unwrap().map(Result::unwrap);
                let bytes: u64 = files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum();
                println!("{}", bytes as f64 / f64::from(1 << 20));
            }
            other => panic!("unknown request {other}"),
        }
    }
}

async fn open(folder: &Path) -> SqliteEventCacheStore {
    SqliteEventCacheStore::open_with_key(folder, Some(&KEY)).await.unwrap()
}

async fn close(store: Option<SqliteEventCacheStore>) {
    if let Some(store) = store {
        store.close().await.unwrap();
    }
}

fn room_id(room: &Room) -> OwnedRoomId {
    RoomId::parse(format!("!room{}:example.org", room.number)).unwrap()
}

/// Counts what the store itself takes; making the events is not its work.
async fn fill(store: &SqliteEventCacheStore, texts: &Texts, rooms: &[Room]) -> Took {
    let mut took = Took::default();
    for room in rooms {
        let id = room_id(room);
        for (chunk, first) in (1..=room.messages).step_by(CHUNK).enumerate() {
            let until = room.messages.min(first + CHUNK - 1);
            let items: Vec<Event> = (first..=until).map(|seq| event(room, &room.message(texts, seq))).collect();
            let new = ChunkIdentifier::new(chunk as u64);
            let previous = chunk.checked_sub(1).map(|before| ChunkIdentifier::new(before as u64));
            let updates = vec![
                Update::NewItemsChunk { previous, new, next: None },
                Update::PushItems { at: Position::new(new, 0), items },
            ];
            let begun = took.begin();
            store.handle_linked_chunk_updates(LinkedChunkId::Room(&id), updates).await.unwrap();
            took = begun.end();
        }
    }
    took
}

fn event(room: &Room, message: &Message<'_>) -> Event {
    let sender = format!("@person{}:example.org", message.author);
    let content = if message.has_file {
        let info = json!({ "mimetype": "image/png", "size": 123_456 });
        json!({ "msgtype": "m.file", "body": message.text, "filename": "screenshot.png", "info": info,
            "url": format!("mxc://example.org/file{}-{}", room.number, message.seq) })
    } else {
        json!({ "msgtype": "m.text", "body": message.text })
    };
    let event = json!({
        "type": "m.room.message",
        "event_id": event_id(room.number << 32 | message.seq),
        "sender": sender,
        "origin_server_ts": message.at,
        "content": content,
        "unsigned": { "membership": "join" },
    });
    Event::from_plaintext(Raw::from_json(to_raw_value(&event).unwrap()))
}

/// A real one is a hash: 43 signs in no order.
fn event_id(number: usize) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = number as u64;
    let mut id = String::from("$");
    while id.len() < 44 {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        id.extend((0..10).map(|at| char::from(SIGNS[(mixed >> (at * 6)) as usize & 63])));
    }
    id.truncate(44);
    id
}

async fn last(store: &SqliteEventCacheStore, room: &RoomId) -> Vec<Event> {
    let (chunk, _) = store.load_last_chunk(LinkedChunkId::Room(room)).await.unwrap();
    match chunk.unwrap().content {
        ChunkContent::Items(items) => items,
        ChunkContent::Gap(_) => panic!("a gap"),
    }
}
