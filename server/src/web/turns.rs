//! Turns: of one kind of work somebody may have so much at once, the rest of theirs waits, and nobody else does.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The turns of everybody.
#[derive(Debug)]
pub struct Turns<K> {
    each: usize,
    all: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Eq + Hash> Turns<K> {
    /// So many at once for each.
    pub fn new(each: usize) -> Self {
        Self { each, all: Mutex::default() }
    }

    /// Waits for a turn, which lasts until it is dropped. `None` when it did not come in time.
    pub async fn take(&self, of: K, patience: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(patience, self.own(of).acquire_owned()).await.ok()?.ok()
    }

    fn own(&self, of: K) -> Arc<Semaphore> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.get(&of).and_then(Weak::upgrade) {
            return own;
        }
        // Whoever has no turn and waits for none is forgotten.
        all.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        all.insert(of, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests;
