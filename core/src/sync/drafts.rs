//! Gives drafts to the server, a moment after the last keystroke, and takes what other devices typed.

use super::{Caller, Workspace, until};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::fault;
use crate::local::DraftPlace;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::Code;
use thechatapp_protocol::event::DraftRow;
use thechatapp_protocol::methods::drafts::{PutDraft, PutDraftParams};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How long nothing has to be typed before a draft goes out, and how long that may put it off.
const QUIET: Duration = Duration::from_secs(1);
const QUIET_MAX: Duration = Duration::from_secs(5);
/// How long to wait when the server asks for patience.
const PAUSE: Duration = Duration::from_secs(10);
/// How often texts of other devices may come in between before it is tried again later.
const ROUNDS: usize = 4;

/// What this task is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Somebody types.
    Typed,
    /// Somebody waits for it.
    Now,
}

/// Runs until the workspace is dropped.
pub(super) async fn run<S: Caller>(
    workspace: Arc<Workspace>,
    mut sessions: watch::Receiver<Option<S>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut fresh = true;
    loop {
        let session = sessions.borrow_and_update().clone();
        let done = match &session {
            // Every session begins with what earlier ones left.
            Some(session) => put_anew(&workspace, session, std::mem::take(&mut fresh)).await,
            None => Ok(()),
        };
        let wait = match done {
            Ok(()) => None,
            Err(why) => {
                tracing::debug!(%why, "drafts wait");
                Some(Instant::now() + PAUSE)
            }
        };
        tokio::select! {
            changed = sessions.changed() => {
                if changed.is_err() {
                    return;
                }
                fresh = true;
            }
            order = orders.recv() => match order {
                None => return,
                Some(Order::Now) => {}
                Some(Order::Typed) => settle(&mut orders).await,
            },
            () = until(wait), if wait.is_some() => {}
        }
    }
}

/// Waits until nobody types, or somebody waits.
async fn settle(orders: &mut mpsc::UnboundedReceiver<Order>) {
    let latest = Instant::now() + QUIET_MAX;
    loop {
        let quiet = latest.min(Instant::now() + QUIET);
        match tokio::time::timeout_at(quiet, orders.recv()).await {
            Ok(Some(Order::Typed)) if Instant::now() < latest => {}
            _ => return,
        }
    }
}

async fn put_anew<S: Caller>(workspace: &Workspace, session: &S, fresh: bool) -> Result<()> {
    if fresh {
        workspace.local.offer_refused_drafts(workspace.id).await?;
    }
    put_all(workspace, session).await
}

async fn put_all<S: Caller>(workspace: &Workspace, session: &S) -> Result<()> {
    for _ in 0..ROUNDS {
        let drafts = workspace.local.drafts_to_put(workspace.id, token).await?;
        let mut again = false;
        for draft in drafts {
            let params = PutDraftParams {
                channel: draft.place.channel,
                thread: draft.place.thread,
                text: draft.text.clone(),
                base: draft.base,
                token: draft.token,
            };
            match session.call::<PutDraft>(params).await {
                Ok(put) => {
                    again |= !put.accepted;
                    workspace.take_drafts(vec![put.draft]).await?;
                }
                Err(Error::Refused(body)) if is_final(body.code) => {
                    tracing::debug!(why = %body, "a draft stays on this device");
                    workspace.local.refuse_draft(workspace.id, draft).await?;
                }
                Err(why) => return Err(why),
            }
        }
        workspace.bump();
        // What was typed meanwhile waits for its moment.
        if !again {
            return Ok(());
        }
    }
    Err(fault::internal("other devices go on typing"))
}

/// Whether asking again would not help.
fn is_final(code: Code) -> bool {
    matches!(code, Code::BadInput | Code::NotFound | Code::Removed | Code::Denied | Code::Conflict)
}

/// Names a text. Only one's own few newest have to be different.
fn token() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness the same number names two texts; then the later one is offered again, no more.
    let _ = getrandom::fill(&mut bytes);
    u32::from_be_bytes(bytes)
}

impl Workspace {
    /// Somebody typed: drafts go out soon.
    pub(crate) fn draft_typed(&self) {
        let _ = self.draft_orders.send(Order::Typed);
    }

    /// Somebody waits for the drafts to be given to the server.
    pub(crate) fn put_drafts(&self) {
        let _ = self.draft_orders.send(Order::Now);
    }

    /// Takes drafts as the server has them.
    pub(crate) async fn take_drafts(&self, rows: Vec<DraftRow>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let changed = self.local.take_drafts(self.id, rows, self.platform.clock.now()).await?;
        if changed.is_empty() {
            return Ok(());
        }
        for place in changed {
            let DraftPlace { channel, thread } = place;
            self.events.push(ClientEvent::Draft { workspace: self.id, channel, thread });
        }
        self.events.push(ClientEvent::Channels { workspace: self.id });
        // It may be one that has to be said again, on top of what came.
        self.draft_typed();
        Ok(())
    }
}
