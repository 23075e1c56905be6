//! Sends what waits: in order, a window of messages at a time, each until the server has it.
//!
//! On an acknowledgement the message's row is committed to the cache first and leaves the outbox second; whatever ends
//! this program in between, the message is in one of the two. A retry carries the same id, which the server knows.

use super::{Caller, Workspace, begun};
use crate::error::{Error, Result};
use crate::local::Waiting;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{SendMessage, SendMessageParams, Sent};
use thechatapp_protocol::{AccountId, ChannelId, Code, Row};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Most messages on their way at once.
const WINDOW: usize = 32;
/// First and longest pause when the server asks for patience.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What this task is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// Send this; it is in the outbox.
    Send(Waiting),
    /// Do not send what has this position.
    Drop(i64),
    /// Read the outbox again.
    Reload,
    /// Tell the read marks that wait.
    Marks,
}

type Answer = (Waiting, Result<Sent>);

struct Sender<S> {
    workspace: Arc<Workspace>,
    session: Option<S>,
    queue: BTreeMap<i64, Waiting>,
    on_the_way: FuturesUnordered<BoxFuture<'static, Answer>>,
    marks: Option<BoxFuture<'static, Result<()>>>,
    marks_wait: bool,
    pause: Duration,
    paused_until: Option<Instant>,
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
        queue: BTreeMap::new(),
        on_the_way: FuturesUnordered::new(),
        marks: None,
        marks_wait: true,
        pause: PAUSE,
        paused_until: None,
    };
    sender.reload().await;
    loop {
        sender.top_up();
        let paused_until = sender.paused_until;
        tokio::select! {
            biased;
            changed = sessions.changed() => {
                if changed.is_err() {
                    return;
                }
                sender.session = sessions.borrow_and_update().clone();
                sender.paused_until = None;
                sender.marks_wait = true;
            }
            order = orders.recv() => match order {
                Some(order) => sender.order(order).await,
                None => return,
            },
            Some(answer) = sender.on_the_way.next(), if !sender.on_the_way.is_empty() => {
                let mut answers = vec![answer];
                // Those that came together are committed together.
                while let Some(Some(another)) = sender.on_the_way.next().now_or_never() {
                    answers.push(another);
                }
                sender.settle(answers).await;
            }
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

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
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
                self.queue.insert(message.position, message);
            }
            Order::Drop(position) => {
                self.queue.remove(&position);
            }
            Order::Reload => self.reload().await,
            Order::Marks => self.marks_wait = true,
        }
    }

    /// Puts messages on their way, in order, as long as there is room.
    fn top_up(&mut self) {
        let Some(session) = &self.session else { return };
        if self.marks_wait && self.marks.is_none() {
            self.marks_wait = false;
            self.marks = Some(marks(Arc::clone(&self.workspace), session.clone()).boxed());
        }
        if self.paused_until.is_some() {
            return;
        }
        while self.on_the_way.len() < WINDOW {
            let Some((_, message)) = self.queue.pop_first() else { break };
            let session = session.clone();
            self.on_the_way.push(begun(async move {
                let params = SendMessageParams {
                    id: message.id,
                    channel: message.channel,
                    text: message.text.clone(),
                    thread: message.thread,
                };
                let answer = session.call::<SendMessage>(params).await;
                (message, answer)
            }));
        }
    }

    async fn settle(&mut self, answers: Vec<Answer>) {
        let mut sent = Vec::new();
        for (message, answer) in answers {
            match answer {
                Ok(ack) => sent.push((message, ack)),
                Err(why) => self.unsent(message, why).await,
            }
        }
        if sent.is_empty() {
            return;
        }
        self.pause = PAUSE;
        match acknowledge(&self.workspace, &sent).await {
            Ok(()) => {}
            Err(why) => {
                // They stay in the outbox; sent again, they get the same answer.
                tracing::error!(%why, "acknowledged messages cannot be stored yet");
                self.queue.extend(sent.into_iter().map(|(message, _)| (message.position, message)));
                self.wait(None);
            }
        }
    }

    async fn unsent(&mut self, message: Waiting, why: Error) {
        match why {
            Error::Refused(body) => match body.code {
                Code::BadInput | Code::NotFound | Code::Denied | Code::Conflict | Code::StepUp => {
                    self.refused(message, format!("{}: {}", body.what, body.why)).await;
                }
                Code::SignedOut => {
                    self.session = None;
                    self.queue.insert(message.position, message);
                }
                Code::LockedOut
                | Code::Resync
                | Code::Busy
                | Code::DiskFull
                | Code::KeyService
                | Code::Unavailable
                | Code::Internal => {
                    let seconds = body.seconds;
                    self.workspace.set_trouble(message.id, Some(body));
                    self.workspace.bump();
                    self.queue.insert(message.position, message);
                    self.wait(seconds.map(Duration::from_secs));
                }
            },
            Error::BadInput { what, why } => self.refused(message, format!("{what}: {why}")).await,
            _ => {
                // This session has ended; the next one is told by the watch.
                self.session = None;
                self.queue.insert(message.position, message);
            }
        }
    }

    async fn refused(&mut self, message: Waiting, why: String) {
        self.workspace.set_trouble(message.id, None);
        if let Err(why) = self.workspace.local.set_failure(message.id, Some(why)).await {
            tracing::error!(%why, "a refusal cannot be stored");
        }
        self.workspace.announce_waiting(message.channel);
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

/// First the cache, then the outbox: both are on the disk before this returns.
async fn acknowledge(workspace: &Workspace, sent: &[(Waiting, Sent)]) -> Result<()> {
    let rows = sent.iter().map(|(message, ack)| Row::Message(row(workspace.me, message, ack))).collect();
    let applied = workspace.cache.apply_aside(rows).await?;
    workspace.forget(sent.iter().map(|(message, _)| message.id).collect()).await?;
    workspace.announce(&applied);
    Ok(())
}

fn row(author: AccountId, message: &Waiting, ack: &Sent) -> MessageRow {
    MessageRow {
        channel: message.channel,
        seq: ack.seq,
        id: message.id,
        author,
        at: ack.at,
        text: message.text.clone(),
        edited: None,
        deleted: false,
        thread: message.thread,
        reactions: Vec::new(),
        change: ack.change,
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
