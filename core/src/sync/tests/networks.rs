//! Two devices of one person behind networks that misbehave: slow, cut off amid a call, half open for ten minutes, up and down every
//! second. The network's time is simulated, so that ten minutes cost nothing; a model of the server says what each device must hold
//! in the end. A run is told by its number.

use super::*;
use crate::testing::Dice;
use crate::view::MessageView;
use std::collections::BTreeSet;
use thechatapp_protocol::methods::messages::{EditMessageParams, OneMessage};
use tokio::sync::oneshot;

/// Runs in CI, shared out among the tests below; `THECHATAPP_SOAK` makes it ten thousand.
const RUNS: u64 = 200;
const SOAK: u64 = 10_000;
const PARTS: u64 = 4;
/// Messages, edits and withdrawals of each device in a run.
const ACTS: u64 = 12;
/// How long people do something, in simulated milliseconds; then the network is well.
const BUSY: u64 = 60_000;
const TEN_MINUTES: u64 = 600_000;
/// Nothing more is called when nothing was for so long: what a device does between two calls is real work.
const QUIET: Duration = Duration::from_millis(1);

type Answer = oneshot::Sender<Result<Vec<u8>>>;

struct Call {
    line: u64,
    name: &'static str,
    params: Vec<u8>,
    answer: Answer,
}

/// A session of a device, as far as it calls.
#[derive(Clone)]
struct Line {
    number: u64,
    calls: mpsc::UnboundedSender<Call>,
}

impl Caller for Line {
    async fn call<M: Method>(&self, params: M::Params) -> Result<M::Reply>
    where
        M::Params: Sync,
    {
        let (answer, answered) = oneshot::channel();
        let params = wire::encode(&params).unwrap();
        let _ = self.calls.send(Call { line: self.number, name: M::NAME, params, answer });
        let bytes = answered.await.map_err(|_| Error::Offline { why: "cut off".into() })??;
        Ok(wire::decode(&bytes).unwrap())
    }
}

/// What a server is: one order, ids that are taken once, and rows that say when they last changed.
#[derive(Default)]
struct World {
    rows: Vec<MessageRow>,
    first: BTreeMap<MessageId, String>,
    change: u64,
}

impl World {
    fn answer(&mut self, name: &str, params: &[u8]) -> Result<Vec<u8>> {
        match name {
            "messages.send" => {
                let send: SendMessageParams = wire::decode(params).unwrap();
                let known = |id: &MessageId| self.first.contains_key(id);
                match self.first.get(&send.id) {
                    Some(text) if *text != send.text => return Err(refuse(Code::Conflict)),
                    Some(_) => {}
                    None if send.after.is_some_and(|after| !known(&after)) => return Err(refuse(Code::Busy)),
                    None => self.take(&send),
                }
                let row = self.rows.iter().find(|row| row.id == send.id).unwrap();
                Ok(wire::encode(&Sent { seq: row.seq, at: row.at, change: row.change }).unwrap())
            }
            "messages.edit" => {
                let edit: EditMessageParams = wire::decode(params).unwrap();
                self.change(edit.id, |row| (row.text, row.edited) = (edit.text, Some(Timestamp(9))))
            }
            "messages.delete" => {
                let one: OneMessage = wire::decode(params).unwrap();
                self.change(one.id, |row| (row.text, row.deleted) = (String::new(), true))
            }
            other => panic!("{other}"),
        }
    }

    fn take(&mut self, send: &SendMessageParams) {
        self.change += 1;
        let seq = self.rows.len() as u64 + 1;
        self.first.insert(send.id, send.text.clone());
        self.rows.push(MessageRow::plain(
            CHANNEL,
            seq,
            send.id,
            account().person,
            Timestamp(1000 + seq as i64),
            send.text.clone(),
            100 + self.change,
        ));
    }

    fn change(&mut self, id: MessageId, change: impl FnOnce(&mut MessageRow)) -> Result<Vec<u8>> {
        let row = self.rows.iter_mut().find(|row| row.id == id).ok_or_else(|| refuse(Code::NotFound))?;
        if row.deleted {
            return Err(refuse(Code::Removed));
        }
        change(row);
        self.change += 1;
        row.change = 100 + self.change;
        Ok(wire::encode(row).unwrap())
    }

    fn since(&self, cursor: u64) -> Changes {
        let rows = self.rows.iter().filter(|row| row.change > cursor).cloned().map(Row::Message).collect();
        Changes { rows, to: 100 + self.change, live: true }
    }
}

struct Device {
    running: Running,
    _place: Place,
    sessions: watch::Sender<Option<Line>>,
    orders: mpsc::UnboundedSender<outbox::Order>,
    /// The line there is, should there be one, and whether it goes nowhere.
    line: Option<u64>,
    half_open: bool,
    /// Nothing on a line overtakes what went before it.
    there: u64,
    back: u64,
    /// What the person wants each message to be: a text, or nothing.
    wanted: Vec<(MessageId, Option<String>)>,
}

enum Happening {
    Asked(Call),
    Answered(u64, Answer, Result<Vec<u8>>),
    Told(u64),
    Cut(usize),
    Up(usize),
    HalfOpen(usize),
    Act(usize),
}

struct Network {
    dice: Dice,
    now: u64,
    /// The longest that anything takes on its way.
    slow: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    number: u64,
    world: World,
    devices: Vec<Device>,
    calls: mpsc::UnboundedReceiver<Call>,
    line: mpsc::UnboundedSender<Call>,
}

impl Network {
    async fn new(seed: u64) -> Self {
        let (line, calls) = mpsc::unbounded_channel();
        let mut dice = Dice::new(seed);
        let slow = [5, 200, 5_000][dice.below(3) as usize];
        let mut network = Self {
            dice,
            now: 0,
            slow,
            agenda: BTreeMap::new(),
            number: 0,
            world: World::default(),
            devices: Vec::new(),
            calls,
            line,
        };
        for device in 0..2 {
            let place = place().await;
            let running = place.workspace().await;
            // Beyond what the place begins with.
            let before = Changes { rows: Vec::new(), to: 100, live: true };
            running.workspace.cache.apply(before, false).await.unwrap();
            let (sessions, seen) = watch::channel(None);
            let (orders, inbox) = mpsc::unbounded_channel();
            tokio::spawn(outbox::run(Arc::clone(&running.workspace), seen, inbox));
            let (line, half_open, there, back, wanted) = (None, false, 0, 0, Vec::new());
            network.devices.push(Device {
                running,
                _place: place,
                sessions,
                orders,
                line,
                half_open,
                there,
                back,
                wanted,
            });
            for _ in 0..ACTS {
                let at = network.dice.below(BUSY);
                network.at(at, Happening::Act(device));
            }
            network.weather(device);
        }
        network
    }

    fn at(&mut self, time: u64, what: Happening) {
        self.number += 1;
        self.agenda.insert((time, self.number), what);
    }

    /// What becomes of a device's line as long as people are busy.
    fn weather(&mut self, device: usize) {
        let flaps = self.dice.below(3) == 0;
        let mut time = self.dice.below(2_000);
        while time < BUSY {
            self.at(time, Happening::Up(device));
            time += if flaps { 1_000 } else { self.dice.below(20_000) };
            if self.dice.below(4) == 0 {
                self.at(time, Happening::HalfOpen(device));
                time += TEN_MINUTES;
            }
            self.at(time, Happening::Cut(device));
            time += if flaps { 1_000 } else { self.dice.below(5_000) };
        }
    }

    fn device_of(&self, line: u64) -> Option<usize> {
        self.devices.iter().position(|device| device.line == Some(line))
    }

    /// What was called since is on its way, or gone with its line.
    async fn heard(&mut self) {
        loop {
            let call = match self.calls.try_recv() {
                Ok(call) => call,
                Err(_) => match tokio::time::timeout(QUIET, self.calls.recv()).await {
                    Ok(Some(call)) => call,
                    _ => return,
                },
            };
            let Some(device) = self.device_of(call.line) else { continue };
            let takes = self.dice.below(self.slow);
            let device = &mut self.devices[device];
            let time = device.there.max(self.now + takes);
            device.there = time;
            self.at(time, Happening::Asked(call));
        }
    }

    /// Something for a device, after all that is on its way to it.
    fn back(&mut self, device: usize, what: Happening) {
        let takes = self.dice.below(self.slow);
        let device = &mut self.devices[device];
        let time = device.back.max(self.now + takes);
        device.back = time;
        self.at(time, what);
    }

    async fn happens(&mut self, what: Happening) {
        match what {
            // What is asked arrives, should only the way back be gone.
            Happening::Asked(call) => {
                let Some(device) = self.device_of(call.line) else { return };
                let before = self.world.change;
                let answer = self.world.answer(call.name, &call.params);
                self.back(device, Happening::Answered(call.line, call.answer, answer));
                if self.world.change > before {
                    for device in 0..self.devices.len() {
                        if let Some(line) = self.devices[device].line {
                            self.back(device, Happening::Told(line));
                        }
                    }
                }
            }
            Happening::Answered(line, answer, bytes) => match self.device_of(line) {
                Some(device) if self.devices[device].half_open => {
                    // It hangs until somebody gives the line up.
                    self.at(self.now + TEN_MINUTES, Happening::Answered(line, answer, bytes));
                }
                Some(_) => drop(answer.send(bytes)),
                None => {}
            },
            Happening::Told(line) => {
                let Some(device) = self.device_of(line).filter(|device| !self.devices[*device].half_open) else {
                    return;
                };
                let workspace = Arc::clone(&self.devices[device].running.workspace);
                let cursor = workspace.cache.standing().await.unwrap().cursor;
                workspace.cache.apply(self.world.since(cursor), false).await.unwrap();
            }
            Happening::Cut(device) => {
                let device = &mut self.devices[device];
                (device.line, device.half_open) = (None, false);
                device.sessions.send_replace(None);
            }
            Happening::Up(device) => {
                self.number += 1;
                let number = self.number;
                let calls = self.line.clone();
                (self.devices[device].there, self.devices[device].back) = (self.now, self.now);
                (self.devices[device].line, self.devices[device].half_open) = (Some(number), false);
                self.devices[device].sessions.send_replace(Some(Line { number, calls }));
                self.back(device, Happening::Told(number));
            }
            Happening::HalfOpen(device) => self.devices[device].half_open = true,
            Happening::Act(device) => self.act(device).await,
        }
    }

    /// Somebody writes, or thinks better of what they wrote.
    async fn act(&mut self, device: usize) {
        let (kind, which) = (self.dice.below(10), self.dice.below(1 << 32));
        self.number += 1;
        let text = format!("text {}", self.number);
        let id = MessageId::from_parts(self.number, &[device as u8; 10]);
        let device = &mut self.devices[device];
        let workspace = &device.running.workspace;
        let open: Vec<usize> = (0..device.wanted.len()).filter(|one| device.wanted[*one].1.is_some()).collect();
        if kind < 6 || open.is_empty() {
            let message = Waiting { id, ..waiting(0, &text) };
            let message = workspace.local.queue(workspace.id, message).await.unwrap();
            device.orders.send(outbox::Order::Send(message)).unwrap();
            device.wanted.push((id, Some(text)));
            return;
        }
        let wanted = &mut device.wanted[open[which as usize % open.len()]];
        // What is on the server already is another matter: that needs an answer.
        let changed = if kind < 8 {
            workspace.local.change_waiting(wanted.0, text.clone()).await.unwrap()
        } else {
            workspace.local.withdraw(wanted.0).await.unwrap()
        };
        if let Some(message) = changed {
            wanted.1 = (!message.withdrawn).then_some(text);
            device.orders.send(outbox::Order::Change(message.id)).unwrap();
        }
    }

    /// Everything that is on the agenda, and what comes of it.
    async fn run(&mut self) {
        loop {
            self.heard().await;
            let Some(((time, _), what)) = self.agenda.pop_first() else { return };
            self.now = self.now.max(time);
            self.happens(what).await;
        }
    }

    /// The network is well, until everybody has everything.
    async fn heal(&mut self, seed: u64) {
        self.slow = 5;
        for device in 0..self.devices.len() {
            self.at(self.now, Happening::Cut(device));
            self.at(self.now + 1, Happening::Up(device));
        }
        for _ in 0..2_000 {
            self.run().await;
            let mut settled = true;
            for device in &self.devices {
                let workspace = &device.running.workspace;
                settled &= workspace.local.is_settled(workspace.id).await.unwrap();
                settled &= workspace.cache.standing().await.unwrap().cursor == 100 + self.world.change;
            }
            if settled {
                return;
            }
        }
        panic!("run {seed} does not come to an end");
    }

    async fn holds(&self, seed: u64) {
        let mut known = BTreeSet::new();
        for (number, device) in self.devices.iter().enumerate() {
            let mut last = 0;
            for (id, wanted) in &device.wanted {
                let row = self.world.rows.iter().find(|row| row.id == *id);
                known.insert(*id);
                match (wanted, row) {
                    (Some(text), Some(row)) => {
                        assert_eq!((&row.text, row.deleted), (text, false), "run {seed}, device {number}");
                        assert!(row.seq > last, "run {seed}: out of order on device {number}");
                        last = row.seq;
                    }
                    (Some(text), None) => panic!("run {seed}: {text} of device {number} is lost"),
                    (None, row) => assert!(row.is_none_or(|row| row.deleted), "run {seed}: {row:?} was given up"),
                }
            }
        }
        let all: BTreeSet<MessageId> = self.world.rows.iter().map(|row| row.id).collect();
        assert!(all.is_subset(&known), "run {seed}: nobody said that");
        assert_eq!(all.len(), self.world.rows.len(), "run {seed}: a message is there twice");
        for (number, device) in self.devices.iter().enumerate() {
            let cache = &device.running.workspace.cache;
            let part = cache.part(CHANNEL, Window::Latest, 500, Vec::new()).await.unwrap().unwrap();
            let shown = |row: &MessageView| (row.id, row.text.clone(), row.deleted);
            let here: Vec<_> = part.messages.iter().map(shown).collect();
            let there: Vec<_> = self.world.rows.iter().map(|row| (row.id, row.text.clone(), row.deleted)).collect();
            assert_eq!(here, there, "run {seed}: device {number} has something else than the server");
        }
    }
}

async fn runs(part: u64) {
    let all = if std::env::var_os("THECHATAPP_SOAK").is_some() { SOAK } else { RUNS };
    for seed in (part..all).step_by(PARTS as usize) {
        let mut network = Network::new(seed).await;
        network.run().await;
        network.heal(seed).await;
        network.holds(seed).await;
    }
}

#[tokio::test]
async fn whatever_the_network_does_everybody_has_everything_once_in_the_end_1() {
    runs(0).await;
}

#[tokio::test]
async fn whatever_the_network_does_everybody_has_everything_once_in_the_end_2() {
    runs(1).await;
}

#[tokio::test]
async fn whatever_the_network_does_everybody_has_everything_once_in_the_end_3() {
    runs(2).await;
}

#[tokio::test]
async fn whatever_the_network_does_everybody_has_everything_once_in_the_end_4() {
    runs(3).await;
}
