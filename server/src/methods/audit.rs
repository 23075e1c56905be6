//! The audit log, for those who may read it.

use super::Handle;
use super::reading::{About, Reading};
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::audit::{self, Act, tree};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::audit::{
    ActorFilter, AuditFilter, AuditPage, ENTRIES_MAX, ExportAudit, ExportAuditParams, ListAudit, ListAuditParams,
    ProveEntry, ProveEntryParams, ProvedEntry, SignedCheckpoint, TakeCheckpoint, TakeCheckpointParams,
};
use thechatapp_protocol::{Method, Scope, wire};

/// The act of reading that a page belongs to, written down where the page is its first.
async fn reading<M: Method>(
    workspace: &Workspace,
    caller: Caller,
    asked: &Asked<'_>,
    continues: Option<&str>,
    act: &'static str,
) -> Result<Reading, Fail> {
    let keyring = workspace.keyring()?;
    if let Some(reading) = asked.about.goes_on(&keyring, &place(asked.place), continues, now()) {
        return Ok(reading);
    }
    let act = Act::new(Class::Audit, act, Target::Workspace).after(in_words(asked.filter, asked.place));
    workspace
        .write::<M, _>(caller, Scope::Workspace, move |tx, permit| {
            audit::record(tx, permit.by(), act)?;
            Ok(Reading::begun(now(), audit::size(tx.view())?))
        })
        .await
}

/// What entries are asked for, and from where on.
struct Asked<'a> {
    about: &'a About,
    filter: &'a AuditFilter,
    place: Option<(&'static str, u64)>,
}

fn about<M: Method>(caller: Caller, filter: &AuditFilter) -> Result<About, Fail> {
    let asked = wire::encode(filter).map_err(|_| Fail::Broken("a filter that does not encode"))?;
    Ok(About::new(caller, M::NAME, asked))
}

fn place(place: Option<(&'static str, u64)>) -> Vec<u8> {
    place.map(|(_, seq)| seq.to_be_bytes().to_vec()).unwrap_or_default()
}

/// Which entries were asked for: ids, names of classes and settings, and times.
fn in_words(filter: &AuditFilter, place: Option<(&'static str, u64)>) -> String {
    let AuditFilter { actor, target, class, after, before } = filter;
    let actor = actor.map(|actor| match actor {
        ActorFilter::Person(person) => Target::Person(person).to_string(),
        ActorFilter::Stranger => "stranger".to_owned(),
        ActorFilter::Host => "host".to_owned(),
        ActorFilter::Server => "server".to_owned(),
    });
    let words = [
        actor.map(|actor| format!("actor={actor}")),
        target.as_ref().map(|target| format!("target={target}")),
        class.map(|class| format!("class={}", class.name())),
        after.map(|at| format!("after={at}")),
        before.map(|at| format!("before={at}")),
        place.map(|(name, seq)| format!("{name}={seq}")),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { "all".to_owned() } else { words.join(" ") }
}

impl Handle for ListAudit {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ListAuditParams) -> Result<AuditPage, Fail> {
        let ListAuditParams { filter, below, continues, limit } = params;
        let limit = limit.clamp(1, ENTRIES_MAX);
        let about = about::<Self>(caller, &filter)?;
        let asked = Asked { about: &about, filter: &filter, place: below.map(|below| ("below", below)) };
        let reading = reading::<Self>(&workspace, caller, &asked, continues.as_deref(), "audit.read").await?;
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, _| {
                // Its own entry is the newest of its moment, and not what was asked for.
                let below = below.unwrap_or(u64::MAX).min(reading.until.saturating_sub(1));
                let entries = audit::newest(view, &filter, Some(below), limit)?;
                let more = entries.len() >= limit as usize;
                let last = entries.last().map(|entry| entry.seq.to_be_bytes());
                let next = last.filter(|_| more).map(|last| about.next(view.keyring, &last, reading));
                Ok(AuditPage { entries, more, next })
            })
            .await
    }
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
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                let encoded = audit::one(tx.view(), params.seq)?;
                let act = Act::new(Class::Audit, "audit.read", Target::Workspace);
                audit::record(tx, permit.by(), act.after(format!("entry={}", params.seq)))?;
                let (head, note) = signer.checkpoint(tx)?;
                let proof = tree::inclusion(tx.db, params.seq, head.size)?;
                Ok(ProvedEntry { encoded, note, proof })
            })
            .await
    }
}

impl Handle for ExportAudit {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ExportAuditParams) -> Result<AuditPage, Fail> {
        let ExportAuditParams { filter, from, continues } = params;
        let about = about::<Self>(caller, &filter)?;
        let asked = Asked { about: &about, filter: &filter, place: from.map(|from| ("from", from)) };
        let reading = reading::<Self>(&workspace, caller, &asked, continues.as_deref(), "audit.exported").await?;
        workspace
            .read::<Self, _>(caller, Scope::Workspace, move |view, _| {
                let mut entries = audit::oldest(view, &filter, from.unwrap_or(0), ENTRIES_MAX)?;
                let full = entries.len() >= ENTRIES_MAX as usize;
                entries.retain(|entry| entry.seq < reading.until);
                let more = full && entries.len() >= ENTRIES_MAX as usize;
                let next = entries.last().map(|entry| (entry.seq + 1).to_be_bytes());
                let next = next.filter(|_| more).map(|next| about.next(view.keyring, &next, reading));
                Ok(AuditPage { entries, more, next })
            })
            .await
    }
}
