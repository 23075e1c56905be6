//! The ways into a profile, and the way back from each state of its key. What a screen offers:
//!
//! | state | offered |
//! |---|---|
//! | `Absent` | [`ChatClient::open`]; without secure storage, [`ChatClient::create_with_passphrase`] when a person chose it |
//! | `Ready` | [`ChatClient::open`] |
//! | `Passphrase` | [`ChatClient::open_with_passphrase`] |
//! | `AppLocked` | [`ChatClient::unlock`] |
//! | `NoBackend`, `Locked`, `Dismissed`, `Unreachable` | [`ChatClient::open`] again; by the passphrase or the code, where [`Standing::ways`] names them |
//! | `Missing`, `Wrong` | the same, and [`set_aside`], after the person was told what stays behind |
//! | `Corrupt` | [`ChatClient::repair`]; [`set_aside`] |
//! | `Busy`, `Newer` | nothing but to try again, or to update |
//! | `NoLocks` | nothing: the folder is to be on another disk |

use crate::client::{ChatClient, Result};
use crate::phone::Phone;
use crate::trust::KeyState;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use thechatapp_core::{Client, Unlock, view};
use zeroize::Zeroizing;

/// How a profile is opened, and how else it could be.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Ways {
    /// The secure storage's name, or `passphrase`.
    pub backend: String,
    /// Whether a passphrase opens it.
    pub passphrase: bool,
    /// Whether a recovery code opens it.
    pub recovery: bool,
}

impl From<view::WaysView> for Ways {
    fn from(from: view::WaysView) -> Self {
        Self { backend: from.backend, passphrase: from.passphrase, recovery: from.recovery }
    }
}

/// Where a profile stands.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Standing {
    /// The state of its key.
    pub state: KeyState,
    /// What keeps it from being opened, in words for people; none where nothing does.
    pub reason: Option<String>,
    /// The ways into it; none where there is no profile, or its file cannot be read.
    pub ways: Option<Ways>,
}

/// A way in that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Way {
    /// The passphrase.
    Passphrase,
    /// The recovery code.
    Recovery,
}

/// What was typed here and no server has as a message yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Unsent {
    /// Messages that wait to be sent.
    pub messages: u64,
    /// Drafts.
    pub drafts: u64,
}

/// Where a profile stands, without changing anything: which screen to show before [`ChatClient::open`].
#[uniffi::export(async_runtime = "tokio")]
pub async fn profile_state(profile_dir: String, phone: Phone) -> Standing {
    let dir = PathBuf::from(profile_dir);
    let (state, reason) = match Client::key_standing(&dir, &phone.into()).await {
        Ok(state) => (state, None),
        Err(why) => (why.key_state(), Some(why.report().why)),
    };
    Standing { state: state.into(), reason, ways: Client::ways_of(&dir).map(Into::into) }
}

/// Moves the files of a profile that is not open into a dated folder, and tells which: nothing is deleted, and the folder opens as a
/// profile once its key is back. What was not sent and the drafts stay in it, which a person is told before.
#[uniffi::export(async_runtime = "tokio")]
pub async fn set_aside(profile_dir: String) -> Result<String> {
    let folder = Client::set_aside(Path::new(&profile_dir)).await?;
    Ok(folder.to_string_lossy().into_owned())
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// Makes a profile that a passphrase opens, and nothing else: for a device without secure storage, because a person chose it.
    #[uniffi::constructor]
    pub async fn create_with_passphrase(profile_dir: String, passphrase: String, phone: Phone) -> Result<Arc<Self>> {
        let unlock = Unlock::Passphrase(Zeroizing::new(passphrase));
        Ok(Self::begin(Client::create(Path::new(&profile_dir), unlock, phone.into()).await?))
    }

    /// Opens a profile by its passphrase, whatever secure storage says; one that was locked is unlocked.
    #[uniffi::constructor]
    pub async fn open_with_passphrase(profile_dir: String, passphrase: String, phone: Phone) -> Result<Arc<Self>> {
        let unlock = Unlock::Passphrase(Zeroizing::new(passphrase));
        Ok(Self::begin(Client::open(Path::new(&profile_dir), unlock, phone.into()).await?))
    }

    /// Opens a profile by its recovery code, and gives it a new key in secure storage, or with `new_passphrase` that one: by it the
    /// profile opens from then on, without secure storage.
    #[uniffi::constructor]
    pub async fn restore_with_code(
        profile_dir: String,
        code: String,
        new_passphrase: Option<String>,
        phone: Phone,
    ) -> Result<Arc<Self>> {
        let code = Zeroizing::new(code);
        let into = given(new_passphrase);
        Ok(Self::begin(Client::restore_with_code(Path::new(&profile_dir), &code, into, phone.into()).await?))
    }

    /// Opens a profile whose files are damaged: what can be fetched again is set aside and fetched, what cannot comes from its last
    /// good copy. One that a passphrase opens wants it.
    #[uniffi::constructor]
    pub async fn repair(profile_dir: String, passphrase: Option<String>, phone: Phone) -> Result<Arc<Self>> {
        Ok(Self::begin(Client::repair(Path::new(&profile_dir), given(passphrase), phone.into()).await?))
    }

    /// Opens a profile that was locked ([`KeyState::AppLocked`]), because a person asked for it.
    #[uniffi::constructor]
    pub async fn unlock(profile_dir: String, phone: Phone) -> Result<Arc<Self>> {
        Ok(Self::begin(Client::open(Path::new(&profile_dir), Unlock::OnPurpose, phone.into()).await?))
    }

    /// How this profile is opened, and how else it could be.
    pub fn ways(&self) -> Result<Ways> {
        Ok(self.client()?.ways().into())
    }

    /// Makes a code that opens this profile when its key is lost, in place of an older one. It is shown once.
    pub async fn make_recovery_code(&self) -> Result<String> {
        Ok(self.client()?.make_recovery_code().await?)
    }

    /// Adds a passphrase that opens this profile too, in place of an older one.
    pub async fn set_passphrase(&self, passphrase: String) -> Result<()> {
        Ok(self.client()?.set_passphrase(Zeroizing::new(passphrase)).await?)
    }

    /// Takes a way in away; never the one that is used.
    pub fn drop_way(&self, way: Way) -> Result<()> {
        let kind = match way {
            Way::Passphrase => "passphrase",
            Way::Recovery => "recovery",
        };
        Ok(self.client()?.drop_way(kind)?)
    }

    /// Opens the profile by secure storage from now on, and no longer by a passphrase.
    pub async fn move_to_secure_storage(&self) -> Result<()> {
        Ok(self.client()?.move_to_secure_storage().await?)
    }

    /// Opens the profile by a passphrase from now on, and no longer by secure storage.
    pub async fn move_to_passphrase(&self, passphrase: String) -> Result<()> {
        Ok(self.client()?.move_to_passphrase(Zeroizing::new(passphrase)).await?)
    }

    /// What was typed here and no server has as a message yet: what setting the profile aside, or wiping it, leaves behind.
    pub async fn unsent(&self) -> Result<Unsent> {
        let view::UnsentView { messages, drafts } = self.client()?.unsent().await?;
        Ok(Unsent { messages, drafts })
    }

    /// Locks the profile: closed, its keys out of memory, and opened again only by [`ChatClient::unlock`], or by its passphrase where
    /// it has one.
    pub async fn lock(&self) -> Result<()> {
        match self.take() {
            Some(client) => Ok(client.lock().await?),
            None => Ok(()),
        }
    }

    /// After how many minutes without anybody the profile is locked; none for never.
    pub fn lock_after(&self) -> Result<Option<u64>> {
        Ok(self.client()?.lock_after())
    }

    /// Chooses that; none for never.
    pub async fn set_lock_after(&self, minutes: Option<u64>) -> Result<()> {
        Ok(self.client()?.set_lock_after(minutes).await?)
    }

    /// Signs this device out everywhere, where servers can be reached, and destroys all of the profile: its entry in secure storage
    /// first, then the files. Whatever ends the app amid it, the next opening brings it to its end.
    pub async fn wipe(&self) -> Result<()> {
        match self.take() {
            Some(client) => Ok(client.sign_out_everywhere_and_wipe().await?),
            None => Ok(()),
        }
    }
}

impl ChatClient {
    /// The client, which nobody else has from now on; whoever waits for events hears that there are no more.
    pub(crate) fn take(&self) -> Option<Client> {
        self.closed.send_replace(true);
        self.client.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn given(passphrase: Option<String>) -> Unlock {
    passphrase.map_or(Unlock::SecureStorage, |passphrase| Unlock::Passphrase(Zeroizing::new(passphrase)))
}
