//! A server that misbehaves, at the other end of a real session: whatever it tells, the device goes on, connects again from where it
//! was, and holds in the end what there is.

use super::*;
use crate::net::in_place::{Conversation, InPlace};
use crate::testing::signed_document_at;
use crate::view::{Reason, SearchQuery};
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use thechatapp_protocol::Event;
use thechatapp_protocol::event::{PersonRow, Reaction};
use thechatapp_protocol::methods::sync::{StartSyncParams, SyncStarted};
use thechatapp_protocol::session::{Kind, Message};
use thechatapp_protocol::wire::Request;

/// What the server does next.
enum Does {
    /// Waits for `sync.start` from this cursor, and takes it.
    Starts(u64),
    /// Waits for it, and refuses.
    Refuses(u64, Code),
    Tells(Changes),
    /// Waits until the device holds everything up to this cursor.
    Holds(u64),
    /// Cuts the line in the middle of telling.
    BreaksOff(Changes),
    /// Cuts it.
    Cuts,
}

use Does::{BreaksOff, Cuts, Holds, Refuses, Starts, Tells};

struct Stage {
    _place: Place,
    running: Running,
    server: Arc<InPlace>,
    /// How many connections there were.
    connections: Arc<AtomicUsize>,
}

/// A device before a server that does these things, and then listens and answers. Its history is `numbered`, up to `head`.
async fn stage(does: Vec<Does>, head: u64) -> Stage {
    let place = place().await;
    let running = place.workspace().await;
    stage_of(place, running, does, head).await
}

async fn stage_of(place: Place, running: Running, does: Vec<Does>, head: u64) -> Stage {
    let (server, mut coming) = InPlace::new(signed_document_at([1; 16], 5).unwrap());
    let (server, connections) = (Arc::new(server), Arc::new(AtomicUsize::new(0)));
    *running.workspace.in_place.lock().unwrap() = Some(Arc::clone(&server));
    let (counted, device) = (Arc::clone(&connections), Arc::downgrade(&running.workspace));
    tokio::spawn(async move {
        let mut does = does.into_iter().peekable();
        while let Some(mut line) = coming.recv().await {
            counted.fetch_add(1, Ordering::SeqCst);
            loop {
                match does.next() {
                    Some(Starts(after)) => start(&mut line, after, Ok(()), head).await,
                    Some(Refuses(after, code)) => {
                        start(&mut line, after, Err(code), head).await;
                        break;
                    }
                    Some(Tells(changes)) => line.say(Kind::Event, 0, wire::encode(&Event::Changes(changes)).unwrap()),
                    Some(BreaksOff(changes)) => {
                        line.break_off(Kind::Event, 0, wire::encode(&Event::Changes(changes)).unwrap());
                        break;
                    }
                    Some(Holds(cursor)) => holds(&mut line, &device, cursor, head).await,
                    Some(Cuts) => break,
                    None => {
                        while let Some(message) = line.next().await {
                            answer(&mut line, message, head);
                        }
                        break;
                    }
                }
            }
        }
    });
    running.workspace.start(true);
    Stage { _place: place, running, server, connections }
}

/// What it asks for meanwhile is answered.
async fn holds(line: &mut Conversation, device: &Weak<Workspace>, cursor: u64, head: u64) {
    loop {
        let Some(workspace) = device.upgrade() else { return };
        let mut changes = workspace.changes();
        if workspace.cache.standing().await.unwrap().cursor == cursor {
            return;
        }
        drop(workspace);
        tokio::select! {
            message = line.next() => answer(line, message.expect("it stays"), head),
            _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()) => {}
        }
    }
}

async fn start(line: &mut Conversation, after: u64, taken: Result<(), Code>, head: u64) {
    while let Some(message) = line.next().await {
        let request: Request = wire::decode(&message.payload).unwrap();
        if request.method != "sync.start" {
            answer(line, message, head);
            continue;
        }
        assert_eq!(wire::decode::<StartSyncParams>(&request.params).unwrap().after, after);
        match taken {
            Ok(()) => {
                let started = SyncStarted { head: 1, heads: false, changed: None, updates: None, bounds: None };
                line.say(Kind::Reply, message.stream, wire::encode(&started).unwrap());
            }
            Err(code) => {
                let body = ErrorBody::new(code, "no", "because", "do");
                line.say(Kind::Error, message.stream, wire::encode(&body).unwrap());
                // It hears the refusal before it is gone.
                while line.next().await.is_some() {}
            }
        }
        return;
    }
    panic!("nobody began");
}

fn answer(line: &mut Conversation, message: Message, head: u64) {
    let request: Request = wire::decode(&message.payload).unwrap();
    if request.method != "messages.history" {
        let body = ErrorBody::new(Code::NotFound, "no", "because", "do");
        return line.say(Kind::Error, message.stream, wire::encode(&body).unwrap());
    }
    let asked: HistoryParams = wire::decode(&request.params).unwrap();
    let after = asked.after.unwrap();
    let messages = (after + 1..=(after + u64::from(asked.limit)).min(head)).map(numbered).collect();
    line.say(Kind::Reply, message.stream, wire::encode(&Page { messages, head }).unwrap());
}

impl Stage {
    fn workspace(&self) -> &Workspace {
        &self.running.workspace
    }

    /// Waits until something is so.
    async fn until(&self, mut is_so: impl AsyncFnMut(&Workspace) -> bool) {
        let mut changes = self.workspace().changes();
        let waiting = async {
            while !is_so(self.workspace()).await {
                let _ = tokio::time::timeout(Duration::from_millis(50), changes.changed()).await;
            }
        };
        let so = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(so.is_ok(), "{:?} after {:?} connections", self.workspace().connection(), self.connections);
    }

    /// Waits until it is online in this connection, counted from 1.
    async fn online_in(&self, connection: usize) {
        self.until(async |workspace| {
            self.connections.load(Ordering::SeqCst) == connection && workspace.connection() == Connection::Online
        })
        .await;
    }

    async fn texts(&self) -> Vec<String> {
        shown(self.workspace()).await
    }

    async fn cursor(&self) -> u64 {
        self.workspace().cache.standing().await.unwrap().cursor
    }
}

fn begins() -> Vec<Row> {
    let person = account().person;
    vec![
        Row::Channel(ChannelRow::plain(CHANNEL, "general", Timestamp(1), 1)),
        Row::Member(MemberRow { channel: CHANNEL, person, joined: true, role: ChannelRole::Member, change: 2 }),
    ]
}

fn tells(rows: Vec<Row>, to: u64) -> Does {
    Tells(Changes { rows, to, live: true })
}

fn said(numbers: impl IntoIterator<Item = u64>) -> Vec<Row> {
    numbers.into_iter().map(|seq| Row::Message(numbered(seq))).collect()
}

fn texts(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|seq| format!("number {seq}")).collect()
}

#[tokio::test]
async fn wrong_order_and_repeats_end_in_the_right_order_once_also_after_a_cut() {
    let stage = stage(
        vec![
            Starts(0),
            tells(begins(), 2),
            tells(said([3, 1, 2, 2, 3]), 13),
            tells(said([2, 5, 4, 4]), 15),
            Holds(15),
            Cuts,
            Starts(15),
            tells(said([1, 5]), 15),
            // Told again from before, the cursor goes back; nothing is there twice.
            tells(said([6, 2]), 12),
            Holds(12),
            BreaksOff(Changes { rows: said(7..2_000), to: 2_010, live: true }),
            Starts(12),
            tells(said([7, 6]), 17),
        ],
        7,
    )
    .await;
    stage.online_in(3).await;
    stage.until(async |_| stage.cursor().await == 17).await;
    assert_eq!(stage.texts().await, texts(1..=7));
    assert!(stage.workspace().cache.incomplete().await.unwrap().is_empty());
    stage.workspace().cache.check().await.unwrap();
}

#[tokio::test]
async fn gaps_are_filled_in_the_session_in_which_they_are_left_and_in_the_next() {
    let stage = stage(
        vec![
            Starts(0),
            tells(begins(), 2),
            tells(said([50]), 60),
            Holds(60),
            Cuts,
            Starts(60),
            tells(said([200]), 210),
        ],
        200,
    )
    .await;
    stage.online_in(2).await;
    stage
        .until(async |workspace| stage.cursor().await == 210 && workspace.cache.incomplete().await.unwrap().is_empty())
        .await;
    assert_eq!(stage.texts().await, texts(1..=200));
}

#[tokio::test]
async fn with_a_cursor_from_the_future_everything_is_fetched_anew() {
    let stage = stage(
        vec![
            Starts(0),
            tells([begins(), said(1..=3)].concat(), u64::MAX - 1),
            Holds(u64::MAX - 1),
            Cuts,
            // A server says of a cursor that never was that its own data are older.
            Refuses(u64::MAX - 1, Code::Resync),
            Starts(0),
            tells([begins(), said(1..=5)].concat(), 15),
        ],
        5,
    )
    .await;
    stage.online_in(3).await;
    stage.until(async |_| stage.cursor().await == 15).await;
    assert_eq!(stage.texts().await, texts(1..=5));
}

#[tokio::test]
async fn a_million_reactions_on_one_message_are_taken_and_it_goes_on() {
    let person = |n: u32| AccountId::from_bytes((u128::from(n) << 8).to_be_bytes());
    // As many as fit into what a session carries, told so often that they are a million.
    let popular = |change: u64| {
        let people = (0..50_000).map(|n| person(n + u32::try_from(change).unwrap())).collect();
        let reactions = vec![Reaction { emoji: "👍".into(), people }];
        Row::Message(MessageRow { reactions, change, ..numbered(1) })
    };
    let mut does = vec![Starts(0), tells(begins(), 2)];
    does.extend((11..31).map(|change| tells(vec![popular(change)], change)));
    does.extend([Holds(30), Cuts, Starts(30), tells(said([2]), 31)]);
    let stage = stage(does, 2).await;
    stage.online_in(2).await;
    stage.until(async |_| stage.cursor().await == 31).await;
    let part = stage.workspace().cache.part(CHANNEL, Window::Latest, 9, Vec::new()).await.unwrap().unwrap();
    let reaction = &part.messages[0].reactions[0];
    assert_eq!((reaction.count, reaction.people.len(), part.messages.len()), (50_000, 50, 2));
}

#[tokio::test]
async fn bodies_of_a_mebibyte_are_kept_and_found_and_it_goes_on() {
    let long = "a long story without end ".repeat(41_800);
    assert!(long.len() > 1_044_000);
    let long_at = |seq| vec![Row::Message(MessageRow { text: long.clone(), ..numbered(seq) })];
    let stage = stage(
        vec![
            Starts(0),
            tells(begins(), 2),
            tells(long_at(1), 11),
            Holds(11),
            BreaksOff(Changes { rows: long_at(2), to: 12, live: true }),
            Starts(11),
            tells(long_at(2), 12),
            tells(said([3]), 13),
        ],
        3,
    )
    .await;
    stage.online_in(2).await;
    stage.until(async |_| stage.cursor().await == 13).await;
    assert_eq!(stage.texts().await, [long.clone(), long, "number 3".into()]);
    let query = SearchQuery { words: "story".into(), limit: 9, ..SearchQuery::default() };
    assert_eq!(stage.workspace().cache.search(query).await.unwrap().len(), 2);
}

#[tokio::test]
async fn names_of_control_characters_are_names() {
    let name = "\u{202e}\u{0}\u{1b}[2J\r\n\u{feff}";
    let author = numbered(1).author;
    let person = PersonRow {
        id: author,
        name: name.into(),
        imported: false,
        active: true,
        change: 3,
        rank: thechatapp_protocol::permission::Rank::Member,
    };
    let rows = vec![
        Row::Channel(ChannelRow::plain(CHANNEL, name, Timestamp(1), 3)),
        Row::Person(person),
        Row::Message(MessageRow { text: name.into(), ..numbered(1) }),
    ];
    let stage = stage(
        vec![Starts(0), tells(begins(), 2), tells(rows.clone(), 11), Holds(11), Cuts, Starts(11), tells(rows, 11)],
        1,
    )
    .await;
    stage.online_in(2).await;
    let cache = &stage.workspace().cache;
    assert_eq!(cache.channel_name(CHANNEL).await.unwrap(), name);
    assert!(cache.people().await.unwrap().iter().any(|one| one.id == author && one.name == name));
    assert_eq!(stage.texts().await, [name]);
}

#[tokio::test]
async fn ten_thousand_channels_renamed_at_once_have_their_new_names_and_it_goes_on() {
    let id = |n: u64| ChannelId::from_bytes((u128::from(n + 1) << 64).to_be_bytes());
    // As many as fit into what a session carries at once.
    let renamed = |word: &str, change: u64| -> Vec<Does> {
        let rows: Vec<Row> = (0..10_000)
            .map(|n| Row::Channel(ChannelRow::plain(id(n), format!("{word} {n}"), Timestamp(1), change)))
            .collect();
        rows.chunks(2_500).map(|rows| tells(rows.to_vec(), change)).collect()
    };
    let mut does = vec![Starts(0), tells(begins(), 2)];
    does.extend(renamed("before", 10));
    does.extend([Holds(10), Cuts, Starts(10)]);
    does.extend(renamed("after", 11));
    does.push(tells(said([1]), 12));
    let stage = stage(does, 1).await;
    stage.online_in(2).await;
    stage.until(async |_| stage.cursor().await == 12).await;
    for n in [0, 4_999, 9_999] {
        assert_eq!(stage.workspace().cache.channel_name(id(n)).await.unwrap(), format!("after {n}"));
    }
    assert_eq!(stage.texts().await, ["number 1"]);
}

#[tokio::test]
async fn an_identity_document_that_rolls_back_is_told_nothing_until_it_is_the_known_one_again() {
    let does =
        vec![Starts(0), tells([begins(), said([1])].concat(), 11), Holds(11), Cuts, Starts(11), tells(said([2]), 12)];
    let stage = stage(does, 2).await;
    stage.online_in(2).await;
    // Cut off, it is shown an older document of the same server.
    stage.server.show(signed_document_at([1; 16], 4).unwrap());
    stage.workspace().reroute();
    stage
        .until(async |workspace| {
            matches!(workspace.connection(), Connection::Offline { reason: Reason::RolledBack, .. })
        })
        .await;
    assert_eq!(stage.connections.load(Ordering::SeqCst), 2, "nobody talks to it");
    let why = stage.workspace().why_not().report().why;
    assert!(why.contains("epoch 4") && why.contains("epoch 5"), "{why}");
    assert_eq!(stage.texts().await, texts(1..=2), "what is here is read on");
    stage.server.show(signed_document_at([1; 16], 5).unwrap());
    stage.until(async |_| stage.connections.load(Ordering::SeqCst) == 3).await;
}

#[tokio::test]
async fn what_one_had_sent_to_a_server_that_was_restored_is_offered_again_out_of_a_damaged_cache() {
    let place = place().await;
    let running = place.workspace().await;
    let cache = &running.workspace.cache;
    cache.begin_generation(vec![77; 16], Vec::new()).await.unwrap();
    let own = MessageRow { author: account().person, ..numbered(3) };
    let rows = vec![Row::Message(numbered(2)), Row::Message(own)];
    let rows = [begins(), rows].concat();
    cache.apply(Changes { rows, to: 20, live: true }, true).await.unwrap();
    running.stop().await.unwrap();
    crate::cache::file::set_aside(&place.folder.path().join("cache.db")).unwrap();
    let me = Me { id: account().person, name: "Inês".into(), workspace: "acme".into() };
    let cache = Cache::open(&place.folder.path().join("cache.db"), &[3; 32], me).await.unwrap();
    assert!(cache.is_being_rebuilt());
    let running = Workspace::run(cache, account(), place.shared.clone());
    let stage = stage_of(place, running, vec![Starts(0), tells(begins(), 2)], 0).await;
    stage.online_in(1).await;
    let workspace = stage.workspace();
    let waiting: Vec<String> =
        workspace.local.outbox(workspace.id).await.unwrap().into_iter().map(|one| one.text).collect();
    assert_eq!(waiting, ["number 3"]);
    assert!(!workspace.cache.is_being_rebuilt(), "it is of other data");
}
