//! Follows the server: takes what the connection tells, in order, into the cache.
//!
//! Whatever fails on this side (a full disk) ends the connection and is tried again later from the cursor, which moves
//! only with the rows it stands for.

use super::{Workspace, history, outbox};
use crate::cache::Stale;
use crate::client::files::here;
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::local::{Waiting, drafts_behind};
use crate::net::{Link, LinkEvent, Session};
use crate::trust::Known;
use crate::view::{Connection, Reason};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::methods::sync::{StartSync, StartSyncParams, SyncStarted};
use thechatapp_protocol::{Changes, Code, Event};
use tokio::sync::mpsc;

/// What this task is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// Connect, or try at once.
    Start {
        /// Whether to fetch all history in the background.
        eager: bool,
    },
    /// Go on with this identity.
    Accepted(Known),
    /// Connect anew: the way out is another one.
    Reroute,
}

/// Rows that are applied in one transaction at most, and about how long to wait after a fault of our own.
const ROWS_AT_ONCE: usize = 4000;
const AFTER_FAULT: Duration = Duration::from_secs(5);
/// One's own messages that are offered again to a restored server.
const OFFERED_AGAIN: usize = 2000;

enum End {
    /// The workspace is dropped.
    Dropped,
    /// The server wants nothing more from this device.
    Refused,
    /// Something failed on this side.
    Fault(Error),
    /// What is here was dropped, and is fetched anew at once; or the way out is another one.
    Anew,
}

/// What it was asked, which outlives a cache.
#[derive(Default)]
struct Asked {
    /// To be connected.
    connects: bool,
    /// And to fetch all history.
    eager: bool,
}

/// Runs until the workspace is dropped. Where its cache turns out to be damaged, it goes on with the one that takes its place.
pub(super) async fn run(workspace: Arc<Workspace>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut asked = Asked::default();
    loop {
        tokio::select! {
            biased;
            why = workspace.cache.damaged() => tracing::error!(%why, "the cache is damaged"),
            () = follow(&workspace, &mut orders, &mut asked) => return,
        }
        if asked.connects {
            let why = "its copy on this device is damaged and is being rebuilt".to_owned();
            workspace.set_connection(Connection::Offline { why, retry_in: 0, reason: Reason::Starting });
        }
        while let Err(why) = workspace.rebuild().await {
            tracing::error!(%why, "a damaged cache cannot be replaced");
            failed(&workspace, &why).await;
        }
    }
}

/// Says what failed on this side, and waits a little.
async fn failed(workspace: &Workspace, why: &Error) {
    workspace.set_closed(match why {
        Error::Refused(body) if body.code.is_closed() => Some(why.clone()),
        Error::DiskFull { .. } => Some(why.clone()),
        _ => None,
    });
    let retry_in = AFTER_FAULT.as_millis() as u64;
    let reason = match why {
        Error::DiskFull { .. } => Reason::DiskFull,
        Error::Refused(body) if body.code.is_closed() => Reason::Closed,
        Error::Refused(_) => Reason::Refused,
        _ => Reason::Fault,
    };
    workspace.set_connection(Connection::Offline { why: why.to_string(), retry_in, reason });
    tokio::time::sleep(AFTER_FAULT).await;
}

async fn follow(workspace: &Arc<Workspace>, orders: &mut mpsc::UnboundedReceiver<Order>, asked: &mut Asked) {
    loop {
        // Nothing connects before it is asked to, nor after a refusal.
        while !asked.connects {
            match orders.recv().await {
                None => return,
                Some(Order::Accepted(_) | Order::Reroute) => {}
                Some(Order::Start { eager }) => {
                    asked.connects = true;
                    asked.eager |= eager;
                }
            }
        }
        let mut connected = Connected::new(workspace, asked.eager);
        match connected.run(orders, asked).await {
            End::Dropped => return,
            End::Refused => asked.connects = false,
            End::Anew => {}
            // The cache's own way out of it is above.
            End::Fault(Error::Corrupt { .. }) if workspace.cache.is_damaged() => std::future::pending().await,
            End::Fault(why) => {
                tracing::error!(%why, "following the server failed");
                drop(connected);
                failed(workspace, &why).await;
            }
        }
    }
}

/// Waits for the answer to `sync.start`, with what came before it.
struct Starting {
    answer: BoxFuture<'static, Result<SyncStarted>>,
    after: u64,
}

struct Connected<'a> {
    workspace: &'a Arc<Workspace>,
    link: Link,
    inbox: mpsc::Receiver<LinkEvent>,
    /// Taken from the inbox and not handled yet.
    next: VecDeque<LinkEvent>,
    starting: Option<Starting>,
    /// What the server told before its answer to `sync.start` was read.
    early: Vec<Event>,
    from_the_start: bool,
    /// The drafts here are from a copy: all of them are told once more.
    drafts_behind: bool,
    eager: bool,
}

impl<'a> Connected<'a> {
    fn new(workspace: &'a Arc<Workspace>, eager: bool) -> Self {
        let (link, inbox) = Link::spawn(workspace.link_config());
        Self {
            workspace,
            link,
            inbox,
            next: VecDeque::new(),
            starting: None,
            early: Vec::new(),
            from_the_start: false,
            drafts_behind: false,
            eager,
        }
    }

    async fn run(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>, asked: &mut Asked) -> End {
        loop {
            let handled = if let Some(event) = self.next.pop_front() {
                self.told(event).await
            } else {
                tokio::select! {
                    biased;
                    event = self.inbox.recv() => match event {
                        Some(event) => self.told(event).await,
                        None => return End::Refused,
                    },
                    answer = answered(&mut self.starting), if self.starting.is_some() => self.started(answer).await,
                    order = orders.recv() => {
                        match order {
                            None => return End::Dropped,
                            Some(Order::Start { eager }) => {
                                asked.eager |= eager;
                                self.start(eager);
                            }
                            Some(Order::Accepted(known)) => self.link.replace_known(known),
                            Some(Order::Reroute) => return End::Anew,
                        }
                        Ok(None)
                    }
                }
            };
            match handled {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(why) => return End::Fault(why),
            }
        }
    }

    fn start(&mut self, eager: bool) {
        self.eager |= eager;
        if self.workspace.connection() != Connection::Online {
            self.link.poke();
        } else if eager {
            self.workspace.want(history::Wanted::Everything);
        }
    }

    async fn told(&mut self, event: LinkEvent) -> Result<Option<End>> {
        let workspace = self.workspace;
        match event {
            LinkEvent::Connecting => workspace.set_connection(Connection::Connecting),
            LinkEvent::Up(session) => self.up(session).await?,
            LinkEvent::Event(event) if self.starting.is_some() => self.early.push(event),
            LinkEvent::Event(event) => return self.event(event).await,
            LinkEvent::Down { why, reason, retry_in, closed } => {
                self.starting = None;
                self.early.clear();
                workspace.set_closed(closed.map(Error::Refused));
                let retry_in = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                workspace.set_connection(Connection::Offline { why, retry_in, reason });
            }
            // A new generation is told apart by the cache itself, which may have missed this.
            LinkEvent::Known { known, restored: _ } => workspace.store_known(&known).await?,
            LinkEvent::IdentityChanged { shown } => {
                self.starting = None;
                self.early.clear();
                workspace.store_shown(shown.encode()).await?;
                workspace.set_connection(Connection::IdentityChanged);
            }
            LinkEvent::Refused(body) => {
                workspace.signed_out(&body);
                return Ok(Some(End::Refused));
            }
        }
        Ok(None)
    }

    async fn up(&mut self, session: Session) -> Result<()> {
        let workspace = self.workspace;
        let generation = workspace.account().known.verified.document().generation.to_vec();
        let standing = workspace.cache.standing().await?;
        let after = if standing.generation == generation {
            if standing.cursor == 0 {
                // Rows of a first sync that broke off may be of what one may not see any more.
                workspace.cache.begin_generation(generation, workspace.local.listed(workspace.id).await?).await?;
            }
            standing.cursor
        } else {
            // One that is being rebuilt has none yet, and the damaged one may be of another.
            let before = workspace.cache.former_generation().await;
            let changed = before.is_some_and(|before| before != generation);
            new_generation(workspace, generation, changed || !standing.generation.is_empty(), changed).await?;
            0
        };
        // Everything but drafts is here already, and is passed over.
        self.drafts_behind = workspace.local.choice(drafts_behind(workspace.id)).await?.is_some();
        let after = if self.drafts_behind { after.min(1) } else { after };
        workspace.cache.mark_stale(Stale::Outside).await?;
        workspace.set_connection(Connection::Syncing);
        workspace.refused().clear();
        workspace.session.send_replace(Some(session.clone()));
        let answer = async move { session.call::<StartSync>(&StartSyncParams { after }).await }.boxed();
        self.early.clear();
        self.starting = Some(Starting { answer, after });
        Ok(())
    }

    async fn started(&mut self, answer: Result<SyncStarted>) -> Result<Option<End>> {
        let after = self.starting.take().map_or(0, |starting| starting.after);
        match answer {
            Ok(started) => {
                self.workspace.set_closed(None);
                self.workspace.cache.set_updates(started.updates).await?;
                self.workspace.cache.set_device_bounds(started.bounds).await?;
                if started.heads {
                    let stale = started.changed.map_or(Stale::All, Stale::Changed);
                    let applied = self.workspace.cache.mark_stale(stale).await?;
                    self.workspace.announce(&applied);
                }
                self.from_the_start = after == 0 && !started.heads;
            }
            Err(Error::Refused(body)) if body.code == Code::Resync => {
                let generation = self.workspace.account().known.verified.document().generation.to_vec();
                new_generation(self.workspace, generation, true, true).await?;
                // Whoever begins at the beginning is ahead of nobody: a server that says so all the same is left alone for a while.
                return Ok(Some(if after > 0 { End::Anew } else { End::Fault(Error::Refused(body)) }));
            }
            // One may see less than before: nothing of it stays, and nothing was lost on the server.
            Err(Error::Refused(body)) if body.code == Code::Narrowed => {
                let generation = self.workspace.account().known.verified.document().generation.to_vec();
                new_generation(self.workspace, generation, false, true).await?;
                self.workspace.cache.tidy().await?;
                here::sweep(self.workspace).await?;
                self.workspace.events.push(ClientEvent::Resync);
                self.workspace.bump();
                return Ok(Some(End::Anew));
            }
            // The link says so as well, but maybe only after this answer was read.
            Err(Error::Refused(body)) if body.code == Code::SignedOut => {
                self.workspace.signed_out(&body);
                return Ok(Some(End::Refused));
            }
            // The server will not stream on this session: another one is tried.
            Err(why @ Error::Refused(_)) => return Ok(Some(End::Fault(why))),
            // The link tells what became of the session.
            Err(why) => {
                tracing::debug!(%why, "the sync did not start");
                self.early.clear();
                return Ok(None);
            }
        }
        self.next.extend(std::mem::take(&mut self.early).into_iter().map(LinkEvent::Event));
        Ok(None)
    }

    async fn event(&mut self, event: Event) -> Result<Option<End>> {
        match event {
            Event::Changes(changes) => self.changes(changes).await?,
            // The link tells these.
            Event::SignedOut { .. } | Event::Draining { .. } | Event::Unknown => {}
        }
        Ok(None)
    }

    async fn changes(&mut self, mut changes: Changes) -> Result<()> {
        // What came together is committed together.
        // The first live batch ends the catching up, and what follows it is read differently.
        while changes.rows.len() < ROWS_AT_ONCE && !(changes.live && self.from_the_start) {
            let next = match self.next.pop_front() {
                Some(event) => Some(event),
                None => self.inbox.try_recv().ok(),
            };
            match next {
                Some(LinkEvent::Event(Event::Changes(more))) => {
                    changes.rows.extend(more.rows);
                    changes.to = more.to;
                    changes.live = more.live;
                }
                Some(other) => {
                    self.next.push_front(other);
                    break;
                }
                None => break,
            }
        }
        let live = changes.live;
        // First: the cursor does not go beyond them.
        self.workspace.take_drafts(super::drafts_in(&mut changes.rows)).await?;
        let applied = self.workspace.cache.apply(changes, self.from_the_start).await?;
        self.workspace.settle(applied).await?;
        if live && self.workspace.connection() == Connection::Syncing {
            self.from_the_start = false;
            if let Some(applied) = self.workspace.cache.confirm().await? {
                self.workspace.settle(applied).await?;
            }
            self.workspace.keep_list().await?;
            self.workspace.let_go_when_whole().await?;
            if std::mem::take(&mut self.drafts_behind) {
                self.workspace.local.choose(drafts_behind(self.workspace.id), None).await?;
            }
            self.workspace.set_connection(Connection::Online);
            // What may be seen is known again: uploads to elsewhere end.
            here::sweep(self.workspace).await?;
            if self.eager {
                self.workspace.want(history::Wanted::Everything);
            } else if self.workspace.cache.is_being_rebuilt() {
                self.workspace.want(history::Wanted::Lacking);
            }
        }
        Ok(())
    }
}

/// A restored server may lack what one had sent: it is put into the outbox again, before it leaves the cache, and before a damaged one
/// goes that is of other data.
pub(super) async fn new_generation(
    workspace: &Workspace,
    generation: Vec<u8>,
    offer_again: bool,
    lets_go: bool,
) -> Result<()> {
    if offer_again {
        let mut own = workspace.cache.own_messages(OFFERED_AGAIN).await?;
        own.reverse();
        let waiting = own.into_iter().map(|row| Waiting {
            position: 0,
            id: row.id,
            channel: row.channel,
            text: row.text,
            files: Vec::new(),
            thread: row.thread,
            created: row.at,
            failure: None,
            withdrawn: false,
        });
        workspace.local.queue_first(workspace.id, waiting.collect()).await?;
    }
    if offer_again {
        workspace.local.offer_drafts(workspace.id).await?;
        workspace.draft_typed();
    }
    // Nobody puts a list back into which nothing of before is to come.
    let _listing = workspace.listing.lock().await;
    if lets_go {
        workspace.let_damaged_go().await?;
        // As little as the damaged one it is known to be right.
        workspace.local.unlist(workspace.id, None).await?;
    }
    workspace.cache.begin_generation(generation, workspace.local.listed(workspace.id).await?).await?;
    if offer_again {
        let _ = workspace.outbox_orders.send(outbox::Order::Reload);
    }
    Ok(())
}

async fn answered(starting: &mut Option<Starting>) -> Result<SyncStarted> {
    match starting {
        Some(starting) => (&mut starting.answer).await,
        None => std::future::pending().await,
    }
}
