//! Messages, drafts and search.

use super::report;
use super::watch::FOUND;
use crate::desktop::{Answer, Desktop};
use tauri::State;
use thechatapp_core::view::{DraftView, FoundView, MessageView, SearchQuery, ThreadView};
use thechatapp_core::{ChannelId, MessageId, WorkspaceId};

#[tauri::command]
pub async fn send(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    text: String,
    thread: Option<MessageId>,
) -> Answer<MessageView> {
    desktop.client().await?.send(workspace, channel, &text, thread).await.map_err(report)
}

/// The newest answers of a thread, by any message of it; the server is asked for what is missing here only with `ask`.
#[tauri::command]
pub async fn thread(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    id: MessageId,
    limit: u32,
    ask: bool,
) -> Answer<ThreadView> {
    let client = desktop.client().await?;
    let thread = if ask {
        client.thread(workspace, channel, id, None, limit).await
    } else {
        client.thread_here(workspace, channel, id, limit).await
    };
    thread.map_err(report)
}

#[tauri::command]
pub async fn edit(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    id: MessageId,
    text: String,
) -> Answer<MessageView> {
    desktop.client().await?.edit(workspace, channel, id, &text).await.map_err(report)
}

#[tauri::command]
pub async fn delete_message(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    id: MessageId,
) -> Answer<MessageView> {
    desktop.client().await?.delete(workspace, channel, id).await.map_err(report)
}

#[tauri::command]
pub async fn react(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    id: MessageId,
    emoji: String,
    on: bool,
) -> Answer<MessageView> {
    desktop.client().await?.react(workspace, channel, id, &emoji, on).await.map_err(report)
}

#[tauri::command]
pub async fn retry(desktop: State<'_, Desktop>, workspace: WorkspaceId, id: MessageId) -> Answer<()> {
    desktop.client().await?.retry(workspace, id).await.map_err(report)
}

#[tauri::command]
pub async fn discard(desktop: State<'_, Desktop>, workspace: WorkspaceId, id: MessageId) -> Answer<()> {
    desktop.client().await?.discard(workspace, id).await.map_err(report)
}

#[tauri::command]
pub async fn mark_read(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    seq: u64,
) -> Answer<()> {
    desktop.client().await?.mark_read(workspace, channel, seq).await.map_err(report)
}

/// What was typed in a place and not sent, with what another device had typed there.
#[tauri::command]
pub async fn draft(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    thread: Option<MessageId>,
) -> Answer<Option<DraftView>> {
    desktop.client().await?.draft_at(workspace, channel, thread).await.map_err(report)
}

#[tauri::command]
pub async fn save_draft(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    thread: Option<MessageId>,
    text: String,
) -> Answer<()> {
    desktop.client().await?.save_draft(workspace, channel, thread, &text).await.map_err(report)
}

/// Lets go of what another device had typed.
#[tauri::command]
pub async fn forget_draft(desktop: State<'_, Desktop>, workspace: WorkspaceId, number: i64) -> Answer<()> {
    desktop.client().await?.forget_earlier_draft(workspace, number).await.map_err(report)
}

/// Finds on the server, too, what is not on this device.
#[tauri::command]
pub async fn find(desktop: State<'_, Desktop>, workspace: WorkspaceId, typed: String) -> Answer<FoundView> {
    let client = desktop.client().await?;
    let query = client.read_search(workspace, &typed, true).await.map_err(report)?;
    client.find(workspace, &SearchQuery { limit: FOUND, ..query }, false).await.map_err(report)
}
