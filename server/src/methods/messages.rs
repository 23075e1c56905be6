//! Messages.

use super::Handle;
use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use crate::store::messages::{self, Ready};
use crate::store::{View, blocks, edits, pins, reactions, reads, search, settings, threads};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::Method;
use thechatapp_protocol::event::{MessageRow, ReadRow};
use thechatapp_protocol::methods::messages::{
    DeleteMessage, EditMessage, EditMessageParams, Edits, EditsParams, Found, History, HistoryParams, MarkRead,
    MarkReadParams, OneMessage, Page, Pin, Pins, PinsPage, PinsParams, React, ReactParams, Search, SearchParams,
    SendMessage, SendMessageParams, Sent, Thread, ThreadPage, ThreadParams, Unpin, Versions,
};
use thechatapp_protocol::settings::{DELETE_MINUTES, EDIT_MINUTES, FORMER_TEXTS, Setting};

impl Handle for SendMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: SendMessageParams) -> Result<Sent, Fail> {
        let (scope, after) = (Self::scope(&params), params.after);
        // Sealed here and not in the writer's thread: all cores seal, and one writes.
        let ready = Ready::new(
            &*workspace.keyring()?,
            caller.person,
            params.channel,
            params.id,
            params.thread,
            params.text,
            params.files,
        )?;
        workspace
            .write::<Self, _>(caller, scope, move |tx, permit| messages::send(tx, permit.channel()?, ready, after))
            .await
    }
}

/// Refuses what comes later than authors may still change a message.
fn in_time(view: View<'_>, place: i64, setting: &Setting) -> Result<(), Fail> {
    settings::in_time(view, setting, messages::written(view, place)?.1, now())
}

impl Handle for EditMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: EditMessageParams) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                in_time(tx.view(), permit.message()?, EDIT_MINUTES)?;
                messages::edit(tx, permit.channel()?, permit.message()?, &params.text)
            })
            .await
    }
}

impl Handle for Edits {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: EditsParams) -> Result<Versions, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let (author, _) = messages::written(view, permit.message()?)?;
                match settings::word(view, FORMER_TEXTS)?.as_str() {
                    "members" => {}
                    "authors" if author == permit.person() => {}
                    _ => return Err(Fail::denied("former texts are not shown in this workspace")),
                }
                edits::versions(view, permit.channel()?, permit.message()?, params.from)
            })
            .await
    }
}

impl Handle for DeleteMessage {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                in_time(tx.view(), permit.message()?, DELETE_MINUTES)?;
                messages::delete(tx, permit.channel()?, permit.message()?)
            })
            .await
    }
}

impl Handle for React {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ReactParams) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                blocks::refuse(tx.view(), permit.channel()?, permit.person())?;
                reactions::react(tx, permit.channel()?, permit.message()?, permit.person(), &params.emoji, params.on)
            })
            .await
    }
}

impl Handle for Pin {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                pins::pin(tx, permit.channel()?, permit.message()?, permit.person())
            })
            .await
    }
}

impl Handle for Unpin {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: OneMessage) -> Result<MessageRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), |tx, permit| {
                pins::unpin(tx, permit.channel()?, permit.message()?)
            })
            .await
    }
}

impl Handle for Pins {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: PinsParams) -> Result<PinsPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                pins::page(view, permit.channel()?, params.after)
            })
            .await
    }
}

impl Handle for Thread {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ThreadParams) -> Result<ThreadPage, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                threads::page(view, permit.channel()?, permit.message()?, &params)
            })
            .await
    }
}

impl Handle for History {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: HistoryParams) -> Result<Page, Fail> {
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                messages::history(view, permit.channel()?, params.before, params.after, params.limit)
            })
            .await
    }
}

impl Handle for MarkRead {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: MarkReadParams) -> Result<ReadRow, Fail> {
        workspace
            .write::<Self, _>(caller, Self::scope(&params), move |tx, permit| {
                reads::mark(tx, permit.person(), permit.channel()?, params.seq)
            })
            .await
    }
}

/// Steps of indexing that a search waits for. After a long import some messages may still be missing; the answer says so.
const INDEX_FIRST: usize = 40;

impl Handle for Search {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: SearchParams) -> Result<Found, Fail> {
        if !workspace.has_index() {
            return Err(Fail::bad_input(
                "This server does not search",
                "its index is switched off",
                "search on this device, which has an index of its own",
            ));
        }
        // Whoever searches finds what was acknowledged before.
        let complete = workspace.index(INDEX_FIRST).await?;
        workspace
            .read::<Self, _>(caller, Self::scope(&params), move |view, permit| {
                let only = params.channel.map(|_| permit.channel()).transpose()?;
                let found = search::find(view, permit.person(), only, &params)?;
                Ok(Found { behind: !complete && search::is_behind(view)?, ..found })
            })
            .await
    }
}
