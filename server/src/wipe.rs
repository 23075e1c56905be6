//! Wiping a channel or a person, from the commit that destroys keys to an index without their tokens and an empty WAL. Broken
//! off at any point it goes on at the next opening; meanwhile nobody sees what is still there, and nothing of a channel opens.

use crate::crash;
use crate::error::Fail;
use crate::state::Workspace;
use crate::store::audit::By;
use crate::store::wipes::{self, Subject, TRACES};
use crate::store::{files, search};
use crate::tenants::Host;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a wipe was broken off, and how soon after a failure it is tried again.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is tried to empty the WAL while somebody reads an older state of the database.
const TRY: Duration = Duration::from_millis(50);
/// How often that is tried for the keys before the rest goes first.
const TRIES: u32 = 40;

/// Which channel or person is meant, as an administrator names it.
#[derive(Clone, Debug)]
pub enum Named {
    /// A channel's name or id.
    Channel(String),
    /// A person's name or id.
    Person(String),
}

/// What was removed by this call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wiped {
    /// Messages: of a channel gone, of a person deleted.
    pub messages: u64,
    /// Files.
    pub files: u64,
    /// Since when there was something to wipe: a channel's or person's making, Unix milliseconds.
    pub since: i64,
}

impl Workspace {
    /// Wipes a channel or a person, and answers when nothing is left.
    ///
    /// # Errors
    /// Bad input when there is no such thing; when the database or the disk fails, and then it goes on later by itself.
    pub async fn wipe(self: &Arc<Self>, named: Named, by: By) -> Result<Wiped, Fail> {
        let _alone = self.wiping.lock().await;
        self.set_unfinished_wipe(true);
        let begun = self
            .unguarded(move |tx| {
                let (id, files, sql) = match named {
                    Named::Channel(text) => {
                        let channel = wipes::channel_named(tx.view(), &text)?;
                        let id = *channel.id.as_bytes();
                        let files = wipes::wipe_channel(tx, by, channel)?;
                        (id, files, "SELECT created FROM channels WHERE id = ?1")
                    }
                    Named::Person(text) => {
                        let person = wipes::person_named(tx.view(), &text)?;
                        let files = wipes::wipe_person(tx, by, person)?;
                        (*person.as_bytes(), files, "SELECT created FROM people WHERE id = ?1")
                    }
                };
                let since = tx.db.query_row(sql, [id], |row| row.get(0))?;
                Ok(Wiped { messages: 0, files, since })
            })
            .await?;
        crash::point("wipe: begun");
        let done = self.finish_wipes().await?;
        Ok(Wiped { messages: done.messages, ..begun })
    }

    /// Goes on with wipes that were broken off.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub async fn go_on_wiping(self: &Arc<Self>) -> Result<Wiped, Fail> {
        if !self.has_unfinished_wipe() {
            return Ok(Wiped::default());
        }
        let _alone = self.wiping.lock().await;
        self.finish_wipes().await
    }

    async fn finish_wipes(self: &Arc<Self>) -> Result<Wiped, Fail> {
        let subjects = self.look(wipes::under_way).await?;
        let keyring = self.keyring()?;
        for subject in &subjects {
            if let Subject::Channel(channel) = subject {
                keyring.forget_channel(channel.id);
            }
        }
        if subjects.is_empty() {
            self.set_unfinished_wipe(false);
            return Ok(Wiped::default());
        }
        // The keys are gone from the file only once the WAL is.
        for _ in 0..TRIES {
            if self.empty_wal().await? {
                break;
            }
            tokio::time::sleep(TRY).await;
        }
        crash::point("wipe: keys destroyed");
        // A copy from before an upgrade would bring it back.
        let upgrades = self.place().upgrades.clone();
        tokio::task::spawn_blocking(move || upgrades.remove())
            .await
            .map_err(|_| Fail::Broken("the removal of copies ended"))?
            .map_err(|why| Fail::File(std::io::Error::other(why)))?;
        let mut done = Wiped::default();
        for subject in &subjects {
            done.messages += match subject {
                Subject::Channel(channel) => {
                    let (mut all, channel) = (0, *channel);
                    loop {
                        let some = self.unguarded(move |tx| wipes::channel_step(tx, channel)).await?;
                        crash::point("wipe: a step");
                        if some == 0 {
                            break all;
                        }
                        all += some;
                    }
                }
                Subject::Person(person) => self.wipe_traces(*person).await?,
            };
        }
        self.sweep_files().await?;
        crash::point("wipe: files removed");
        for subject in &subjects {
            if let Subject::Channel(channel) = *subject {
                self.unguarded(move |tx| files::forget(tx, channel.id)).await?;
            }
        }
        let mut first = true;
        while self.unguarded(move |tx| search::tidy(tx, first)).await? {
            first = false;
        }
        crash::point("wipe: index tidied");
        while !self.empty_wal().await? {
            tokio::time::sleep(TRY).await;
        }
        crash::point("wipe: emptied");
        for subject in subjects {
            self.unguarded(move |tx| wipes::end(tx, subject)).await?;
        }
        self.set_unfinished_wipe(false);
        Ok(done)
    }

    async fn wipe_traces(&self, person: thechatapp_protocol::AccountId) -> Result<u64, Fail> {
        let mut messages = 0;
        for trace in TRACES {
            let mut after = i64::MIN;
            loop {
                let places = self.look(move |view| wipes::places(view, person, trace, after)).await?;
                let Some(last) = places.last() else { break };
                after = *last;
                if trace == wipes::Trace::Messages {
                    messages += places.len() as u64;
                }
                self.unguarded(move |tx| wipes::person_step(tx, person, trace, &places)).await?;
                crash::point("wipe: a step");
            }
        }
        Ok(messages)
    }
}

/// Goes on with what was broken off until the server stops, as soon as a workspace is open.
pub async fn in_background(host: Arc<Host>, stop: CancellationToken) {
    loop {
        for workspace in host.workspaces().into_iter().filter(|workspace| workspace.has_unfinished_wipe()) {
            let gone_on = tokio::select! {
                gone_on = workspace.go_on_wiping() => gone_on,
                () = stop.cancelled() => return,
            };
            match gone_on {
                Ok(done) if done == Wiped::default() => {}
                Ok(done) => {
                    tracing::info!(workspace = %workspace.id, messages = done.messages, "a wipe that was broken off is done");
                }
                Err(why) => tracing::error!(workspace = %workspace.id, error = %why, "a wipe waits"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Host {
    /// Goes on with what was broken off, before a command does anything else. Where one workspace fails, the others' go on.
    ///
    /// # Errors
    /// When a database or the disk fails.
    pub async fn go_on_wiping(&self) -> crate::error::Result<()> {
        let mut done = Ok(());
        for workspace in self.workspaces() {
            done = done.and(workspace.go_on_wiping().await.map(drop));
        }
        Ok(done?)
    }
}
