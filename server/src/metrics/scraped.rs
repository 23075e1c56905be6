//! What is asked for when somebody reads the page.

use super::{Made, Maker};
use crate::error::Fail;
use crate::state::Workspace;
use crate::store::{self, View};
use crate::tenants::Host;
use crate::time::now;
use prometheus::{IntCounter, IntGauge, IntGaugeVec};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use thechatapp_protocol::WorkspaceId;
use tokio::sync::Mutex;

/// How long something that takes a walk through a table is taken for true.
const COUNTED: Duration = Duration::from_secs(60);

const OF_WORKSPACE: &[&str] = &["workspace"];

/// What a database was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    backlog: i64,
    file_bytes: i64,
}

pub(super) struct Scraped {
    half_open: IntGauge,
    hashes: IntCounter,
    workspaces: IntGauge,
    closed: IntGauge,
    damaged: IntGauge,
    resealing: IntGauge,
    sessions: IntGaugeVec,
    waiting: IntGaugeVec,
    resealing_left: IntGaugeVec,
    unopened: IntGaugeVec,
    backlog: IntGaugeVec,
    key_age: IntGaugeVec,
    key_confirmed: IntGaugeVec,
    database_bytes: IntGaugeVec,
    log_bytes: IntGaugeVec,
    file_bytes: IntGaugeVec,
    free_bytes: IntGauge,
    rehearsed: IntGauge,
    rehearsal_failed: IntGauge,
    /// What was counted when. One page at a time is put together.
    counted: Mutex<HashMap<WorkspaceId, (Instant, Counts)>>,
}

impl Scraped {
    pub(super) fn new(make: &Maker) -> Made<Self> {
        let of = |name, help| make.gauges(name, help, OF_WORKSPACE);
        Ok(Self {
            half_open: make.gauge("half_open", "Connections that have proved nothing yet")?,
            hashes: make.counter("password_hashes_total", "Hashes of passwords that were computed")?,
            workspaces: make.gauge("workspaces", "Open workspaces")?,
            closed: make.gauge("workspaces_closed", "Workspaces that are closed: no key, or damaged")?,
            damaged: make
                .gauge("workspaces_damaged", "Workspaces that are closed because what is stored is damaged")?,
            resealing: make.gauge("resealing_left", "Values still under older keys of channels")?,
            sessions: of("workspace_sessions", "Live sessions in a workspace")?,
            waiting: of("writes_waiting", "Writes that wait for a transaction, or are in it")?,
            resealing_left: of("workspace_resealing_left", "Values of a workspace still under older keys")?,
            unopened: of("unopened_values", "Values that do not open, as re-sealing found; see doctor")?,
            backlog: of("search_backlog", "Messages that the search index does not have yet")?,
            key_age: of("key_age_seconds", "Since the workspace's key was made")?,
            key_confirmed: of("key_confirmed_seconds", "Since the key service last gave it")?,
            database_bytes: of("database_bytes", "A workspace's database file")?,
            log_bytes: of("database_log_bytes", "Its write-ahead log")?,
            file_bytes: of("file_bytes", "Its files, before sealing; counted once a minute")?,
            free_bytes: make.gauge("free_bytes", "Room left where the data is")?,
            rehearsed: make
                .gauge("backup_rehearsed_timestamp_seconds", "When a backup was rehearsed last; 0: never")?,
            rehearsal_failed: make.gauge("backup_rehearsal_failed", "1 when that failed")?,
            counted: Mutex::default(),
        })
    }

    fn all(&self) -> [&IntGaugeVec; 10] {
        [
            &self.sessions,
            &self.waiting,
            &self.resealing_left,
            &self.unopened,
            &self.backlog,
            &self.key_age,
            &self.key_confirmed,
            &self.database_bytes,
            &self.log_bytes,
            &self.file_bytes,
        ]
    }

    pub(super) async fn ask(&self, host: &Host, half_open: usize) {
        let mut counted = self.counted.lock().await;
        let workspaces = host.workspaces();
        counted.retain(|id, _| workspaces.iter().any(|workspace| workspace.id == *id));
        // What belongs to a workspace that was wiped is gone.
        self.all().into_iter().for_each(IntGaugeVec::reset);
        let (mut open, mut damaged, mut left) = (0_usize, 0_usize, 0_u64);
        for workspace in &workspaces {
            open += usize::from(workspace.is_open());
            damaged += usize::from(workspace.damaged().is_some());
            left = left.saturating_add(workspace.resealing().and_then(|progress| progress.left()).unwrap_or(0));
            self.of(workspace, &mut counted).await;
        }
        self.half_open.set(count(half_open));
        self.hashes.inc_by(host.passwords().computed().saturating_sub(self.hashes.get()));
        self.workspaces.set(count(open));
        self.closed.set(count(workspaces.len() - open));
        self.damaged.set(count(damaged));
        self.resealing.set(number(left));
        if let Some(last) = host.backup_health().rehearsed {
            self.rehearsed.set(last.at / 1000);
            self.rehearsal_failed.set(i64::from(last.error.is_some()));
        }
        if let Some(free) = free(host.dir()) {
            self.free_bytes.set(number(free));
        }
    }

    async fn of(&self, workspace: &Arc<Workspace>, counted: &mut HashMap<WorkspaceId, (Instant, Counts)>) {
        let set = |gauge: &IntGaugeVec, value: i64| gauge.with_label_values(&[workspace.name.as_str()]).set(value);
        set(&self.sessions, count(workspace.hub.sessions()));
        set(&self.waiting, number(workspace.waiting()));
        set(&self.unopened, number(workspace.unopened_values()));
        set(&self.resealing_left, number(workspace.resealing().and_then(|progress| progress.left()).unwrap_or(0)));
        set(&self.key_age, (now().0 - workspace.keys().made.0) / 1000);
        let confirmed = workspace.health.lock().unwrap_or_else(PoisonError::into_inner).last_confirmed();
        if let Some(at) = confirmed {
            set(&self.key_confirmed, number(at.elapsed().as_secs()));
        }
        let path = &workspace.place().path;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        set(&self.database_bytes, length(path));
        set(&self.log_bytes, length(Path::new(&log)));
        let fresh = counted.get(&workspace.id).filter(|(at, _)| at.elapsed() < COUNTED).map(|(_, counts)| *counts);
        let counts = match fresh {
            Some(counts) => {
                // This one is cheap while it is small, and what it is for changes quickly.
                let backlog = if counts.backlog < 10_000 { workspace.look(backlog).await.ok() } else { None };
                Counts { backlog: backlog.unwrap_or(counts.backlog), ..counts }
            }
            None => {
                let asked = |view: View<'_>| {
                    Ok::<_, Fail>(Counts { backlog: backlog(view)?, file_bytes: number(store::files::bytes(view)?) })
                };
                // Closed: then nothing is known, and nothing is said.
                let Ok(counts) = workspace.look(asked).await else { return };
                counted.insert(workspace.id, (Instant::now(), counts));
                counts
            }
        };
        set(&self.backlog, counts.backlog);
        set(&self.file_bytes, counts.file_bytes);
    }
}

fn backlog(view: View<'_>) -> Result<i64, Fail> {
    Ok(number(store::search::backlog(view)?))
}

fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn length(path: &Path) -> i64 {
    std::fs::metadata(path).map_or(0, |found| number(found.len()))
}

/// Room left for this user on the disk of a folder, in bytes.
#[cfg(unix)]
fn free(dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Elsewhere the system's own figures tell.
#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
