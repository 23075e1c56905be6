//! The audit log, for those who may read it.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act, tree};
use std::sync::Arc;
use thechatapp_protocol::Scope;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::audit::{
    AuditPage, ENTRIES_MAX, ExportAudit, ExportAuditParams, ListAudit, ListAuditParams, ProveEntry, ProveEntryParams,
    ProvedEntry, SignedCheckpoint, TakeCheckpoint, TakeCheckpointParams,
};

impl Handle for ListAudit {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListAuditParams) -> Result<AuditPage, Fail> {
        let ListAuditParams { filter, below, limit } = params;
        let limit = limit.clamp(1, ENTRIES_MAX);
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, _| {
                Ok(page(audit::newest(view, &filter, below, limit)?, limit))
            })
            .await
    }
}

fn page(entries: Vec<thechatapp_protocol::audit::AuditEntry>, limit: u32) -> AuditPage {
    AuditPage { more: entries.len() >= limit as usize, entries }
}

impl Handle for TakeCheckpoint {
    async fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: TakeCheckpointParams,
    ) -> Result<SignedCheckpoint, Fail> {
        let signer = workspace.signer()?;
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, _| {
                let (head, note) = signer.checkpoint(tx)?;
                let proof = tree::consistency(tx.db, params.known.unwrap_or(0), head.size)?;
                Ok(SignedCheckpoint { note, proof })
            })
            .await
    }
}

impl Handle for ProveEntry {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ProveEntryParams) -> Result<ProvedEntry, Fail> {
        let signer = workspace.signer()?;
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, _| {
                let encoded = audit::one(tx.view(), params.seq)?;
                let (head, note) = signer.checkpoint(tx)?;
                let proof = tree::inclusion(tx.db, params.seq, head.size)?;
                Ok(ProvedEntry { encoded, note, proof })
            })
            .await
    }
}

impl Handle for ExportAudit {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ExportAuditParams) -> Result<AuditPage, Fail> {
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                let from = params.from.unwrap_or(0);
                let act = Act::new(Class::Audit, "audit.exported", Target::Workspace).after(format!("from={from}"));
                audit::record(tx, permit.by(), act)?;
                let entries = audit::oldest(tx.view(), &params.filter, from, ENTRIES_MAX)?;
                Ok(page(entries, ENTRIES_MAX))
            })
            .await
    }
}
