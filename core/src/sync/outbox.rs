//! Sends what waits: in order, a window of messages at a time, each until the server has it.
//!
//! On an acknowledgement the message's row is committed to the cache first and leaves the outbox second; whatever ends
//! this program in between, the message is in one of the two. A retry carries the same id, which the server knows.
//!
//! What waits can be changed and given up. A message that has never left this device is then sent as it is now, or not at
//! all. Of one that may have arrived the server says so, because it has another text under its id: it is edited there, or
//! deleted.

use super::{Caller, Workspace, begun, is_settled, until};
use crate::error::{Error, Result};
use crate::local::Waiting;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{
    DeleteMessage, EditMessage, EditMessageParams, OneMessage, SendMessage, SendMessageParams, Sent,
};
use thechatapp_protocol::{AccountId, ChannelId, Code, MessageId, Row};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Most messages on their way at once.
const WINDOW: usize = 32;
/// How long acknowledgements are gathered, so that those of a moment share their commits. A message counts as sent a moment
/// later; it is safe on the server already, and here as well.
const GATHER: Duration = Duration::from_millis(2);
/// First and longest pause when the server asks for patience.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What this task is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// Send this; it is in the outbox.
    Send(Waiting),
    /// This message has another text now, waits again, or is given up: as it is in the outbox.
    Change(MessageId),
    /// Read the outbox again.
    Reload,
    /// Tell the read marks that wait.
    Marks,
}

/// A message, the number of the session it went out on, and what became of it.
type Answer = (Waiting, u64, Result<Done>);

enum Done {
    Sent(Sent),
    Changed(Box<MessageRow>),
    /// It was given up, and this is its tombstone.
    Gone(Box<MessageRow>),
}

/// What is on its way.
struct Out {
    channel: ChannelId,
    id: MessageId,
    session: u64,
    /// Whether others of its channel can be sent after it.
    leads: bool,
}

struct Sender<S> {
    workspace: Arc<Workspace>,
    session: Option<S>,
    /// Counts the sessions there have been.
    number: u64,
    queue: BTreeMap<i64, Waiting>,
    /// What is on its way, by position.
    out: BTreeMap<i64, Out>,
    /// Changed or given up while on their way.
    changed: BTreeMap<i64, Waiting>,
    /// What has never left this device. Of everything else the server may know.
    fresh: BTreeSet<i64>,
    /// What the server has, with another text.
    there: BTreeSet<i64>,
    on_the_way: FuturesUnordered<BoxFuture<'static, Answer>>,
    marks: Option<BoxFuture<'static, Result<()>>>,
    marks_wait: bool,
    pause: Duration,
    paused_until: Option<Instant>,
    /// Acknowledged and not yet stored as such.
    acknowledged: Vec<(Waiting, Sent)>,
    store_at: Option<Instant>,
}

/// Runs until the workspace is dropped.
pub(super) async fn run<S: Caller>(
    workspace: Arc<Workspace>,
    mut sessions: watch::Receiver<Option<S>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut sender = Sender {
        workspace,
        session: sessions.borrow_and_update().clone(),
        number: 0,
        queue: BTreeMap::new(),
        out: BTreeMap::new(),
        changed: BTreeMap::new(),
        fresh: BTreeSet::new(),
        there: BTreeSet::new(),
        on_the_way: FuturesUnordered::new(),
        marks: None,
        marks_wait: true,
        pause: PAUSE,
        paused_until: None,
        acknowledged: Vec::new(),
        store_at: None,
    };
    sender.reload().await;
    loop {
        sender.top_up();
        let (paused_until, store_at) = (sender.paused_until, sender.store_at);
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => sender.order(order).await,
                None => return,
            },
            changed = sessions.changed() => {
                if changed.is_err() {
                    return;
                }
                sender.session = sessions.borrow_and_update().clone();
                sender.number += 1;
                sender.paused_until = None;
                sender.marks_wait = true;
            }
            Some(answer) = sender.on_the_way.next(), if !sender.on_the_way.is_empty() => {
                let mut answers = vec![answer];
                // Those that came together are committed together.
                while let Some(Some(another)) = sender.on_the_way.next().now_or_never() {
                    answers.push(another);
                }
                sender.settle(answers).await;
            }
            () = until(store_at), if store_at.is_some() => sender.store().await,
            done = told(&mut sender.marks), if sender.marks.is_some() => {
                sender.marks = None;
                if let Err(why) = done {
                    tracing::debug!(%why, "read marks wait");
                }
            }
            () = until(paused_until), if paused_until.is_some() => sender.paused_until = None,
        }
    }
}

async fn told(marks: &mut Option<BoxFuture<'static, Result<()>>>) -> Result<()> {
    match marks {
        Some(marks) => marks.await,
        None => std::future::pending().await,
    }
}

impl<S: Caller> Sender<S> {
    async fn reload(&mut self) {
        match self.workspace.local.outbox(self.workspace.id).await {
            Ok(waiting) => {
                let waiting = waiting.into_iter().filter(|message| message.failure.is_none());
                self.queue.extend(waiting.map(|message| (message.position, message)));
            }
            Err(why) => tracing::error!(%why, "the outbox cannot be read"),
        }
    }

    async fn order(&mut self, order: Order) {
        match order {
            Order::Send(message) => {
                self.fresh.insert(message.position);
                self.queue.insert(message.position, message);
            }
            // Read here: orders may overtake each other, what is on the disk may not.
            Order::Change(id) => match self.workspace.local.in_outbox(id).await {
                Ok(Some(message)) => self.change(message).await,
                Ok(None) => {}
                Err(why) => tracing::error!(%why, "the outbox cannot be read"),
            },
            Order::Reload => self.reload().await,
            Order::Marks => self.marks_wait = true,
        }
    }

    async fn change(&mut self, message: Waiting) {
        if self.out.contains_key(&message.position) {
            self.changed.insert(message.position, message);
        } else if message.withdrawn && self.fresh.remove(&message.position) {
            self.queue.remove(&message.position);
            self.gone(message, None).await;
        } else if message.failure.is_none() {
            self.queue.insert(message.position, message);
        }
    }

    /// Puts messages on their way, in order, as long as there is room.
    fn top_up(&mut self) {
        let Some(session) = &self.session else { return };
        if self.marks_wait && self.marks.is_none() {
            self.marks_wait = false;
            self.marks = Some(marks(Arc::clone(&self.workspace), session.clone()).boxed());
        }
        // What went out on a session that has ended comes back at once, and goes before what follows it.
        if self.paused_until.is_some() || self.out.values().any(|out| out.session != self.number) {
            return;
        }
        while self.on_the_way.len() < WINDOW {
            let Some((_, message)) = self.queue.pop_first() else { break };
            let (session, number) = (session.clone(), self.number);
            let before = self.out.values().rev().find(|out| out.leads && out.channel == message.channel);
            let after = before.map(|out| out.id);
            let (channel, id, leads) = (message.channel, message.id, !message.withdrawn);
            self.fresh.remove(&message.position);
            self.out.insert(message.position, Out { channel, id, session: number, leads });
            let there = self.there.contains(&message.position);
            self.on_the_way.push(begun(async move {
                let answer = carry(&session, &message, there, after).await;
                (message, number, answer)
            }));
        }
    }

    async fn settle(&mut self, answers: Vec<Answer>) {
        for (message, number, answer) in answers {
            self.out.remove(&message.position);
            let changed = self.changed.remove(&message.position);
            match (answer, changed) {
                (Ok(Done::Gone(row)), _) => self.gone(message, Some(*row)).await,
                // What arrived is not what is wanted any more.
                (Ok(_), Some(changed)) => {
                    self.there.insert(changed.position);
                    self.again(changed);
                }
                (Ok(Done::Sent(ack)), None) => self.acknowledged.push((message, ack)),
                (Ok(Done::Changed(row)), None) => self.edited(message, *row).await,
                // It was refused as it is not any more.
                (Err(why), Some(changed)) if is_final(&why) => self.again(changed),
                (Err(why), changed) => self.unsent(changed.unwrap_or(message), number, why).await,
            }
        }
        if self.acknowledged.len() >= WINDOW {
            self.store().await;
        } else if !self.acknowledged.is_empty() {
            self.store_at.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }

    /// What was acknowledged goes into the cache and out of the outbox.
    async fn store(&mut self) {
        self.store_at = None;
        let sent = std::mem::take(&mut self.acknowledged);
        self.pause = PAUSE;
        match acknowledge(&self.workspace, &sent).await {
            Ok(()) => {}
            Err(why) => {
                // They stay in the outbox; sent again, they get the same answer.
                tracing::error!(%why, "acknowledged messages cannot be stored yet");
                for (message, _) in sent {
                    self.again(message);
                }
                self.wait(None);
            }
        }
    }

    /// Puts a message back, as it was changed meanwhile.
    fn again(&mut self, message: Waiting) {
        let message = self.changed.remove(&message.position).unwrap_or(message);
        self.queue.entry(message.position).or_insert(message);
    }

    /// The server has a message with its new text.
    async fn edited(&mut self, message: Waiting, row: MessageRow) {
        self.there.remove(&message.position);
        let stored = async {
            self.workspace.take(vec![Row::Message(row)]).await?;
            self.workspace.forget_sent(vec![(message.id, message.text.clone())]).await
        };
        if let Err(why) = stored.await {
            tracing::error!(%why, "an edited message cannot be stored yet");
            self.again(message);
            self.wait(None);
        }
    }

    /// A message that was given up is nowhere any more, or its tombstone has come.
    async fn gone(&mut self, message: Waiting, row: Option<MessageRow>) {
        self.there.remove(&message.position);
        let stored = async {
            if let Some(row) = row {
                self.workspace.take(vec![Row::Message(row)]).await?;
            }
            self.workspace.local.forget(message.id).await
        };
        if let Err(why) = stored.await {
            tracing::error!(%why, "a message that was given up cannot be forgotten yet");
            self.again(message);
            self.wait(None);
        }
        self.workspace.bump();
    }

    /// A session that has ended, or does not work, is not used again; one that came after it is.
    fn give_up(&mut self, number: u64) {
        if number == self.number {
            self.session = None;
        }
    }

    async fn unsent(&mut self, message: Waiting, number: u64, why: Error) {
        match why {
            // It went out with another text before this one was typed.
            Error::Refused(body)
                if body.code == Code::Conflict && !message.withdrawn && self.there.insert(message.position) =>
            {
                self.again(message);
            }
            // It is not there, or cannot be taken back.
            why if is_final(&why) && message.withdrawn => self.gone(message, None).await,
            Error::BadInput { what, why } => self.refused(message, format!("{what}: {why}")).await,
            Error::Refused(body) if body.code == Code::SignedOut => {
                self.give_up(number);
                self.again(message);
            }
            Error::Refused(body) if is_settled(body.code) => {
                self.refused(message, format!("{}: {}", body.what, body.why)).await;
            }
            Error::Refused(body) => {
                let seconds = body.seconds;
                self.workspace.set_trouble(message.id, Some(Error::Refused(body)));
                self.workspace.bump();
                self.again(message);
                self.wait(seconds.map(Duration::from_secs));
            }
            // The session has ended; the next one is told by the watch.
            Error::Offline { .. } => {
                self.give_up(number);
                self.again(message);
            }
            why => {
                tracing::error!(%why, "a message could not be sent");
                if matches!(why, Error::DiskFull { .. }) {
                    self.workspace.set_trouble(message.id, Some(why));
                    self.workspace.bump();
                }
                self.again(message);
                self.wait(None);
            }
        }
    }

    async fn refused(&mut self, message: Waiting, why: String) {
        self.workspace.set_trouble(message.id, None);
        let channel = message.channel;
        match self.workspace.local.refuse(message.id, message.text.clone(), why).await {
            Ok(()) => {}
            Err(why) => {
                tracing::error!(%why, "a refusal cannot be stored");
                self.again(message);
                self.wait(None);
            }
        }
        self.workspace.announce_waiting(channel);
    }

    fn wait(&mut self, asked: Option<Duration>) {
        // Many answers of one moment are one reason to pause.
        if self.paused_until.is_some() {
            return;
        }
        let pause = asked.unwrap_or(self.pause).min(PAUSE_MAX);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.paused_until = Some(Instant::now() + pause);
    }
}

/// Whether the server will never take a message as it is.
fn is_final(why: &Error) -> bool {
    match why {
        Error::Refused(body) => is_settled(body.code),
        other => matches!(other, Error::BadInput { .. }),
    }
}

/// One message to the server: sent, or brought to what it is now.
async fn carry<S: Caller>(session: &S, message: &Waiting, there: bool, after: Option<MessageId>) -> Result<Done> {
    let (channel, id) = (message.channel, message.id);
    if message.withdrawn {
        let row = session.call::<DeleteMessage>(OneMessage { channel, id }).await?;
        return Ok(Done::Gone(Box::new(row)));
    }
    if there {
        let params = EditMessageParams { channel, id, text: message.text.clone() };
        return Ok(Done::Changed(Box::new(session.call::<EditMessage>(params).await?)));
    }
    let params = SendMessageParams {
        id,
        channel,
        text: message.text.clone(),
        files: message.files.iter().map(|file| file.id).collect(),
        thread: message.thread,
        after,
    };
    Ok(Done::Sent(session.call::<SendMessage>(params).await?))
}

/// First the cache, then the outbox. Should the cache's last commit not survive a power cut, the row comes again from the
/// server: the cursor does not stand beyond it.
async fn acknowledge(workspace: &Workspace, sent: &[(Waiting, Sent)]) -> Result<()> {
    let rows = sent.iter().map(|(message, ack)| Row::Message(row(workspace.me, message, ack))).collect();
    let applied = workspace.cache.apply_aside(rows).await?;
    workspace.forget_sent(sent.iter().map(|(message, _)| (message.id, message.text.clone())).collect()).await?;
    workspace.announce(&applied);
    Ok(())
}

fn row(author: AccountId, message: &Waiting, ack: &Sent) -> MessageRow {
    MessageRow {
        thread: message.thread,
        files: message.files.clone(),
        ..MessageRow::plain(message.channel, ack.seq, message.id, author, ack.at, message.text.clone(), ack.change)
    }
}

async fn marks<S: Caller>(workspace: Arc<Workspace>, session: S) -> Result<()> {
    let waiting: Vec<(ChannelId, u64)> = workspace.local.marks(workspace.id).await?;
    for (channel, seq) in waiting {
        match workspace.tell_mark(&session, channel, seq).await {
            // A channel that one has left has no marks.
            Err(Error::Refused(body)) if matches!(body.code, Code::NotFound | Code::Denied | Code::BadInput) => {
                workspace.local.forget_mark(workspace.id, channel, seq).await?;
            }
            done => done?,
        }
    }
    Ok(())
}
