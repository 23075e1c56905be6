//! What shells have not heard yet: bounded, and said once however often it happens.

use crate::event::ClientEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use thechatapp_protocol::{ChannelId, MessageId, WorkspaceId};
use tokio::sync::Notify;

/// Most different events that are kept; past it a shell asks for everything anew.
const MOST: usize = 1024;

#[derive(Debug, Default)]
struct Pending {
    closed: bool,
    damaged: Option<(String, String)>,
    resync: bool,
    workspaces: bool,
    connections: BTreeSet<WorkspaceId>,
    channels: BTreeSet<WorkspaceId>,
    standings: BTreeSet<WorkspaceId>,
    audits: BTreeSet<WorkspaceId>,
    drafts: BTreeSet<(WorkspaceId, ChannelId, Option<MessageId>)>,
    messages: BTreeMap<(WorkspaceId, ChannelId), u64>,
}

/// The queue of events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pending: Mutex<Pending>,
    more: Notify,
    end: Notify,
}

impl Events {
    /// Adds an event.
    pub(crate) fn push(&self, event: ClientEvent) {
        {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.resync && !matches!(event, ClientEvent::Damaged { .. }) {
                return;
            }
            match event {
                ClientEvent::Damaged { file, why } => pending.damaged = Some((file, why)),
                ClientEvent::Workspaces => pending.workspaces = true,
                ClientEvent::Connection { workspace } => {
                    pending.connections.insert(workspace);
                }
                ClientEvent::Channels { workspace } => {
                    pending.channels.insert(workspace);
                }
                ClientEvent::Standing { workspace } => {
                    pending.standings.insert(workspace);
                }
                ClientEvent::Audit { workspace } => {
                    pending.audits.insert(workspace);
                }
                ClientEvent::Draft { workspace, channel, thread } => {
                    pending.drafts.insert((workspace, channel, thread));
                }
                ClientEvent::Messages { workspace, channel, from } => {
                    // Zero says that no number changed, only what waits.
                    let lowest = pending.messages.entry((workspace, channel)).or_insert(from);
                    *lowest = if *lowest == 0 || from == 0 { from.max(*lowest) } else { from.min(*lowest) };
                }
                ClientEvent::Resync => pending.resync = true,
            }
            let several = pending.connections.len() + pending.channels.len() + pending.standings.len();
            if several + pending.messages.len() + pending.drafts.len() > MOST {
                pending.resync = true;
            }
            if pending.resync {
                let damaged = pending.damaged.take();
                *pending = Pending { resync: true, closed: pending.closed, damaged, ..Pending::default() };
            }
        }
        self.more.notify_one();
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    /// From now on nobody waits any more.
    pub(crate) fn close(&self) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.more.notify_waiters();
        self.more.notify_one();
        self.end.notify_waiters();
    }

    /// Waits until that is so.
    pub(crate) async fn closed(&self) {
        let end = self.end.notified();
        if !self.is_closed() {
            end.await;
        }
    }

    /// Waits until there is something, and takes all of it; empty once the queue is closed.
    pub(crate) async fn next(&self) -> Vec<ClientEvent> {
        loop {
            let more = self.more.notified();
            let (taken, closed) = self.take();
            if closed || !taken.is_empty() {
                return taken;
            }
            more.await;
        }
    }

    fn take(&self) -> (Vec<ClientEvent>, bool) {
        let mut held = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = held.closed;
        let pending = std::mem::replace(&mut *held, Pending { closed, ..Pending::default() });
        drop(held);
        (listed(pending), closed)
    }
}

fn listed(pending: Pending) -> Vec<ClientEvent> {
    // Nothing else matters as much, and nothing makes up for it.
    let damaged = pending.damaged.map(|(file, why)| ClientEvent::Damaged { file, why });
    if pending.resync {
        return damaged.into_iter().chain([ClientEvent::Resync]).collect();
    }
    let workspaces = pending.workspaces.then_some(ClientEvent::Workspaces);
    damaged
        .into_iter()
        .chain(workspaces)
        .chain(pending.connections.into_iter().map(|workspace| ClientEvent::Connection { workspace }))
        .chain(pending.channels.into_iter().map(|workspace| ClientEvent::Channels { workspace }))
        .chain(pending.standings.into_iter().map(|workspace| ClientEvent::Standing { workspace }))
        .chain(pending.audits.into_iter().map(|workspace| ClientEvent::Audit { workspace }))
        .chain(pending.drafts.into_iter().map(|(workspace, channel, thread)| ClientEvent::Draft {
            workspace,
            channel,
            thread,
        }))
        .chain(pending.messages.into_iter().map(|((workspace, channel), from)| ClientEvent::Messages {
            workspace,
            channel,
            from,
        }))
        .collect()
}

#[cfg(test)]
mod tests;
