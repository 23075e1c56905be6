//! What of audit logs leaves the host by itself: checkpoints into a witness's file, entries and checkpoints to a syslog
//! receiver. Each goes on where it was, also after a restart, and no write waits for it.

pub mod lines;
mod syslog;
mod witness;

pub use syslog::Pace;

use crate::config::AuditSection;
use crate::error::{Error, Fail, Result};
use crate::state::Workspace;
use crate::tenants::Host;
use crate::time::now;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use syslog::Receiver;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a checkpoint is due.
const LOOK: Duration = Duration::from_secs(1);

/// Where audit logs go.
#[derive(Clone, Debug)]
pub struct Outlets {
    witness: Option<Arc<tokio::sync::Mutex<PathBuf>>>,
    syslog: Option<Receiver>,
}

impl Outlets {
    /// From the configuration. `host` is what this host is called in what it sends.
    ///
    /// # Errors
    /// Bad input for an address or a certificate that cannot be used.
    pub fn new(section: &AuditSection, host: &str) -> Result<Self> {
        let witness = section.witness.as_ref().map(std::path::absolute).transpose()?;
        let syslog = match (&section.syslog, &section.syslog_ca) {
            (Some(address), _) => Some(Receiver::new(address, section, host)?),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Error::bad_input(
                    "Half a syslog configuration",
                    "audit.syslog_ca says whom to trust, and audit.syslog is missing",
                    "give audit.syslog, or neither",
                ));
            }
        };
        Ok(Self { witness: witness.map(|path| Arc::new(tokio::sync::Mutex::new(path))), syslog })
    }

    /// Makes checkpoints when they are due, and brings them to the witness.
    pub async fn look_after(self, host: Arc<Host>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
                let made = workspace.checkpoint_when_due(now()).await.map(drop);
                if let Err(why) = made.and(self.tell_witness(&workspace).await) {
                    tracing::error!(workspace = %workspace.id, error = %why, "a checkpoint of the audit log waits");
                }
            }
        }
    }

    /// Sends entries and checkpoints to the receiver, where there is one.
    pub async fn forward(self, host: Arc<Host>, stop: CancellationToken) {
        if let Some(receiver) = self.syslog {
            receiver.run(host, stop).await;
        }
    }

    /// The last checkpoint of each workspace, before the host stops.
    pub async fn finish(&self, host: &Host) {
        for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
            if let Err(why) = workspace.last_checkpoint().await.and(self.tell_witness(&workspace).await) {
                tracing::error!(workspace = %workspace.id, error = %why, "the last checkpoint of the audit log was not kept");
            }
        }
    }

    /// Brings checkpoints to the witness that it does not have yet.
    async fn tell_witness(&self, workspace: &Arc<Workspace>) -> std::result::Result<(), Fail> {
        match &self.witness {
            Some(path) => witness::tell(&path.lock().await, workspace).await,
            None => Ok(()),
        }
    }
}
