//! Checkpoints of the audit log, signed by the identity in force.

use super::{Parts, Workspace};
use crate::error::Fail;
use crate::identity_keys::Identity;
use crate::store::Tx;
use crate::store::audit::tree;
use crate::store::audit::verify::{self, Report};
use crate::store::audit::{self as log, Act, By};
#[cfg(feature = "test-support")]
use crate::store::channels;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use thechatapp_protocol::audit::tree::Head;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::identity::Pin;
#[cfg(feature = "test-support")]
use thechatapp_protocol::{ChannelId, event::ChannelKind};
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// Signs checkpoints in a transaction of the writer, with the identity that is in force then.
pub(crate) struct Signer {
    workspace: WorkspaceId,
    identity: Arc<RwLock<Arc<Identity>>>,
}

impl Signer {
    /// The checkpoint of the log as this transaction sees it.
    ///
    /// # Errors
    /// SQLite's.
    pub(crate) fn checkpoint(&self, tx: &Tx<'_>) -> Result<(Head, String), Fail> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner).clone();
        tree::checkpoint(tx, self.workspace, &identity)
    }
}

impl Workspace {
    /// What signs checkpoints.
    ///
    /// # Errors
    /// When it is closed.
    pub(crate) fn signer(&self) -> Result<Signer, Fail> {
        let parts: Arc<Parts> = self.parts()?;
        Ok(Signer { workspace: self.id, identity: parts.identity.clone() })
    }

    /// Makes a checkpoint of the audit log where one is due at this time. Answers whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint_when_due(&self, at: Timestamp) -> Result<bool, Fail> {
        let due = self.look(move |view| tree::is_due(view, at)).await?;
        if due {
            self.checkpoint().await?;
        }
        Ok(due)
    }

    /// Makes a checkpoint where there are entries that none covers yet: the last before the host stops.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_checkpoint(&self) -> Result<(), Fail> {
        if self.look(tree::is_ahead).await? {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// Writes down that the server was started, once for each time that it is.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn note_start(&self) -> Result<(), Fail> {
        if self.start_noted.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let act = Act::new(Class::Server, "server.started", Target::Workspace).after(env!("CARGO_PKG_VERSION"));
        let noted = self.unguarded(move |tx| log::record(tx, By::SERVER, act)).await;
        if noted.is_err() {
            self.start_noted.store(false, Ordering::Relaxed);
        }
        noted
    }

    /// The server that makes it was started before.
    pub(crate) fn has_no_start(&self) {
        self.start_noted.store(true, Ordering::Relaxed);
    }

    /// The checkpoint of the audit log as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self) -> Result<(Head, String), Fail> {
        let signer = self.signer()?;
        self.unguarded(move |tx| signer.checkpoint(tx)).await
    }

    /// Looks whether the audit log is whole, and agrees with the checkpoints that a witness kept; with a pin, whether the root
    /// of that pin signed it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self, witness: Option<String>, pin: Option<Pin>) -> Result<Report, Fail> {
        let id = self.id;
        self.look(move |view| verify::verify(view, id, witness.as_deref(), pin)).await
    }
}

#[cfg(feature = "test-support")]
impl Workspace {
    /// So many entries, in few commits: what is looked through afterwards is what counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_many(&self, count: u64) -> Result<(), Fail> {
        const TOGETHER: u64 = 20_000;
        for begin in (0..count).step_by(TOGETHER as usize) {
            let some = TOGETHER.min(count - begin);
            self.unguarded(move |tx| (0..some).try_for_each(|number| log::record(tx, By::SERVER, an_act(number))))
                .await?;
        }
        Ok(())
    }

    /// A channel is made, as its handler does it, with its entry or without.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_channel(&self, number: u64, recorded: bool) -> Result<(), Fail> {
        let mut id = [0xc4; 16];
        for (to, from) in id.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        let id = ChannelId::from_bytes(id);
        self.unguarded(move |tx| {
            channels::create(tx, id, &format!("bench-{number}"), ChannelKind::Private, None, false)?;
            if recorded { log::record(tx, By::SERVER, an_act(number)) } else { Ok(()) }
        })
        .await
    }
}

#[cfg(feature = "test-support")]
fn an_act(number: u64) -> Act {
    let target = Target::Setting(format!("a.setting.of.usual.length.{}", number % 100));
    Act::new(Class::Setting, "setting.changed", target).before("what was so before").after("what is so from now on")
}
