//! The accounts of a profile: where each is, who one is there, the device's keys, the identity that is trusted.

use super::Local;
use crate::error::{Error, Result};
use crate::fault;
use crate::trust::Known;
use ed25519_dalek::SigningKey;
use rusqlite::{OptionalExtension, Row as SqlRow, params};
use std::fmt;
use std::sync::Arc;
use thechatapp_database::scrub_stack;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{AccountId, DeviceId, Timestamp, WorkspaceId};
use thechatapp_seal::Key;
use zeroize::Zeroizing;

const DEVICE_KEY: &str = "device's session key";
const SIGNING_KEY: &str = "device's signing key";
/// The length of a key that is not sealed.
const PLAIN: usize = 32;

/// One account.
#[derive(Clone)]
pub(crate) struct Account {
    /// What names it on this device: the workspace's own id, or with several accounts in one workspace a random one.
    pub(crate) workspace: WorkspaceId,
    /// `https://host[:port]`.
    pub(crate) url: String,
    /// The workspace's short name.
    pub(crate) short: String,
    /// Its name as people read it.
    pub(crate) name: String,
    pub(crate) person: AccountId,
    pub(crate) person_name: String,
    pub(crate) device: DeviceId,
    pub(crate) device_key: StaticKey,
    pub(crate) signing_key: Arc<SigningKey>,
    pub(crate) known: Known,
    /// An identity that was shown and never announced, as a signed document, and when.
    pub(crate) shown: Option<(Vec<u8>, Timestamp)>,
    pub(crate) added: Timestamp,
}

impl Account {
    /// The workspace as its server knows it.
    pub(crate) fn of_server(&self) -> WorkspaceId {
        WorkspaceId::from_bytes(self.known.verified.document().workspace_id)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("workspace", &self.workspace).field("url", &self.url).finish_non_exhaustive()
    }
}

/// As stored; the identity is decoded outside the database's thread. The keys are sealed once more inside the sealed file, so
/// that none of them stands in memory that the database gives back as it is.
struct Stored {
    account: [[u8; 16]; 3],
    texts: [String; 4],
    device_key: Zeroizing<Vec<u8>>,
    signing_key: Zeroizing<Vec<u8>>,
    known: Vec<u8>,
    shown: Option<(Vec<u8>, Timestamp)>,
    added: Timestamp,
}

/// A key from where it is stored.
fn opened(parent: &Key, what: &str, workspace: &[u8; 16], stored: &[u8]) -> Result<Key> {
    if stored.len() == PLAIN {
        return Key::try_from(stored).map_err(fault::internal);
    }
    thechatapp_seal::unwrap(parent, what, workspace, 0, stored)
        .map_err(|why| Error::Corrupt { file: "local.db".into(), why: format!("the {what} does not open: {why}") })
}

fn stored(row: &SqlRow<'_>) -> rusqlite::Result<Stored> {
    let shown: Option<Vec<u8>> = row.get(10)?;
    let shown_at: Option<i64> = row.get(11)?;
    Ok(Stored {
        account: [row.get(0)?, row.get(4)?, row.get(6)?],
        texts: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(5)?],
        device_key: Zeroizing::new(row.get(7)?),
        signing_key: Zeroizing::new(row.get(8)?),
        known: row.get(9)?,
        shown: shown.zip(shown_at.map(Timestamp)),
        added: Timestamp(row.get(12)?),
    })
}

impl Stored {
    fn decode(self, parent: &Key) -> Result<Account> {
        let [workspace, person, device] = self.account;
        let [device_key, signing_key] = [(DEVICE_KEY, &self.device_key), (SIGNING_KEY, &self.signing_key)]
            .map(|(what, stored)| opened(parent, what, &workspace, stored));
        let [url, short, name, person_name] = self.texts;
        Ok(Account {
            workspace: WorkspaceId::from_bytes(workspace),
            url,
            short,
            name,
            person: AccountId::from_bytes(person),
            person_name,
            device: DeviceId::from_bytes(device),
            device_key: StaticKey::from_bytes(device_key?.expose()),
            signing_key: Arc::new(SigningKey::from_bytes(signing_key?.expose())),
            known: Known::decode(&self.known)?,
            shown: self.shown,
            added: self.added,
        })
    }
}

impl Local {
    /// Every account, in the order they were added.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>> {
        let rows = self
            .ask(|db| {
                let mut query = db.prepare(
                    "SELECT workspace, url, short, name, person, person_name, device, device_key, signing_key, known,
                        shown, shown_at, added FROM accounts ORDER BY added, workspace",
                )?;
                Ok(query.query_map([], stored)?.collect::<rusqlite::Result<Vec<_>>>()?)
            })
            .await?;
        let plain = rows.iter().any(|row| row.device_key.len() == PLAIN);
        let accounts: Vec<Account> = rows.into_iter().map(|row| row.decode(&self.parent)).collect::<Result<_>>()?;
        scrub_stack();
        if plain {
            for account in &accounts {
                self.seal_keys(account).await?;
            }
        }
        Ok(accounts)
    }

    /// An older release kept them as they are.
    async fn seal_keys(&self, account: &Account) -> Result<()> {
        let (workspace, [device_key, signing_key]) = (account.workspace, self.sealed(account)?);
        self.write(move |db| {
            db.execute(
                "UPDATE accounts SET device_key = ?2, signing_key = ?3 WHERE workspace = ?1",
                params![workspace.as_bytes(), device_key, signing_key],
            )?;
            Ok(())
        })
        .await
    }

    fn sealed(&self, account: &Account) -> Result<[Vec<u8>; 2]> {
        let seal = |what, key: &[u8]| {
            let key = Key::try_from(key).map_err(fault::internal)?;
            thechatapp_seal::wrap(&self.parent, what, account.workspace.as_bytes(), 0, &key).map_err(fault::internal)
        };
        Ok([seal(DEVICE_KEY, account.device_key.expose())?, seal(SIGNING_KEY, account.signing_key.as_bytes())?])
    }

    /// Adds an account, or replaces what is known of one; drafts and what waits to be sent stay.
    pub(crate) async fn put_account(&self, account: &Account) -> Result<()> {
        let [device_key, signing_key] = self.sealed(account)?;
        let account = account.clone();
        self.write(move |db| {
            db.execute(
                "INSERT INTO accounts (workspace, url, short, name, person, person_name, device, device_key,
                    signing_key, known, added)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (workspace) DO UPDATE SET url = excluded.url, short = excluded.short,
                    name = excluded.name, person = excluded.person, person_name = excluded.person_name,
                    device = excluded.device, device_key = excluded.device_key, signing_key = excluded.signing_key,
                    known = excluded.known, shown = NULL, shown_at = NULL",
                params![
                    account.workspace.as_bytes(),
                    account.url,
                    account.short,
                    account.name,
                    account.person.as_bytes(),
                    account.person_name,
                    account.device.as_bytes(),
                    device_key,
                    signing_key,
                    account.known.encode(),
                    account.added.0,
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// Stores an identity that is trusted from now on; what was shown instead is settled by it.
    pub(crate) async fn store_known(&self, workspace: WorkspaceId, known: &Known) -> Result<()> {
        let known = known.encode();
        self.write(move |db| {
            db.execute(
                "UPDATE accounts SET known = ?2, shown = NULL, shown_at = NULL WHERE workspace = ?1",
                params![workspace.as_bytes(), known],
            )?;
            Ok(())
        })
        .await
    }

    /// Keeps an identity that was shown and never announced, until somebody decides.
    pub(crate) async fn store_shown(&self, workspace: WorkspaceId, document: Vec<u8>, at: Timestamp) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "UPDATE accounts SET shown_at = CASE WHEN shown = ?2 THEN shown_at ELSE ?3 END, shown = ?2
                 WHERE workspace = ?1",
                params![workspace.as_bytes(), document, at.0],
            )?;
            Ok(())
        })
        .await
    }

    /// Removes an account with all that belongs to it, from the last good copy too.
    pub(crate) async fn remove_account(&self, workspace: WorkspaceId) -> Result<()> {
        self.write(move |db| {
            db.execute("DELETE FROM accounts WHERE workspace = ?1", [workspace.as_bytes()])?;
            db.execute("DELETE FROM choices WHERE name = ?1", [super::drafts_behind(workspace)])?;
            Ok(())
        })
        .await?;
        self.keep_good().await?;
        self.flush().await
    }

    /// How far a watcher has come; `None` when there was none yet.
    pub(crate) async fn watched(&self, workspace: WorkspaceId) -> Result<Option<u64>> {
        self.read(move |db| {
            let found: Option<Option<i64>> = db
                .query_row("SELECT watched FROM accounts WHERE workspace = ?1", [workspace.as_bytes()], |row| {
                    row.get(0)
                })
                .optional()?;
            Ok(found.flatten().map(|change| change as u64))
        })
        .await
    }

    /// Remembers how far a watcher has come.
    pub(crate) async fn set_watched(&self, workspace: WorkspaceId, change: u64) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "UPDATE accounts SET watched = ?2 WHERE workspace = ?1",
                params![workspace.as_bytes(), change as i64],
            )?;
            Ok(())
        })
        .await
    }

    /// What the person chose, by its name; none where they chose nothing.
    pub(crate) async fn choice(&self, name: impl Into<String>) -> Result<Option<u64>> {
        let name = name.into();
        self.ask(move |db| {
            let found: Option<i64> = db
                .prepare_cached("SELECT value FROM choices WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            Ok(found.map(|value| value as u64))
        })
        .await
    }

    /// Keeps a choice; without a value there is none.
    pub(crate) async fn choose(&self, name: impl Into<String>, value: Option<u64>) -> Result<()> {
        let name = name.into();
        self.write(move |db| {
            match value {
                Some(value) => {
                    db.execute("INSERT OR REPLACE INTO choices VALUES (?1, ?2)", params![name, value as i64])?
                }
                None => db.execute("DELETE FROM choices WHERE name = ?1", [name])?,
            };
            Ok(())
        })
        .await
    }
}
