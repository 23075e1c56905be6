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
    let kept = |kept: &KeptView| format!("{}: {} messages, {} MiB", kept.workspace, kept.messages, kept.bytes >> 20);
    let mut lines: Vec<String> = storage.workspaces.iter().map(kept).collect();
    lines.push(match (storage.days, storage.bytes) {
        (None, None) => "all of the past is kept".to_owned(),
        (Some(days), None) => format!("messages of {days} days are kept"),
        (None, Some(bytes)) => format!("at most {} MiB a workspace are kept", bytes >> 20),
        (Some(days), Some(bytes)) => {
            format!("messages of {days} days are kept, at most {} MiB a workspace", bytes >> 20)
        }
    });
    lines.join("\n")
}
