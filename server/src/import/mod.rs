//! History from elsewhere. A source is read into [`Message`]s, which name their place in it; from that place a message has
//! the same id whenever it is imported, so that doing it again, or going on after it was stopped, adds nothing twice.
//!
//! Authors become imported people, who cannot sign in, and whose names give way to real accounts.

pub mod irc;

use crate::error::{Fail, Result};
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::messages::{self, Ready};
use crate::store::{channels, people};
use crate::time::now;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::{ChannelId, MessageId, Timestamp};

/// Messages in one transaction.
pub const BATCH: usize = 2000;

/// A message of imported history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its author's name there.
    pub author: String,
    /// When it was written.
    pub at: Timestamp,
    /// Its text.
    pub text: String,
    /// Its place in the source: what makes it this message and no other.
    pub place: String,
}

/// What a batch added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// New messages.
    pub messages: u64,
    /// New people.
    pub people: u64,
}

/// Makes the channel when there is none; whether it was made.
///
/// # Errors
/// Bad input for a name that cannot be a channel's.
pub async fn ensure_channel(workspace: &Workspace, name: &str) -> Result<bool> {
    let name = channels::tidy_name(name)?;
    let id = ChannelId::from_parts(now().unix_millis(), &random()?);
    let made = workspace
        .unguarded(move |tx| {
            if channels::public_named(tx.view(), &name)?.is_some() {
                return Ok(false);
            }
            channels::create(tx, id, &name, ChannelKind::Public, None, false)?;
            let act = Act::new(Class::Channel, "channel.created", Target::Channel(id)).after("public");
            audit::record(tx, By::HOST, act)?;
            Ok(true)
        })
        .await?;
    Ok(made)
}

/// Adds a batch to a public channel, and writes down how much that was. Where all of it was there already, nothing is.
///
/// # Errors
/// Not found when there is no such channel, or that of the database.
pub async fn batch(workspace: &Arc<Workspace>, channel: &str, batch: Vec<Message>) -> Result<Added> {
    let name = channels::tidy_name(channel)?;
    let channel = workspace
        .look(move |view| channels::public_named(view, &name)?.ok_or_else(|| Fail::not_found("No such channel")))
        .await?;
    let own = workspace.clone();
    let (ready, nicks) = tokio::task::spawn_blocking(move || seal(&own, channel.id, batch))
        .await
        .map_err(|why| crate::Error::internal("An import was cut short", why))??;
    let added = workspace
        .unguarded(move |tx| {
            let mut made = 0;
            for nick in &nicks {
                made += u64::from(people::imported(tx, nick)?.1);
            }
            let added = Added { messages: messages::import(tx, channel, &ready)?, people: made };
            if added != Added::default() {
                let act = Act::new(Class::Data, "history.imported", Target::Channel(channel.id));
                let much = format!("{} messages, {} new people", added.messages, added.people);
                audit::record(tx, By::HOST, act.after(much))?;
            }
            Ok(added)
        })
        .await?;
    Ok(added)
}

type Sealed = (Vec<(Timestamp, Ready)>, BTreeSet<String>);

fn seal(workspace: &Workspace, channel: ChannelId, batch: Vec<Message>) -> std::result::Result<Sealed, Fail> {
    let keyring = &*workspace.keyring()?;
    let mut authors = HashMap::new();
    let mut ready = Vec::with_capacity(batch.len());
    let mut nicks = BTreeSet::new();
    for message in batch {
        let author = *authors.entry(message.author.clone()).or_insert_with(|| {
            nicks.insert(message.author.clone());
            people::imported_id(&keyring.name_hash("imported", &message.author))
        });
        let digest =
            keyring.digest(&[b"import", channel.as_bytes(), message.place.as_bytes(), message.text.as_bytes()]);
        let mut random = [0; 10];
        for (to, from) in random.iter_mut().zip(digest) {
            *to = from;
        }
        let id = MessageId::from_parts(message.at.unix_millis(), &random);
        ready.push((message.at, Ready::new(keyring, author, channel, id, None, message.text, Vec::new())?));
    }
    Ok((ready, nicks))
}

fn random() -> Result<[u8; 10]> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|why| crate::Error::internal("The system gave no random bytes", why))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
