//! Messages: reading, writing, read marks.

use super::{Client, asked, closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::local::Waiting;
use crate::sync::Workspace;
use crate::sync::history::{self, Wanted};
use crate::view::{Connection, FileView, MessageState, MessageView, PersonView, TimelineView, Window};
use std::time::Duration;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{
    DeleteMessage, EditMessage, EditMessageParams, OneMessage, React, ReactParams, TEXT_MAX,
};
use thechatapp_protocol::{ChannelId, Code, MessageId, Row, WorkspaceId};

/// How long it may take to be connected again after a damaged cache was replaced.
const AGAIN: Duration = Duration::from_secs(10);

/// How often a window is looked at again while more of it is being fetched.
const LOOKS: usize = 4;

impl Client {
    /// A part of a channel as it is on this device, at once. What is missing is fetched in the background, and a
    /// `Messages` event follows.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a channel that is not known.
    pub async fn timeline(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<TimelineView> {
        self.timeline_asking(ws, channel, window, limit, true).await
    }

    /// The same; only the first look at a channel that one is not in asks for its newest.
    pub(super) async fn timeline_asking(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        window: Window,
        limit: u32,
        first: bool,
    ) -> Result<TimelineView> {
        let workspace = self.workspace(ws)?;
        workspace.looked_at(channel);
        let (view, wanted, joined) = asked(&workspace, || self.look(&workspace, channel, window, limit)).await?;
        if workspace.session().is_ok() {
            // Newest first, also in the queue.
            for (first, last) in wanted.into_iter().rev() {
                workspace.want(Wanted::Range(channel, first, last));
            }
            if first && !joined && window == Window::Latest {
                workspace.want(Wanted::Newest(channel, limit));
            }
        }
        Ok(view)
    }

    /// A part of a channel with all that is in it, fetched where it is missing.
    ///
    /// # Errors
    /// [`Error::Offline`] when something is missing and cannot be fetched; [`Error::BadInput`] as above.
    pub async fn fetch(&self, ws: WorkspaceId, channel: ChannelId, window: Window, limit: u32) -> Result<TimelineView> {
        let workspace = self.workspace(ws)?;
        let connected = workspace.session().is_ok();
        match self.fetch_from(&workspace, channel, window, limit).await {
            Err(Error::Corrupt { .. }) if workspace.cache.recovered().await => {
                // What was lost with it is fetched, too.
                if connected {
                    self.connect(ws, AGAIN).await?;
                }
                self.fetch_from(&workspace, channel, window, limit).await
            }
            fetched => fetched,
        }
    }

    async fn fetch_from(
        &self,
        workspace: &Workspace,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<TimelineView> {
        let mut outside = true;
        for _ in 0..LOOKS {
            let (view, wanted, joined) = self.look(workspace, channel, window, limit).await?;
            if !joined && outside {
                outside = false;
                history::newest(workspace, channel, limit).await?;
                continue;
            }
            if wanted.is_empty() {
                return Ok(view);
            }
            let session = workspace.session()?;
            history::fetch(&workspace.cache, &session, channel, wanted, &mut |_, _| {}).await?;
        }
        self.look(workspace, channel, window, limit).await.map(|(view, _, _)| view)
    }

    async fn look(
        &self,
        workspace: &Workspace,
        channel: ChannelId,
        window: Window,
        limit: u32,
    ) -> Result<(TimelineView, Vec<(u64, u64)>, bool)> {
        // What waits is read first: a message on its way from there into the cache is then seen in one of them at least.
        let waiting = workspace.local.outbox_of(workspace.id, channel).await?;
        let ids = waiting.iter().map(|message| message.id).collect();
        let Some(part) = workspace.cache.part(channel, window, limit, ids).await? else {
            return Err(no_channel(workspace));
        };
        let mut messages = part.messages;
        if !part.newer && !matches!(window, Window::Before { .. }) {
            let me = workspace.cache.person(workspace.me).await?;
            let short = workspace.account().short;
            let missing = waiting.into_iter().filter(|message| !part.here.contains(&message.id));
            messages.extend(missing.map(|message| pending(&short, &me, message)));
        }
        let view = TimelineView {
            messages,
            older: part.older,
            newer: part.newer,
            fetching: !part.wanted.is_empty(),
            read: part.read,
        };
        Ok((view, part.wanted, part.joined))
    }

    /// Brings all of a channel to this device. `progress` hears how many of how many there are. Returns how many came.
    ///
    /// # Errors
    /// [`Error::Offline`]; what came until then stays.
    pub async fn backfill(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<u64> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let mut state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        if !state.joined {
            history::newest(&workspace, channel, 1).await?;
            state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        }
        let (total, mut done) = (state.gaps.count(), 0);
        progress(0, total);
        let came = history::fetch(&workspace.cache, &session, channel, state.gaps.all().to_vec(), &mut |_, count| {
            done += count;
            progress(done, total);
        })
        .await?;
        workspace.announce_all(channel);
        Ok(came)
    }

    /// Takes a message to be sent: once this returns it is on this device's disk, and goes out when it can.
    ///
    /// # Errors
    /// [`Error::BadInput`] for a text or channel that cannot be; [`Error::DiskFull`].
    pub async fn send(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        text: &str,
        thread: Option<MessageId>,
    ) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        check_text(text)?;
        if !asked(&workspace, || workspace.cache.is_joined(channel)).await?.ok_or_else(|| no_channel(&workspace))? {
            return Err(Error::bad_input(
                "nothing can be sent here",
                "you are not a member of this channel; join it first",
            ));
        }
        // An answer to an answer belongs to the same thread.
        let thread = match thread {
            Some(id) => Some(asked(&workspace, || workspace.cache.thread_root(channel, id)).await?),
            None => None,
        };
        let now = self.now();
        let message = Waiting {
            position: 0,
            id: MessageId::from_parts(now.unix_millis(), &random()?),
            channel,
            text: text.to_owned(),
            files: Vec::new(),
            thread,
            created: now,
            failure: None,
            withdrawn: false,
        };
        let message = workspace.local.queue(ws, message).await?;
        workspace.post(message.clone());
        Ok(shown(&workspace, message))
    }

    /// Waits until a message that was sent is acknowledged, or refused: see its state.
    ///
    /// # Errors
    /// Why it is still waiting after the time-out. [`Error::PinMismatch`], [`Error::Refused`] for a device that was
    /// signed out, and for a server that is full or has no keys, at once; the message stays queued all the same.
    pub async fn wait_sent(&self, ws: WorkspaceId, id: MessageId, timeout: Duration) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let mut changes = workspace.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let waiting = workspace.local.waiting(id).await?;
                match (waiting, workspace.cache.message(id).await?) {
                    (_, Some(sent)) => return Ok(sent),
                    (Some(failed), None) if failed.failure.is_some() => return Ok(shown(&workspace, failed)),
                    (Some(_), None) => match workspace.trouble(id) {
                        // These do not pass by themselves.
                        Some(full @ Error::DiskFull { .. }) => return Err(full),
                        Some(Error::Refused(body)) if body.code == Code::DiskFull || body.code.is_closed() => {
                            return Err(Error::Refused(body));
                        }
                        _ => {}
                    },
                    // It may have been acknowledged between the two questions.
                    (None, None) => match workspace.cache.message(id).await? {
                        Some(sent) => return Ok(sent),
                        None => return Err(no_message()),
                    },
                }
                if stopped(&workspace) {
                    return Err(workspace.why_not());
                }
                if changes.changed().await.is_err() {
                    return Err(closed());
                }
            }
        };
        match tokio::time::timeout(timeout, wait).await {
            Ok(done) => done,
            Err(_) => Err(workspace.trouble(id).unwrap_or_else(|| still_waiting(&workspace))),
        }
    }

    /// Waits until nothing waits to be sent. Returns how many messages went out, or were refused, meanwhile.
    ///
    /// # Errors
    /// Why some are still waiting after the time-out; [`Error::PinMismatch`] and [`Error::Refused`] at once.
    pub async fn flush(&self, ws: WorkspaceId, timeout: Duration) -> Result<u64> {
        let workspace = self.workspace(ws)?;
        let mut changes = workspace.changes();
        let before = workspace.local.waiting_count(ws).await?;
        let wait = async {
            loop {
                changes.mark_unchanged();
                if workspace.local.is_settled(ws).await? {
                    return Ok(before);
                }
                if stopped(&workspace) {
                    return Err(workspace.why_not());
                }
                if changes.changed().await.is_err() {
                    return Err(closed());
                }
            }
        };
        match tokio::time::timeout(timeout, wait).await {
            Ok(done) => done,
            Err(_) => Err(still_waiting(&workspace)),
        }
    }

    /// Changes the text of one's own message. One that waits is changed here, offline too, and goes out with its new text.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`], [`Error::BadInput`].
    pub async fn edit(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId, text: &str) -> Result<MessageView> {
        check_text(text)?;
        let workspace = self.workspace(ws)?;
        if !is_there(&workspace, id).await?
            && let Some(waiting) = workspace.local.change_waiting(id, text.to_owned()).await?
        {
            workspace.repost(&waiting);
            return Ok(shown(&workspace, waiting));
        }
        let params = EditMessageParams { channel, id, text: text.to_owned() };
        let row = workspace.session()?.call::<EditMessage>(&params).await?;
        self.take(&workspace, row).await
    }

    /// Deletes one's own message; a tombstone stays. One that waits is given up, offline too, as by [`Self::discard`].
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn delete(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        if !is_there(&workspace, id).await?
            && let Some(waiting) = workspace.local.withdraw(id).await?
        {
            workspace.unpost(&waiting);
            return Ok(MessageView { text: String::new(), deleted: true, ..shown(&workspace, waiting) });
        }
        let row = workspace.session()?.call::<DeleteMessage>(&OneMessage { channel, id }).await?;
        self.take(&workspace, row).await
    }

    /// Sets a reaction, or takes it back.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn react(
        &self,
        ws: WorkspaceId,
        channel: ChannelId,
        id: MessageId,
        emoji: &str,
        on: bool,
    ) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let params = ReactParams { channel, id, emoji: emoji.to_owned(), on };
        let row = workspace.session()?.call::<React>(&params).await?;
        self.take(&workspace, row).await
    }

    pub(super) async fn take(&self, workspace: &Workspace, row: MessageRow) -> Result<MessageView> {
        workspace.take(vec![Row::Message(row.clone())]).await?;
        workspace.cache.shown(vec![row]).await?.pop().ok_or_else(no_message)
    }

    /// A message by its number.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none; [`Error::Offline`] when it is not on this device and cannot be fetched.
    pub async fn message_by_seq(&self, ws: WorkspaceId, channel: ChannelId, seq: u64) -> Result<MessageView> {
        let workspace = self.workspace(ws)?;
        let state = workspace.cache.channel_state(channel).await?.ok_or_else(|| no_channel(&workspace))?;
        let here = workspace.cache.message_at(channel, seq).await?;
        let stale = state.gaps.any_within(seq, seq) || (!state.joined && here.is_none());
        match (here, workspace.session()) {
            (Some(message), Err(_)) => Ok(message),
            (Some(message), Ok(_)) if !stale => Ok(message),
            (None, Err(why)) if stale => workspace.cache.message_before(channel, seq).await?.ok_or(why),
            (None, _) if !stale => Err(no_message()),
            (_, session) => {
                let session = session?;
                history::fetch(&workspace.cache, &session, channel, vec![(seq, seq)], &mut |_, _| {}).await?;
                workspace.cache.message_at(channel, seq).await?.ok_or_else(no_message)
            }
        }
    }

    /// Sends a message again that was refused.
    ///
    /// # Errors
    /// [`Error::BadInput`] when it does not wait here.
    pub async fn retry(&self, ws: WorkspaceId, id: MessageId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        // It may have arrived before it was refused, so it does not count as new.
        let message = workspace.local.wait_again(id).await?.ok_or_else(no_message)?;
        workspace.repost(&message);
        Ok(())
    }

    /// Gives up a message that was refused, or has not gone out yet. Should it have reached the server all the same, it is
    /// deleted there as soon as that can be asked.
    ///
    /// # Errors
    /// [`Error::BadInput`] when it does not wait here.
    pub async fn discard(&self, ws: WorkspaceId, id: MessageId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let message = workspace.local.withdraw(id).await?.ok_or_else(no_message)?;
        workspace.unpost(&message);
        Ok(())
    }

    /// Marks everything up to a number as read.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn mark_read(&self, ws: WorkspaceId, channel: ChannelId, seq: u64) -> Result<()> {
        let workspace = self.workspace(ws)?;
        match workspace.cache.channel(channel).await? {
            // Nothing to move, so nothing to write.
            Some(view) if view.read >= seq || !view.joined => Ok(()),
            Some(_) => workspace.mark_read(channel, seq).await,
            None => Err(no_channel(&workspace)),
        }
    }

    /// How far a watcher has come; before the first, everything that is here now is behind it.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn watch_cursor(&self, ws: WorkspaceId) -> Result<u64> {
        let workspace = self.workspace(ws)?;
        match workspace.local.watched(ws).await? {
            Some(change) => Ok(change),
            None => Ok(workspace.cache.standing().await?.cursor),
        }
    }

    /// Remembers how far a watcher has come.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn set_watch_cursor(&self, ws: WorkspaceId, change: u64) -> Result<()> {
        self.workspace(ws)?.local.set_watched(ws, change).await
    }

    /// Messages that changed after a change, oldest change first, and how far that reaches.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn messages_since(&self, ws: WorkspaceId, change: u64, limit: u32) -> Result<(Vec<MessageView>, u64)> {
        self.workspace(ws)?.cache.since(change, limit).await
    }
}

/// Whether the server has a message and can be asked about it, should its acknowledgement still be on the way.
async fn is_there(workspace: &Workspace, id: MessageId) -> Result<bool> {
    Ok(workspace.session().is_ok() && workspace.cache.message(id).await?.is_some())
}

/// Whether nothing more will be sent by itself.
fn stopped(workspace: &Workspace) -> bool {
    match workspace.connection() {
        Connection::IdentityChanged | Connection::SignedOut { .. } => true,
        Connection::Offline { .. } => matches!(workspace.closed(), Some(Error::DiskFull { .. })),
        _ => false,
    }
}

fn still_waiting(workspace: &Workspace) -> Error {
    match workspace.connection() {
        Connection::Online | Connection::Syncing => {
            Error::Offline { why: "the server has not acknowledged it yet; it stays queued".into() }
        }
        _ => workspace.why_not(),
    }
}

/// A message of one's own that waits, as it is shown.
pub(super) fn shown(workspace: &Workspace, message: Waiting) -> MessageView {
    let account = workspace.account();
    let me = PersonView::named(account.person, account.person_name);
    pending(&account.short, &me, message)
}

pub(super) fn pending(short: &str, me: &PersonView, message: Waiting) -> MessageView {
    MessageView {
        workspace: short.to_owned(),
        channel: message.channel,
        seq: None,
        id: message.id,
        author: me.clone(),
        at: message.created,
        text: message.text,
        edited: false,
        deleted: false,
        thread: message.thread,
        reactions: Vec::new(),
        replies: 0,
        last_reply: None,
        pinned: None,
        poll: None,
        files: message.files.into_iter().map(FileView::from).collect(),
        state: if message.failure.is_some() { MessageState::Failed } else { MessageState::Pending },
        mine: true,
        failure: message.failure,
    }
}

pub(super) fn check_text(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::bad_input("there is nothing to send", "the message is empty"));
    }
    if text.len() > TEXT_MAX {
        return Err(Error::bad_input(
            "the message is too long",
            format!("it has {} bytes, at most {TEXT_MAX} are allowed", text.len()),
        ));
    }
    Ok(())
}

/// A channel that is not known here; while a damaged copy is rebuilt it may still come.
pub(super) fn no_channel(workspace: &Workspace) -> Error {
    if workspace.cache.is_being_rebuilt() {
        let why = "this device's copy was damaged and is being rebuilt; the channel comes with what the server tells";
        return Error::Offline { why: why.into() };
    }
    Error::bad_input("there is no such channel here", "it is not known to this device, or you may not see it")
}

pub(super) fn no_message() -> Error {
    Error::bad_input("there is no such message", "it is not known to this device")
}

/// The random part of an id.
pub(super) fn random() -> Result<[u8; 10]> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(fault::internal)?;
    Ok(bytes)
}
