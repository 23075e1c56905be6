//! Secure storage in memory, for tests: each way in which a real one fails can be asked for.

use crate::platform::{SecretError, SecretStore};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// How a [`MemoryStore`] behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It works.
    #[default]
    Well,
    /// Every call fails like this.
    Failing(SecretError),
    /// Every call takes this long.
    Slow(Duration),
    /// It takes what it is given and forgets it.
    Forgetful,
}

type Entries = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// Secure storage in memory.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<(Mood, Entries)>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("entries", &self.entries()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty one that works.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes how it behaves from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.inner().0 = mood;
    }

    /// The names of its entries.
    pub fn entries(&self) -> Vec<String> {
        self.inner().1.keys().cloned().collect()
    }

    /// Forgets everything.
    pub fn empty(&self) {
        self.inner().1.clear();
    }

    /// Puts another secret into every entry.
    pub fn swap(&self, secret: &[u8]) {
        for value in self.inner().1.values_mut() {
            *value = Zeroizing::new(secret.to_vec());
        }
    }

    fn inner(&self) -> MutexGuard<'_, (Mood, Entries)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn behave(&self) -> Result<(), SecretError> {
        let mood = self.inner().0.clone();
        match mood {
            Mood::Failing(error) => Err(error),
            Mood::Slow(time) => {
                std::thread::sleep(time);
                Ok(())
            }
            Mood::Well | Mood::Forgetful => Ok(()),
        }
    }
}

impl SecretStore for MemoryStore {
    fn backend(&self) -> &'static str {
        "memory"
    }

    fn read(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretError> {
        self.behave()?;
        Ok(self.inner().1.get(entry).cloned())
    }

    fn write(&self, entry: &str, secret: &[u8]) -> Result<(), SecretError> {
        self.behave()?;
        let mut inner = self.inner();
        if inner.0 != Mood::Forgetful {
            inner.1.insert(entry.to_owned(), Zeroizing::new(secret.to_vec()));
        }
        Ok(())
    }

    fn remove(&self, entry: &str) -> Result<(), SecretError> {
        self.behave()?;
        self.inner().1.remove(entry);
        Ok(())
    }
}
