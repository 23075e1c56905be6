//! A workspace that no server stands behind, and rows as a server would bring them (`test-support`): for measuring what the
//! device itself does.

use super::Client;
use crate::cache::HistoryPage;
use crate::error::Result;
use crate::fault;
use crate::local::Account;
use crate::testing::signed_document;
use crate::trust::{Source, first_contact};
use ed25519_dalek::SigningKey;
use std::sync::Arc;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::identity::Unverified;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{AccountId, Changes, DeviceId, WorkspaceId};

impl Client {
    /// Adds an account in a workspace whose server exists nowhere.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn add_without_server(&self, person: AccountId, name: &str) -> Result<WorkspaceId> {
        self.add_account(None, "acme", person, name).await
    }

    /// Adds another one, by which this device names it.
    ///
    /// # Errors
    /// When something could not be written.
    #[cfg(test)]
    pub(crate) async fn add_without_server_as(&self, slot: [u8; 16], short: &str) -> Result<WorkspaceId> {
        self.add_account(Some(slot), short, AccountId::from_bytes([9; 16]), "Ana").await
    }

    async fn add_account(
        &self,
        slot: Option<[u8; 16]>,
        short: &str,
        person: AccountId,
        name: &str,
    ) -> Result<WorkspaceId> {
        let (now, fetched) = (self.now(), Unverified::new(signed_document([1; 16]).map_err(fault::internal)?));
        let pin = fetched.clone().verify_self(now.unix_seconds())?.pin();
        let known = first_contact(fetched, Some((&pin, Source::Invite)), None, now)?;
        let account = Account {
            workspace: WorkspaceId::from_bytes(slot.unwrap_or(known.verified.document().workspace_id)),
            url: "https://chat.invalid".into(),
            short: short.into(),
            name: "Acme".into(),
            person,
            person_name: name.into(),
            device: DeviceId::from_bytes([3; 16]),
            device_key: StaticKey::random().map_err(fault::internal)?,
            signing_key: Arc::new(SigningKey::from_bytes(&[6; 32])),
            known,
            shown: None,
            added: now,
        };
        self.0.shared.local.put_account(&account).await?;
        Ok(self.add(account).await?.id)
    }

    /// Makes `local.db` or each `cache.db` look as a newer release leaves it: with one step of its schema more.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn make_newer(&self, file: &str) -> Result<()> {
        if file == "local.db" {
            return self.0.shared.local.make_newer().await;
        }
        for workspace in self.all() {
            workspace.cache.make_newer().await?;
        }
        Ok(())
    }

    /// Takes a batch as the stream of a server brings it.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn take_changes(&self, ws: WorkspaceId, changes: Changes) -> Result<()> {
        let workspace = self.workspace(ws)?;
        workspace.settle(workspace.cache.apply(changes, false).await?).await
    }

    /// Takes pages of channels' histories, each of consecutive messages, as they are taken that come at the same time.
    ///
    /// # Errors
    /// When something could not be written.
    pub async fn take_pages(&self, ws: WorkspaceId, pages: Vec<Vec<MessageRow>>) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let asked = workspace.cache.moment();
        let page = |rows: Vec<MessageRow>| {
            let (first, last) = (rows.first()?, rows.last()?);
            let (channel, first, last) = (first.channel, first.seq, last.seq);
            Some(HistoryPage { channel, first, last, head: last, asked, rows })
        };
        workspace.announce(&workspace.cache.apply_pages(pages.into_iter().filter_map(page).collect()).await?);
        Ok(())
    }
}
