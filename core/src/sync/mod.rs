//! One workspace at work: its cache follows the server, what waits is sent, what is missing is fetched.
//!
//! Five tasks: [`follow`] takes what the connection tells, [`outbox`] sends, [`drafts`] gives drafts to one's other devices,
//! [`history`] fetches, [`audit`] watches over the log of those who may read it. They share a
//! [`Workspace`] and end when the handle that started them is dropped.

mod audit;
mod drafts;
mod follow;
pub(crate) mod history;
mod outbox;
mod running;
mod settle;

use crate::cache::{Applied, Cache};
use crate::client::events::Events;
use crate::client::wipe::Wipes;
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault;
use crate::local::{Account, Local, Waiting};
use crate::net::{Https, LinkConfig, Remote, Router, Session};
use crate::platform::Platform;
use crate::profile::{PinCopy, Profile};
use crate::trust::Known;
use crate::view::Connection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use thechatapp_protocol::event::ReadRow;
use thechatapp_protocol::methods::files::FileToken;
use thechatapp_protocol::methods::messages::{MarkRead, MarkReadParams};
use thechatapp_protocol::{
    AccountId, ChannelId, Code, ErrorBody, FileId, MessageId, Method, Row, Timestamp, WorkspaceId,
};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use running::Running;
use settle::drafts_in;

/// Whoever can be called: a session, or in unit tests something that answers in its place.
pub(crate) trait Caller: Clone + Send + Sync + 'static {
    /// Calls a method. Calls go out in the order in which their futures are first polled.
    fn call<M: Method>(&self, params: M::Params) -> impl Future<Output = Result<M::Reply>> + Send
    where
        M::Params: Sync;
}

impl Caller for Session {
    async fn call<M: Method>(&self, params: M::Params) -> Result<M::Reply>
    where
        M::Params: Sync,
    {
        Self::call::<M>(self, &params).await
    }
}

/// A future that was polled once. Futures in a set are polled in no particular order, and a call goes out when it is
/// first polled; begun one after the other, calls go out in that order.
fn begun<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
    let mut future = future.boxed();
    match (&mut future).now_or_never() {
        Some(done) => std::future::ready(done).boxed(),
        None => future,
    }
}

/// Whether asking again gets the same answer.
fn is_settled(code: Code) -> bool {
    match code {
        Code::BadInput
        | Code::NotFound
        | Code::Removed
        | Code::Denied
        | Code::Conflict
        | Code::StepUp
        | Code::SecondFactor => true,
        Code::SignedOut
        | Code::LockedOut
        | Code::Resync
        | Code::Narrowed
        | Code::Busy
        | Code::DiskFull
        | Code::KeyService
        | Code::Damaged
        | Code::Unavailable
        | Code::Internal => false,
    }
}

/// Waits for a moment, should there be one.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// One account, open.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) id: WorkspaceId,
    pub(crate) me: AccountId,
    pub(crate) cache: Cache,
    pub(crate) local: Arc<Local>,
    profile: Arc<Profile>,
    platform: Platform,
    router: Router,
    events: Arc<Events>,
    wipes: Arc<Wipes>,
    account: RwLock<Account>,
    connection: watch::Sender<Connection>,
    session: watch::Sender<Option<Session>>,
    https: Https,
    /// Why nothing comes in, where that does not pass by itself: what the server says while its key service gives no key, or a disk
    /// that is full here.
    closed: Mutex<Option<Error>>,
    /// Why a message is not sent yet, for those that wait: the server could not take it, or this disk its answer.
    troubles: Mutex<BTreeMap<MessageId, Error>>,
    /// Channels whose history this session does not get.
    refused: Mutex<BTreeSet<ChannelId>>,
    /// Whether all of the past is to come by itself.
    eager: AtomicBool,
    /// Channels that people looked at, the last one last.
    looked: Mutex<Vec<ChannelId>>,
    /// Counts what changed here: rows, what waits, the connection.
    changed: watch::Sender<u64>,
    link_orders: mpsc::UnboundedSender<follow::Order>,
    outbox_orders: mpsc::UnboundedSender<outbox::Order>,
    wanted: mpsc::UnboundedSender<history::Wanted>,
    draft_orders: mpsc::UnboundedSender<drafts::Order>,
    /// Uploads that run now, whose age says nothing.
    pub(crate) uploading: tokio::sync::Mutex<BTreeMap<FileId, Weak<()>>>,
    /// Held by whoever brings the list of channels that `local.db` keeps up to date: what was read of the cache before is not written after
    /// something left it.
    listing: tokio::sync::Mutex<()>,
    /// Held by whoever compares the audit log: one at a time.
    audit: tokio::sync::Mutex<()>,
    /// Held while a damaged file is replaced, which ends before the workspace does.
    replacing: Arc<tokio::sync::Mutex<()>>,
    renewing: Arc<tokio::sync::Mutex<()>>,
    /// The server, for tests.
    #[cfg(test)]
    in_place: Mutex<Option<Arc<crate::net::in_place::InPlace>>>,
}

/// What a workspace shares with its client.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) local: Arc<Local>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) platform: Platform,
    pub(crate) router: Router,
    pub(crate) events: Arc<Events>,
    pub(crate) wipes: Arc<Wipes>,
    /// Held by whoever gives the files new keys, or a damaged one its successor, which has the same.
    pub(crate) renewing: Arc<tokio::sync::Mutex<()>>,
}

impl Workspace {
    /// Connects, and stays connected. With `eager`, all history is fetched in the background.
    pub(crate) fn start(&self, eager: bool) {
        if eager {
            self.eager.store(true, Ordering::SeqCst);
        }
        // The task ends only with the workspace.
        let _ = self.link_orders.send(follow::Order::Start { eager });
    }

    /// Connects anew, where it connects at all: the way out is another one.
    pub(crate) fn reroute(&self) {
        let _ = self.link_orders.send(follow::Order::Reroute);
    }

    /// What is stored of the account.
    pub(crate) fn account(&self) -> Account {
        self.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection as it is now.
    pub(crate) fn connection(&self) -> Connection {
        self.connection.borrow().clone()
    }

    /// The connection from here on.
    pub(crate) fn connections(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    /// Counts up with every change here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The session.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn session(&self) -> Result<Session> {
        self.session.borrow().clone().ok_or_else(|| self.why_not())
    }

    /// Why nothing can be sent now.
    pub(crate) fn why_not(&self) -> Error {
        match self.connection() {
            Connection::IdentityChanged => {
                let account = self.account();
                let shown = account.shown.as_ref().and_then(|(document, at)| crate::client::pin_of(document, *at));
                Error::PinMismatch {
                    pinned: account.known.pin().to_string(),
                    shown: shown.map(|pin| pin.to_string()).unwrap_or_default(),
                }
            }
            Connection::SignedOut { why } => Error::Refused(signed_out(why)),
            Connection::Offline { why, .. } => self.closed().unwrap_or(Error::Offline { why }),
            _ => Error::Offline { why: "the connection is being made".into() },
        }
    }

    /// Where sealed bytes of files are on this device.
    pub(crate) fn files_folder(&self) -> PathBuf {
        self.profile.cache_path(self.id).with_file_name("files")
    }

    /// A file at its server, by a token from the session.
    pub(crate) fn remote<'a>(&self, account: &'a Account, file: FileId, token: FileToken) -> Result<Remote<'a>> {
        Remote::new(&self.https, account, &self.router, file, token)
    }

    /// Why nothing comes in, where that does not pass by itself.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_closed(&self, closed: Option<Error>) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
    }

    /// Why a message is not sent yet.
    pub(crate) fn trouble(&self, id: MessageId) -> Option<Error> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn set_trouble(&self, id: MessageId, trouble: Option<Error>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => {
                troubles.insert(id, trouble);
            }
            None => {
                troubles.remove(&id);
            }
        }
    }

    /// Sends a message that is on the disk.
    pub(crate) fn post(&self, message: Waiting) {
        // It may have been a draft until now.
        self.draft_typed();
        let channel = message.channel;
        let _ = self.outbox_orders.send(outbox::Order::Send(message));
        self.announce_waiting(channel);
    }

    /// Sends a message as it is now: with another text, or once more.
    pub(crate) fn repost(&self, message: &Waiting) {
        let _ = self.outbox_orders.send(outbox::Order::Change(message.id));
        self.announce_waiting(message.channel);
    }

    /// No longer sends a message, and takes it back should it be on the server.
    pub(crate) fn unpost(&self, message: &Waiting) {
        self.set_trouble(message.id, None);
        self.repost(message);
    }

    /// Sets a read mark, here at once and on the server when it can be reached.
    pub(crate) async fn mark_read(&self, channel: ChannelId, seq: u64) -> Result<()> {
        self.local.queue_mark(self.id, channel, seq).await?;
        self.announce(&self.cache.mark_read(channel, seq).await?);
        let _ = self.outbox_orders.send(outbox::Order::Marks);
        Ok(())
    }

    /// Somebody looks at a channel: its past comes before that of others.
    pub(crate) fn looked_at(&self, channel: ChannelId) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.last() != Some(&channel) {
            looked.retain(|one| *one != channel);
            looked.push(channel);
        }
    }

    /// Channels that people looked at, the last one first.
    fn looked(&self) -> Vec<ChannelId> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().copied().collect()
    }

    /// Channels whose history this session does not get.
    fn refused(&self) -> MutexGuard<'_, BTreeSet<ChannelId>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of the past is to come by itself.
    fn is_eager(&self) -> bool {
        self.eager.load(Ordering::SeqCst)
    }

    /// Asks for ranges of a channel in the background.
    pub(crate) fn want(&self, wanted: history::Wanted) {
        let _ = self.wanted.send(wanted);
    }

    /// Goes on with an identity that a person accepted.
    pub(crate) async fn accept(&self, known: Known) -> Result<()> {
        self.store_known(&known).await?;
        let _ = self.link_orders.send(follow::Order::Accepted(known));
        Ok(())
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.platform.clock.now()
    }

    /// What a connection needs to know.
    pub(crate) fn link_config(&self) -> LinkConfig {
        let account = self.account();
        LinkConfig {
            workspace_id: account.of_server(),
            url: account.url,
            workspace: account.short,
            device: account.device_key,
            known: account.known,
            clock: Arc::clone(&self.platform.clock),
            extra_roots: self.platform.extra_roots.clone(),
            router: self.router.clone(),
            #[cfg(test)]
            in_place: self.in_place.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    async fn store_known(&self, known: &Known) -> Result<()> {
        self.local.store_known(self.id, known).await?;
        let account = {
            let mut account = self.account.write().unwrap_or_else(PoisonError::into_inner);
            account.known = known.clone();
            account.shown = None;
            account.clone()
        };
        let id = account.of_server();
        let copy = PinCopy { url: account.url, workspace: account.short, pin: known.pin() };
        let profile = Arc::clone(&self.profile);
        tokio::task::spawn_blocking(move || profile.store_pin_copy(id, copy)).await.map_err(fault::internal)?
    }

    async fn store_shown(&self, document: Vec<u8>) -> Result<()> {
        let now = self.platform.clock.now();
        self.local.store_shown(self.id, document.clone(), now).await?;
        let mut account = self.account.write().unwrap_or_else(PoisonError::into_inner);
        let at = account.shown.as_ref().filter(|(before, _)| *before == document).map_or(now, |(_, at)| *at);
        account.shown = Some((document, at));
        Ok(())
    }

    /// The server wants nothing more from this device, and maybe that nothing stays on it.
    fn signed_out(&self, body: &ErrorBody) {
        let why = if body.why.is_empty() { body.what.clone() } else { format!("{}: {}", body.what, body.why) };
        if body.wipe {
            self.wipes.order(self.id);
        }
        self.set_connection(Connection::SignedOut { why });
    }

    fn set_connection(&self, connection: Connection) {
        if !matches!(connection, Connection::Online | Connection::Syncing) {
            self.session.send_replace(None);
        }
        if self.connection.send_replace(connection.clone()) != connection {
            self.events.push(ClientEvent::Connection { workspace: self.id });
            self.bump();
        }
    }

    pub(crate) fn announce(&self, applied: &Applied) {
        if applied.channels {
            self.events.push(ClientEvent::Channels { workspace: self.id });
        }
        if applied.standing {
            self.events.push(ClientEvent::Standing { workspace: self.id });
        }
        for (channel, from) in &applied.messages {
            self.events.push(ClientEvent::Messages { workspace: self.id, channel: *channel, from: *from });
        }
        self.bump();
    }

    /// Says that anything in a channel may have changed.
    pub(crate) fn announce_all(&self, channel: ChannelId) {
        self.events.push(ClientEvent::Messages { workspace: self.id, channel, from: 1 });
        self.events.push(ClientEvent::Channels { workspace: self.id });
        self.bump();
    }

    fn announce_waiting(&self, channel: ChannelId) {
        self.events.push(ClientEvent::Messages { workspace: self.id, channel, from: 0 });
        self.bump();
    }

    fn bump(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Tells the server a read mark, and takes its answer.
    async fn tell_mark<S: Caller>(&self, session: &S, channel: ChannelId, seq: u64) -> Result<()> {
        let row: ReadRow = session.call::<MarkRead>(MarkReadParams { channel, seq }).await?;
        self.announce(&self.cache.apply_aside(vec![Row::Read(row)]).await?);
        self.local.forget_mark(self.id, channel, seq).await
    }

    /// How many messages wait to be sent. One that the server had told of before it was acknowledged is in the outbox still, and waits no more.
    pub(crate) async fn waiting_count(&self) -> Result<u64> {
        let waiting = self.local.waiting_texts(self.id).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let all = waiting.len() as u64;
        // A damaged cache does not say.
        Ok(all - self.cache.count_same(waiting).await.unwrap_or(0))
    }

    /// What is on the server is forgotten here, after it is in the cache.
    async fn forget_sent(&self, messages: Vec<(MessageId, String)>) -> Result<()> {
        for (id, _) in &messages {
            self.set_trouble(*id, None);
        }
        self.local.forget_sent(messages).await
    }
}

fn signed_out(why: String) -> ErrorBody {
    ErrorBody::new(Code::SignedOut, "this device is signed out", why, "sign in again")
}

#[cfg(test)]
pub(crate) mod tests;
