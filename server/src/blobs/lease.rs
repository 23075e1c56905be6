//! The right to a file's bytes while they are on their way, up or down, by devices and by browsers: one watch for all of them. It
//! looks again whenever something was committed, and in any case twice a second, and also while nothing moves; a transfer whose right
//! has gone gets no further byte.

use crate::error::Fail;
use crate::gate::{self, Caller};
use crate::hub::Presence;
use crate::state::Workspace;
use crate::store::files;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::methods::files::{BeginUpload, OpenFile};
use thechatapp_protocol::{ChannelId, FileId, Scope};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long nothing is looked at when nothing was committed.
const AGAIN: Duration = Duration::from_millis(500);
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What a transfer needs all along.
#[derive(Clone, Copy, Debug)]
pub enum Right {
    /// To send files into this channel.
    Send(ChannelId),
    /// To read this file there.
    Read(ChannelId, FileId),
}

/// A transfer's right, for as long as it is held.
#[derive(Debug)]
pub struct Lease {
    lost: CancellationToken,
    _watch: AbortOnDropHandle<()>,
}

impl Lease {
    /// Watches from here on. `presence` was entered before the gate was asked, so that nobody signs out unnoticed in between.
    pub fn new(workspace: Arc<Workspace>, caller: Caller, right: Right, presence: Presence) -> Self {
        let lost = CancellationToken::new();
        let tell = lost.clone();
        let watch = tokio::spawn(async move {
            presence.signed_out.run_until_cancelled(until_lost(&workspace, caller, right)).await;
            tell.cancel();
        });
        Self { lost, _watch: AbortOnDropHandle::new(watch) }
    }

    /// Whether it has gone.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Until it has gone.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

async fn until_lost(workspace: &Workspace, caller: Caller, right: Right) {
    let (mut commits, _) = workspace.hub.subscribe();
    loop {
        // Most are over by then, and cost no look.
        sleep(PAUSE).await;
        if workspace.look(move |view| has(view, caller, right)).await.is_err() {
            return;
        }
        let _ = timeout(AGAIN, commits.recv()).await;
        commits = commits.resubscribe();
    }
}

fn has(view: crate::store::View<'_>, caller: Caller, right: Right) -> Result<(), Fail> {
    match right {
        Right::Send(channel) => gate::permit::<BeginUpload>(view, caller, Scope::Channel(channel)).map(drop),
        Right::Read(channel, file) => {
            let permit = gate::permit::<OpenFile>(view, caller, Scope::Channel(channel))?;
            files::open(view, permit.channel()?, permit.person(), file).map(drop)
        }
    }
}
