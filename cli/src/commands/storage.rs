//! How much of the past this device keeps.

use crate::args::Keep;
use crate::output::Outcome;
use crate::run::{Place, close};
use thechatapp_core::view::{KeptView, StorageView};

/// `storage`.
pub async fn storage(place: &Place, keep: Keep) -> Outcome {
    let client = place.open().await?;
    let look = async {
        let Keep { days, megabytes, all } = keep;
        if all || days.is_some() || megabytes.is_some() {
            client.keep(days, megabytes.map(|megabytes| megabytes << 20)).await?;
        }
        Ok(client.storage().await?)
    };
    let outcome = look.await;
    let storage = close(client, outcome).await?;
    place.output.show(&storage, || text(&storage))
}

fn text(storage: &StorageView) -> String {
    let mut lines = Vec::new();
    for kept in &storage.workspaces {
        let KeptView { workspace, bytes, messages, files, limit } = kept;
        lines.push(format!("{workspace}: {messages} messages, {} MiB, files {} MiB", bytes >> 20, files >> 20));
        if let Some(limit) = limit {
            lines.push(format!("{workspace} has devices keep: {}", bounds(limit.days, limit.bytes)));
        }
    }
    lines.push(format!("you chose: {}", bounds(storage.days, storage.bytes)));
    lines.join("\n")
}

fn bounds(days: Option<u64>, bytes: Option<u64>) -> String {
    match (days, bytes) {
        (None, None) => "all of the past".to_owned(),
        (Some(days), None) => format!("messages of {days} days"),
        (None, Some(bytes)) => format!("at most {} MiB a workspace", bytes >> 20),
        (Some(days), Some(bytes)) => format!("messages of {days} days, at most {} MiB a workspace", bytes >> 20),
    }
}
