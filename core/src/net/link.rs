//! The link: keeps a session up. One task a workspace, which owns each socket in turn.
//!
//! A connection that does not fit the known identity document leads to a look at the server's newest one: announced
//! steps are followed in silence, anything else is a full stop in which nothing is sent but that look.

use super::connect::{Failure, Target, connect};
use super::session::{self, End, Frames, Session};
use super::wake::Wakes;
use super::{LinkConfig, LinkEvent, fetch_identity, portal, verify};
use crate::error::Error;
use crate::trust::{Known, Next, Stop};
use crate::view::Reason;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use thechatapp_protocol::ErrorBody;
use thechatapp_protocol::Event;
use thechatapp_protocol::identity::{IdentityError, Pin, Unverified};
use thechatapp_protocol::session::Transport;
use tokio::sync::mpsc;

/// The first wait after a failure, doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// While the server is not the one that is known: how often it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// After so many attempts that failed, a network that wants one to sign in first is thought of.
const PORTAL_AFTER: u32 = 2;
/// Events that may wait to be taken.
const QUEUE: usize = 64;

enum Order {
    Poke,
    Replace(Box<Known>),
}

/// A workspace's connection, kept up by a task of its own. Dropping it closes the connection.
#[derive(Debug)]
pub struct Link {
    orders: mpsc::UnboundedSender<Order>,
    session: Arc<RwLock<Option<Session>>>,
    task: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Poke => "Poke",
            Self::Replace(_) => "Replace",
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// Starts connecting. Needs a tokio runtime.
    pub fn spawn(config: LinkConfig) -> (Self, mpsc::Receiver<LinkEvent>) {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (events, outbox) = mpsc::channel(QUEUE);
        let session = Arc::new(RwLock::new(None));
        let wakes = Wakes::new(Arc::clone(&config.clock));
        let keeper = Keeper { config, events, inbox, session: Arc::clone(&session), tls: None, waits: 0, wakes };
        let task = tokio::spawn(keeper.run());
        (Self { orders, session, task }, outbox)
    }

    /// The session, while there is one.
    pub fn session(&self) -> Option<Session> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries at once instead of waiting; in a session, checks that it is alive.
    pub fn poke(&self) {
        if let Some(session) = self.session() {
            session.ping();
        }
        let _ = self.orders.send(Order::Poke);
    }

    /// Goes on with another identity, because a person accepted it.
    pub fn replace_known(&self, known: Known) {
        let _ = self.orders.send(Order::Replace(Box::new(known)));
    }
}

/// Asks whether the session still lives, whenever the device woke up.
async fn ask_after_sleep(wakes: &mut Wakes, session: &RwLock<Option<Session>>) -> Infallible {
    loop {
        wakes.next().await;
        let session = session.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = session {
            session.ping_after_sleep();
        }
    }
}

/// What an attempt led to.
enum Outcome {
    /// Try again after the usual wait, or after this one.
    Wait { why: String, reason: Reason, fixed: Option<Duration> },
    /// The workspace is closed for now: try again after the usual wait.
    Closed(ErrorBody),
    /// The identity moved on: try again at once.
    Moved,
    /// Another identity, which nobody announced.
    Stopped(Pin),
    /// Nothing more to do.
    Finished,
}

/// Try again after the usual wait.
fn wait(why: String, reason: Reason) -> Outcome {
    Outcome::Wait { why, reason, fixed: None }
}

/// What keeps an identity document from being followed.
pub(super) fn unfit(why: &IdentityError) -> Reason {
    match why {
        IdentityError::NoSessionKey => Reason::Clock,
        IdentityError::RolledBack { .. } => Reason::RolledBack,
        _ => Reason::Unproved,
    }
}

/// Why a server's identity document cannot be had.
fn unseen(why: &Error) -> Reason {
    match why {
        Error::Offline { why } if *why == portal::words() => Reason::Portal,
        Error::Offline { .. } => Reason::Unreachable,
        Error::Refused(body) if body.code.is_closed() => Reason::Closed,
        _ => Reason::Unproved,
    }
}

struct Keeper {
    config: LinkConfig,
    events: mpsc::Sender<LinkEvent>,
    inbox: mpsc::UnboundedReceiver<Order>,
    session: Arc<RwLock<Option<Session>>>,
    /// Kept from one attempt to the next: it holds the system's roots and the tickets of earlier connections.
    tls: Option<Arc<rustls::ClientConfig>>,
    waits: u32,
    /// Whoever wakes up does not wait.
    wakes: Wakes,
}

impl Keeper {
    async fn run(mut self) {
        let mut stopped: Option<Pin> = None;
        let mut moves = 0;
        loop {
            if stopped.is_none() && self.events.send(LinkEvent::Connecting).await.is_err() {
                return;
            }
            let outcome =
                if stopped.is_some() { self.look(String::new(), stopped).await } else { self.attempt().await };
            let (outcome, closed) = match outcome {
                Outcome::Closed(body) => (wait(body.to_string(), Reason::Closed), Some(body)),
                other => (other, None),
            };
            match outcome {
                Outcome::Finished => return,
                Outcome::Stopped(pin) => {
                    stopped = Some(pin);
                    if self.pause(LOOK_AGAIN).await.is_err() {
                        return;
                    }
                }
                // A server that shows a new document at every look is not worth following without a pause.
                Outcome::Moved if moves < 3 => {
                    moves += 1;
                    stopped = None;
                }
                // Told apart above.
                Outcome::Closed(_) => {}
                Outcome::Moved => {
                    moves = 0;
                    stopped = None;
                    if self.pause(LOOK_AGAIN).await.is_err() {
                        return;
                    }
                }
                Outcome::Wait { why, reason, fixed } => {
                    moves = 0;
                    let wait = fixed.unwrap_or_else(|| self.next_wait());
                    if stopped.is_none() || fixed.is_some() {
                        stopped = None;
                        let down = LinkEvent::Down { why, reason, retry_in: wait, closed };
                        if self.events.send(down).await.is_err() {
                            return;
                        }
                    }
                    if self.pause(wait).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// One connection from its beginning to its end.
    async fn attempt(&mut self) -> Outcome {
        let known = self.config.known.clone();
        let (socket, transport) = match self.connect(&known).await {
            Ok(connected) => connected,
            Err(Failure::Offline(why)) => return self.unreachable(why, Reason::Unreachable).await,
            Err(Failure::Way(why)) => return self.unreachable(why.to_string(), why.reason()).await,
            Err(Failure::Closed(body)) => return Outcome::Closed(body),
            Err(Failure::Identity(why)) => return self.look(why, None).await,
        };
        self.waits = 0;
        let (session, running) = session::begin(socket, transport);
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        if self.events.send(LinkEvent::Up(session)).await.is_err() {
            return Outcome::Finished;
        }
        let (told, mut hear) = mpsc::channel::<Event>(QUEUE);
        let events = self.events.clone();
        let forward = async move {
            while let Some(event) = hear.recv().await {
                if events.send(LinkEvent::Event(event)).await.is_err() {
                    return;
                }
            }
        };
        // Both in this task: what was heard before the end is passed on before the end is told.
        let live = async { tokio::join!(running(told).run(), forward).0 };
        let end = tokio::select! {
            end = live => end,
            never = ask_after_sleep(&mut self.wakes, &self.session) => match never {},
        };
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = None;
        match end {
            End::Lost(why) => wait(why, Reason::Unreachable),
            End::Again(wait) => {
                Outcome::Wait { why: "the server is restarting".into(), reason: Reason::Restarting, fixed: Some(wait) }
            }
            End::SignedOut(body) => {
                let _ = self.events.send(LinkEvent::Refused(body)).await;
                Outcome::Finished
            }
            End::Dropped => Outcome::Finished,
        }
    }

    async fn connect(&mut self, known: &Known) -> Result<(Box<dyn Frames>, Transport), Failure> {
        #[cfg(test)]
        if let Some(server) = &self.config.in_place {
            return server.connect(&self.config);
        }
        let tls = match self.tls.take() {
            Some(tls) => tls,
            None => verify::strict(&known.verified.document().tls_keys, &self.config.extra_roots)
                .map_err(|why| Failure::Offline(why.to_string()))?,
        };
        self.tls = Some(Arc::clone(&tls));
        let target = Target {
            url: &self.config.url,
            workspace: &self.config.workspace,
            device: &self.config.device,
            known,
            tls: &tls,
            now: self.config.clock.now(),
            router: &self.config.router,
        };
        let (socket, transport) = connect(&target).await?;
        Ok((Box::new(socket), transport))
    }

    /// The server's newest document, of the workspace or, without it, of a host that serves one only.
    async fn fetch(&self, workspace: Option<&str>) -> Result<Unverified, Error> {
        #[cfg(test)]
        if let Some(server) = &self.config.in_place {
            return Ok(server.document());
        }
        fetch_identity(&self.config.router, &self.config.url, workspace, None).await
    }

    /// Looks at the server's newest document. `told` is the pin that was already reported.
    async fn look(&mut self, why: String, told: Option<Pin>) -> Outcome {
        let fetched = match self.fetch(Some(&self.config.workspace)).await {
            Ok(fetched) => fetched,
            // A host that does not know this workspace is not its server; whose it is, its own document says.
            Err(Error::BadInput { .. }) => match self.fetch(None).await {
                Ok(fetched) => fetched,
                Err(why) => return wait(why.to_string(), unseen(&why)),
            },
            Err(why) => return wait(why.to_string(), unseen(&why)),
        };
        match self.config.known.next(fetched, self.config.clock.now()) {
            Ok(Next::Same) if told.is_some() => Outcome::Moved,
            Ok(Next::Same) => wait(why, Reason::Unproved),
            Ok(Next::Advanced { known, restored }) => {
                self.config.known = known.clone();
                self.tls = None;
                let event = LinkEvent::Known { known: Box::new(known), restored };
                if self.events.send(event).await.is_err() { Outcome::Finished } else { Outcome::Moved }
            }
            Err(Stop::Unannounced(shown)) => {
                let pin = shown.pin();
                if told != Some(pin) && self.events.send(LinkEvent::IdentityChanged { shown }).await.is_err() {
                    return Outcome::Finished;
                }
                Outcome::Stopped(pin)
            }
            Err(Stop::Unfit(why)) => wait(why.to_string(), unfit(&why)),
        }
    }

    /// Nothing answers, or nothing that speaks TLS: in a network that lets nothing through before one signs in, a plain request
    /// to the server's name tells.
    async fn unreachable(&self, why: String, reason: Reason) -> Outcome {
        let asked = self.waits >= PORTAL_AFTER && portal::asks(&self.config.router, &self.config.url).await;
        if asked { wait(portal::words(), Reason::Portal) } else { wait(why, reason) }
    }

    /// Waits, or until somebody wants it at once. An error means that the link was dropped.
    async fn pause(&mut self, wait: Duration) -> Result<(), ()> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.wakes.next() => {
                self.waits = 0;
                Ok(())
            }
            order = self.inbox.recv() => match order {
                None => Err(()),
                Some(Order::Poke) => {
                    self.waits = 0;
                    Ok(())
                }
                Some(Order::Replace(known)) => {
                    self.config.known = *known;
                    self.tls = None;
                    self.waits = 0;
                    Ok(())
                }
            },
        }
    }

    /// Doubled each time, and spread by a fifth, so that a thousand clients do not come back at once.
    fn next_wait(&mut self) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(1 << self.waits.min(9)).min(LONGEST_WAIT);
        self.waits += 1;
        let mut random = [128];
        let _ = getrandom::fill(&mut random);
        wait.mul_f64(0.8 + 0.4 * f64::from(random[0]) / 255.0)
    }
}
