//! Messages: writing and changing them, read marks.

use super::{Client, asked, closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::local::Waiting;
use crate::sync::Workspace;
use crate::sync::history;
use crate::view::{Connection, FileView, MessageState, MessageView, PersonView};
use std::time::Duration;
use thechatapp_protocol::event::MessageRow;
use thechatapp_protocol::methods::messages::{
    DeleteMessage, EditMessage, EditMessageParams, OneMessage, React, ReactParams, TEXT_MAX,
};
use thechatapp_protocol::{ChannelId, Code, MessageId, Row, WorkspaceId};

impl Client {
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
