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
    /// The next turn; none once it has ended.
    next: Mutex<Option<Turn>>,
    woken: Notify,
}

#[derive(Default)]
struct Turn {
    number: u64,
    to: Option<Shown>,
}

/// All that the page watches, by the numbers it knows them by.
#[derive(Default)]
pub struct Watches {
    held: Mutex<Held>,
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
        let next = Mutex::new(Some(Turn::default()));
        let begun = Arc::new(Watch { shown: Turns::new((0, shown)), next, woken: Notify::new() });
        let mut held = locked(&self.held);
        held.last += 1;
        let watch = held.last;
        held.watches.insert(watch, begun);
        Ok(Begun { watch, told })
    }

    /// Turns one elsewhere. Of turns that come late, the highest counts.
    pub fn turn(&self, number: u64, turn: u64, to: Shown) {
        let Some(watch) = self.watch(number) else { return };
        if let Some(next) = &mut *locked(&watch.next)
            && turn > next.number
        {
            *next = Turn { number: turn, to: Some(to) };
        }
        watch.woken.notify_one();
    }

    /// Waits for the next steps; none once it has ended, by the page or with the profile.
    pub async fn next(&self, number: u64) -> Answer<Option<Told>> {
        let Some(watch) = self.watch(number) else { return Ok(None) };
        let mut shown = watch.shown.lock().await;
        let (turn, shown) = &mut *shown;
        loop {
            match &mut *locked(&watch.next) {
                Some(next) => {
                    if let Some(to) = next.to.take() {
                        shown.turn_to(to);
                        *turn = next.number;
                    }
                }
                None => return Ok(None),
            }
            tokio::select! {
                () = watch.woken.notified() => {}
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
            watch.end();
        }
    }

    /// Ends all of them: the page that had begun them is gone.
    pub fn end_all(&self) {
        for watch in std::mem::take(&mut locked(&self.held).watches).into_values() {
            watch.end();
        }
    }

    fn watch(&self, number: u64) -> Option<Arc<Watch>> {
        locked(&self.held).watches.get(&number).cloned()
    }
}

impl Watch {
    fn end(&self) {
        *locked(&self.next) = None;
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
