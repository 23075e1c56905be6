//! What the window is about: a profile, closed or open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tauri::async_runtime::{self, JoinHandle};
use tauri::{AppHandle, Manager};
use thechatapp_core::view::KeyState;
use thechatapp_core::{Client, Error, ErrorReport, Platform, Unlock};
use tokio::sync::{Notify, RwLock};
use zeroize::Zeroizing;

/// How long connecting waits for the first picture.
const PAINTING: Duration = Duration::from_secs(1);

/// How commands answer: what the page shows, or an error it can explain.
pub type Answer<T> = Result<T, ErrorReport>;

/// The program's state. Cheap to share; commands hold the client only for one call.
pub struct Desktop {
    folder: PathBuf,
    platform: Platform,
    /// Given at the start, for hosts without secure storage.
    passphrase: Option<Zeroizing<String>>,
    client: Arc<RwLock<Option<Client>>>,
    /// The first opening, which begins before there is a page to ask for it.
    beginning: Mutex<Option<JoinHandle<Result<KeyState, Error>>>>,
    /// Told when what is on this device is on the screen.
    painted: Notify,
}

impl Desktop {
    /// A window on this profile. Nothing is opened yet.
    pub fn new(folder: PathBuf, passphrase_file: Option<&Path>, platform: Platform) -> Answer<Self> {
        let passphrase = passphrase_file.map(first_line).transpose()?;
        Ok(Self {
            folder,
            platform,
            passphrase,
            client: Arc::default(),
            beginning: Mutex::default(),
            painted: Notify::new(),
        })
    }

    /// Begins to open the profile while the window is being made.
    pub fn begin(app: &AppHandle) {
        let opener = app.clone();
        let opening = async_runtime::spawn(async move { opener.state::<Self>().open(None).await });
        // The network waits until what is on this device is shown, but not for long.
        let starter = app.clone();
        async_runtime::spawn(async move {
            let desktop = starter.state::<Self>();
            let _ = tokio::time::timeout(PAINTING, desktop.painted.notified()).await;
            if let Ok(client) = desktop.client().await {
                client.start();
            }
        });
        *app.state::<Self>().beginning.lock().unwrap_or_else(PoisonError::into_inner) = Some(opening);
    }

    /// What is on this device is on the screen.
    pub fn painted(&self) {
        self.painted.notify_one();
    }

    /// How the first opening went, when nobody asked yet; else how it goes now.
    pub async fn opened(&self) -> Result<KeyState, Error> {
        let beginning = self.beginning.lock().unwrap_or_else(PoisonError::into_inner).take();
        match beginning {
            Some(opening) => match opening.await {
                Ok(done) => done,
                Err(_) => self.open_and_connect(None).await,
            },
            None => self.open_and_connect(None).await,
        }
    }

    /// Opens the profile with the means at hand, and connects.
    pub async fn open_and_connect(&self, passphrase: Option<Zeroizing<String>>) -> Result<KeyState, Error> {
        let state = self.open(passphrase).await?;
        if let Some(client) = &*self.client.read().await {
            client.start();
        }
        Ok(state)
    }

    /// The open client.
    pub async fn client(&self) -> Answer<Client> {
        let client = self.client.read().await.clone();
        client.ok_or_else(|| Error::Locked { why: "the profile is not open".into() }.report())
    }

    /// The state of the profile's key, and whether the client is open now. With the means at hand it is opened.
    async fn open(&self, passphrase: Option<Zeroizing<String>>) -> Result<KeyState, Error> {
        let mut held = self.client.write().await;
        if held.is_some() {
            return Ok(KeyState::Ready);
        }
        let passphrase = passphrase.or_else(|| self.passphrase.clone());
        let state = Client::state(&self.folder, &self.platform).await;
        let unlock = match (state, passphrase) {
            (KeyState::Passphrase, Some(passphrase)) => Unlock::Passphrase(passphrase),
            (KeyState::Ready, _) => Unlock::SecureStorage,
            (other, _) => return Ok(other),
        };
        *held = Some(Client::open(&self.folder, unlock, self.platform.clone()).await?);
        Ok(KeyState::Ready)
    }

    /// Makes a profile, with secure storage or with a passphrase.
    pub async fn create(&self, passphrase: Option<Zeroizing<String>>) -> Result<(), Error> {
        let mut held = self.client.write().await;
        let unlock = match passphrase.or_else(|| self.passphrase.clone()) {
            Some(passphrase) => Unlock::Passphrase(passphrase),
            None => Unlock::SecureStorage,
        };
        let client = Client::create(&self.folder, unlock, self.platform.clone()).await?;
        client.start();
        *held = Some(client);
        Ok(())
    }

    /// Moves the profile's files aside. Nothing is deleted.
    pub async fn set_aside(&self) -> Result<PathBuf, Error> {
        let mut held = self.client.write().await;
        release(&mut held).await;
        Client::set_aside(&self.folder).await
    }

    /// Rebuilds what is damaged.
    pub async fn repair(&self, passphrase: Option<Zeroizing<String>>) -> Result<(), Error> {
        let mut held = self.client.write().await;
        release(&mut held).await;
        let unlock = match passphrase.or_else(|| self.passphrase.clone()) {
            Some(passphrase) => Unlock::Passphrase(passphrase),
            None => Unlock::SecureStorage,
        };
        let client = Client::repair(&self.folder, unlock, self.platform.clone()).await?;
        client.start();
        *held = Some(client);
        Ok(())
    }

    /// Opens the profile by its recovery code.
    pub async fn restore(&self, code: &str) -> Result<(), Error> {
        let mut held = self.client.write().await;
        let client = Client::restore_with_code(&self.folder, code, self.platform.clone()).await?;
        client.start();
        *held = Some(client);
        Ok(())
    }
}

/// Closes a client whose files are about to be moved.
async fn release(held: &mut Option<Client>) {
    if let Some(client) = held.take()
        && let Err(why) = client.close().await
    {
        // It may be closed just because its files are damaged.
        tracing::warn!(%why, "the profile was not closed cleanly");
    }
}

fn first_line(path: &Path) -> Answer<Zeroizing<String>> {
    let unreadable = |why: String| Error::bad_input(format!("{} cannot be used", path.display()), why).report();
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|why| unreadable(why.to_string()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => Err(unreadable("its first line is empty".into())),
    }
}
