//! Watching: what the page shows is asked for once, and then only its steps.

use super::report;
use crate::desktop::{Answer, Desktop};
use crate::watches::{Begun, Shown, Told, Watches};
use serde::Deserialize;
use tauri::State;
use thechatapp_core::view::{SearchQuery, Window};
use thechatapp_core::{ChannelId, Client, WorkspaceId};

/// Hits that the search panel shows.
pub const FOUND: u32 = 50;

/// What to watch.
#[derive(Debug, Deserialize)]
#[serde(tag = "watch", rename_all = "snake_case")]
pub enum Query {
    Timeline { workspace: WorkspaceId, channel: ChannelId, window: Window, limit: u32 },
    Channels { workspace: WorkspaceId },
    Search { workspace: WorkspaceId, typed: String },
}

#[tauri::command]
pub async fn watch(desktop: State<'_, Desktop>, watches: State<'_, Watches>, query: Query) -> Answer<Begun> {
    watches.begin(shown(&desktop.client().await?, query).await?).await
}

#[tauri::command]
pub async fn watch_next(watches: State<'_, Watches>, watch: u64) -> Answer<Option<Told>> {
    watches.next(watch).await
}

#[tauri::command]
pub async fn watch_turn(
    desktop: State<'_, Desktop>,
    watches: State<'_, Watches>,
    watch: u64,
    turn: u64,
    query: Query,
) -> Answer<()> {
    watches.turn(watch, turn, shown(&desktop.client().await?, query).await?);
    Ok(())
}

#[tauri::command]
pub fn watch_end(watches: State<'_, Watches>, watch: u64) {
    watches.end(watch);
}

async fn shown(client: &Client, query: Query) -> Answer<Shown> {
    match query {
        Query::Timeline { workspace, channel, window, limit } => {
            client.watch_timeline(workspace, channel, window, limit).map(Shown::Timeline)
        }
        Query::Channels { workspace } => client.watch_channels(workspace, true).map(Shown::Channels),
        Query::Search { workspace, typed } => match client.read_search(workspace, &typed, true).await {
            Ok(query) => client.watch_search(workspace, SearchQuery { limit: FOUND, ..query }).map(Shown::Search),
            Err(why) => Err(why),
        },
    }
    .map_err(report)
}
