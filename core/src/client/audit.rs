//! The audit log, for those who may read it. Its entries are the server's and are asked for; nothing of them stays on this device.

use super::Client;
use crate::audit::AuditStatus;
use crate::audit::export::{Format, line};
use crate::error::{Error, Result};
use std::io::Write;
use thechatapp_protocol::audit::AuditEntry;
use thechatapp_protocol::audit::checkpoint::Checkpoint;
use thechatapp_protocol::audit::tree::{Hash, includes};
use thechatapp_protocol::identity::RootPublic;
use thechatapp_protocol::methods::audit::{
    AuditFilter, ENTRIES_MAX, ExportAudit, ExportAuditParams, ListAudit, ListAuditParams, ProveEntry, ProveEntryParams,
    TakeCheckpoint, TakeCheckpointParams,
};
use thechatapp_protocol::{WorkspaceId, wire};

impl Client {
    /// Entries of the log that pass a filter, the newest first.
    ///
    /// # Errors
    /// [`Error::Offline`]; [`Error::Refused`] without the power.
    pub async fn audit_entries(&self, ws: WorkspaceId, filter: &AuditFilter, most: u32) -> Result<Vec<AuditEntry>> {
        let session = self.workspace(ws)?.session()?;
        let (mut entries, mut below, mut continues) = (Vec::new(), None, None);
        while (entries.len() as u64) < u64::from(most) {
            let limit = (most - entries.len() as u32).min(ENTRIES_MAX);
            let params = ListAuditParams { filter: filter.clone(), below, continues, limit };
            let page = session.call::<ListAudit>(&params).await?;
            continues = page.next;
            let last = page.entries.last().map(|entry| entry.seq);
            entries.extend(page.entries);
            match last {
                // A number that does not go down would be asked for again forever.
                Some(last) if page.more && below.is_none_or(|below| last < below) => below = Some(last),
                _ => break,
            }
        }
        Ok(entries)
    }

    /// Writes entries of the log that pass a filter, the oldest first, one a line. Answers how many there were. That it was
    /// done is an entry itself.
    ///
    /// # Errors
    /// [`Error::Offline`]; [`Error::Refused`] without the power, or without a fresh sign-in; when it cannot be written.
    pub async fn export_audit(
        &self,
        ws: WorkspaceId,
        filter: &AuditFilter,
        format: Format,
        to: &mut (impl Write + Send),
    ) -> Result<u64> {
        let session = self.workspace(ws)?.session()?;
        let full = |why: std::io::Error| Error::DiskFull { why: why.to_string() };
        let (mut count, mut from, mut continues) = (0, None, None);
        loop {
            let params = ExportAuditParams { filter: filter.clone(), from, continues };
            let page = session.call::<ExportAudit>(&params).await?;
            continues = page.next;
            for entry in &page.entries {
                writeln!(to, "{}", line(entry, format, env!("CARGO_PKG_VERSION"))).map_err(full)?;
                count += 1;
            }
            match page.entries.last().map(|entry| entry.seq + 1) {
                Some(next) if page.more && from.is_none_or(|from| from < next) => from = Some(next),
                _ => break,
            }
        }
        to.flush().map_err(full)?;
        Ok(count)
    }

    /// The signed state of the log as it is now: a note that any witness can keep.
    ///
    /// # Errors
    /// [`Error::Offline`]; [`Error::Refused`] without the power; [`Error::BadInput`] when the server's root did not sign it.
    pub async fn audit_checkpoint(&self, ws: WorkspaceId) -> Result<String> {
        let workspace = self.workspace(ws)?;
        let taken = workspace.session()?.call::<TakeCheckpoint>(&TakeCheckpointParams { known: None }).await?;
        let root = RootPublic(workspace.account().known.verified.document().root);
        Checkpoint::open(&taken.note, workspace.account().of_server(), &root).map_err(crate::audit::no_state)?;
        Ok(taken.note)
    }

    /// One entry, after its proof: it stands in the log whose state the server's root signed.
    ///
    /// # Errors
    /// [`Error::BadInput`] when the proof does not hold; [`Error::Offline`]; [`Error::Refused`].
    pub async fn prove_audit_entry(&self, ws: WorkspaceId, seq: u64) -> Result<AuditEntry> {
        let workspace = self.workspace(ws)?;
        let proved = workspace.session()?.call::<ProveEntry>(&ProveEntryParams { seq }).await?;
        let root = RootPublic(workspace.account().known.verified.document().root);
        let head =
            Checkpoint::open(&proved.note, workspace.account().of_server(), &root).map_err(crate::audit::no_state)?;
        let entry: AuditEntry = wire::decode(&proved.encoded).map_err(crate::audit::no_state)?;
        let leaf = Hash::leaf(&proved.encoded);
        if entry.seq != seq || !includes(leaf, seq, head.size, &proved.proof, head.root) {
            return Err(crate::audit::no_state(format!("entry {seq} is not in it")));
        }
        Ok(entry)
    }

    /// How the watch over the log stands, after another look at it where the server can be reached.
    ///
    /// # Errors
    /// Those of this device's files.
    pub async fn audit_status(&self, ws: WorkspaceId) -> Result<AuditStatus> {
        let workspace = self.workspace(ws)?;
        // Whatever kept it from being looked at: what is known is told.
        let unchecked = workspace.check_audit().await.err().map(|why| why.to_string());
        workspace.audit_status(unchecked).await
    }

    /// Goes on with the state of the log that the server shows now, although it does not follow the one that was known. What
    /// was found wrong stays in [`Self::audit_status`].
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is nothing to accept; [`Error::Offline`]; [`Error::Refused`].
    pub async fn accept_audit(&self, ws: WorkspaceId) -> Result<AuditStatus> {
        let workspace = self.workspace(ws)?;
        workspace.accept_audit().await?;
        workspace.audit_status(None).await
    }
}
