//! Watches over the audit log, for those who may read it: at each connection the state that the server shows is compared
//! with the one that this device remembers.

use super::Workspace;
use crate::audit::{Alarm, AuditStatus, Measure, Seen, Verdict, forged, judge, no_state, restored};
use crate::error::{Error, Result};
use crate::event::ClientEvent;
use crate::net::{self, Session};
use crate::trust::{Known, Next};
use std::sync::Arc;
use thechatapp_protocol::audit::tree::extends;
use thechatapp_protocol::identity::RootPublic;
use thechatapp_protocol::methods::audit::{SignedCheckpoint, TakeCheckpoint, TakeCheckpointParams};
use thechatapp_protocol::{Code, WorkspaceId};

/// Looks whenever there is a session, before anything else of the server is believed, as long as the workspace lives.
pub(super) async fn run(workspace: Arc<Workspace>) {
    let mut sessions = workspace.session.subscribe();
    while sessions.changed().await.is_ok() {
        let has_come = sessions.borrow_and_update().is_some();
        if has_come && let Err(why) = workspace.check_audit().await {
            tracing::info!(%why, "the audit log could not be looked at");
        }
    }
}

impl Workspace {
    /// Compares the state that the server shows with the one that is remembered, where one may see it. What does not fit
    /// is kept and told.
    ///
    /// # Errors
    /// [`Error::Offline`]; those of this device's files.
    pub(crate) async fn check_audit(&self) -> Result<()> {
        let _alone = self.audit.lock().await;
        if self.local.audit_alarms(self.id).await?.iter().any(|alarm| alarm.accepted.is_none()) {
            return Ok(());
        }
        let session = self.session()?;
        let all = self.local.audit_seen(self.id).await?;
        let known = all.first();
        let Some(shown) = take(&session, known.map(|known| known.head.size)).await? else {
            // Whoever saw it once is told that they do not any longer: a server that hides something would say no more than that.
            return if known.is_some() {
                Err(no_state("it does not show it to this device any longer"))
            } else {
                Ok(())
            };
        };
        let verdict = match self.judged(known, &shown, &self.account().known) {
            Verdict::Unsigned => match self.newer_identity().await? {
                Some(newer) => self.judged(known, &shown, &newer),
                None => Verdict::Unsigned,
            },
            verdict => verdict,
        };
        let alarm = match (verdict, known) {
            (Verdict::Good(seen), _) => {
                // The same again is not written again: a client connects often.
                if known.map(|known| (known.head, known.generation)) == Some((seen.head, seen.generation)) {
                    return Ok(());
                }
                return self.local.put_audit_seen(self.id, seen, false).await;
            }
            (Verdict::Bad(alarm), _) => alarm,
            (Verdict::Restored(seen), Some(known)) => self.what_is_left(&session, known, &seen, &all).await?,
            (Verdict::Unsigned | Verdict::Restored(_), known) => forged(known, shown.note, self.platform.clock.now()),
        };
        tracing::error!(what = alarm.what.name(), "the audit log is not as it was");
        self.local.put_audit_alarm(self.id, alarm).await?;
        self.events.push(ClientEvent::Audit { workspace: self.id });
        Ok(())
    }

    /// How the watch stands, as far as this device knows.
    pub(crate) async fn audit_status(&self, unchecked: Option<String>) -> Result<AuditStatus> {
        let seen = self.local.audit_seen(self.id).await?;
        Ok(AuditStatus::of(seen.first(), self.local.audit_alarms(self.id).await?, unchecked))
    }

    /// Goes on with the state that the server shows now.
    pub(crate) async fn accept_audit(&self) -> Result<()> {
        let _alone = self.audit.lock().await;
        if self.local.audit_alarms(self.id).await?.iter().all(|alarm| alarm.accepted.is_some()) {
            return Err(Error::bad_input("there is nothing to accept", "the audit log is as it was"));
        }
        let shown = take(&self.session()?, None).await?;
        let shown = shown.ok_or_else(|| no_state("one may not see it any longer"))?;
        let known = match self.newer_identity().await? {
            Some(newer) => newer,
            None => self.account().known,
        };
        match self.judged(None, &shown, &known) {
            Verdict::Good(seen) => self.local.put_audit_seen(self.id, seen, true).await?,
            Verdict::Bad(alarm) => return Err(no_state(alarm.why)),
            Verdict::Unsigned | Verdict::Restored(_) => {
                return Err(no_state("its identity root did not sign it"));
            }
        }
        self.local.accept_audit_alarms(self.id, self.platform.clock.now()).await?;
        self.events.push(ClientEvent::Audit { workspace: self.id });
        Ok(())
    }

    fn judged(&self, known: Option<&Seen>, shown: &SignedCheckpoint, identity: &Known) -> Verdict {
        let document = identity.verified.document();
        let (root, generation, now) = (RootPublic(document.root), document.generation, self.platform.clock.now());
        judge(
            known,
            shown,
            Measure { workspace: WorkspaceId::from_bytes(document.workspace_id), root: &root, generation, now },
        )
    }

    /// The server's identity, when it has a newer one that follows: its root may have been replaced a moment ago.
    async fn newer_identity(&self) -> Result<Option<Known>> {
        let account = self.account();
        let fetched = net::fetch_identity(&self.router, &account.url, Some(&account.short), None).await?;
        match account.known.next(fetched, self.platform.clock.now()) {
            Ok(Next::Advanced { known, .. }) => Ok(Some(known)),
            Ok(Next::Same) | Err(_) => Ok(None),
        }
    }

    /// Finds the newest of the states seen that a restored log still begins with.
    async fn what_is_left(&self, session: &Session, known: &Seen, shown: &Seen, all: &[Seen]) -> Result<Alarm> {
        let mut kept = 0;
        for older in all.iter().filter(|older| older.head.size <= shown.head.size) {
            let Some(taken) = take(session, Some(older.head.size)).await? else { break };
            let Verdict::Good(now) = self.judged(None, &taken, &self.account().known) else { break };
            if extends(older.head, now.head, &taken.proof) {
                kept = older.head.size;
                break;
            }
        }
        Ok(restored(known, shown, kept))
    }
}

/// The state of the log, where one may see it.
async fn take(session: &Session, known: Option<u64>) -> Result<Option<SignedCheckpoint>> {
    match session.call::<TakeCheckpoint>(&TakeCheckpointParams { known }).await {
        Ok(shown) => Ok(Some(shown)),
        // Not one's business; or an older server, which has no log.
        Err(Error::Refused(body)) if matches!(body.code, Code::Denied | Code::NotFound) => Ok(None),
        Err(why) => Err(why),
    }
}
