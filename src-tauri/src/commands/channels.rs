//! Channels and people.

use super::report;
use crate::desktop::{Answer, Desktop};
use tauri::State;
use thechatapp_core::view::{ChannelView, PersonView};
use thechatapp_core::{AccountId, ChannelId, WorkspaceId};

#[tauri::command]
pub async fn people(desktop: State<'_, Desktop>, workspace: WorkspaceId) -> Answer<Vec<PersonView>> {
    desktop.client().await?.people(workspace).await.map_err(report)
}

#[tauri::command]
pub async fn create_channel(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    name: String,
    private: bool,
) -> Answer<ChannelView> {
    desktop.client().await?.create_channel(workspace, &name, private).await.map_err(report)
}

#[tauri::command]
pub async fn join_channel(desktop: State<'_, Desktop>, workspace: WorkspaceId, channel: ChannelId) -> Answer<()> {
    desktop.client().await?.join_channel(workspace, channel).await.map_err(report)
}

#[tauri::command]
pub async fn leave_channel(desktop: State<'_, Desktop>, workspace: WorkspaceId, channel: ChannelId) -> Answer<()> {
    desktop.client().await?.leave_channel(workspace, channel).await.map_err(report)
}

#[tauri::command]
pub async fn set_topic(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    channel: ChannelId,
    topic: String,
) -> Answer<()> {
    desktop.client().await?.set_topic(workspace, channel, &topic).await.map_err(report)
}

#[tauri::command]
pub async fn open_direct(
    desktop: State<'_, Desktop>,
    workspace: WorkspaceId,
    people: Vec<AccountId>,
) -> Answer<ChannelView> {
    desktop.client().await?.open_direct(workspace, &people).await.map_err(report)
}
