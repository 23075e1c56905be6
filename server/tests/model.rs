//! Random sequences of joins, bans, grants everywhere and within groups, revocations, group and rank changes, invites, channels
//! made private, public and archived, suspensions and reconnects, with listeners that live through all of it. A model says who may
//! know and do what: at no time does a listener or a read give what it forbids, and what it allows arrives.
//!
//! The sequences follow from their seeds, which are the same in every run; `THECHATAPP_SOAK` makes it 2,000, and `THECHATAPP_SEED`
//! runs one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "model/care.rs"]
mod care;
#[path = "model/happen.rs"]
mod happen;
mod support;
#[path = "model/world.rs"]
mod world;

use happen::{KINDS, Op, first, op};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use support::{Host, channel_id, message_id};
use thechatapp_protocol::event::{ChannelKind, Visibility};
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::channels::*;
use thechatapp_protocol::methods::groups::*;
use thechatapp_protocol::methods::messages::*;
use thechatapp_protocol::methods::roles::*;
use thechatapp_protocol::methods::sync::StartSyncParams;
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::session::DevicePublic;
use thechatapp_protocol::{
    AccountId, ChannelId, Code, DeviceId, ErrorBody, Event, GroupId, Method, RoleId, Row, Scope, wire,
};
use thechatapp_server::error::Fail;
use thechatapp_server::gate::Caller;
use thechatapp_server::methods::{self, Encoding};
use thechatapp_server::native::listener::{Heard, Listener};
use thechatapp_server::state::Workspace;
use thechatapp_server::store::{Tx, channels, devices, members, people};
use tokio::sync::mpsc;
use world::{CHANNELS, Circle, GROUPS, PEOPLE, Room, Somebody, World};

async fn ask<M: Method>(workspace: &Arc<Workspace>, by: Caller, params: &M::Params) -> Result<M::Reply, ErrorBody> {
    let params = wire::encode(params).unwrap();
    let answer = methods::dispatch(workspace.clone(), by, M::NAME, Encoding::MessagePack, &params).await;
    answer.map(|bytes| wire::decode(&bytes).unwrap())
}

/// What one device has heard since it began, as a client keeps it.
struct Live {
    heard: mpsc::Receiver<Heard>,
    cursor: u64,
    people: BTreeSet<AccountId>,
    rooms: BTreeSet<ChannelId>,
    circles: BTreeSet<GroupId>,
    inside: BTreeMap<GroupId, bool>,
    said: BTreeSet<String>,
    standing: Option<(Rank, Powers, BTreeMap<GroupId, Powers>)>,
}

/// One case under way.
struct Case {
    workspace: Arc<Workspace>,
    owner: Caller,
    world: World,
    before: World,
    live: Vec<Option<Live>>,
    cursors: Vec<u64>,
    number: u64,
    happened: Happened,
}

/// How often something of a kind happened, let through and refused.
type Happened = BTreeMap<String, [u64; 2]>;

fn fresh<T>(from: impl Fn([u8; 16]) -> T) -> T {
    from(*message_id().as_bytes())
}

/// People with devices, and empty rooms. They leave the room that everybody is in.
fn people_and_rooms(tx: &mut Tx<'_>) -> Result<(Vec<Caller>, Vec<Room>), Fail> {
    let mut all = Vec::new();
    for _ in 0..PEOPLE {
        let (person, device) = (fresh(AccountId::from_bytes), fresh(DeviceId::from_bytes));
        people::create(tx, person, &format!("p{person}"), "x", Rank::Member)?;
        for general in channels::for_everybody(tx.view())? {
            members::set(tx, general, person, false)?;
        }
        let mut key = [0; 32];
        key[..16].copy_from_slice(device.as_bytes());
        let (name, platform) = ("device".into(), "linux".into());
        let new = devices::New { id: device, key: DevicePublic(key), signing_key: [7; 32], name, platform };
        devices::insert(tx, person, &new)?;
        all.push(Caller { person, device, from: [127, 0, 0, 1].into(), replaced: false });
    }
    let mut rooms = Vec::new();
    for number in 0..CHANNELS {
        let (id, public) = (channel_id(), number == 0);
        let kind = if public { ChannelKind::Public } else { ChannelKind::Private };
        channels::create(tx, id, &format!("c{id}"), kind, None, false)?;
        rooms.push(Room {
            id,
            public,
            archived: false,
            own: BTreeSet::new(),
            inside: BTreeSet::new(),
            banned: BTreeSet::new(),
            moderators: BTreeSet::new(),
            ever: BTreeSet::new(),
            said: Vec::new(),
        });
    }
    Ok((all, rooms))
}

/// Somebody who has come, with a place to write to themselves.
async fn somebody(workspace: &Arc<Workspace>, caller: Caller, rank: Rank) -> Somebody {
    let notes = ask::<OpenDirect>(workspace, caller, &OpenDirectParams { people: Vec::new() }).await.unwrap().id;
    let (roles, scoped) = (BTreeSet::new(), BTreeSet::new());
    Somebody { id: caller.person, caller, notes, rank, active: true, roles, scoped }
}

impl Case {
    async fn new(workspace: Arc<Workspace>, owner: Caller) -> Self {
        let made = workspace.write::<WhoAmI, _>(owner, Scope::Workspace, |tx, _| people_and_rooms(tx)).await;
        let (callers, rooms) = made.unwrap();
        let mut world =
            World { people: Vec::new(), rooms, circles: Vec::new(), roles: Vec::new(), invites: Vec::new() };
        for caller in callers {
            world.people.push(somebody(&workspace, caller, Rank::Member).await);
        }
        let each = [&[Power::Audit][..], &[Power::Users, Power::Storage], &[Power::Directory]];
        for powers in each.map(|powers| powers.iter().copied().collect::<Powers>()) {
            let id = fresh(RoleId::from_bytes);
            ask::<CreateRole>(&workspace, owner, &Role { id, name: format!("r{id}"), powers }).await.unwrap();
            world.roles.push((id, powers));
        }
        for _ in 0..GROUPS {
            let (id, visibility) = (fresh(GroupId::from_bytes), Visibility::Public);
            ask::<CreateGroup>(&workspace, owner, &params(id, visibility)).await.unwrap();
            world.circles.push(Circle {
                id,
                visibility,
                people: BTreeSet::new(),
                groups: BTreeSet::new(),
                rooms: BTreeSet::new(),
                roles: BTreeSet::new(),
                scoped: BTreeSet::new(),
                managers: BTreeSet::new(),
            });
        }
        let live = (0..PEOPLE).map(|_| None).collect();
        let before = world.clone();
        let mut case = Self {
            workspace,
            owner,
            world,
            before,
            live,
            cursors: vec![0; PEOPLE],
            number: 0,
            happened: Happened::new(),
        };
        for person in 0..PEOPLE {
            case.connect(person, 0).await;
        }
        case
    }

    async fn end(self) -> Happened {
        // So many roles a workspace may have.
        for (id, _) in &self.world.roles {
            ask::<DeleteRole>(&self.workspace, self.owner, &OneRole { id: *id }).await.unwrap();
        }
        self.happened
    }

    /// Begins to listen at a cursor; where the person may see less than then, from the beginning.
    async fn connect(&mut self, person: usize, after: u64) {
        let caller = self.world.people[person].caller;
        let begun = match Listener::start(self.workspace.clone(), caller, StartSyncParams { after }).await {
            Ok((listener, _)) => Some((listener, after)),
            Err(Fail::Refused(why)) => {
                assert_eq!(why.code, Code::Narrowed);
                assert!(after > 0);
                None
            }
            Err(why) => panic!("{why}"),
        };
        let (listener, after) = match begun {
            Some(begun) => begun,
            None => {
                self.live[person] = None;
                (Listener::start(self.workspace.clone(), caller, StartSyncParams { after: 0 }).await.unwrap().0, 0)
            }
        };
        let (out, heard) = mpsc::channel(64);
        tokio::spawn(listener.run(out));
        match &mut self.live[person] {
            // What the device holds stays, and what it missed comes.
            Some(live) if after > 0 => live.heard = heard,
            place => {
                *place = Some(Live {
                    heard,
                    cursor: after,
                    people: BTreeSet::new(),
                    rooms: BTreeSet::new(),
                    circles: BTreeSet::new(),
                    inside: BTreeMap::new(),
                    said: BTreeSet::new(),
                    standing: None,
                });
            }
        }
        self.hear(person, |changes| changes.live).await;
    }

    /// Takes what comes until a batch that ends it. False when the device has to connect again.
    async fn hear(&mut self, person: usize, ends: impl Fn(&thechatapp_protocol::Changes) -> bool) -> bool {
        loop {
            let live = self.live[person].as_mut().unwrap();
            let heard =
                tokio::time::timeout(Duration::from_secs(20), live.heard.recv()).await.expect("something comes");
            let bytes = match heard {
                Some(Heard::Event(bytes)) => bytes,
                Some(Heard::Resume) | None => return false,
            };
            let Event::Changes(changes) = wire::decode(&bytes).unwrap() else { panic!("something else came") };
            for row in &changes.rows {
                self.take(person, row);
            }
            self.live[person].as_mut().unwrap().cursor = changes.to;
            if ends(&changes) {
                return true;
            }
        }
    }

    /// Keeps a row as a client does, and checks that its receiver may see it, or might until a moment ago.
    fn take(&mut self, person: usize, row: &Row) {
        let (now, was) = (&self.world, &self.before);
        let me = &now.people[person];
        let guest = now.is_guest(person) && was.is_guest(person);
        let live = self.live[person].as_mut().unwrap();
        let either = |says: &dyn Fn(&World) -> bool| says(now) || says(was);
        match row {
            Row::Message(row) if row.channel == me.notes => {}
            Row::Message(row) => {
                let room = now.room_of(row.channel).expect("a message of another world");
                assert!(either(&|world| world.is_in(person, room)), "{person} heard what was said in {room}");
                live.said.insert(row.text.clone());
            }
            // The model types none.
            Row::Draft(row) => panic!("{person} was told a draft: {row:?}"),
            Row::Channel(row) if row.id == me.notes => {}
            Row::Channel(row) if row.gone => {
                let room = now.room_of(row.id).expect("a room of another world is gone");
                assert!(!guest && !now.reads(person, room), "{person} was told that {room} is gone");
                assert!(row.name.is_empty() && row.topic.is_empty() && row.head == 0);
                live.rooms.remove(&row.id);
            }
            Row::Channel(row) => {
                match now.room_of(row.id) {
                    Some(room) => assert!(either(&|world| world.reads(person, room)), "{person} learnt of {room}"),
                    None => assert!(!guest && row.kind == ChannelKind::Public, "a guest learnt of {row:?}"),
                }
                live.rooms.insert(row.id);
            }
            Row::Member(row) if row.channel == me.notes => {}
            Row::Member(row) => {
                let room = now.room_of(row.channel);
                if row.person == me.id {
                    if let Some(room) = room.filter(|_| !row.joined)
                        && !now.rooms[room].public
                    {
                        live.rooms.remove(&row.channel);
                    }
                    return;
                }
                let room = room.expect("a membership of another world");
                assert!(either(&|world| world.is_in(person, room)), "{person} learnt who is in {room}");
            }
            Row::Person(row) => {
                match now.person_of(row.id) {
                    Some(other) => {
                        assert!(either(&|world| world.sees_person(person, other)), "{person} learnt of {other}");
                    }
                    None => assert!(!guest, "a guest learnt of {row:?}"),
                }
                live.people.insert(row.id);
            }
            Row::Group(row) => {
                let known = now.circles.iter().any(|circle| circle.id == row.id);
                assert!(known || !guest || row.gone, "a guest learnt of {row:?}");
                assert!(!row.gone || row.slug.is_empty() && row.name.is_empty());
                if row.gone {
                    live.circles.remove(&row.id)
                } else {
                    live.circles.insert(row.id)
                };
            }
            Row::InGroup(row) => {
                live.inside.insert(row.group, row.inside);
            }
            Row::Standing(row) => {
                let within = row.within.iter().map(|one| (one.group, one.powers)).collect();
                live.standing = Some((row.rank, row.powers, within));
            }
            Row::Read(_) | Row::Unknown => {}
        }
    }

    /// Lets something happen, on the server and in the model, and checks everything that follows.
    async fn step(&mut self, op: &Op) {
        self.before = self.world.clone();
        self.happen(op).await;
        self.world.remember();
        for person in 0..self.world.people.len() {
            self.settle(person).await;
            self.compare(person);
        }
        self.read((self.number as usize) % self.world.people.len()).await;
        self.number += 1;
    }

    /// What the server itself does, without a gate.
    async fn direct(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<(), Fail> + Send + 'static,
    ) -> Result<(), ErrorBody> {
        let done = self.workspace.write::<WhoAmI, _>(self.owner, Scope::Workspace, move |tx, _| job(tx)).await;
        done.map_err(Fail::into_body)
    }

    /// Waits until somebody's device has heard everything up to now: their own words to themselves come last.
    async fn settle(&mut self, person: usize) {
        let somebody = self.world.people[person].clone();
        if !somebody.active {
            // The session ended with the suspension; the device keeps what it holds.
            if let Some(live) = &self.live[person] {
                self.cursors[person] = live.cursor;
            }
            return;
        }
        if !self.before.people[person].active {
            let after = self.cursors[person];
            self.connect(person, after).await;
        }
        loop {
            let id = message_id();
            let params = SendMessageParams {
                id,
                channel: somebody.notes,
                text: "so far".into(),
                files: Vec::new(),
                thread: None,
                after: None,
            };
            ask::<SendMessage>(&self.workspace, somebody.caller, &params).await.unwrap();
            let is_it = move |row: &Row| matches!(row, Row::Message(row) if row.id == id);
            if self.hear(person, |changes| changes.rows.iter().any(is_it)).await {
                return;
            }
            let after = self.live[person].as_ref().unwrap().cursor;
            self.connect(person, after).await;
        }
    }

    /// What a device holds now is what its person may see, and all that they were to get.
    fn compare(&self, person: usize) {
        let (world, Some(live)) = (&self.world, &self.live[person]) else { return };
        if !world.people[person].active {
            return;
        }
        let standing = (world.people[person].rank, world.powers(person), world.told_within(person));
        assert_eq!(live.standing, Some(standing), "{person}'s standing");
        for (number, circle) in world.circles.iter().enumerate() {
            let seen = world.sees_circle(person, number);
            assert_eq!(live.circles.contains(&circle.id), seen, "{person} and group {number}");
            let inside = live.inside.get(&circle.id).copied().unwrap_or(false);
            assert_eq!(inside, world.in_circle(person, number), "{person} in group {number}");
        }
        for (number, room) in world.rooms.iter().enumerate() {
            assert_eq!(live.rooms.contains(&room.id), world.reads(person, number), "{person} and room {number}");
            if world.is_in(person, number) && self.before.is_in(person, number) {
                let new = &room.said[self.before.rooms[number].said.len()..];
                assert!(new.iter().all(|text| live.said.contains(text)), "{person} did not hear {new:?}");
            }
        }
        for (number, other) in world.people.iter().enumerate() {
            assert_eq!(live.people.contains(&other.id), world.sees_person(person, number), "{person} and {number}");
        }
        if world.is_guest(person) {
            assert!(live.people.iter().all(|id| world.person_of(*id).is_some()), "a guest knows strangers");
        }
    }

    /// What somebody asks for is what they may read.
    async fn read(&self, person: usize) {
        let (world, somebody) = (&self.world, &self.world.people[person]);
        for (number, room) in world.rooms.iter().enumerate() {
            let may = somebody.active && world.reads(person, number);
            let page = HistoryParams { channel: room.id, before: None, after: None, limit: 50 };
            let page = ask::<History>(&self.workspace, somebody.caller, &page).await;
            assert_eq!(page.is_ok(), may, "{person} reads {number}");
            let Some(text) = room.said.last() else { continue };
            let word = text.split(' ').next().unwrap().to_owned();
            let found = ask::<Search>(
                &self.workspace,
                somebody.caller,
                &SearchParams { words: word, limit: 20, ..Default::default() },
            )
            .await;
            let found = found.is_ok_and(|found| found.messages.iter().any(|message| message.text == *text));
            assert_eq!(found, may, "{person} searches {number}");
        }
        if somebody.active {
            let me = ask::<WhoAmI>(&self.workspace, somebody.caller, &Nothing {}).await.unwrap();
            assert_eq!(me.powers, world.powers(person));
        }
    }
}

fn params(id: GroupId, visibility: Visibility) -> GroupParams {
    let slug = format!("g{}", &id.to_string().replace('-', "")[12..]);
    GroupParams { id, slug, name: "A group".into(), visibility }
}

/// So many cases live in one workspace: each that follows learns of everybody before.
const TOGETHER: u64 = 50;

#[test]
fn nobody_receives_or_reads_what_the_model_forbids_and_what_it_allows_arrives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let soak = std::env::var_os("THECHATAPP_SOAK").is_some();
    let seeds = match std::env::var("THECHATAPP_SEED").map(|seed| seed.parse::<u64>().unwrap()) {
        Ok(seed) => seed..seed + 1,
        Err(_) => 0..if soak { 2000 } else { 64 },
    };
    let (mut place, all, long) = (None, std::cell::RefCell::new(Happened::new()), seeds.clone().count() > 60);
    for seed in seeds {
        if place.is_none() || seed % TOGETHER == 0 {
            place = Some(runtime.block_on(async {
                let host = Host::start().await;
                let owner = host.join_by(&host.owner_invite.clone(), "olga").await;
                let by = Caller {
                    person: owner.id(),
                    device: owner.me.device,
                    from: [127, 0, 0, 1].into(),
                    replaced: false,
                };
                (host.running().host().workspace("acme").unwrap(), by, host)
            }));
        }
        let (workspace, by, _) = place.as_ref().unwrap();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let config = Config { cases: 1, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let outcome = runner.run(&proptest::collection::vec(op(), 10..40), |steps| {
            runtime.block_on(async {
                let mut case = Case::new(workspace.clone(), *by).await;
                for op in first() {
                    case.step(&op).await;
                }
                for op in &steps {
                    case.step(op).await;
                }
                for (kind, [refused, done]) in case.end().await {
                    let mut all = all.borrow_mut();
                    let sum = all.entry(kind).or_default();
                    *sum = [sum[0] + refused, sum[1] + done];
                }
            });
            Ok(())
        });
        if let Err(why) = outcome {
            panic!("seed {seed}: {why}");
        }
    }
    let all = all.into_inner();
    // A model in which nothing is ever let through would agree with everything.
    assert!(!long || all.len() == KINDS && all.values().all(|[_, done]| *done > 0), "{all:?}");
}
