//! The app lock: on demand, or when nobody has been at the device for a while. What is locked is closed: disconnected, its
//! keys gone from memory, and opened again only on purpose (by its passphrase, where it has one).

use super::Client;
use crate::error::{Error, Result};
use crate::local::Local;
use crate::platform::Clock;
use crate::profile::Profile;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thechatapp_protocol::Timestamp;
use tokio::time::Instant;

/// The choice of how many minutes nobody may be there.
const MINUTES: &str = "app_lock_minutes";
/// A day: longer is no lock.
const MOST_MINUTES: u64 = 24 * 60;
/// How often is looked whether somebody locked it, or nobody is there.
const LOOK: Duration = Duration::from_secs(1);

/// What has to be done with an open profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// [`Client::lock`] it: somebody asked for it, or nobody is there.
    Lock,
    /// [`Client::close`] it, which destroys it: its last account was to be wiped from this device.
    Wipe,
    /// Nothing: it is closed.
    Closed,
}

/// Whether somebody sits at the device.
#[derive(Debug)]
pub(super) struct Seat {
    /// Minutes until it is locked; 0 for never.
    minutes: AtomicU64,
    /// When somebody last did something, by the wall and by what counts while the device is awake. Nobody yet: a program
    /// that no person sits at is not locked because of that.
    last: Mutex<Option<(Timestamp, Instant)>>,
}

impl Seat {
    pub(super) async fn new(local: &Local) -> Result<Self> {
        let minutes = local.choice(MINUTES).await?.unwrap_or(0);
        Ok(Self { minutes: AtomicU64::new(minutes), last: Mutex::default() })
    }

    /// Whether nobody was there for too long. A night asleep counts as one, and a clock that is set back does not.
    fn is_left(&self, clock: &dyn Clock) -> bool {
        let minutes = self.minutes.load(Ordering::SeqCst);
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((wall, awake)) = last.filter(|_| minutes > 0) else { return false };
        let slept = clock.now().unix_millis().saturating_sub(wall.unix_millis());
        Duration::from_millis(slept).max(awake.elapsed()) >= Duration::from_secs(minutes * 60)
    }
}

impl Client {
    /// Locks the profile: whoever waits for events hears that there are no more, everything is written out and closed, and
    /// its keys leave memory. It is locked even where something could not be written.
    ///
    /// # Errors
    /// [`Error::DiskFull`] and what closing says.
    pub async fn lock(self) -> Result<()> {
        let marked = Profile::lock(self.0.shared.profile.dir());
        self.close().await.and(marked)
    }

    /// Locks the profile of a folder, whether this program has it open or another one, which closes it within a second.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none, [`Error::DiskFull`].
    pub fn lock_folder(dir: &Path) -> Result<()> {
        Profile::lock(dir)
    }

    /// Whether the profile of a folder was locked and not unlocked since.
    pub fn is_locked(dir: &Path) -> bool {
        Profile::is_locked(dir)
    }

    /// Waits until whoever holds the profile has to lock or to close it.
    pub fn due(&self) -> impl Future<Output = Due> + Send + 'static {
        let inner = Arc::downgrade(&self.0);
        async move {
            loop {
                match inner.upgrade() {
                    None => return Due::Closed,
                    Some(inner) if inner.shared.events.is_closed() => return Due::Closed,
                    Some(inner) if inner.shared.wipes.is_doomed() => return Due::Wipe,
                    Some(inner) => {
                        let shared = &inner.shared;
                        if Profile::is_locked(shared.profile.dir()) || inner.seat.is_left(&*shared.platform.clock) {
                            return Due::Lock;
                        }
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Somebody did something: the time until the lock begins anew.
    pub fn active(&self) {
        let now = (self.0.shared.platform.clock.now(), Instant::now());
        *self.0.seat.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// After how many minutes without anybody the profile is locked; none for never.
    pub fn lock_after(&self) -> Option<u64> {
        Some(self.0.seat.minutes.load(Ordering::SeqCst)).filter(|minutes| *minutes > 0)
    }

    /// Chooses after how many minutes without anybody the profile is locked; none for never.
    ///
    /// # Errors
    /// [`Error::BadInput`] for more than a day or none at all, [`Error::DiskFull`].
    pub async fn set_lock_after(&self, minutes: Option<u64>) -> Result<()> {
        if minutes.is_some_and(|minutes| minutes == 0 || minutes > MOST_MINUTES) {
            return Err(Error::bad_input(
                "this is no time for the lock",
                format!("it is between 1 and {MOST_MINUTES} minutes, or never"),
            ));
        }
        self.0.shared.local.choose(MINUTES, minutes).await?;
        self.0.seat.minutes.store(minutes.unwrap_or(0), Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Client {
    /// Every secret key of the open profile with its name, for looking where they are.
    ///
    /// # Errors
    /// As when they are used.
    pub fn key_material(&self) -> Result<Vec<(String, zeroize::Zeroizing<Vec<u8>>)>> {
        let profile = &self.0.shared.profile;
        let mut keys = profile.key_material();
        for workspace in self.all() {
            let account = workspace.account();
            let cache = profile.cache_key(workspace.id)?;
            keys.push(("cache".into(), cache.expose().to_vec().into()));
            keys.push(("device".into(), account.device_key.expose().to_vec().into()));
            keys.push(("signing".into(), account.signing_key.to_bytes().to_vec().into()));
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
