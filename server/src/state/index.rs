//! A workspace's search index, which follows its messages in the background.

use super::Workspace;
use crate::error::Fail;
use crate::store;
use std::sync::atomic::Ordering;

/// Before the place of any message.
const FIRST: i64 = -1;
/// Steps of indexing for one workspace before it is another's turn.
const STEPS: usize = 32;

impl Workspace {
    /// Switches the index of its messages on or off: at once for what comes, and a moment later for what is there.
    pub fn set_index(&self, on: bool) {
        if self.index.swap(on, Ordering::Relaxed) != on
            && let Ok(parts) = self.parts()
        {
            parts.counts.switch_index();
        }
    }

    /// Whether its messages are indexed.
    pub fn has_index(&self) -> bool {
        self.index.load(Ordering::Relaxed)
    }

    /// Takes messages into the search index, at most so many times some. Returns whether it has all of them now.
    pub(crate) async fn index(&self, steps: usize) -> Result<bool, Fail> {
        let counts = self.parts()?.counts.clone();
        if counts.take_switched() {
            let switched = self.unguarded(|tx| store::search::switch(tx)).await;
            if let Err(why) = switched {
                counts.switch_index();
                return Err(why);
            }
        }
        // While some are written, the next are read, opened and made into tokens.
        let mut after = FIRST;
        let mut coming = self.look(move |view| store::search::coming(view, after)).await?;
        for _ in 0..steps {
            let Some(last) = coming.last() else {
                if after == FIRST {
                    return Ok(true);
                }
                // Those that changed after they were read are noted still.
                after = FIRST;
                coming = self.look(move |view| store::search::coming(view, after)).await?;
                continue;
            };
            after = last.place;
            let taken = self.unguarded(move |tx| store::search::take(tx, &coming));
            let (taken, next) = tokio::join!(taken, self.look(move |view| store::search::coming(view, after)));
            taken?;
            coming = next?;
        }
        Ok(false)
    }

    /// The same in the background, when there may be something to take in.
    pub(crate) async fn index_what_came(&self) -> Result<(), Fail> {
        let counts = self.parts()?.counts.clone();
        if counts.take_unindexed() {
            let done = self.index(STEPS).await;
            if !matches!(done, Ok(true)) {
                counts.index_again();
            }
            done?;
        }
        Ok(())
    }

    /// Tokens of what was removed leave the search index, in steps that let others write in between.
    pub(crate) async fn tidy(&self) -> Result<(), Fail> {
        if self.parts()?.counts.take_untidy() {
            let mut first = true;
            while self.unguarded(move |tx| store::search::tidy(tx, first)).await? {
                first = false;
            }
        }
        Ok(())
    }
}
