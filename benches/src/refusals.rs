//! Whether the time of a refusal tells what there is: every method that names something, asked with ids of another workspace, with
//! ids that exist here and are not for the caller, and with ids of nothing, in shuffled order over one session.
//!
//! Two different sets of ids of nothing say how much of a difference is chance.

use crate::table::{Table, median};
use futures_util::SinkExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::saved::*;
use thechatapp_protocol::session::{Kind, Message};
use thechatapp_protocol::wire::{Request, encode};
use thechatapp_protocol::{AccountId, ChannelId, FileId, MessageId, Method, for_each_method};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::server::json;
use thechatapp_tests::{Server, wire};
use tokio_tungstenite::tungstenite::Message as Frame;

const ROUNDS: usize = 1000;
/// What a caller may be able to tell apart: a tenth.
const BOUND: f64 = 1.1;

#[derive(Clone, Copy)]
struct Ids {
    channel: ChannelId,
    message: MessageId,
    poll: MessageId,
    file: FileId,
    person: AccountId,
}

/// Random enough to shuffle and to name nothing.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 31)
    }

    fn ten(&mut self) -> [u8; 10] {
        let bytes = [self.next().to_be_bytes(), self.next().to_be_bytes()].concat();
        std::array::from_fn(|place| bytes[place])
    }

    fn message(&mut self) -> MessageId {
        MessageId::from_parts(wire::millis(), &self.ten())
    }

    fn nothing(&mut self) -> Ids {
        Ids {
            channel: ChannelId::from_parts(wire::millis(), &self.ten()),
            message: self.message(),
            poll: self.message(),
            file: FileId::from_parts(wire::millis(), &self.ten()),
            person: AccountId::from_parts(wire::millis(), &self.ten()),
        }
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.next() as usize % (last + 1));
        }
    }
}

/// A method's name, what is special about the call, and its parameters.
type Call = (&'static str, &'static str, Vec<u8>);

fn call<M: Method>(special: &'static str, params: M::Params) -> Call {
    (M::NAME, special, encode(&params).unwrap())
}

fn calls(ids: Ids, numbers: &mut Numbers) -> Vec<Call> {
    let Ids { channel, message: id, poll, file, person } = ids;
    let one = || OneMessage { channel, id };
    let new = numbers.message();
    let sent = |files, thread| SendMessageParams { id: new, channel, text: "in".into(), files, thread, after: None };
    let fresh = FileId::from_parts(wire::millis(), &numbers.ten());
    let begin =
        BeginUploadParams { file: fresh, channel, name: "a.txt".into(), media_type: "text/plain".into(), size: 1 };
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask = CreatePollParams { id: new, channel, question: "?".into(), options, multiple: false };
    let search = SearchParams { words: "hidden".into(), channel: Some(channel), ..Default::default() };
    vec![
        call::<OpenDirect>("", OpenDirectParams { people: vec![person] }),
        call::<JoinChannel>("", InChannel { channel }),
        call::<LeaveChannel>("", InChannel { channel }),
        call::<AddMember>("", AddMemberParams { channel, person }),
        call::<SetTopic>("", SetTopicParams { channel, topic: "in".into() }),
        call::<BeginUpload>("", begin),
        call::<FinishUpload>("", FinishUploadParams { channel, file, key: FileKey(vec![7; 32]) }),
        call::<OpenFile>("", OpenFileParams { channel, file, part: true }),
        call::<SendMessage>("", sent(Vec::new(), None)),
        call::<SendMessage>(" with a file", sent(vec![file], None)),
        call::<SendMessage>(" in a thread", sent(Vec::new(), Some(id))),
        call::<EditMessage>("", EditMessageParams { channel, id, text: "in".into() }),
        call::<Edits>("", EditsParams { channel, id, from: 0 }),
        call::<DeleteMessage>("", one()),
        call::<React>("", ReactParams { channel, id, emoji: "👍".into(), on: true }),
        call::<Pin>("", one()),
        call::<Unpin>("", one()),
        call::<Pins>("", PinsParams { channel, after: 0 }),
        call::<Thread>("", ThreadParams { channel, id, before: None, after: None, limit: 10 }),
        call::<History>("", HistoryParams { channel, before: None, after: None, limit: 10 }),
        call::<MarkRead>("", MarkReadParams { channel, seq: 1 }),
        call::<Search>("", search),
        call::<CreatePoll>("", ask),
        call::<CastVote>("", CastVoteParams { channel, id: poll, choices: vec![0] }),
        call::<ClosePoll>("", OneMessage { channel, id: poll }),
        call::<Save>("", SaveParams { channel, id, note: None }),
        call::<Unsave>("", one()),
    ]
}

/// A private channel with a message, a poll and a file that is being uploaded.
async fn hidden(person: &mut RawClient, numbers: &mut Numbers) -> Ids {
    let ids = numbers.nothing();
    let Ids { channel, message, poll, file, .. } = ids;
    let create = CreateChannelParams { id: channel, name: "secret".into(), kind: ChannelKind::Private };
    person.call::<CreateChannel>(&create).await.unwrap();
    let text = "hidden".to_owned();
    let send = SendMessageParams { id: message, channel, text, files: Vec::new(), thread: None, after: None };
    person.call::<SendMessage>(&send).await.unwrap();
    let options = vec!["a".to_owned(), "b".to_owned()];
    let ask = CreatePollParams { id: poll, channel, question: "hidden?".into(), options, multiple: false };
    person.call::<CreatePoll>(&ask).await.unwrap();
    let begin = BeginUploadParams { file, channel, name: "a.txt".into(), media_type: "text/plain".into(), size: 1 };
    person.call::<BeginUpload>(&begin).await.unwrap();
    ids
}

const ANOTHERS: &str = "another workspace's";
const HIDDEN: &str = "not for the caller";
const NOTHING: &str = "of nothing";
const NOTHING_EITHER: &str = "of nothing, either";

pub async fn run(table: &mut Table) {
    let server = Server::start();
    let beta = json(&server.run(&["workspace", "create", "--workspace", "beta"]));
    let (pin, invite) = (beta["pin"].as_str().unwrap(), beta["invite"].as_str().unwrap());
    let mut numbers = Numbers(wire::millis());
    let mut eve = RawClient::join_at(&server, pin, invite, "eve").await;
    let anothers = hidden(&mut eve, &mut numbers).await;
    let anothers = Ids { person: eve.call::<WhoAmI>(&Nothing {}).await.unwrap().person.id, ..anothers };
    let mut alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    let theirs = hidden(&mut alice, &mut numbers).await;
    // Ids carry their time, and people are looked for in the order of their ids: all of these come before the caller's.
    let (nothing, either) = (numbers.nothing(), numbers.nothing());
    let mut bob = RawClient::join(&server, &server.invite(), "bob").await;
    bob.again(&server).await;

    // Where the caller is not; and where they are, with what is elsewhere.
    let mut asked: Vec<((Call, &str), &str)> = Vec::new();
    for (kind, ids) in [(ANOTHERS, anothers), (HIDDEN, theirs), (NOTHING, nothing), (NOTHING_EITHER, either)] {
        let ids_here = Ids { channel: bob.general, ..ids };
        for (place, ids) in [("in a channel", ids), ("in one's own channel", ids_here)] {
            asked.extend(calls(ids, &mut numbers).into_iter().map(|call| ((call, place), kind)));
        }
    }
    let (mut stream, mut refused) = (1_000_000, Vec::new());
    for ((call, place), kind) in asked {
        // Of the others in one's own channel some succeed, as they should: they name nothing that is hidden.
        if ask(&mut bob, &mut stream, &call).await.1 == Kind::Error {
            refused.push((call, place, kind));
        }
    }
    let mut took: BTreeMap<_, BTreeMap<&str, Vec<Duration>>> = BTreeMap::new();
    for round in 0..ROUNDS + ROUNDS / 10 {
        numbers.shuffle(&mut refused);
        for (call, place, kind) in &refused {
            let (time, answer) = ask(&mut bob, &mut stream, call).await;
            assert_eq!(answer, Kind::Error, "{}{} {place}, ids {kind}", call.0, call.1);
            if round >= ROUNDS / 10 {
                took.entry((call.0, call.1, *place)).or_default().entry(kind).or_default().push(time);
            }
        }
    }
    compare(table, took);
}

fn compare(table: &mut Table, took: BTreeMap<(&str, &str, &str), BTreeMap<&str, Vec<Duration>>>) {
    let mut worst: BTreeMap<&str, (f64, String, Duration, Duration)> = BTreeMap::new();
    let mut measured = BTreeSet::new();
    for ((method, special, place), kinds) in took {
        let medians: BTreeMap<_, _> = kinds.into_iter().map(|(kind, all)| (kind, median(all))).collect();
        let Some(nothing) = medians.get(NOTHING).copied() else { continue };
        for (kind, took) in &medians {
            // Quicker tells as much as slower.
            let (more, less) = (nothing.max(*took), nothing.min(*took));
            let ratio = more.as_secs_f64() / less.as_secs_f64();
            let name = format!("{method}{special} {place}");
            eprintln!("{name}: ids {kind} {took:.1?}, of nothing {nothing:.1?}, {ratio:.2}");
            if *kind != NOTHING && worst.get(kind).is_none_or(|(most, ..)| ratio > *most) {
                worst.insert(kind, (ratio, name, more, less));
            }
        }
        measured.insert(method);
    }
    macro_rules! names {
        ($($method:ty),+ $(,)?) => { BTreeSet::from([$(<$method as Method>::NAME),+]) };
    }
    let all: BTreeSet<&str> = for_each_method!(names);
    eprintln!("{} methods measured; not: {:?}", measured.len(), all.difference(&measured).collect::<Vec<_>>());
    for (kind, (_, name, more, less)) in worst {
        table.slower_by(&format!("refused, ids {kind}: `{name}`"), more, less, BOUND);
    }
}

async fn ask(who: &mut RawClient, stream: &mut u32, (method, _, params): &Call) -> (Duration, Kind) {
    *stream += 1;
    let payload = encode(&Request { method: (*method).into(), params: params.clone() }).unwrap();
    let message = Message { kind: Kind::Request, stream: *stream, payload };
    let begun = Instant::now();
    for frame in who.transport.seal(&message, wire::millis()).unwrap() {
        who.socket.feed(Frame::binary(frame)).await.unwrap();
    }
    who.socket.flush().await.unwrap();
    loop {
        let message = who.next().await.expect("the server answers");
        if message.stream == *stream && matches!(message.kind, Kind::Reply | Kind::Error) {
            return (begun.elapsed(), message.kind);
        }
    }
}
