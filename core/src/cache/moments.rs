//! When what is here became stale, or left. A page of history that was asked for before that may hold rows from before it, too: what it
//! brings is taken as far as it is newer, but what is stale is not thereby known to be right.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use thechatapp_protocol::ChannelId;

/// A moment of an open cache, for telling what came before what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// What a page is good for, by when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// What it says is so.
    Known,
    /// Something became stale since: it may be behind.
    Behind,
    /// It is of a cache that was emptied since.
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Moments(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    now: Moment,
    emptied: Moment,
    everything: Moment,
    channels: HashMap<ChannelId, Moment>,
    /// Of which channels what is up to a number left.
    left: HashMap<ChannelId, (Moment, u64)>,
}

impl Moments {
    pub(super) fn now(&self) -> Moment {
        self.told().now
    }

    /// The cache is emptied.
    pub(super) fn emptied(&self) {
        let mut told = self.told();
        let now = told.next();
        (told.emptied, told.everything) = (now, now);
        told.channels.clear();
        told.left.clear();
    }

    /// Anything may be stale from here on.
    pub(super) fn everything_stale(&self) {
        let mut told = self.told();
        told.everything = told.next();
        told.channels.clear();
        told.left.clear();
    }

    /// All that is here of a channel is stale.
    pub(super) fn stale(&self, channel: ChannelId) {
        let mut told = self.told();
        let now = told.next();
        told.channels.insert(channel, now);
    }

    /// Some messages of a channel left, the last of them with this number.
    pub(super) fn left(&self, channel: ChannelId, last: u64) {
        let mut told = self.told();
        let now = told.next();
        let known = told.left.entry(channel).or_default();
        *known = (now, known.1.max(last));
    }

    /// What a page of a channel is good for that was asked for at a moment and begins with a number.
    pub(super) fn worth(&self, asked: Moment, channel: ChannelId, first: u64) -> Worth {
        let told = self.told();
        if asked < told.emptied {
            return Worth::Nothing;
        }
        let left = told.left.get(&channel).filter(|(_, last)| first <= *last).map(|(at, _)| *at);
        let stale = told.channels.get(&channel).copied().max(left).unwrap_or_default().max(told.everything);
        if asked < stale { Worth::Behind } else { Worth::Known }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn next(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }
}
