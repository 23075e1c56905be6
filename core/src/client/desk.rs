//! For tests: a client whose server exists nowhere, and what such a server says.

use super::Client;
use crate::platform::{Clock, SystemClock};
use crate::profile::Unlock;
use crate::profile::memory::MemoryStore;
use crate::testing::platform_at;
use std::sync::Arc;
use thechatapp_protocol::event::{ChannelRole, ChannelRow, MemberRow, MessageRow};
use thechatapp_protocol::{AccountId, Changes, ChannelId, MessageId, Row, Timestamp, WorkspaceId};

pub(crate) const ME: AccountId = AccountId(uuid::Uuid::from_bytes([9; 16]));

pub(crate) fn channel(n: u8) -> ChannelId {
    ChannelId::from_bytes([n; 16])
}

/// A public channel of this name.
pub(crate) fn named(id: ChannelId, name: &str) -> Row {
    Row::Channel(ChannelRow::plain(id, name, Timestamp(1), 0))
}

pub(crate) struct Desk {
    pub(crate) client: Client,
    pub(crate) ws: WorkspaceId,
    pub(crate) change: u64,
    folder: tempfile::TempDir,
    secrets: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock)).await
    }

    pub(crate) async fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Arc::new(MemoryStore::new());
        let client = Client::create(folder.path(), Unlock::SecureStorage, platform_at(secrets.clone(), clock.clone()))
            .await
            .unwrap();
        let ws = client.add_without_server(ME, "Ana").await.unwrap();
        let mut desk = Self { client, ws, change: 0, folder, secrets, clock };
        for n in [1, 2] {
            let member = Row::Member(MemberRow {
                channel: channel(n),
                person: ME,
                joined: true,
                role: ChannelRole::Member,
                change: 0,
            });
            desk.take(vec![named(channel(n), &format!("channel {n}")), member]).await;
        }
        desk
    }

    /// Closes the profile, does something to its files, and opens it.
    pub(crate) async fn reopened(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        let Self { client, ws, change, folder, secrets, clock } = self;
        client.close().await.unwrap();
        meanwhile(folder.path());
        let client = Client::open(folder.path(), Unlock::SecureStorage, platform_at(secrets.clone(), clock.clone()))
            .await
            .unwrap();
        Self { client, ws, change, folder, secrets, clock }
    }

    pub(crate) async fn take(&mut self, rows: Vec<Row>) {
        self.change += 1;
        self.client.take_changes(self.ws, Changes { rows, to: self.change, live: true }).await.unwrap();
    }

    pub(crate) fn message(&self, n: u8, seq: u64, text: &str) -> Row {
        Row::Message(MessageRow::plain(
            channel(n),
            seq,
            MessageId::from_parts(seq, &[n; 10]),
            AccountId::from_bytes([8; 16]),
            Timestamp(seq as i64),
            text,
            self.change + 1,
        ))
    }

    pub(crate) async fn said(&mut self, n: u8, numbers: std::ops::RangeInclusive<u64>) {
        let rows = numbers.map(|seq| self.message(n, seq, &format!("number {seq}"))).collect();
        self.take(rows).await;
    }
}
