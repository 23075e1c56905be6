//! Two devices of one person, whole: they follow, fetch what is missing, send, type and read over real sessions whose lines are cut in
//! the middle of a frame, before or after what was asked is done, answer in another order, or go silent for ten minutes. A model of the
//! server says what both hold in the end. Nothing waits for a clock; a run is told by its number.

use super::*;
use crate::local::DraftPlace;
use crate::net::in_place::{Conversation, InPlace};
use crate::testing::{Dice, signed_document_at};
use std::collections::{BTreeMap, BTreeSet};
use thechatapp_protocol::Event;
use thechatapp_protocol::methods::messages::MarkReadParams;
use thechatapp_protocol::methods::sync::{ChangedRange, StartSyncParams, SyncStarted};
use thechatapp_protocol::session::{Kind, Message};
use thechatapp_protocol::wire::Request;
use tokio::sync::Notify;

/// Runs in CI, shared out among the tests below; `THECHATAPP_SOAK` makes it ten thousand.
const RUNS: u64 = 200;
const SOAK: u64 = 10_000;
const PARTS: u64 = 4;
/// What happens in a run.
const ACTS: u64 = 24;
/// Beyond so many rows a device is told heads in place of messages.
const HEADS_OVER: usize = 12;

/// What a server is.
struct World {
    messages: Vec<MessageRow>,
    reads: ReadRow,
    drafts: BTreeMap<DraftPlace, DraftRow>,
    change: u64,
    dice: Dice,
    /// The lines do what they should.
    well: bool,
}

impl World {
    fn next(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    fn say(&mut self, id: MessageId, author: AccountId, text: &str) {
        let (seq, change) = (self.messages.len() as u64 + 1, self.next());
        self.messages.push(MessageRow::plain(CHANNEL, seq, id, author, Timestamp(1000 + seq as i64), text, change));
    }

    fn answer(&mut self, method: &str, params: &[u8]) -> Result<Vec<u8>> {
        match method {
            "messages.send" => {
                let send: SendMessageParams = wire::decode(params).unwrap();
                let is_here = |id: MessageId| self.messages.iter().any(|row| row.id == id);
                if !is_here(send.id) {
                    if send.after.is_some_and(|after| !is_here(after)) {
                        return Err(refuse(Code::Busy));
                    }
                    self.say(send.id, account().person, &send.text);
                }
                let row = self.messages.iter().find(|row| row.id == send.id).unwrap();
                assert_eq!(row.text, send.text);
                Ok(wire::encode(&Sent { seq: row.seq, at: row.at, change: row.change }).unwrap())
            }
            "messages.history" => {
                let asked: HistoryParams = wire::decode(params).unwrap();
                let after = asked.after.unwrap();
                // A page may end early.
                let most = u64::from(asked.limit).min(1 + self.dice.below(9));
                let messages = self.messages.iter().filter(|row| row.seq > after && row.seq <= after + most);
                let page = Page { messages: messages.cloned().collect(), head: self.messages.len() as u64 };
                Ok(wire::encode(&page).unwrap())
            }
            "messages.mark_read" => {
                let MarkReadParams { channel, seq } = wire::decode(params).unwrap();
                assert!(seq <= self.messages.len() as u64);
                if seq > self.reads.seq {
                    self.reads = ReadRow { channel, seq, change: self.next() };
                }
                Ok(wire::encode(&self.reads).unwrap())
            }
            "drafts.put" => {
                let put: PutDraftParams = wire::decode(params).unwrap();
                let place = DraftPlace { channel: put.channel, thread: put.thread };
                if let Some(old) = self.drafts.get(&place)
                    && (old.revision != put.base || old.tokens.contains(&put.token))
                {
                    let accepted = old.tokens.contains(&put.token);
                    return Ok(wire::encode(&DraftPut { accepted, draft: old.clone() }).unwrap());
                }
                let mut tokens = self.drafts.get(&place).map(|old| old.tokens.clone()).unwrap_or_default();
                tokens.push(put.token);
                let (channel, thread, text) = (put.channel, put.thread, put.text);
                let draft = DraftRow { channel, thread, text, revision: put.base + 1, tokens, change: self.next() };
                self.drafts.insert(place, draft.clone());
                Ok(wire::encode(&DraftPut { accepted: true, draft }).unwrap())
            }
            _ => Err(refuse(Code::NotFound)),
        }
    }

    /// What a device may see beyond its cursor, in the order in which it changed.
    fn since(&self, cursor: u64, heads: bool) -> Vec<(u64, Row)> {
        let mut rows = Vec::new();
        if cursor < 2 {
            let head = if heads { self.messages.len() as u64 } else { 0 };
            let channel = ChannelRow { head, ..ChannelRow::plain(CHANNEL, "general", Timestamp(1), 1) };
            let person = account().person;
            let role = ChannelRole::Member;
            rows.push((1, Row::Channel(channel)));
            rows.push((2, Row::Member(MemberRow { channel: CHANNEL, person, joined: true, role, change: 2 })));
        } else if heads {
            let head = self.messages.len() as u64;
            let channel = ChannelRow { head, ..ChannelRow::plain(CHANNEL, "general", Timestamp(1), 1) };
            rows.push((cursor, Row::Channel(channel)));
        }
        let messages = self.messages.iter().filter(|row| !heads && row.change > cursor);
        rows.extend(messages.map(|row| (row.change, Row::Message(row.clone()))));
        rows.extend((self.reads.change > cursor).then_some((self.reads.change, Row::Read(self.reads))));
        let drafts = self.drafts.values().filter(|row| row.change > cursor);
        rows.extend(drafts.map(|row| (row.change, Row::Draft(row.clone()))));
        rows.sort_by_key(|(change, _)| *change);
        rows
    }

    /// Where messages changed since: as far as from the first to the last of them.
    fn changed(&self, after: u64) -> Vec<ChangedRange> {
        let mut numbers = self.messages.iter().filter(|row| row.change > after).map(|row| row.seq);
        let first = numbers.next();
        first
            .map(|first| ChangedRange { channel: CHANNEL, first, last: numbers.next_back().unwrap_or(first) })
            .into_iter()
            .collect()
    }

    /// Whether something of this likelihood goes wrong.
    fn trouble(&mut self, one_in: u64) -> bool {
        !self.well && self.dice.below(one_in) == 0
    }
}

/// What devices and their lines share.
struct Net {
    world: Mutex<World>,
    /// Something changed, for whoever follows.
    changed: watch::Sender<u64>,
    /// Lines that went silent are given up.
    ten_minutes: Notify,
}

impl Net {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap();
        let before = world.change;
        let done = act(&mut world);
        if world.change != before {
            self.changed.send_replace(world.change);
        }
        done
    }
}

/// The server's side of one connection, until the line is cut.
async fn converse(net: &Net, mut line: Conversation) {
    let mut changed = net.changed.subscribe();
    let (mut cursor, mut held) = (None::<u64>, Vec::<(u32, Result<Vec<u8>>)>::new());
    loop {
        tokio::select! {
            biased;
            message = line.next() => {
                let Some(Message { stream, payload, .. }) = message else { return };
                if net.with(|world| world.trouble(40)) {
                    // Nothing comes or goes, and nobody hears of it.
                    net.ten_minutes.notified().await;
                    return;
                }
                if net.with(|world| world.trouble(25)) {
                    return;
                }
                let request: Request = wire::decode(&payload).unwrap();
                if request.method == "sync.start" {
                    let StartSyncParams { after } = wire::decode(&request.params).unwrap();
                    let (started, rows) = net.with(|world| {
                        let heads = world.since(after, false).len() > HEADS_OVER;
                        // An older server says nothing of what changed.
                        let changed = (heads && world.dice.below(2) == 0).then(|| world.changed(after));
                        let started =
                            SyncStarted { head: world.change, heads, changed, updates: None, bounds: None };
                        (started, world.since(after, heads))
                    });
                    let head = started.head;
                    line.say(Kind::Reply, stream, wire::encode(&started).unwrap());
                    let Some(told) = tell(net, line, rows, after, head) else { return };
                    line = told;
                    cursor = Some(head);
                    continue;
                }
                let answer = net.with(|world| world.answer(&request.method, &request.params));
                if net.with(|world| world.trouble(25)) {
                    return;
                }
                held.push((stream, answer));
            }
            _ = changed.changed(), if cursor.is_some() => {
                let after = cursor.unwrap_or(0);
                let (rows, head) = net.with(|world| (world.since(after, false), world.change));
                let Some(told) = tell(net, line, rows, after, head) else { return };
                line = told;
                cursor = Some(head);
            }
            () = tokio::task::yield_now(), if !held.is_empty() => {
                let which = net.with(|world| world.dice.below(held.len() as u64) as usize);
                let (stream, answer) = held.swap_remove(which);
                let (kind, payload) = match answer {
                    Ok(payload) => (Kind::Reply, payload),
                    Err(Error::Refused(body)) => (Kind::Error, wire::encode(&body).unwrap()),
                    Err(other) => panic!("{other}"),
                };
                if net.with(|world| world.trouble(20)) {
                    return line.break_off(kind, stream, payload);
                }
                line.say(kind, stream, payload);
            }
        }
    }
}

/// Tells rows in pages of any size, the last one as news; nothing is left of the line where it was cut amid a page.
fn tell(net: &Net, mut line: Conversation, rows: Vec<(u64, Row)>, mut cursor: u64, head: u64) -> Option<Conversation> {
    let mut rows = rows.into_iter().peekable();
    loop {
        let most = net.with(|world| 1 + world.dice.below(6));
        let mut page = Vec::new();
        while page.len() < most as usize
            && let Some((change, row)) = rows.next()
        {
            cursor = cursor.max(change);
            page.push(row);
        }
        let live = rows.peek().is_none();
        let to = if live { head.max(cursor) } else { cursor };
        let payload = wire::encode(&Event::Changes(Changes { rows: page, to, live })).unwrap();
        if net.with(|world| world.trouble(15)) {
            line.break_off(Kind::Event, 0, payload);
            return None;
        }
        line.say(Kind::Event, 0, payload);
        if live {
            return Some(line);
        }
    }
}

struct Device {
    running: Running,
    _place: Place,
    sent: Vec<MessageId>,
    typed: BTreeMap<DraftPlace, String>,
}

struct Run {
    seed: u64,
    net: Arc<Net>,
    devices: Vec<Device>,
    dice: Dice,
    marked: u64,
    servers: Vec<JoinHandle<()>>,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let world = World {
            messages: Vec::new(),
            reads: ReadRow { channel: CHANNEL, seq: 0, change: 0 },
            drafts: BTreeMap::new(),
            change: 2,
            dice: Dice::new(seed),
            well: false,
        };
        let (changed, _) = watch::channel(0);
        let net = Arc::new(Net { world: Mutex::new(world), changed, ten_minutes: Notify::new() });
        let (mut devices, mut servers) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let place = place().await;
            let running = place.workspace().await;
            let (server, mut coming) = InPlace::new(signed_document_at([1; 16], 5).unwrap());
            *running.workspace.in_place.lock().unwrap() = Some(Arc::new(server));
            let net = Arc::clone(&net);
            servers.push(tokio::spawn(async move {
                while let Some(line) = coming.recv().await {
                    converse(&net, line).await;
                }
            }));
            running.workspace.start(true);
            devices.push(Device { running, _place: place, sent: Vec::new(), typed: BTreeMap::new() });
        }
        Self { seed, net, devices, dice: Dice::new(!seed), marked: 0, servers }
    }

    /// A while in which the devices do what they do.
    async fn let_be(&mut self) {
        for _ in 0..self.dice.below(200) {
            tokio::task::yield_now().await;
        }
        self.poke();
    }

    fn poke(&self) {
        for device in &self.devices {
            // Nobody waits for the pause between two attempts.
            if matches!(device.running.workspace.connection(), Connection::Offline { .. }) {
                device.running.workspace.start(true);
            }
        }
    }

    async fn act(&mut self, number: u64) {
        let which = self.dice.below(2) as usize;
        let kind = self.dice.below(10);
        let Self { net, devices, dice, marked, .. } = self;
        let device = &mut devices[which];
        let workspace = &device.running.workspace;
        match kind {
            0..=2 => {
                let id = MessageId::from_parts(number + 1, &[which as u8 + 1; 10]);
                let message = Waiting { id, ..waiting(0, &format!("text {number} of {which}")) };
                let message = workspace.local.queue(workspace.id, message).await.unwrap();
                workspace.post(message);
                device.sent.push(id);
            }
            3..=5 => {
                let thread = (dice.below(2) == 1).then(|| MessageId::from_bytes([9; 16]));
                let (place, text) = (DraftPlace { channel: CHANNEL, thread }, format!("draft {number} of {which}"));
                workspace.local.save_draft(workspace.id, place, text.clone(), Timestamp(1)).await.unwrap();
                device.typed.insert(place, text);
                workspace.put_drafts();
            }
            6 => {
                let part = workspace.cache.part(CHANNEL, Window::Latest, 500, Vec::new()).await.unwrap();
                let newest = part.and_then(|part| part.messages.iter().filter_map(|message| message.seq).max());
                if let Some(seq) = newest {
                    workspace.mark_read(CHANNEL, seq).await.unwrap();
                    *marked = (*marked).max(seq);
                }
            }
            7..=8 => {
                let many = if dice.below(4) == 0 { 20 } else { 1 };
                net.with(|world| {
                    for one in 0..many {
                        let id = MessageId::from_parts(1_000_000 + number * 100 + one, &[7; 10]);
                        world.say(id, AccountId::from_bytes([8; 16]), &format!("news {number} {one}"));
                    }
                });
            }
            _ => net.ten_minutes.notify_waiters(),
        }
    }

    async fn is_settled(&self) -> bool {
        let change = self.net.with(|world| world.change);
        for device in &self.devices {
            let workspace = &device.running.workspace;
            let (id, local, cache) = (workspace.id, &workspace.local, &workspace.cache);
            if !(local.is_settled(id).await.unwrap()
                && !local.drafts_wait(id).await.unwrap()
                && local.marks(id).await.unwrap().is_empty()
                && cache.standing().await.unwrap().cursor == change
                && cache.incomplete().await.unwrap().is_empty())
            {
                return false;
            }
        }
        // What a device gave the server while another one was looked at, that one lacks.
        self.net.with(|world| world.change) == change
    }

    /// The network is well, until everybody has everything.
    async fn heal(&mut self) {
        self.net.with(|world| world.well = true);
        let settled = async {
            while !self.is_settled().await {
                self.net.ten_minutes.notify_waiters();
                for device in &self.devices {
                    device.running.workspace.put_drafts();
                }
                self.let_be().await;
                let mut changes = self.devices[0].running.workspace.changes();
                let _ = tokio::time::timeout(Duration::from_millis(2), changes.changed()).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), settled).await.is_err() {
            let connections: Vec<_> = self.devices.iter().map(|one| one.running.workspace.connection()).collect();
            panic!("run {} does not come to an end: {connections:?}", self.seed);
        }
    }

    async fn holds(&self) {
        let seed = self.seed;
        let (messages, reads, drafts) =
            self.net.with(|world| (world.messages.clone(), world.reads, world.drafts.clone()));
        let ids: BTreeSet<MessageId> = messages.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), messages.len(), "run {seed}: a message is there twice");
        assert_eq!(reads.seq, self.marked, "run {seed}: what was read");
        for device in &self.devices {
            let there: Vec<_> = messages.iter().map(|row| row.id).filter(|id| device.sent.contains(id)).collect();
            assert_eq!(there, device.sent, "run {seed}: what was sent is there, in its order");
        }
        for (place, draft) in &drafts {
            let typed = self.devices.iter().any(|device| device.typed.get(place) == Some(&draft.text));
            assert!(typed, "run {seed}: nobody typed {draft:?} last");
        }
        for (number, device) in self.devices.iter().enumerate() {
            let workspace = &device.running.workspace;
            let part = workspace.cache.part(CHANNEL, Window::Latest, 500, Vec::new()).await.unwrap().unwrap();
            let here: Vec<_> = part.messages.iter().map(|row| (row.seq, row.id, row.text.clone())).collect();
            let there: Vec<_> = messages.iter().map(|row| (Some(row.seq), row.id, row.text.clone())).collect();
            assert_eq!(here, there, "run {seed}: device {number} has something else than the server");
            let read = workspace.cache.channel(CHANNEL).await.unwrap().unwrap().read;
            assert_eq!(read, self.marked, "run {seed}: device {number} has another read mark");
            for (place, typed) in &device.typed {
                assert!(drafts.contains_key(place), "run {seed}: {typed} of device {number} is lost");
            }
            for (place, draft) in &drafts {
                let text = workspace.local.draft(workspace.id, *place).await.unwrap();
                assert_eq!(text, draft.text, "run {seed}: device {number} has another draft");
            }
            workspace.cache.check().await.unwrap();
        }
    }
}

async fn runs(part: u64) {
    let all = if std::env::var_os("THECHATAPP_SOAK").is_some() { SOAK } else { RUNS };
    for seed in (part..all).step_by(PARTS as usize) {
        let mut run = Run::new(seed).await;
        for number in 0..ACTS {
            run.act(number).await;
            run.let_be().await;
        }
        run.heal().await;
        run.holds().await;
        for server in run.servers {
            server.abort();
        }
    }
}

#[tokio::test]
async fn whatever_the_lines_do_two_devices_hold_what_the_server_does_1() {
    runs(0).await;
}

#[tokio::test]
async fn whatever_the_lines_do_two_devices_hold_what_the_server_does_2() {
    runs(1).await;
}

#[tokio::test]
async fn whatever_the_lines_do_two_devices_hold_what_the_server_does_3() {
    runs(2).await;
}

#[tokio::test]
async fn whatever_the_lines_do_two_devices_hold_what_the_server_does_4() {
    runs(3).await;
}
