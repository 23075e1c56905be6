//! Places of those who wait for work that costs much, and whose turn it is. There are only so many, and as many again for whom an account
//! knows: no crowd of strangers takes theirs. Nobody may hold more places than are free, so that one network gets half of
//! them while it is alone, and somebody new always finds one until as many others wait as there are places. Turns go round:
//! each side has every other one, and on a side everybody in it has one, however much of theirs waits.

use crate::network::Network;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use thechatapp_protocol::AccountId;

/// Places on each side.
pub const PLACES: usize = 200;

/// By whom places and turns are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// Whom an account knows: all of its devices and browsers are one.
    Account(AccountId),
    /// Whoever has an invite that is good, by its hash.
    Invite([u8; 32]),
    /// A stranger.
    Stranger(Network),
}

impl Of {
    fn side(self) -> usize {
        usize::from(matches!(self, Self::Stranger(_)))
    }
}

#[derive(Debug)]
struct Side<W> {
    held: HashMap<Of, usize>,
    /// Places that are held, in all.
    taken: usize,
    waiting: HashMap<Of, VecDeque<W>>,
    /// Of whom something waits, in the order of their turns.
    round: VecDeque<Of>,
}

impl<W> Default for Side<W> {
    fn default() -> Self {
        Self { held: HashMap::new(), taken: 0, waiting: HashMap::new(), round: VecDeque::new() }
    }
}

impl<W> Side<W> {
    fn next(&mut self) -> Option<W> {
        let of = self.round.pop_front()?;
        let own = self.waiting.get_mut(&of)?;
        let next = own.pop_front();
        if own.is_empty() {
            self.waiting.remove(&of);
        } else {
            self.round.push_back(of);
        }
        next
    }
}

#[derive(Debug)]
struct Inner<W> {
    sides: [Side<W>; 2],
    turn: usize,
    closed: bool,
}

/// All places.
#[derive(Debug)]
pub struct Places<W> {
    inner: Mutex<Inner<W>>,
    comes: Condvar,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place<W> {
    all: Arc<Places<W>>,
    of: Of,
}

impl<W> Default for Places<W> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { sides: Default::default(), turn: 0, closed: false }), comes: Condvar::new() }
    }
}

impl<W> Places<W> {
    /// A place, where there is one for them; they may hold no more than `most`.
    pub fn enter(self: &Arc<Self>, of: Of, most: usize) -> Option<Place<W>> {
        let mut inner = self.lock();
        let side = inner.sides.get_mut(of.side())?;
        let held = side.held.get(&of).copied().unwrap_or(0);
        if held >= PLACES.saturating_sub(side.taken).min(most) {
            return None;
        }
        side.taken += 1;
        *side.held.entry(of).or_default() += 1;
        Some(Place { all: self.clone(), of })
    }

    /// Waits for whoever is next. `None` once it is closed.
    pub fn next(&self) -> Option<W> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            for _ in 0..2 {
                let turn = inner.turn;
                inner.turn = 1 - turn;
                if let Some(next) = inner.sides.get_mut(turn).and_then(Side::next) {
                    return Some(next);
                }
            }
            inner = self.comes.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing more is done: what waits is dropped.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        for side in &mut inner.sides {
            side.waiting.clear();
            side.round.clear();
        }
        self.comes.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Place<W> {
    /// How many places they hold whose place this is, this one included.
    pub fn held(&self) -> usize {
        let inner = self.all.lock();
        inner.sides.get(self.of.side()).and_then(|side| side.held.get(&self.of)).copied().unwrap_or(0)
    }

    /// Puts something in for whoever has this place. Answers whether it is ever done.
    pub fn put(&self, work: W) -> bool {
        let mut inner = self.all.lock();
        if inner.closed {
            return false;
        }
        let Some(side) = inner.sides.get_mut(self.of.side()) else { return false };
        let own = side.waiting.entry(self.of).or_default();
        if own.is_empty() {
            side.round.push_back(self.of);
        }
        own.push_back(work);
        self.all.comes.notify_one();
        true
    }
}

impl<W> Drop for Place<W> {
    fn drop(&mut self) {
        let mut inner = self.all.lock();
        let Some(side) = inner.sides.get_mut(self.of.side()) else { return };
        side.taken = side.taken.saturating_sub(1);
        if let Some(held) = side.held.get_mut(&self.of) {
            *held -= 1;
            if *held == 0 {
                side.held.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests;
