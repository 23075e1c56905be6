//! Channels and people.

use super::{Client, asked};
use crate::error::{Error, Result};
use crate::sync::Workspace;
use crate::view::{ChannelKindView, ChannelView, PersonView};
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, MemberRow};
use thechatapp_protocol::methods::channels::{
    AddMember, AddMemberParams, ArchiveChannel, ArchiveChannelParams, Ban, BanMember, BanParams, CreateChannel,
    CreateChannelParams, DIRECTORY_PAGE_MAX, Directory, DirectoryEntry, DirectoryParams, InChannel, JoinChannel,
    LeaveChannel, ListBans, OpenDirect, OpenDirectParams, RemoveMember, RemoveMemberParams, RenameChannel,
    RenameChannelParams, SetTopic, SetTopicParams, SetVisibility, SetVisibilityParams, UnbanMember,
};
use thechatapp_protocol::methods::messages::{History, HistoryParams, OneMessage};
use thechatapp_protocol::methods::moderation::RemoveMessage;
use thechatapp_protocol::{AccountId, ChannelId, MessageId, Row, WorkspaceId};

/// How long to wait for what the stream says of a channel that an answer named.
const STREAM_WAIT: Duration = Duration::from_secs(5);

impl Client {
    /// The channels one is in, and with `all` the public ones one is not in.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn channels(&self, ws: WorkspaceId, all: bool) -> Result<Vec<ChannelView>> {
        let workspace = self.workspace(ws)?;
        let drafts = workspace.local.draft_channels(ws).await?;
        let mut channels = asked(&workspace, || workspace.cache.channels(all)).await?;
        for channel in &mut channels {
            channel.draft = drafts.contains(&channel.id);
        }
        Ok(channels)
    }

    /// Everybody in the workspace.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn people(&self, ws: WorkspaceId) -> Result<Vec<PersonView>> {
        self.workspace(ws)?.cache.people().await
    }

    /// A channel by `#name`, `name` or id, a direct conversation by `@person` (opened when there is none).
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none; [`Error::Offline`] when a conversation would have to be opened.
    pub async fn resolve_channel(&self, ws: WorkspaceId, name: &str) -> Result<ChannelView> {
        let workspace = self.workspace(ws)?;
        let name = name.trim();
        if let Some(person) = name.strip_prefix('@') {
            return self.with_person(&workspace, person).await;
        }
        if let Ok(id) = name.parse::<ChannelId>()
            && let Some(channel) = self.channel(&workspace, id).await?
        {
            return Ok(channel);
        }
        let wanted = name.trim_start_matches('#').to_lowercase();
        let channels = self.channels(ws, true).await?;
        channels
            .into_iter()
            .filter(|channel| channel.kind != ChannelKindView::Direct)
            .find(|channel| channel.name.to_lowercase() == wanted)
            .ok_or_else(|| Error::bad_input("there is no such channel", format!("none is called {wanted}")))
    }

    async fn with_person(&self, workspace: &Arc<Workspace>, name: &str) -> Result<ChannelView> {
        let wanted = name.to_lowercase();
        let people = workspace.cache.people().await?;
        let person = people
            .into_iter()
            .find(|person| person.name.to_lowercase() == wanted || person.id.to_string() == wanted)
            .ok_or_else(|| Error::bad_input("there is no such person", format!("nobody is called {name}")))?;
        let others: Vec<AccountId> = [person.id].into_iter().filter(|id| *id != workspace.me).collect();
        let known = workspace.cache.channels(false).await?.into_iter().find(|channel| {
            channel.kind == ChannelKindView::Direct
                && channel.people.iter().map(|person| person.id).eq(others.iter().copied())
        });
        match known {
            Some(channel) => Ok(channel),
            None => self.open_direct(workspace.id, &others).await,
        }
    }

    /// Makes a channel and joins it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn create_channel(&self, ws: WorkspaceId, name: &str, private: bool) -> Result<ChannelView> {
        let workspace = self.workspace(ws)?;
        let params = CreateChannelParams {
            id: ChannelId::from_parts(self.now().unix_millis(), &super::messages::random()?),
            name: name.to_owned(),
            kind: if private { ChannelKind::Private } else { ChannelKind::Public },
        };
        let row = workspace.session()?.call::<CreateChannel>(&params).await?;
        self.in_it(&workspace, row, &[]).await
    }

    /// The direct conversation with these people; with nobody, notes to oneself.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn open_direct(&self, ws: WorkspaceId, people: &[AccountId]) -> Result<ChannelView> {
        let workspace = self.workspace(ws)?;
        let params = OpenDirectParams { people: people.to_vec() };
        let row = workspace.session()?.call::<OpenDirect>(&params).await?;
        self.in_it(&workspace, row, people).await
    }

    /// A channel one has just come into: what follows from that is known before the stream says it.
    async fn in_it(&self, workspace: &Arc<Workspace>, row: ChannelRow, others: &[AccountId]) -> Result<ChannelView> {
        let channel = row.id;
        let mut rows = vec![Row::Channel(row)];
        // Change 0 is older than anything the stream says of them.
        rows.extend(others.iter().chain([&workspace.me]).map(|person| {
            Row::Member(MemberRow { channel, person: *person, joined: true, role: ChannelRole::Member, change: 0 })
        }));
        workspace.take(rows).await?;
        self.once(workspace, channel, |view| view.joined).await
    }

    /// Joins a public channel. What is in it counts as read.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn join_channel(&self, ws: WorkspaceId, channel: ChannelId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let session = workspace.session()?;
        let row = session.call::<JoinChannel>(&InChannel { channel }).await?;
        let newest = HistoryParams { channel, before: None, after: None, limit: 1 };
        let head = session.call::<History>(&newest).await?.head;
        workspace.take(vec![Row::Member(row)]).await?;
        if head > 0 {
            workspace.mark_read(channel, head).await?;
        }
        Ok(())
    }

    /// Leaves a channel; its messages leave this device.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn leave_channel(&self, ws: WorkspaceId, channel: ChannelId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<LeaveChannel>(&InChannel { channel }).await?;
        workspace.take(vec![Row::Member(row)]).await
    }

    /// Sets a channel's topic.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn set_topic(&self, ws: WorkspaceId, channel: ChannelId, topic: &str) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let params = SetTopicParams { channel, topic: topic.to_owned() };
        let row = workspace.session()?.call::<SetTopic>(&params).await?;
        workspace.take(vec![Row::Channel(row)]).await
    }

    /// Names a channel anew; for those who look after it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn rename_channel(&self, ws: WorkspaceId, channel: ChannelId, name: &str) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let params = RenameChannelParams { channel, name: name.to_owned() };
        let row = workspace.session()?.call::<RenameChannel>(&params).await?;
        workspace.take(vec![Row::Channel(row)]).await
    }

    /// Archives a channel, or takes it out of the archive; for those who look after it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn archive_channel(&self, ws: WorkspaceId, channel: ChannelId, on: bool) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<ArchiveChannel>(&ArchiveChannelParams { channel, on }).await?;
        workspace.take(vec![Row::Channel(row)]).await
    }

    /// Makes a channel private: whoever is not in it loses it. Or public: everybody but guests reads all of it. For those who look
    /// after it; wants a fresh sign-in.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn set_visibility(&self, ws: WorkspaceId, channel: ChannelId, public: bool) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let kind = if public { ChannelKind::Public } else { ChannelKind::Private };
        let row = workspace.session()?.call::<SetVisibility>(&SetVisibilityParams { channel, kind }).await?;
        workspace.take(vec![Row::Channel(row)]).await
    }

    /// Takes somebody out of a channel; for those who look after it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn remove_member(&self, ws: WorkspaceId, channel: ChannelId, person: AccountId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<RemoveMember>(&RemoveMemberParams { channel, person }).await?;
        workspace.take(vec![Row::Member(row)]).await
    }

    /// Bans somebody from a channel, or lifts that; for those who look after it. The answer is who is banned now.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn ban(&self, ws: WorkspaceId, channel: ChannelId, person: AccountId, on: bool) -> Result<Vec<Ban>> {
        let session = self.workspace(ws)?.session()?;
        let params = BanParams { channel, person };
        let now =
            if on { session.call::<BanMember>(&params).await? } else { session.call::<UnbanMember>(&params).await? };
        Ok(now.bans)
    }

    /// Who is banned from a channel; for those who look after it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn bans(&self, ws: WorkspaceId, channel: ChannelId) -> Result<Vec<Ban>> {
        Ok(self.workspace(ws)?.session()?.call::<ListBans>(&InChannel { channel }).await?.bans)
    }

    /// Removes somebody else's message; for those who look after its channel.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn remove_message(&self, ws: WorkspaceId, channel: ChannelId, id: MessageId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<RemoveMessage>(&OneMessage { channel, id }).await?;
        workspace.take(vec![Row::Message(row)]).await
    }

    /// Public channels with this in their name, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn directory(&self, ws: WorkspaceId, words: &str, archived: bool) -> Result<Vec<DirectoryEntry>> {
        let session = self.workspace(ws)?.session()?;
        let mut all: Vec<DirectoryEntry> = Vec::new();
        loop {
            let after = all.last().map(|entry| entry.channel.id);
            let params = DirectoryParams { words: words.to_owned(), archived, after, limit: DIRECTORY_PAGE_MAX };
            let page = session.call::<Directory>(&params).await?;
            // A page without any is the end, whatever it says.
            let more = page.more && !page.channels.is_empty();
            all.extend(page.channels);
            if !more {
                return Ok(all);
            }
        }
    }

    /// Adds somebody to a channel one is in.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn add_member(&self, ws: WorkspaceId, channel: ChannelId, person: AccountId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        let row = workspace.session()?.call::<AddMember>(&AddMemberParams { channel, person }).await?;
        workspace.take(vec![Row::Member(row)]).await
    }

    async fn channel(&self, workspace: &Workspace, id: ChannelId) -> Result<Option<ChannelView>> {
        let Some(mut channel) = workspace.cache.channel(id).await? else { return Ok(None) };
        channel.draft = workspace.local.draft_channels(workspace.id).await?.contains(&id);
        Ok(Some(channel))
    }

    /// A channel once it is as it must become.
    async fn once(
        &self,
        workspace: &Arc<Workspace>,
        id: ChannelId,
        ready: impl Fn(&ChannelView) -> bool + Send,
    ) -> Result<ChannelView> {
        let mut changes = workspace.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                match self.channel(workspace, id).await? {
                    Some(channel) if ready(&channel) => return Ok(channel),
                    _ => {}
                }
                if changes.changed().await.is_err() {
                    return Err(super::closed());
                }
            }
        };
        tokio::time::timeout(STREAM_WAIT, wait)
            .await
            .unwrap_or_else(|_| Err(Error::Offline { why: "the server did not say what became of the channel".into() }))
    }
}
