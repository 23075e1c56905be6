//! Another file in a cache's place, and its end. Nobody waits for what only takes its time: who reads meanwhile is broken off.

use super::file::{self, Open};
use super::former::Former;
use super::{Cache, list, schema};
use crate::error::Result;
use crate::fault;
use crate::local::Listed;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use thechatapp_database::{self as database, Durability, Form, Readers, Rekey};
use thechatapp_seal::Key;
use tokio::sync::RwLockWriteGuard;

impl Cache {
    /// Sets a file aside that turned out to be damaged, and goes on with a fresh one. What reads is broken off, and gets the damage for an
    /// answer; what comes meanwhile waits. The channels `listed` are those one was in, should it not tell. When it fails it is to be tried again.
    pub(crate) async fn rebuild(&self, key: Key, listed: Vec<Listed>) -> Result<()> {
        let gives_way = self.former_gives_way().await;
        let mut held = self.alone().await;
        if let Ok(open) = &*held {
            // As far as it can be.
            let _: Result<bool, database::Error> = open.writer.apart(|db| database::flush(db)).await;
        }
        let why = self.damage.borrow().clone().unwrap_or_else(|| fault::internal("nothing is known to be damaged"));
        let closing = std::mem::replace(&mut *held, Err(why));
        let damaged = closing.is_ok();
        let former = self.former.write().unwrap_or_else(PoisonError::into_inner).take();
        tokio::task::spawn_blocking(move || {
            if let Some(former) = former {
                former.close_or_end(gives_way);
            }
            // It is damaged: that it does not close well is no news.
            closing.is_ok_and(|open| open.close().is_ok())
        })
        .await
        .map_err(fault::internal)?;
        let (open, former) = match opened(self.path.clone(), key, damaged).await {
            Ok(opened) => opened,
            Err(why) => {
                *held = Err(why.clone());
                return Err(why);
            }
        };
        // Before anybody asks. Without them it is no worse than it was.
        let (me, of) = (Arc::clone(&self.me), former.clone());
        let listed = open.writer.write(move |db, _| list::seed(db, &me, of.as_deref(), &listed)).await;
        if let Err(why) = listed {
            tracing::warn!(%why, "the list of channels cannot be put into a fresh cache");
        }
        *held = Ok(open);
        *self.former.write().unwrap_or_else(PoisonError::into_inner) = former;
        self.damage.send_replace(None);
        Ok(())
    }

    /// Whether what stands aside by now has fewer messages that open than what is to be set aside: early in a rebuild it has more, later
    /// the other one. Counted while everybody still reads and writes; what comes meanwhile changes little.
    async fn former_gives_way(&self) -> bool {
        let (Some(readers), Some(former)) = (self.readers().await, self.former()) else { return false };
        tokio::task::spawn_blocking(move || former.has_fewer_than(&readers)).await.unwrap_or(false)
    }

    /// The file for oneself alone.
    async fn alone(&self) -> RwLockWriteGuard<'_, Result<Open>> {
        let readers = self.readers().await;
        // In this order: whoever comes after the lock was asked for waits for the next file, and is not turned away.
        let (held, ()) = tokio::join!(biased; self.open.write(), end(readers));
        held
    }

    async fn readers(&self) -> Option<Readers> {
        self.open.read().await.as_ref().ok().map(|open| open.readers.clone())
    }

    /// Breaks off what reads, and what the writer does that is undone by that; nothing of it begins any more. It is to be closed.
    pub(crate) async fn end(&self) {
        self.ending.send_replace(true);
        end(self.readers().await).await;
        // Afterwards: nobody takes what it does not answer any more for what it does not have.
        end(self.former().map(|former| former.readers.clone())).await;
    }

    /// Puts a copy under another key in the file's place.
    pub(crate) async fn rekey(&self, former: Key, next: Key) -> Result<()> {
        let path = self.path.clone();
        let held = self.held().await?;
        let readers = held.readers.clone();
        self.apart_of(&held, move |db| {
            database::rekey(
                db,
                &readers,
                &Rekey {
                    path: &path,
                    fresh: &path.with_extension("db.rekeyed"),
                    former: former.expose(),
                    next: next.expose(),
                    form: Form::quickest(),
                    schema: schema::CACHE,
                    durability: Durability::Normal,
                },
            )?;
            file::set_pages(db)
        })
        .await
    }

    /// Writes everything out and closes the file. One that is damaged is set aside, so that the next opening goes on with a fresh one.
    pub(crate) async fn close(self) -> Result<()> {
        let gives_way = self.is_damaged() && self.former_gives_way().await;
        self.end().await;
        let flushed = self.flush().await;
        let damaged = self.is_damaged();
        let (former, path) = (self.former(), self.path);
        let open = self.open.into_inner();
        let done = tokio::task::spawn_blocking(move || {
            if let Some(former) = former {
                former.close_or_end(gives_way);
            }
            let closed = open.map(Open::close);
            if damaged && closed.is_ok() { file::set_aside(&path) } else { closed.unwrap_or(Ok(())) }
                .map_err(|why| (path, why))
        })
        .await
        .map_err(fault::internal)?;
        let closed = done.map_err(|(path, why)| fault::database(&path, why));
        if damaged { closed } else { flushed.and(closed) }
    }
}

/// Ends readers, should there be any.
async fn end(readers: Option<Readers>) {
    if let Some(readers) = readers {
        // It fails only where the program ends, and what reads with it.
        let _ = tokio::task::spawn_blocking(move || readers.end()).await;
    }
}

/// Opens a file; with `damaged` it is known to be so, and is set aside first.
pub(super) async fn opened(path: PathBuf, key: Key, damaged: bool) -> Result<(Open, Option<Arc<Former>>)> {
    let opening = tokio::task::spawn_blocking(move || {
        let aside = if damaged { file::set_aside(&path) } else { Ok(()) };
        aside.and_then(|()| Open::whole(&path, key.expose())).map_err(|why| (path, why))
    });
    opening.await.map_err(fault::internal)?.map_err(|(path, why)| fault::database(&path, why))
}
