//! What the page watches: parts of channels, lists of channels, searches. The page takes the steps of each one by one, so that
//! none wait here; it may turn one elsewhere, or end it, while it waits for the next.

use crate::desktop::Answer;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thechatapp_core::Error;
use thechatapp_core::client::{Around, Changed, Looked, Unread, Watched};
use thechatapp_core::view::{ChannelView, HitView, MessageView};
use tokio::sync::{Mutex as Turns, Notify};

/// One of the things that can be watched.
pub enum Shown {
    Timeline(Watched<MessageView, Around>),
    Channels(Watched<ChannelView, Unread>),
    Search(Watched<HitView, Looked>),
}

/// The steps to what is shown now.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Steps {
    Timeline(Changed<MessageView, Around>),
    Channels(Changed<ChannelView, Unread>),
    Search(Changed<HitView, Looked>),
}

/// A watch that began, by its number, and what it shows first.
#[derive(Debug, Serialize)]
pub struct Begun {
    watch: u64,
    told: Option<Told>,
}

/// What the page is told.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The last turn that was followed.
    turn: u64,
    changed: Steps,
}

struct Watch {
    /// The last turn that was followed, and what is shown.
    shown: Turns<(u64, Shown)>,
    next: Next<Shown>,
}

/// Where a watch is to turn.
struct Next<T> {
    /// The highest turn there was, and where to, until it is followed; none once the watch has ended.
    turn: Mutex<Option<(u64, Option<T>)>>,
    woken: Notify,
}

/// All that the page watches, by the numbers it knows them by.
#[derive(Default)]
pub struct Watches {
    held: Mutex<Held>,
    page_gone: Notify,
}

#[derive(Default)]
struct Held {
    last: u64,
    watches: BTreeMap<u64, Arc<Watch>>,
}

impl Watches {
    /// Begins to watch, unless it cannot be looked at.
    pub async fn begin(&self, mut shown: Shown) -> Answer<Begun> {
        let told = shown.next().await.map_err(|why| why.report())?.map(|changed| Told { turn: 0, changed });
        let begun = Arc::new(Watch { shown: Turns::new((0, shown)), next: Next::new() });
        let mut held = locked(&self.held);
        held.last += 1;
        let watch = held.last;
        held.watches.insert(watch, begun);
        Ok(Begun { watch, told })
    }

    /// Turns one elsewhere. Of turns that come late, the highest counts.
    pub fn turn(&self, number: u64, turn: u64, to: Shown) {
        if let Some(watch) = self.watch(number) {
            watch.next.set(turn, to);
        }
    }

    /// Waits for the next steps; none once it has ended, by the page or with the profile.
    pub async fn next(&self, number: u64) -> Answer<Option<Told>> {
        let Some(watch) = self.watch(number) else { return Ok(None) };
        let mut shown = watch.shown.lock().await;
        let (turn, shown) = &mut *shown;
        loop {
            match watch.next.take() {
                Some(Some((number, to))) => {
                    shown.turn_to(to);
                    *turn = number;
                }
                Some(None) => {}
                None => return Ok(None),
            }
            tokio::select! {
                () = watch.next.changed() => {}
                told = shown.next() => {
                    let told = told.map_err(|why| why.report())?;
                    if told.is_none() {
                        self.end(number);
                    }
                    return Ok(told.map(|changed| Told { turn: *turn, changed }));
                }
            }
        }
    }

    /// Ends one.
    pub fn end(&self, number: u64) {
        if let Some(watch) = locked(&self.held).watches.remove(&number) {
            watch.next.end();
        }
    }

    /// The page is gone, and with it all that it watched.
    pub fn end_page(&self) {
        self.page_gone.notify_waiters();
        for watch in std::mem::take(&mut locked(&self.held).watches).into_values() {
            watch.next.end();
        }
    }

    /// Waits until the page that is there now is gone.
    pub async fn page_gone(&self) {
        self.page_gone.notified().await;
    }

    fn watch(&self, number: u64) -> Option<Arc<Watch>> {
        locked(&self.held).watches.get(&number).cloned()
    }
}

impl<T> Next<T> {
    fn new() -> Self {
        Self { turn: Mutex::new(Some((0, None))), woken: Notify::new() }
    }

    /// Of turns that come late, the highest counts.
    fn set(&self, number: u64, to: T) {
        if let Some(turn) = &mut *locked(&self.turn)
            && number > turn.0
        {
            *turn = (number, Some(to));
            self.woken.notify_one();
        }
    }

    /// The turn to follow, if there is one that was not; none at all once the watch has ended.
    fn take(&self) -> Option<Option<(u64, T)>> {
        locked(&self.turn).as_mut().map(|(number, to)| to.take().map(|to| (*number, to)))
    }

    /// Waits until there is a turn to follow, or the end. One that was taken before anybody waited is none.
    async fn changed(&self) {
        while matches!(&*locked(&self.turn), Some((_, None))) {
            self.woken.notified().await;
        }
    }

    fn end(&self) {
        *locked(&self.turn) = None;
        self.woken.notify_one();
    }
}

impl Shown {
    async fn next(&mut self) -> Result<Option<Steps>, Error> {
        Ok(match self {
            Self::Timeline(watched) => watched.next().await?.map(Steps::Timeline),
            Self::Channels(watched) => watched.next().await?.map(Steps::Channels),
            Self::Search(watched) => watched.next().await?.map(Steps::Search),
        })
    }

    fn turn_to(&mut self, other: Self) {
        match (self, other) {
            (Self::Timeline(now), Self::Timeline(then)) => now.turn_to(then),
            (Self::Channels(now), Self::Channels(then)) => now.turn_to(then),
            (Self::Search(now), Self::Search(then)) => now.turn_to(then),
            // The page never asks for it: what it shows could not become that by steps.
            _ => {}
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn is_over(waiting: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        matches!(waiting.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn a_look_is_broken_off_for_a_turn_to_follow_and_for_nothing_else() {
        let next = Next::new();
        next.set(2, "taken before anybody waited");
        assert_eq!(next.take(), Some(Some((2, "taken before anybody waited"))));
        {
            let mut waiting = pin!(next.changed());
            assert!(!is_over(waiting.as_mut()));
            next.set(1, "too late");
            assert!(!is_over(waiting.as_mut()));
            next.set(3, "this one");
            assert!(is_over(waiting.as_mut()));
        }
        assert_eq!(next.take(), Some(Some((3, "this one"))));
        assert_eq!(next.take(), Some(None));
        next.end();
        assert!(is_over(pin!(next.changed())));
        next.set(4, "after the end");
        assert_eq!(next.take(), None);
    }

    #[test]
    fn whoever_asks_for_a_page_that_goes_hears_of_it_and_its_successor_does_not() {
        let watches = Watches::default();
        let mut old = pin!(watches.page_gone());
        assert!(!is_over(old.as_mut()));
        watches.end_page();
        assert!(is_over(old));
        assert!(!is_over(pin!(watches.page_gone())));
    }
}
