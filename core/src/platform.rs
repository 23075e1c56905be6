//! What the core needs from the system it runs on, as narrow traits that a shell passes in.

use std::{fmt, sync::Arc, time::Duration};
use thechatapp_protocol::Timestamp;
use zeroize::Zeroizing;

/// Why secure storage did not do what it was asked, as far as the states of a profile tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no secure storage on this system.
    #[error("there is no secure storage on this system: {0}")]
    NoBackend(String),
    /// It is locked.
    #[error("the secure storage is locked: {0}")]
    Locked(String),
    /// It asked to be unlocked, and the person closed its prompt.
    #[error("the secure storage was not unlocked: {0}")]
    Dismissed(String),
    /// It did not answer in time, or refused this program.
    #[error("the secure storage could not be reached: {0}")]
    Unreachable(String),
}

/// The system's secure storage. Calls may block for as long as a person looks at a prompt; the core makes them on a
/// thread of their own and stops waiting after a time.
pub trait SecretStore: Send + Sync {
    /// What it is, for example `secret-service`; kept in `profile.json`.
    fn backend(&self) -> &'static str;

    /// Reads an entry; `None` when it is not there.
    ///
    /// # Errors
    /// See [`SecretError`].
    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError>;

    /// Writes an entry, replacing an older one.
    ///
    /// # Errors
    /// See [`SecretError`].
    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), SecretError>;

    /// Removes an entry; one that is not there is no error.
    ///
    /// # Errors
    /// See [`SecretError`].
    fn remove(&self, entry: &str) -> Result<(), SecretError>;
}

/// The time. Tests inject their own.
pub trait Clock: Send + Sync {
    /// Now, by the wall clock.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// What the system knows of its network. Calls may block for a moment; the core makes them on a thread of their own.
pub trait SystemNetwork: Send + Sync {
    /// A variable of the environment, for those that name proxies. What is no text in it makes it none that could be used.
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// The address of the script that says where to go, `http`, `https` or `file`, where the system leaves running it to whoever asks.
    ///
    /// # Errors
    /// Why it does not say, though it could.
    fn script(&self) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// By which proxies the system would go to an address, the first that works: `direct://`, `http://HOST:PORT`,
    /// `socks5://HOST:PORT`. None when nothing is there that could say. The environment is not meant.
    ///
    /// # Errors
    /// Why it does not say, though it could: nobody goes past a proxy by such a chance.
    fn proxies(&self, url: &str) -> Result<Vec<String>, String> {
        let _ = url;
        Ok(Vec::new())
    }

    /// Whether what goes over the network costs.
    fn metered(&self) -> bool {
        false
    }
}

/// A network of which nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainNetwork;

impl SystemNetwork for PlainNetwork {}

/// How long secure storage may take, a person at its prompt included.
pub const SECRET_WAIT: Duration = Duration::from_secs(60);

/// Everything a client needs from its system.
#[derive(Clone)]
pub struct Platform {
    /// Secure storage.
    pub secrets: Arc<dyn SecretStore>,
    /// How long secure storage may take to answer, a person at its prompt included; [`SECRET_WAIT`] unless told otherwise.
    pub secret_wait: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The name this device enrols under.
    pub device_name: String,
    /// `linux`, `macos`, `windows`, `android`, `ios`.
    pub device_platform: String,
    /// Certificate authorities trusted beside the system's, DER. Empty in production; what a test's system trusts.
    pub extra_roots: Vec<Vec<u8>>,
    /// The network as the system knows it.
    pub network: Arc<dyn SystemNetwork>,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform").field("secrets", &self.secrets.backend()).finish_non_exhaustive()
    }
}
