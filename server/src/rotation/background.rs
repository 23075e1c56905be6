//! What goes on by itself: sealing older texts again, and rotating what is due.

use super::{What, due, rotate};
use crate::config::RotateDays;
use crate::error::Result;
use crate::state::Workspace;
use crate::store::audit::By;
use crate::tenants::Host;
use crate::time::now;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thechatapp_protocol::{Timestamp, WorkspaceId};
use tokio_util::sync::CancellationToken;

/// How often it is looked whether something is to be sealed again.
const LOOK: Duration = Duration::from_millis(300);
/// Steps of one workspace before it is another's turn.
const STEPS: usize = 32;
/// How long a workspace is left alone after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How often it is looked whether keys are due.
const LOOK_AT_DATES: Duration = Duration::from_secs(10 * 60);

/// Seals again what lies under older keys, a step at a time, until the server stops. Between two steps the writer is left to
/// others for as long as the last one took.
pub async fn reseal_in_background(host: Arc<Host>, stop: CancellationToken) {
    let mut failed: HashMap<WorkspaceId, Instant> = HashMap::new();
    loop {
        let mut idle = true;
        for workspace in host.workspaces() {
            let rests = failed.get(&workspace.id).is_some_and(|at| at.elapsed() < AFTER_FAILURE);
            let nothing = workspace.resealing().is_none() || workspace.has_unfinished_wipe();
            if !workspace.is_open() || nothing || rests {
                continue;
            }
            idle = false;
            match some_steps(&workspace, &stop).await {
                Ok(()) => {
                    failed.remove(&workspace.id);
                    workspace.set_not_resealing(None);
                }
                Err(why) => {
                    workspace.set_not_resealing(Some(why.to_string()));
                    tracing::error!(workspace = %workspace.id, error = %why, "older texts are not sealed again yet");
                    failed.insert(workspace.id, Instant::now());
                }
            }
        }
        let wait = if idle { LOOK } else { Duration::ZERO };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn some_steps(workspace: &Workspace, stop: &CancellationToken) -> Result<()> {
    for _ in 0..STEPS {
        let begun = Instant::now();
        if !workspace.reseal().await? {
            tracing::info!(workspace = %workspace.id, resealed = workspace.resealed(), "everything is under the newest keys");
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(begun.elapsed()) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
    if let Some(progress) = workspace.resealing() {
        tracing::info!(workspace = %workspace.id, done = progress.done, left = progress.left(), "sealing again");
    }
    Ok(())
}

/// Rotates what is due until the server stops.
pub async fn on_schedule(host: Arc<Host>, days: RotateDays, stop: CancellationToken) {
    loop {
        host.rotate_what_is_due(&days, now()).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_AT_DATES) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Host {
    /// Rotates what is due as of `at`: of each workspace one kind of key, one after the other. A failure is logged, and it is
    /// due again the next time.
    pub async fn rotate_what_is_due(&self, days: &RotateDays, at: Timestamp) {
        for workspace in self.workspaces() {
            // What is being sealed again has its newest keys. What does not open is no reason to wait.
            if !workspace.is_open() || (workspace.resealing().is_some() && workspace.unopened_values() == 0) {
                continue;
            }
            let what = match self.rotations(workspace.id) {
                Ok(last) => due(days, &last, workspace.place().created, at),
                Err(why) => {
                    tracing::error!(error = %why, "it is not known when keys were rotated last");
                    continue;
                }
            };
            let Some(what) = what else { continue };
            let is_its_own = what != What::Kms || workspace.own().is_some_and(|own| !own.own.is_shared());
            let name = is_its_own.then_some(workspace.name.as_str());
            if let Err(why) = rotate(self, name, what, None, at, By::SERVER).await {
                tracing::error!(workspace = %workspace.id, what = what.name(), error = %why, "keys could not be rotated");
            }
        }
    }
}
