//! What runs and may be broken off: queries of readers, and long work whose undoing costs nothing but the time it took.
//!
//! SQLite interrupts what runs at that moment, and nothing that begins after it. So whoever ends these first says so, for those
//! that have not begun, and then interrupts again and again until the last one has noticed: one that was between two statements
//! has heard nothing of the time before.

use crate::Error;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, InterruptHandle};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long an interruption has to show before the next one.
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Default)]
struct State {
    ended: bool,
    last: u64,
    running: BTreeMap<u64, InterruptHandle>,
}

/// Work that can be broken off, as often as it is begun, until it is ended for good.
#[derive(Clone, Default)]
pub struct Running(Arc<(Mutex<State>, Condvar)>);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running(..)")
    }
}

/// Says that something runs no more, however it ended.
struct Noted<'a>(&'a Running, u64);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        let (state, changed) = &*self.0.0;
        state.lock().running.remove(&self.1);
        changed.notify_all();
    }
}

impl Running {
    /// Does something with a connection. What it answers counts only where nobody ended it meanwhile: it may have taken the
    /// interruption for something else, and have gone on with half of an answer.
    ///
    /// # Errors
    /// Its own; [`Error::Closed`] once ended, in which case SQLite has undone what it had not committed.
    pub fn run<T, E: From<Error>>(
        &self,
        db: &Connection,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let number = {
            let mut state = self.0.0.lock();
            if state.ended {
                return Err(Error::Closed.into());
            }
            state.last += 1;
            let number = state.last;
            state.running.insert(number, db.get_interrupt_handle());
            number
        };
        let noted = Noted(self, number);
        let done = work(db);
        drop(noted);
        if self.has_ended() { Err(Error::Closed.into()) } else { done }
    }

    /// Lets nothing begin any more, breaks off what runs, and waits until it has ended.
    pub fn end(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.ended = true;
        while !state.running.is_empty() {
            for running in state.running.values() {
                running.interrupt();
            }
            changed.wait_for(&mut state, AGAIN);
        }
    }

    /// Whether it was ended.
    pub fn has_ended(&self) -> bool {
        self.0.0.lock().ended
    }
}

#[cfg(test)]
mod tests;
