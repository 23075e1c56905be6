//! What the window is about: a profile, closed or open.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tauri::async_runtime::{self, JoinHandle};
use tauri::{AppHandle, Manager};
use thechatapp_core::view::{KeyState, WaysView};
use thechatapp_core::{Client, Due, Error, ErrorReport, Platform, Unlock};
use tokio::sync::{Notify, RwLock};
use zeroize::Zeroizing;

/// How long connecting waits for the first picture.
const PAINTING: Duration = Duration::from_secs(1);

/// How long the end of the program waits until the profile is closed.
const CLOSING: Duration = Duration::from_secs(5);

/// How commands answer: what the page shows, or an error it can explain.
pub type Answer<T> = Result<T, ErrorReport>;

/// The program's state. Cheap to share; commands hold the client only for one call.
pub struct Desktop {
    folder: PathBuf,
    platform: Platform,
    /// Where the passphrase stands, for hosts without secure storage. A profile that was locked waits for a person all the
    /// same.
    passphrase_file: Option<PathBuf>,
    client: Arc<RwLock<Option<Client>>>,
    /// The first opening, which begins before there is a page to ask for it.
    beginning: Mutex<Option<JoinHandle<Result<KeyState, Error>>>>,
    /// Told when what is on this device is on the screen.
    painted: Notify,
    /// Counts the clients there were.
    turn: Arc<AtomicU64>,
    /// The program ends: nothing is opened any more.
    ending: AtomicBool,
}

impl Desktop {
    /// A window on this profile. Nothing is opened yet.
    pub fn new(folder: PathBuf, passphrase_file: Option<PathBuf>, platform: Platform) -> Answer<Self> {
        passphrase_file.as_deref().map(first_line).transpose().map_err(|why| why.report())?;
        Ok(Self {
            folder,
            platform,
            passphrase_file,
            client: Arc::default(),
            beginning: Mutex::default(),
            painted: Notify::new(),
            turn: Arc::default(),
            ending: AtomicBool::default(),
        })
    }

    /// Begins to open the profile while the window is being made.
    pub fn begin(app: &AppHandle) {
        let opener = app.clone();
        let opening = async_runtime::spawn(async move { opener.state::<Self>().open(None, false).await });
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
                Err(_) => self.open_and_connect(None, false).await,
            },
            None => self.open_and_connect(None, false).await,
        }
    }

    /// Opens the profile with the means at hand, and connects. What was locked opens only on purpose.
    pub async fn open_and_connect(
        &self,
        passphrase: Option<Zeroizing<String>>,
        on_purpose: bool,
    ) -> Result<KeyState, Error> {
        let state = self.open(passphrase, on_purpose).await?;
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
    async fn open(&self, passphrase: Option<Zeroizing<String>>, on_purpose: bool) -> Result<KeyState, Error> {
        let mut held = self.client.write().await;
        if held.is_some() {
            return Ok(KeyState::Ready);
        }
        if self.ending.load(Ordering::SeqCst) {
            return Err(Error::Locked { why: "the program ends".into() });
        }
        let typed = passphrase.is_some();
        let has_passphrase = Client::ways_of(&self.folder).is_some_and(|ways| ways.passphrase);
        if has_passphrase && let Some(passphrase) = self.given(passphrase)? {
            // Whatever secure storage says, it is not needed.
            match Client::open(&self.folder, Unlock::Passphrase(passphrase), self.platform.clone()).await {
                // A file with another passphrase keeps nobody from asking there.
                Err(Error::WrongKey { .. }) if !typed => {}
                opened => {
                    self.hold(&mut held, opened?);
                    return Ok(KeyState::Ready);
                }
            }
        }
        let unlock = match Client::key_standing(&self.folder, &self.platform).await? {
            KeyState::Ready => Unlock::SecureStorage,
            KeyState::AppLocked if on_purpose => Unlock::OnPurpose,
            other => return Ok(other),
        };
        self.hold(&mut held, Client::open(&self.folder, unlock, self.platform.clone()).await?);
        Ok(KeyState::Ready)
    }

    /// Makes a profile, with secure storage or with a passphrase.
    pub async fn create(&self, passphrase: Option<Zeroizing<String>>) -> Result<(), Error> {
        let mut held = self.client.write().await;
        let unlock = self.means(passphrase)?;
        let client = Client::create(&self.folder, unlock, self.platform.clone()).await?;
        client.start();
        self.hold(&mut held, client);
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
        let unlock = self.means(passphrase)?;
        let client = Client::repair(&self.folder, unlock, self.platform.clone()).await?;
        client.start();
        self.hold(&mut held, client);
        Ok(())
    }

    /// Opens the profile by its recovery code, and gives it a new key in secure storage, or this passphrase.
    pub async fn restore(&self, code: &str, passphrase: Option<Zeroizing<String>>) -> Result<(), Error> {
        let mut held = self.client.write().await;
        let into = passphrase.map_or(Unlock::SecureStorage, Unlock::Passphrase);
        let client = Client::restore_with_code(&self.folder, code, into, self.platform.clone()).await?;
        client.start();
        self.hold(&mut held, client);
        Ok(())
    }

    /// The ways into the profile, open or not.
    pub fn ways(&self) -> Option<WaysView> {
        Client::ways_of(&self.folder)
    }

    /// Signs out everywhere and destroys the profile. The page hears that there are no more events.
    pub async fn wipe(&self) -> Result<(), Error> {
        match self.client.write().await.take() {
            Some(client) => client.sign_out_everywhere_and_wipe().await,
            None => Err(Error::Locked { why: "the profile is not open".into() }),
        }
    }

    /// Locks the profile: closed, its keys out of memory. The page hears that there are no more events, and asks how it stands.
    pub async fn lock(&self) -> Result<(), Error> {
        let mut held = self.client.write().await;
        match held.take() {
            Some(client) => client.lock().await,
            None => Client::lock_folder(&self.folder),
        }
    }

    /// Closes the profile for good, before the program ends.
    pub async fn close(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let closing = async { release(&mut *self.client.write().await).await };
        if tokio::time::timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the profile was not closed in time");
        }
    }

    /// Keeps an open client until it is to be locked. Whoever opened it is there now.
    fn hold(&self, held: &mut Option<Client>, client: Client) {
        client.active();
        let due = client.due();
        let (turns, turn) = (Arc::clone(&self.turn), self.turn.fetch_add(1, Ordering::SeqCst) + 1);
        *held = Some(client);
        let client = Arc::clone(&self.client);
        async_runtime::spawn(async move {
            let due = due.await;
            if due == Due::Closed {
                return;
            }
            // Kept until it is done: whoever asks meanwhile how it stands is not told that it is in use.
            let mut slot = client.write().await;
            // There may be another one by now.
            let Some(held) = slot.take_if(|_| turns.load(Ordering::SeqCst) == turn) else { return };
            let ended = if due == Due::Lock { held.lock().await } else { held.close().await };
            if let Err(why) = ended {
                tracing::warn!(%why, "the profile was not closed cleanly");
            }
        });
    }

    /// What opens the profile: what was typed, or given at the start, or secure storage.
    fn means(&self, passphrase: Option<Zeroizing<String>>) -> Result<Unlock, Error> {
        Ok(self.given(passphrase)?.map_or(Unlock::SecureStorage, Unlock::Passphrase))
    }

    /// The passphrase that was typed, or was given at the start. What was locked waits for one that is typed.
    fn given(&self, typed: Option<Zeroizing<String>>) -> Result<Option<Zeroizing<String>>, Error> {
        match typed {
            None if !Client::is_locked(&self.folder) => self.passphrase_file.as_deref().map(first_line).transpose(),
            typed => Ok(typed),
        }
    }
}

/// Closes a client, whatever comes of it.
async fn release(held: &mut Option<Client>) {
    if let Some(client) = held.take()
        && let Err(why) = client.close().await
    {
        // It may be closed just because its files are damaged.
        tracing::warn!(%why, "the profile was not closed cleanly");
    }
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Error> {
    let unreadable = |why: String| Error::bad_input(format!("{} cannot be used", path.display()), why);
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|why| unreadable(why.to_string()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        _ => Err(unreadable("its first line is empty".into())),
    }
}

#[cfg(test)]
mod tests;
