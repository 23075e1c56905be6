//! The one object of the bindings.

use crate::error::ChatError;
use crate::event::ChatEvent;
use crate::phone::Phone;
use crate::record::{Channel, Message, Person, Timeline, Window, Workspace, id};
use crate::trust::{Contact, Identity};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thechatapp_core::{Client, ClientEvent, Due, MessageId, Unlock, WorkspaceId};
use tokio::sync::watch;

pub(crate) type Result<T, E = ChatError> = std::result::Result<T, E>;

/// An open profile. It connects by itself, and again after every loss. Methods may be called from any thread; `workspace`,
/// `channel` and `message` are ids.
#[derive(Debug, uniffi::Object)]
pub struct ChatClient {
    /// Taken away by closing.
    pub(crate) client: Mutex<Option<Client>>,
    /// Ends those who wait for events.
    pub(crate) closed: watch::Sender<bool>,
}

impl ChatClient {
    /// A profile that was just opened, because somebody is there: it connects.
    pub(crate) fn begin(client: Client) -> Arc<Self> {
        client.start();
        client.active();
        Arc::new(Self { client: Mutex::new(Some(client)), closed: watch::Sender::new(false) })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        client.ok_or_else(|| ChatError::bad_input("the profile is closed", "it was closed by this app; open it again"))
    }

    pub(crate) fn with(&self, workspace: &str) -> Result<(Client, WorkspaceId)> {
        Ok((self.client()?, id(workspace)?))
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl ChatClient {
    /// Opens the profile in a folder of the app's own by secure storage, or makes it, and begins to connect. Where it does not open,
    /// [`profile_state`](crate::profile_state) says which screen there is, and what that offers.
    #[uniffi::constructor]
    pub async fn open(profile_dir: String, phone: Phone) -> Result<Arc<Self>> {
        let dir = Path::new(&profile_dir);
        Ok(Self::begin(Client::open_or_create(dir, Unlock::SecureStorage, phone.into()).await?))
    }

    /// Looks at a server, by address or invite, without trusting it.
    pub async fn contact(&self, address_or_invite: String, workspace: Option<String>) -> Result<Contact> {
        Ok(self.client()?.contact(&address_or_invite, workspace.as_deref()).await?.into())
    }

    /// Makes an account by an invite, whose pin is enforced, and enrols this device.
    pub async fn join(
        &self,
        invite: String,
        name: String,
        password: String,
        trust_pin: Option<String>,
    ) -> Result<Workspace> {
        Ok(self.client()?.join(&invite, &name, &password, trust_pin.as_deref()).await?.into())
    }

    /// Enrols this device for an account that exists. Without an invite, `trust_pin` is what a person compared.
    pub async fn login(
        &self,
        address_or_invite: String,
        workspace: Option<String>,
        name: String,
        password: String,
        trust_pin: Option<String>,
    ) -> Result<Workspace> {
        let client = self.client()?;
        let view =
            client.login(&address_or_invite, workspace.as_deref(), &name, &password, trust_pin.as_deref()).await?;
        Ok(view.into())
    }

    /// The workspaces of this profile.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>> {
        Ok(self.client()?.workspaces().await?.into_iter().map(Into::into).collect())
    }

    /// Waits until a workspace is connected and up to date.
    pub async fn connect(&self, workspace: String, timeout: Duration) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.connect(ws, timeout).await?)
    }

    /// What is pinned for a workspace's server.
    pub async fn identity(&self, workspace: String) -> Result<Identity> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.identity(ws).await?.into())
    }

    /// Trusts the identity the server shows now, because a person compared it and typed its first two words, or scanned
    /// its pin.
    pub async fn accept_identity(&self, workspace: String, pin_or_first_two_words: String) -> Result<Identity> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.accept_identity(ws, &pin_or_first_two_words).await?.into())
    }

    /// The conversations; with `all` also public channels one is not in.
    pub async fn channels(&self, workspace: String, all: bool) -> Result<Vec<Channel>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.channels(ws, all).await?.into_iter().map(Into::into).collect())
    }

    /// Everybody in the workspace.
    pub async fn people(&self, workspace: String) -> Result<Vec<Person>> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.people(ws).await?.into_iter().map(Into::into).collect())
    }

    /// Makes a channel and joins it.
    pub async fn create_channel(&self, workspace: String, name: String, private: bool) -> Result<Channel> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.create_channel(ws, &name, private).await?.into())
    }

    /// Joins a public channel.
    pub async fn join_channel(&self, workspace: String, channel: String) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.join_channel(ws, id(&channel)?).await?)
    }

    /// Leaves a channel; its messages leave this device.
    pub async fn leave_channel(&self, workspace: String, channel: String) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.leave_channel(ws, id(&channel)?).await?)
    }

    /// The direct conversation with these people.
    pub async fn open_direct(&self, workspace: String, people: Vec<String>) -> Result<Channel> {
        let (client, ws) = self.with(&workspace)?;
        let people = people.iter().map(|person| id(person)).collect::<Result<Vec<_>>>()?;
        Ok(client.open_direct(ws, &people).await?.into())
    }

    /// A part of a channel, at once from this device; what is missing is fetched, and a `Messages` event follows.
    pub async fn timeline(&self, workspace: String, channel: String, window: Window, limit: u32) -> Result<Timeline> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.timeline(ws, id(&channel)?, window.into(), limit).await?.into())
    }

    /// Takes a message to be sent: once this returns it is on this device's disk, and goes out when it can.
    pub async fn send(
        &self,
        workspace: String,
        channel: String,
        text: String,
        thread: Option<String>,
    ) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        let thread = thread.as_deref().map(id::<MessageId>).transpose()?;
        Ok(client.send(ws, id(&channel)?, &text, thread).await?.into())
    }

    /// Waits until a message is acknowledged or refused; see its state.
    pub async fn wait_sent(&self, workspace: String, message: String, timeout: Duration) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.wait_sent(ws, id(&message)?, timeout).await?.into())
    }

    /// Sends a refused message again.
    pub async fn retry(&self, workspace: String, message: String) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.retry(ws, id(&message)?).await?)
    }

    /// Gives up a message that was refused, or has not gone out yet.
    pub async fn discard(&self, workspace: String, message: String) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.discard(ws, id(&message)?).await?)
    }

    /// Changes the text of one's own message.
    pub async fn edit(&self, workspace: String, channel: String, message: String, text: String) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.edit(ws, id(&channel)?, id(&message)?, &text).await?.into())
    }

    /// Deletes one's own message; a tombstone stays.
    pub async fn delete(&self, workspace: String, channel: String, message: String) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.delete(ws, id(&channel)?, id(&message)?).await?.into())
    }

    /// Sets a reaction, or takes it back.
    pub async fn react(
        &self,
        workspace: String,
        channel: String,
        message: String,
        emoji: String,
        on: bool,
    ) -> Result<Message> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.react(ws, id(&channel)?, id(&message)?, &emoji, on).await?.into())
    }

    /// Marks everything up to a number as read.
    pub async fn mark_read(&self, workspace: String, channel: String, seq: u64) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.mark_read(ws, id(&channel)?, seq).await?)
    }

    /// Revokes this device on the server, when it can be reached, and removes all of the account from here.
    pub async fn sign_out(&self, workspace: String) -> Result<()> {
        let (client, ws) = self.with(&workspace)?;
        Ok(client.sign_out(ws).await?)
    }

    /// Waits for something to happen, and takes all of it. One loop calls it; it returns an empty list once the profile
    /// is closed.
    pub async fn next_events(&self) -> Vec<ChatEvent> {
        let mut closed = self.closed.subscribe();
        let Ok(client) = self.client() else { return Vec::new() };
        let events: Vec<ClientEvent> = tokio::select! {
            events = client.next_events() => events,
            _ = closed.wait_for(|closed| *closed) => Vec::new(),
        };
        events.into_iter().map(Into::into).collect()
    }

    /// A person did something: the time until the lock begins anew.
    pub fn active(&self) -> Result<()> {
        self.client()?.active();
        Ok(())
    }

    /// Waits until the profile is to be locked or was wiped from elsewhere, and does it; ends when it is closed.
    pub async fn until_closed(&self) -> Result<()> {
        let due = self.client()?.due();
        match due.await {
            Due::Lock => self.lock().await,
            Due::Wipe => self.shut_down().await,
            Due::Closed => Ok(()),
        }
    }

    /// Writes everything out, closes the files and releases the profile; doing so twice is no error. It is not called
    /// `close` because every object in Kotlin has one of those already, which only drops the handle.
    pub async fn shut_down(&self) -> Result<()> {
        match self.take() {
            Some(client) => Ok(client.close().await?),
            None => Ok(()),
        }
    }
}
