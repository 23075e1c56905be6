//! The lock.

use crate::args::LockAfter;
use crate::output::Outcome;
use crate::run::{Place, close};
use serde::Serialize;
use thechatapp_core::{Client, Error, Unlock};

#[derive(Serialize)]
struct Lock {
    locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<LockMinutes>,
}

#[derive(Serialize)]
struct LockMinutes {
    minutes: Option<u64>,
}

/// `lock`.
pub async fn lock(place: &Place, after: Option<LockAfter>) -> Outcome {
    let Some(LockAfter(minutes)) = after else {
        Client::lock_folder(&place.dir)?;
        return place.output.show(&Lock { locked: true, after: None }, || "locked".to_owned());
    };
    let client = place.open().await?;
    let chosen = client.set_lock_after(minutes).await;
    close(client, chosen.map_err(Into::into)).await?;
    place.output.show(&Lock { locked: false, after: Some(LockMinutes { minutes }) }, || match minutes {
        Some(minutes) => format!("the window locks itself after {minutes} minutes without anybody"),
        None => "the window never locks itself".to_owned(),
    })
}

/// `unlock`.
pub async fn unlock(place: &Place) -> Outcome {
    let unlock = match place.unlock()? {
        Unlock::SecureStorage => Unlock::OnPurpose,
        given => given,
    };
    let client = match Client::open(&place.dir, unlock, place.platform.clone()).await {
        Err(error @ Error::Locked { .. }) => {
            Client::open(&place.dir, place.ask(error)?, place.platform.clone()).await?
        }
        other => other?,
    };
    close(client, Ok(())).await?;
    place.output.show(&Lock { locked: false, after: None }, || "unlocked".to_owned())
}
