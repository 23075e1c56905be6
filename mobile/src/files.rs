//! Files on their way, and how much of the past this device keeps.

use crate::client::{ChatClient, Result};
use crate::record::{Message, id};
use std::path::Path;
use std::sync::Arc;
use thechatapp_core::view;

/// Hears how far a file is on its way.
#[uniffi::export(with_foreign)]
pub trait Transfer: Send + Sync {
    /// So many bytes of so many are over.
    fn moved(&self, done: u64, of: u64);
}

/// How much of the past this device keeps.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Storage {
    /// Messages of so many days; without a number, of all.
    pub days: Option<u64>,
    /// At most so many bytes for each workspace; without a number, as many as there are.
    pub bytes: Option<u64>,
    /// What is there.
    pub workspaces: Vec<Kept>,
}

/// What is kept of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Kept {
    /// Its short name.
    pub workspace: String,
    /// Bytes of the sealed file that are in use.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

impl From<view::StorageView> for Storage {
    fn from(from: view::StorageView) -> Self {
        let kept =
            |kept: view::KeptView| Kept { workspace: kept.workspace, bytes: kept.bytes, messages: kept.messages };
        Self { days: from.days, bytes: from.bytes, workspaces: from.workspaces.into_iter().map(kept).collect() }
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// Seals a file, uploads it, and sends it in a message; the message waits like any other once this returns. The same file to the
    /// same channel, when an earlier upload of it broke off, goes on.
    pub async fn upload(
        &self,
        workspace: String,
        channel: String,
        path: String,
        text: String,
        transfer: Option<Arc<dyn Transfer>>,
    ) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        let mut hears = hears(transfer);
        Ok(client.upload(ws, id(&channel)?, Path::new(&path), &text, &mut hears).await?.into())
    }

    /// Fetches a file of a message on this device, opens it, and puts it into a folder, where it lies open: under its own name or,
    /// where that is taken, the next free one. Tells where it is. Broken off, it goes on when it is asked for again.
    pub async fn save_file(
        &self,
        workspace: String,
        file: String,
        folder: String,
        transfer: Option<Arc<dyn Transfer>>,
    ) -> Result<String> {
        let (client, ws) = self.with(&workspace)?;
        let mut hears = hears(transfer);
        let saved = client.save_file(ws, id(&file)?, Path::new(&folder), &mut hears).await?;
        Ok(saved.to_string_lossy().into_owned())
    }

    /// How much is kept, and how much may be.
    pub async fn storage(&self) -> Result<Storage> {
        Ok(self.client()?.storage().await?.into())
    }

    /// Chooses how much of the past is kept: messages of so many days, so many bytes for each workspace, or with none as much as there
    /// is. What is beyond leaves at once, the least valuable first; drafts and what waits to be sent always stay.
    pub async fn keep(&self, days: Option<u64>, bytes: Option<u64>) -> Result<()> {
        Ok(self.client()?.keep(days, bytes).await?)
    }
}

fn hears(transfer: Option<Arc<dyn Transfer>>) -> impl FnMut(u64, u64) + Send {
    move |done, of| {
        if let Some(transfer) = &transfer {
            transfer.moved(done, of);
        }
    }
}
