//! Whether the time of a refusal tells what there is: every method that names something, asked with ids of another workspace, with
//! ids that exist here and are not for the caller, and with ids of nothing, in shuffled order over one session; by a member, and by
//! an owner, for whom what powers reach is looked for where a member is turned away before it is.
//!
//! Two different sets of ids of nothing say how much of a difference is chance.

#[path = "../../server/tests/neighbours/calls.rs"]
mod calls;

use crate::table::{Table, median};
use calls::{Call, Ids, NAME_NOTHING, calls};
use futures_util::SinkExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use thechatapp_protocol::event::{ChannelKind, Visibility};
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::files::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::moderation::*;
use thechatapp_protocol::methods::polls::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::permission::{Powers, Rank};
use thechatapp_protocol::session::{Kind, Message};
use thechatapp_protocol::wire::{Request, encode};
use thechatapp_protocol::{AccountId, MessageId, Method, for_each_method};
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::server::json;
use thechatapp_tests::{Server, wire};
use tokio_tungstenite::tungstenite::Message as Frame;

const ROUNDS: usize = 1000;
/// What a caller may be able to tell apart: a tenth.
const BOUND: f64 = 1.1;

/// Random enough to shuffle and to name nothing.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 31)
    }

    /// An id of now.
    fn id(&mut self) -> [u8; 16] {
        let bytes = [self.next().to_be_bytes(), self.next().to_be_bytes()].concat();
        *MessageId::from_parts(wire::millis(), &std::array::from_fn(|place| bytes[place])).as_bytes()
    }

    fn nothing(&mut self) -> Ids {
        Ids::nobodys(&mut || self.id())
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.next() as usize % (last + 1));
        }
    }
}

/// A private channel with a message, a poll and a file that is being uploaded; a report, a group and a role.
async fn hidden(person: &mut RawClient, numbers: &mut Numbers) -> Ids {
    let ids = numbers.nothing();
    let Ids { channel, message, poll, file, report, group, role, .. } = ids;
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
    let reported = ReportMessageParams { report, channel, id: message, reason: "hidden".into() };
    person.call::<ReportMessage>(&reported).await.unwrap();
    let (slug, name) = ("secret".to_owned(), "Secret".to_owned());
    let made = GroupParams { id: group, slug, name, visibility: Visibility::Hidden };
    person.call::<CreateGroup>(&made).await.unwrap();
    person.call::<CreateRole>(&Role { id: role, name: "secret".into(), powers: Powers::NONE }).await.unwrap();
    let me = person.call::<WhoAmI>(&Nothing {}).await.unwrap();
    Ids { person: me.person.id, device: me.device, ..ids }
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
    let mut alice = RawClient::join(&server, server.owner_invite(), "alice").await;
    let theirs = hidden(&mut alice, &mut numbers).await;
    // Ids carry their time, and people are looked for in the order of their ids: all of these come before the callers'.
    let (nothing, either) = (numbers.nothing(), numbers.nothing());
    let mut bob = RawClient::join(&server, &server.invite(), "bob").await;
    let mut olga = RawClient::join(&server, &server.invite(), "olga").await;
    let person = olga.call::<WhoAmI>(&Nothing {}).await.unwrap().person.id;
    alice.call::<SetRank>(&SetRankParams { person, rank: Rank::Owner }).await.unwrap();

    let all = [(ANOTHERS, anothers), (HIDDEN, theirs), (NOTHING, nothing), (NOTHING_EITHER, either)];
    let mut took = Took::new();
    let mut measured = measure(&server, &mut bob, "a member", all, &mut numbers, &mut took).await;
    // An owner knows of groups, roles, reports, people and their devices, and what an owner asks of them is done.
    let theirs =
        Ids { channel: theirs.channel, message: theirs.message, poll: theirs.poll, file: theirs.file, ..nothing };
    let all = [(ANOTHERS, anothers), (HIDDEN, theirs), (NOTHING, nothing), (NOTHING_EITHER, either)];
    measured.extend(measure(&server, &mut olga, "an owner", all, &mut numbers, &mut took).await);

    macro_rules! names {
        ($($method:ty),+ $(,)?) => { BTreeSet::from([$(<$method as Method>::NAME),+]) };
    }
    let all: BTreeSet<&str> = for_each_method!(names);
    measured.extend(NAME_NOTHING);
    let missing: Vec<_> = all.difference(&measured).collect();
    assert!(missing.is_empty(), "not measured: {missing:?}; they belong into server/tests/neighbours/calls.rs");
    compare(table, took);
}

/// By method, what is special about the call, and who asked where; by kind of ids, how long it took.
type Took = BTreeMap<(&'static str, &'static str, &'static str, &'static str), BTreeMap<&'static str, Vec<Duration>>>;

/// Asks for all of it. The answer is which methods were refused.
async fn measure(
    server: &Server,
    who: &mut RawClient,
    rank: &'static str,
    kinds: [(&'static str, Ids); 4],
    numbers: &mut Numbers,
    took: &mut Took,
) -> BTreeSet<&'static str> {
    who.again(server).await;
    let me: AccountId = who.call::<WhoAmI>(&Nothing {}).await.unwrap().person.id;
    // Where the caller is not; and where they are, with what is elsewhere.
    let mut asked: Vec<(Call, &str, &str)> = Vec::new();
    for (kind, ids) in kinds {
        let ids_here = Ids { channel: who.general, ..ids };
        for (place, ids) in [("in a channel", ids), ("in one's own channel", ids_here)] {
            asked.extend(calls(ids, me, &mut || numbers.id()).into_iter().map(|call| (call, place, kind)));
        }
    }
    let (mut stream, mut refused) = (1_000_000, Vec::new());
    for (call, place, kind) in asked {
        // Of the others in one's own channel some succeed, as they should: they name nothing that is hidden.
        if ask(who, &mut stream, &call).await.1 == Kind::Error {
            refused.push((call, place, kind));
        }
    }
    let measured = refused.iter().filter(|(_, _, kind)| *kind == NOTHING).map(|(call, ..)| call.0).collect();
    for round in 0..ROUNDS + ROUNDS / 10 {
        numbers.shuffle(&mut refused);
        for (call, place, kind) in &refused {
            let (time, answer) = ask(who, &mut stream, call).await;
            assert_eq!(answer, Kind::Error, "{}{} {place}, ids {kind}, by {rank}", call.0, call.1);
            if round >= ROUNDS / 10 {
                took.entry((call.0, call.1, *place, rank)).or_default().entry(kind).or_default().push(time);
            }
        }
    }
    measured
}

fn compare(table: &mut Table, took: Took) {
    let mut worst: BTreeMap<&str, (f64, String, Duration, Duration)> = BTreeMap::new();
    for ((method, special, place, rank), kinds) in took {
        let medians: BTreeMap<_, _> = kinds.into_iter().map(|(kind, all)| (kind, median(all))).collect();
        let Some(nothing) = medians.get(NOTHING).copied() else { continue };
        for (kind, took) in &medians {
            // Quicker tells as much as slower.
            let (more, less) = (nothing.max(*took), nothing.min(*took));
            let ratio = more.as_secs_f64() / less.as_secs_f64();
            let name = format!("{method}{special} {place}, by {rank}");
            eprintln!("{name}: ids {kind} {took:.1?}, of nothing {nothing:.1?}, {ratio:.2}");
            if *kind != NOTHING && worst.get(kind).is_none_or(|(most, ..)| ratio > *most) {
                worst.insert(kind, (ratio, name, more, less));
            }
        }
    }
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
