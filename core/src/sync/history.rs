//! Fetches what is missing or stale, newest first, with several pages on their way at once.

use super::{Caller, Workspace, begun};
use crate::cache::{Applied, Cache};
use crate::error::{Error, Result};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::ChannelId;
use thechatapp_protocol::methods::messages::{History, HistoryParams, PAGE_MAX, Page};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Pages on their way at once.
const AT_ONCE: usize = 4;
/// Numbers that the background takes in one go before it looks whether somebody waits.
const STRETCH: u64 = AT_ONCE as u64 * PAGE_MAX as u64;

/// How long it counts whether what goes over the network costs.
const METERED: Duration = Duration::from_secs(30);

/// What is asked of the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What is missing in this range of a channel.
    Range(ChannelId, u64, u64),
    /// The newest messages of a channel that one is not in, so that nothing else brings them.
    Newest(ChannelId, u32),
    /// Everything, when nothing else is to be done and what goes over the network costs nothing.
    Everything,
}

/// Runs until the workspace is dropped.
pub(super) async fn run(workspace: Arc<Workspace>, mut wanted: mpsc::UnboundedReceiver<Wanted>) {
    let mut everything = false;
    let mut meter = Meter::default();
    loop {
        let next = match wanted.try_recv() {
            Ok(next) => next,
            Err(_) if everything => {
                if !meter.runs(&workspace).await {
                    everything = a_stretch(&workspace).await;
                    continue;
                }
                // What people look at comes all the same.
                match tokio::time::timeout(METERED, wanted.recv()).await {
                    Ok(Some(next)) => next,
                    Ok(None) => return,
                    Err(_) => continue,
                }
            }
            Err(_) => match wanted.recv().await {
                Some(next) => next,
                None => return,
            },
        };
        let done = match next {
            Wanted::Everything => {
                everything = true;
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

/// Whether what goes over the network costs, as it was a moment ago.
#[derive(Default)]
struct Meter(Option<(Instant, bool)>);

impl Meter {
    async fn runs(&mut self, workspace: &Workspace) -> bool {
        if let Some((at, runs)) = self.0
            && at.elapsed() < METERED
        {
            return runs;
        }
        let network = Arc::clone(&workspace.platform.network);
        let runs = tokio::task::spawn_blocking(move || network.metered()).await.unwrap_or(false);
        self.0 = Some((Instant::now(), runs));
        runs
    }
}

/// Fetches some of what is missing anywhere. Returns whether there is more.
async fn a_stretch(workspace: &Workspace) -> bool {
    let missing = async {
        let Some(channel) = workspace.cache.incomplete().await?.into_iter().next() else { return Ok(false) };
        let Some(state) = workspace.cache.channel_state(channel).await? else { return Ok(false) };
        let Some((first, last)) = state.gaps.all().last().copied() else { return Ok(false) };
        let from = first.max((last + 1).saturating_sub(STRETCH)).max(state.horizon + 1);
        range(workspace, channel, from, last).await?;
        Ok(true)
    };
    match missing.await {
        Ok(more) => more,
        Err(why) => {
            let why: Error = why;
            tracing::debug!(%why, "history waits");
            false
        }
    }
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
    let session = workspace.session()?;
    let params = HistoryParams { channel, before: None, after: None, limit: count.clamp(1, PAGE_MAX) };
    let page: Page = Caller::call::<History>(&session, params).await?;
    let first = page.messages.first().map_or(1, |message| message.seq);
    let last = page.messages.last().map_or(page.head, |message| message.seq);
    let applied = workspace.cache.apply_page(channel, first, last, page.head, page.messages).await?;
    workspace.announce(&applied);
    Ok(())
}

/// Fetches ranges into a cache, newest first. `on_page` hears what each page changed and how many numbers it settled.
/// Returns how many messages came.
pub(crate) async fn fetch<S: Caller>(
    cache: &Cache,
    session: &S,
    channel: ChannelId,
    ranges: Vec<(u64, u64)>,
    on_page: &mut (dyn FnMut(Applied, u64) + Send),
) -> Result<u64> {
    let mut left: Vec<(u64, u64)> = ranges.into_iter().flat_map(|(first, last)| pages(first, last)).collect();
    let mut on_the_way = FuturesUnordered::new();
    let mut came = 0;
    loop {
        while on_the_way.len() < AT_ONCE {
            let Some((first, last)) = left.pop() else { break };
            let limit = u32::try_from(last - first + 1).unwrap_or(PAGE_MAX);
            let params = HistoryParams { channel, before: None, after: Some(first - 1), limit };
            let session = session.clone();
            on_the_way.push(begun(async move { (first, last, session.call::<History>(params).await) }));
        }
        let Some((first, last, page)) = on_the_way.next().await else { return Ok(came) };
        let page: Page = page?;
        // A page may end early to fit a frame; an empty one says that there is nothing.
        let until = page.messages.last().map_or(last, |message| message.seq.clamp(first, last));
        if until < last {
            left.push((until + 1, last));
        }
        came += page.messages.len() as u64;
        let applied = cache.apply_page(channel, first, until, page.head, page.messages).await?;
        on_page(applied, until - first + 1);
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
