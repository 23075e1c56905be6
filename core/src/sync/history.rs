//! Fetches what is missing or stale, newest first, with several pages on their way at once.

use super::{Caller, Workspace, begun, is_settled};
use crate::cache::{Applied, Cache, HistoryPage};
use crate::error::{Error, Result};
use crate::view::Connection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::methods::messages::{History, HistoryParams, PAGE_MAX, Page};
use tokio::sync::mpsc;

/// Numbers on their way at once, so many more where the line is faster than the disk, and in how many pages at most: those of quiet
/// channels are short.
const ON_THE_WAY: u64 = 4 * PAGE_MAX as u64;
const MOST_ON_THE_WAY: u64 = 2 * ON_THE_WAY;
const PAGES_ON_THE_WAY: usize = 48;
/// Numbers that the background takes in one go, before it looks again which are the newest that are missing.
const STRETCH: u64 = 8 * ON_THE_WAY;
/// How many of the channels that people looked at come first, and how much of each.
const LOOKED: usize = 8;
const LOOKED_EACH: u64 = ON_THE_WAY / 2;

/// How long the background waits when something keeps what is missing from coming, doubled each time up to the longest.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_MOST: Duration = Duration::from_secs(5 * 60);

/// How long it counts whether what goes over the network costs.
const METERED: Duration = Duration::from_secs(5);

/// Hears what each page changed, and how many numbers it settled.
type OnPage<'a> = dyn FnMut(Applied, u64) + Send + 'a;
/// Hears why a channel's page did not come, and says whether that ends everything.
type OnRefusal<'a> = dyn FnMut(ChannelId, Error) -> Result<()> + Send + 'a;

/// What is asked of the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What is missing in this range of a channel.
    Range(ChannelId, u64, u64),
    /// The newest messages of a channel that one is not in, so that nothing else brings them.
    Newest(ChannelId, u32),
    /// What a damaged cache had and the one in its place has not yet, in the same way.
    Lacking,
    /// Everything, when nothing else is to be done and what goes over the network costs nothing.
    Everything,
}

/// Runs until the workspace is dropped. Whoever wants something is served first; the background goes on from where it was.
pub(super) async fn run(workspace: Arc<Workspace>, mut wanted: mpsc::UnboundedReceiver<Wanted>) {
    let mut stretch: Option<BoxFuture<'_, bool>> = None;
    // Whether everything was asked for, or only what a damaged cache had.
    let (mut again, mut all) = (false, false);
    loop {
        let next = tokio::select! {
            biased;
            next = wanted.recv() => match next {
                Some(next) => next,
                None => return,
            },
            more = ended(&mut stretch), if stretch.is_some() => {
                stretch = (more || std::mem::take(&mut again)).then(|| a_stretch(&workspace, all).boxed());
                continue;
            }
        };
        let done = match next {
            Wanted::Everything | Wanted::Lacking => {
                all |= next == Wanted::Everything;
                match stretch {
                    Some(_) => again = true,
                    None => stretch = Some(a_stretch(&workspace, all).boxed()),
                }
                Ok(())
            }
            Wanted::Range(channel, first, last) => range(&workspace, channel, first, last).await,
            Wanted::Newest(channel, count) => newest(&workspace, channel, count).await,
        };
        if let Err(why) = done {
            tracing::debug!(%why, "history waits");
        }
    }
}

async fn ended(stretch: &mut Option<BoxFuture<'_, bool>>) -> bool {
    match stretch {
        Some(stretch) => stretch.await,
        None => std::future::pending().await,
    }
}

/// Whether what goes over the network costs.
async fn costs(workspace: &Workspace) -> bool {
    let network = Arc::clone(&workspace.platform.network);
    tokio::task::spawn_blocking(move || network.metered()).await.unwrap_or(false)
}

/// Fetches some of what is missing anywhere, and tries again after a while where it cannot be had now: the server asks for patience,
/// or the disk is full. Returns whether there is more.
async fn a_stretch(workspace: &Workspace, all: bool) -> bool {
    let mut sessions = workspace.session.subscribe();
    let mut pause = AGAIN;
    loop {
        // What people look at comes all the same.
        while costs(workspace).await {
            tokio::time::sleep(METERED).await;
        }
        let why = match some_of_it(workspace, all).await {
            Ok(more) => return more,
            Err(why) => why,
        };
        tracing::debug!(%why, "history waits");
        // The next session begins with all that is missing.
        if sessions.borrow_and_update().is_none() {
            return false;
        }
        let wait;
        (wait, pause) = pauses(&why, pause);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Whatever it was, it was about another session.
            _ = sessions.changed() => {}
        }
    }
}

/// How long to wait after a failure, and after the next one should it say nothing of it.
fn pauses(why: &Error, pause: Duration) -> (Duration, Duration) {
    let said = match why {
        Error::Refused(body) => body.seconds.map(Duration::from_secs),
        _ => None,
    };
    (said.unwrap_or(pause).min(AGAIN_MOST), (pause * 2).min(AGAIN_MOST))
}

async fn some_of_it(workspace: &Workspace, all: bool) -> Result<bool> {
    let cache = &workspace.cache;
    let mut missing = if all { cache.incomplete().await? } else { cache.lacking().await? };
    let refused = workspace.refused().clone();
    missing.retain(|(channel, _, _)| !refused.contains(channel));
    let ranges = newest_of(missing, &workspace.looked());
    if ranges.is_empty() {
        if workspace.connection() == Connection::Online {
            workspace.let_go_when_whole().await?;
        }
        return Ok(false);
    }
    let session = workspace.session()?;
    let on_page: &mut OnPage = &mut |applied, _| workspace.announce(&applied);
    // A channel that is refused does not hold up the others.
    let on_refusal: &mut OnRefusal = &mut |channel, why| match why {
        Error::Refused(body) if is_settled(body.code) => {
            tracing::debug!(%channel, what = body.what, "a channel's history is refused");
            workspace.refused().insert(channel);
            Ok(())
        }
        why => Err(why),
    };
    fetch_all(cache, &session, ranges, on_page, on_refusal).await?;
    Ok(true)
}

/// The newest of what is missing, as much as a stretch is, in pages: first some of what people looked at, then one of every channel,
/// then the next of every channel. What is applied together was then said at about the same time, and lies together in the cache.
fn newest_of(mut missing: Vec<(ChannelId, u64, u64)>, looked: &[ChannelId]) -> Vec<(ChannelId, u64, u64)> {
    let mut left = STRETCH;
    let mut ranges = Vec::new();
    for channel in looked.iter().take(LOOKED) {
        let Some(place) = missing.iter().position(|(one, _, _)| one == channel) else { continue };
        let (_, first, last) = missing.remove(place);
        let from = first.max((last + 1).saturating_sub(LOOKED_EACH));
        ranges.push((*channel, from, last));
        left -= last - from + 1;
        if first < from {
            missing.push((*channel, first, from - 1));
        }
    }
    while left > 0 && !missing.is_empty() {
        missing.retain_mut(|(channel, first, last)| {
            let most = left.min(u64::from(PAGE_MAX));
            if most == 0 {
                return false;
            }
            let from = (*first).max((*last + 1).saturating_sub(most));
            ranges.push((*channel, from, *last));
            left -= *last - from + 1;
            *last = from - 1;
            *first < from
        });
    }
    ranges
}

async fn range(workspace: &Workspace, channel: ChannelId, first: u64, last: u64) -> Result<()> {
    let session = workspace.session()?;
    let Some(state) = workspace.cache.channel_state(channel).await? else { return Ok(()) };
    let missing = state.gaps.within(first, last);
    fetch(&workspace.cache, &session, channel, missing, &mut |applied, _| workspace.announce(&applied)).await?;
    Ok(())
}

/// Fetches the newest page of a channel, whose head is not known here.
pub(crate) async fn newest(workspace: &Workspace, channel: ChannelId, count: u32) -> Result<()> {
    let (session, asked) = (workspace.session()?, workspace.cache.moment());
    let params = HistoryParams { channel, before: None, after: None, limit: count.clamp(1, PAGE_MAX) };
    let page: Page = Caller::call::<History>(&session, params).await?;
    let first = page.messages.first().map_or(1, |message| message.seq);
    let last = page.messages.last().map_or(page.head, |message| message.seq);
    let page = HistoryPage { channel, first, last, head: page.head, asked, rows: page.messages };
    let applied = workspace.cache.apply_pages(vec![page]).await?;
    workspace.announce(&applied);
    Ok(())
}

/// Fetches ranges of a channel into a cache, newest first. `on_page` hears what came and how many numbers it settled. Returns how
/// many messages came.
pub(crate) async fn fetch<S: Caller>(
    cache: &Cache,
    session: &S,
    channel: ChannelId,
    ranges: Vec<(u64, u64)>,
    on_page: &mut OnPage<'_>,
) -> Result<u64> {
    // Ascending; of several channels the first comes first.
    let ranges = ranges.into_iter().rev().map(|(first, last)| (channel, first, last)).collect();
    fetch_all(cache, session, ranges, on_page, &mut |_, why| Err(why)).await
}

/// The same for ranges of any channels, in their order, each from its newest page on. What is there at the same time is applied
/// together: the faster the line, the more.
async fn fetch_all<S: Caller>(
    cache: &Cache,
    session: &S,
    ranges: Vec<(ChannelId, u64, u64)>,
    on_page: &mut OnPage<'_>,
    on_refusal: &mut OnRefusal<'_>,
) -> Result<u64> {
    let pages_of =
        |(channel, first, last)| pages(first, last).into_iter().map(move |(first, last)| (channel, first, last));
    let mut left: Vec<(ChannelId, u64, u64)> = ranges.into_iter().rev().flat_map(pages_of).collect();
    let mut on_the_way = FuturesUnordered::new();
    let (mut most, mut numbers, mut came) = (ON_THE_WAY, 0, 0);
    loop {
        while numbers < most && on_the_way.len() < PAGES_ON_THE_WAY {
            let Some((channel, first, last)) = left.pop() else { break };
            numbers += last - first + 1;
            let limit = u32::try_from(last - first + 1).unwrap_or(PAGE_MAX);
            let params = HistoryParams { channel, before: None, after: Some(first - 1), limit };
            let (session, asked) = (session.clone(), cache.moment());
            let page = async move { (channel, first, last, asked, session.call::<History>(params).await) };
            on_the_way.push(begun(page));
        }
        let Some(mut next) = on_the_way.next().await else { return Ok(came) };
        let (mut here, mut settled, mut failed) = (Vec::new(), 0, None);
        loop {
            let (channel, first, last, asked, page) = next;
            numbers -= last - first + 1;
            let page: Result<Page> = page;
            match page {
                Ok(page) => {
                    // A page may end early to fit a frame; an empty one says that there is nothing.
                    let until = page.messages.last().map_or(last, |message| message.seq.clamp(first, last));
                    if until < last {
                        left.push((channel, until + 1, last));
                    }
                    came += page.messages.len() as u64;
                    settled += until - first + 1;
                    let (last, head) = (until, page.head);
                    here.push(HistoryPage { channel, first, last, head, asked, rows: page.messages });
                }
                Err(why) => match on_refusal(channel, why) {
                    Ok(()) => left.retain(|(one, _, _)| *one != channel),
                    Err(why) => failed = Some(why),
                },
            }
            match on_the_way.next().now_or_never().flatten() {
                Some(another) => next = another,
                None => break,
            }
        }
        // All of it was here before any of it could be asked for again.
        if on_the_way.is_empty() && here.len() > 1 {
            most = MOST_ON_THE_WAY;
        }
        if !here.is_empty() {
            on_page(cache.apply_pages(here).await?, settled);
        }
        if let Some(why) = failed {
            return Err(why);
        }
    }
}

/// A range in pages, ascending, so that the newest is taken first from the end.
fn pages(first: u64, last: u64) -> Vec<(u64, u64)> {
    let mut pages = Vec::new();
    let (first, mut last) = (first.max(1), last);
    while first <= last {
        let from = first.max((last + 1).saturating_sub(u64::from(PAGE_MAX)));
        pages.push((from, last));
        last = from - 1;
    }
    pages.reverse();
    pages
}

#[cfg(test)]
mod tests;
