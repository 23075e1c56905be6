//! What asking costs, and how fast a change is everywhere: 10,000 people, 5,000 channels and 500 groups nested five deep, in a
//! server in this process, with 1,000 people connected.

use crate::table::{Table, median};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_protocol::event::{ChannelKind, Visibility};
use thechatapp_protocol::identity::Invite;
use thechatapp_protocol::methods::account::{Credential, DeviceProof, ENROL_LABEL, Enrol, EnrolParams, WhoAmI};
use thechatapp_protocol::methods::groups::GroupParams;
use thechatapp_protocol::methods::messages::SendMessage;
use thechatapp_protocol::methods::roles::{ChangeRole, Grant, Holder, Role, SetRank};
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::session::{DevicePublic, Kind, Message, StaticKey, Transport};
use thechatapp_protocol::wire::{Request, decode, encode};
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, Event, GroupId, Method, RoleId, Row, Scope};
use thechatapp_server::auth::password::Cost;
use thechatapp_server::config::Config;
use thechatapp_server::error::Fail;
use thechatapp_server::gate::{self, Caller};
use thechatapp_server::kms::KeySource;
use thechatapp_server::methods::{self, Encoding};
use thechatapp_server::state::Workspace;
use thechatapp_server::store::{Tx, View, channels, devices, groups, members, people, roles};
use thechatapp_server::{Options, init, serve};
use thechatapp_tests::wire;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

const PEOPLE: usize = 10_000;
const CHANNELS: usize = 5_000;
/// In how many channels each is.
const EACH_IN: usize = 20;
const GROUPS: usize = 500;
const DEEP: usize = 5;
const CONNECTED: usize = 1_000;
const CHECKS: usize = 1_000;
const ROUNDS: usize = 50;
/// People, channels or groups in one commit.
const TOGETHER: usize = 250;

/// A session by hand.
struct Ear {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    transport: Transport,
}

impl Ear {
    async fn open(port: u16, pin: &str, device: &StaticKey) -> Self {
        let known = wire::identity(port, pin).await;
        let (socket, transport) = wire::session(port, &known, device).await;
        Self { socket, transport }
    }

    async fn call<M: Method>(&mut self, params: &M::Params) -> M::Reply {
        let payload = encode(&Request { method: M::NAME.into(), params: encode(params).unwrap() }).unwrap();
        let message = Message { kind: Kind::Request, stream: 1, payload };
        for frame in self.transport.seal(&message, wire::millis()).unwrap() {
            self.socket.send(Frame::binary(frame)).await.unwrap();
        }
        loop {
            let message = self.next().await;
            match message.kind {
                Kind::Reply => return decode(&message.payload).unwrap(),
                Kind::Error => panic!("{} was refused", M::NAME),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Message {
        loop {
            let frame = self.socket.next().await.expect("the session stays").unwrap();
            if let Frame::Binary(frame) = frame
                && let Some(message) = self.transport.open(&frame, wire::millis()).unwrap()
            {
                return message;
            }
        }
    }

    /// Waits until one's own powers are these.
    async fn until(&mut self, powers: Powers) {
        loop {
            let message = self.next().await;
            if message.kind == Kind::Event
                && let Event::Changes(changes) = decode(&message.payload).unwrap()
                && changes.rows.iter().any(|row| matches!(row, Row::Standing(row) if row.powers == powers))
            {
                return;
            }
        }
    }
}

/// An id that is different for each number.
fn id<T>(kind: u8, number: usize, from: impl Fn([u8; 16]) -> T) -> T {
    let mut bytes = [kind; 16];
    bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
    from(bytes)
}

fn account(number: usize) -> AccountId {
    id(0xa0, number, AccountId::from_bytes)
}

fn caller(number: usize) -> Caller {
    Caller {
        person: account(number),
        device: id(0xd0, number, DeviceId::from_bytes),
        from: [127, 0, 0, 1].into(),
        replaced: false,
    }
}

fn channel(number: usize) -> ChannelId {
    id(0xc0, number, ChannelId::from_bytes)
}

fn group(number: usize) -> GroupId {
    id(0x80, number, GroupId::from_bytes)
}

/// The channels that a person is in.
fn channels_of(person: usize) -> impl Iterator<Item = usize> {
    (0..EACH_IN).map(move |step| (person * 7 + step * 251) % CHANNELS)
}

/// Does something for each number, many in one commit.
async fn each(
    workspace: &Arc<Workspace>,
    owner: Caller,
    count: usize,
    make: impl Fn(&mut Tx<'_>, usize) -> Result<(), Fail> + Clone + Send + 'static,
) {
    for begin in (0..count).step_by(TOGETHER) {
        let make = make.clone();
        let job =
            move |tx: &mut Tx<'_>, _| (begin..count.min(begin + TOGETHER)).try_for_each(|number| make(tx, number));
        workspace.write::<WhoAmI, _>(owner, Scope::Workspace, job).await.unwrap();
    }
}

/// People with devices, in channels and in groups in groups, and a role within the outermost of each.
async fn fill(workspace: &Arc<Workspace>, owner: Caller, keys: Arc<Vec<[u8; 32]>>) {
    each(workspace, owner, PEOPLE, move |tx, number| {
        people::create(tx, account(number), &format!("person {number}"), "x", Rank::Member)?;
        let key = DevicePublic(keys.get(number).copied().unwrap_or_else(|| {
            let mut key = [0xee; 32];
            key[..8].copy_from_slice(&(number as u64).to_be_bytes());
            key
        }));
        let (name, platform) = ("bench".into(), "linux".into());
        let device = caller(number).device;
        devices::insert(tx, account(number), &devices::New { id: device, key, signing_key: [7; 32], name, platform })
    })
    .await;
    each(workspace, owner, CHANNELS, |tx, number| {
        let kind = if number % 2 == 0 { ChannelKind::Public } else { ChannelKind::Private };
        channels::create(tx, channel(number), &format!("channel-{number}"), kind, None, false).map(drop)
    })
    .await;
    each(workspace, owner, PEOPLE, |tx, number| {
        for of in channels_of(number) {
            let place = channels::find(tx.view(), channel(of))?.ok_or(Fail::Broken("a channel is missing"))?;
            members::set(tx, place, account(number), true)?;
        }
        Ok(())
    })
    .await;
    each(workspace, owner, GROUPS, |tx, number| {
        let (slug, name) = (format!("group-{number}"), format!("Group {number}"));
        let visibility = Visibility::Public;
        groups::create(tx, &GroupParams { id: group(number), slug, name, visibility })?;
        if number % DEEP > 0 {
            groups::add(tx, group(number - 1), Holder::Group(group(number)))?;
        }
        Ok(())
    })
    .await;
    // The innermost groups have the people.
    each(workspace, owner, PEOPLE, |tx, number| {
        let chain = number % (GROUPS / DEEP);
        groups::add(tx, group(chain * DEEP + DEEP - 1), Holder::Person(account(number)))
    })
    .await;
    let role = id(0x90, 0, RoleId::from_bytes);
    each(workspace, owner, 1, move |tx, _| {
        roles::create(tx, &Role { id: role, name: "looks after".into(), powers: Powers::NONE.with(Power::Roles) })?;
        for chain in 0..GROUPS / DEEP {
            let outer = group(chain * DEEP);
            roles::set(tx, &Grant { role, to: Holder::Person(account(chain)), within: Some(outer) }, true)?;
        }
        Ok(())
    })
    .await;
}

pub async fn run(table: &mut Table) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let source = || KeySource::Local { file: None, passphrase: "a passphrase for measuring".to_owned().into() };
    let made = init(&data, &source(), "acme", Some("https://chat.example.org"), Cost::PRODUCT).unwrap();
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    let key = source();
    let options = Options { data, key, config, ready_file: None, cost: Cost::PRODUCT, program: None };
    let running = serve(options).await.unwrap();
    let port: u16 = running.url.rsplit(':').next().unwrap().parse().unwrap();
    let owner = enrol(port, &running.pin, &made.invite).await;
    let workspace = running.host().workspace("acme").unwrap();
    let devices: Vec<StaticKey> = (0..CONNECTED).map(|_| StaticKey::random().unwrap()).collect();
    let begun = Instant::now();
    fill(&workspace, owner, Arc::new(devices.iter().map(StaticKey::public).collect())).await;
    eprintln!("filled in {:?}", begun.elapsed());

    checks(table, &workspace, owner).await;
    reach(table, &workspace, owner, (port, &running.pin), devices).await;
    running.stop().await;
}

/// The first account, which owns the workspace.
async fn enrol(port: u16, pin: &str, invite: &str) -> Caller {
    let device = StaticKey::random().unwrap();
    let mut session = Ear::open(port, pin, &device).await;
    let signing = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let covered = [ENROL_LABEL, session.transport.handshake_hash(), &device.public()].concat();
    let proof = DeviceProof {
        name: "bench".into(),
        platform: "linux".into(),
        signing_key: signing.verifying_key().to_bytes().to_vec(),
        signature: ed25519_dalek::Signer::sign(&signing, &covered).to_bytes().to_vec(),
    };
    let code = invite.parse::<Invite>().unwrap().code;
    let credential = Credential::Invite { code, name: "owner".into(), password: "correct horse battery".into() };
    let me = session.call::<Enrol>(&EnrolParams { credential, device: proof }).await;
    Caller { person: me.person.id, device: me.device, from: [127, 0, 0, 1].into(), replaced: false }
}

/// The gate, asked of people and channels here and there, by membership and by a role within a group.
async fn checks(table: &mut Table, workspace: &Arc<Workspace>, owner: Caller) {
    let timed = |what: &'static str, ask: fn(View<'_>, usize) -> Result<(), Fail>| {
        let workspace = workspace.clone();
        async move {
            let times = workspace
                .read::<WhoAmI, _>(owner, Scope::Workspace, move |view, _| {
                    let mut times = Vec::new();
                    for round in 0..ROUNDS {
                        let begun = Instant::now();
                        for number in 0..CHECKS {
                            ask(view, round * 7919 + number * 31)?;
                        }
                        times.push(begun.elapsed());
                    }
                    Ok(times)
                })
                .await
                .unwrap();
            (what, median(times))
        }
    };
    let member = timed("1,000 access checks, by membership", |view, number| {
        let person = number % PEOPLE;
        let of = channels_of(person).nth(number % EACH_IN).unwrap_or_default();
        gate::permit::<SendMessage>(view, caller(person), Scope::Channel(channel(of))).map(drop)
    })
    .await;
    let within = timed("1,000 access checks, by a role within a group", |view, number| {
        // Who looks after a chain of groups, and somebody in its innermost.
        let chain = number % (GROUPS / DEEP);
        let other = chain + GROUPS / DEEP * (1 + number % (PEOPLE / (GROUPS / DEEP) - 1));
        gate::permit::<SetRank>(view, caller(chain), Scope::Person(account(other))).map(drop)
    })
    .await;
    for (what, time) in [member, within] {
        table.within(what, time, None, Duration::from_micros(5) * CHECKS as u32);
    }
}

/// A role that a thousand connected people have changes; each of them is told.
async fn reach(
    table: &mut Table,
    workspace: &Arc<Workspace>,
    owner: Caller,
    (port, pin): (u16, &str),
    devices: Vec<StaticKey>,
) {
    let (role, all) = (id(0x90, 1, RoleId::from_bytes), group(GROUPS));
    each(workspace, owner, 1, move |tx, _| {
        let (slug, name) = ("connected".to_owned(), "Connected".to_owned());
        groups::create(tx, &GroupParams { id: all, slug, name, visibility: Visibility::Public })?;
        for number in 0..CONNECTED {
            groups::add(tx, all, Holder::Person(account(number)))?;
        }
        roles::create(tx, &Role { id: role, name: "connected".into(), powers: Powers::NONE })?;
        roles::set(tx, &Grant { role, to: Holder::Group(all), within: None }, true)
    })
    .await;
    let mut head = 0;
    let mut ears = Vec::new();
    for device in &devices {
        let mut ear = Ear::open(port, pin, device).await;
        // What was there before is not what is measured.
        if head == 0 {
            head = ear.call::<StartSync>(&StartSyncParams { after: 0 }).await.head;
            ear = Ear::open(port, pin, device).await;
        }
        ear.call::<StartSync>(&StartSyncParams { after: head }).await;
        ears.push(ear);
    }
    let mut times = Vec::new();
    for powers in [Powers::NONE.with(Power::Audit), Powers::NONE, Powers::NONE.with(Power::Storage)] {
        let waiting: Vec<_> = ears
            .into_iter()
            .map(|mut ear| {
                tokio::spawn(async move {
                    ear.until(powers).await;
                    ear
                })
            })
            .collect();
        let params = encode(&Role { id: role, name: "connected".into(), powers }).unwrap();
        let begun = Instant::now();
        let changed =
            methods::dispatch(workspace.clone(), owner, ChangeRole::NAME, Encoding::MessagePack, &params).await;
        changed.unwrap();
        ears = Vec::new();
        for ear in waiting {
            ears.push(ear.await.unwrap());
        }
        times.push(begun.elapsed());
    }
    table.within("a power change reaches 1,000 connected people", median(times), None, Duration::from_secs(1));
}
