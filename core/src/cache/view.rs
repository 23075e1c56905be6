//! Stored rows as shells show them, with names in place of ids.

use super::Me;
use crate::view::{FileView, MessageState, MessageView, PersonView, PinView, PollOptionView, PollView, ReactionView};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow};
use std::collections::HashMap;
use thechatapp_database::Error;
use thechatapp_protocol::event::{FileRow, MessageRow, Pin, Poll, Reaction};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, MessageId, Timestamp, wire};

/// Names that are told of those who set a reaction; however many there are, a page stays a page.
const REACTION_NAMES: usize = 50;

/// What [`Names::message`] reads, of a table or alias `m`.
pub(super) const COLUMNS: &str =
    "m.channel, m.seq, m.id, m.author, m.at, m.text, m.edited, m.deleted, m.thread, m.reactions, m.replies, m.last_reply,
    m.pinned_by, m.pinned_at, m.poll, m.files";
/// How many columns these are.
pub(super) const COLUMN_COUNT: usize = 16;

/// The names that one query has met so far.
pub(super) struct Names<'a> {
    db: &'a Connection,
    me: &'a Me,
    known: HashMap<AccountId, PersonView>,
}

/// A message as the server told it, from a row of [`COLUMNS`] and its change.
pub(super) fn stored(row: &SqlRow<'_>) -> Result<MessageRow, Error> {
    let pinned = row.get::<_, Option<[u8; 16]>>(12)?.zip(row.get::<_, Option<i64>>(13)?);
    Ok(MessageRow {
        channel: ChannelId::from_bytes(row.get(0)?),
        seq: row.get::<_, i64>(1)? as u64,
        id: MessageId::from_bytes(row.get(2)?),
        author: AccountId::from_bytes(row.get(3)?),
        at: Timestamp(row.get(4)?),
        text: row.get(5)?,
        edited: row.get::<_, Option<i64>>(6)?.map(Timestamp),
        deleted: row.get(7)?,
        thread: row.get::<_, Option<[u8; 16]>>(8)?.map(MessageId::from_bytes),
        reactions: decoded(row.get(9)?)?.unwrap_or_default(),
        replies: row.get::<_, i64>(10)? as u64,
        last_reply: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        pinned: pinned.map(|(by, at)| Pin { by: AccountId::from_bytes(by), at: Timestamp(at) }),
        poll: decoded(row.get(14)?)?.map(Box::new),
        files: decoded(row.get(15)?)?.unwrap_or_default(),
        change: row.get::<_, i64>(COLUMN_COUNT)? as u64,
    })
}

/// A value that is stored as it goes over the wire.
pub(super) fn decoded<T: serde::de::DeserializeOwned>(stored: Option<Vec<u8>>) -> Result<Option<T>, Error> {
    stored.map(|bytes| wire::decode(&bytes).map_err(|why| Error::Damaged(why.to_string()))).transpose()
}

/// A person from a row of `id, name, imported, rank`.
pub(super) fn person(row: &SqlRow<'_>) -> rusqlite::Result<PersonView> {
    let imported: bool = row.get(2)?;
    let rank = if imported { None } else { Some(Rank::from_stored(row.get(3)?).into()) };
    Ok(PersonView { id: AccountId::from_bytes(row.get(0)?), name: row.get(1)?, imported, rank })
}

impl<'a> Names<'a> {
    pub(super) fn new(db: &'a Connection, me: &'a Me) -> Self {
        Self { db, me, known: HashMap::new() }
    }

    /// A person; one that is not known yet goes by the beginning of their id.
    pub(super) fn person(&mut self, id: AccountId) -> Result<PersonView, Error> {
        if let Some(person) = self.known.get(&id) {
            return Ok(person.clone());
        }
        let found = self
            .db
            .prepare_cached("SELECT id, name, imported, rank FROM people WHERE id = ?1")?
            .query_row([id.as_bytes()], person)
            .optional()?;
        let person = found.unwrap_or_else(|| {
            let short = || id.to_string().chars().take(8).collect();
            PersonView::named(id, if id == self.me.id { self.me.name.clone() } else { short() })
        });
        self.known.insert(id, person.clone());
        Ok(person)
    }

    /// A message from a row of [`COLUMNS`].
    pub(super) fn message(&mut self, row: &SqlRow<'_>) -> Result<MessageView, Error> {
        let author = AccountId::from_bytes(row.get(3)?);
        let thread: Option<[u8; 16]> = row.get(8)?;
        let edited: Option<i64> = row.get(6)?;
        let reactions: Option<Vec<u8>> = row.get(9)?;
        let files: Option<Vec<u8>> = row.get(15)?;
        Ok(MessageView {
            workspace: self.me.workspace.clone(),
            channel: ChannelId::from_bytes(row.get(0)?),
            seq: Some(row.get::<_, i64>(1)? as u64),
            id: MessageId::from_bytes(row.get(2)?),
            author: self.person(author)?,
            at: Timestamp(row.get(4)?),
            text: row.get(5)?,
            edited: edited.is_some(),
            deleted: row.get(7)?,
            thread: thread.map(MessageId::from_bytes),
            reactions: match reactions {
                Some(bytes) => self.reactions(wire::decode(&bytes).map_err(|why| Error::Damaged(why.to_string()))?)?,
                None => Vec::new(),
            },
            replies: row.get::<_, i64>(10)? as u64,
            last_reply: row.get::<_, Option<i64>>(11)?.map(Timestamp),
            pinned: match (row.get::<_, Option<[u8; 16]>>(12)?, row.get::<_, Option<i64>>(13)?) {
                (Some(by), Some(at)) => self.pin(Some(Pin { by: AccountId::from_bytes(by), at: Timestamp(at) }))?,
                _ => None,
            },
            poll: match row.get::<_, Option<Vec<u8>>>(14)? {
                Some(bytes) => Some(self.poll(wire::decode(&bytes).map_err(|why| Error::Damaged(why.to_string()))?)?),
                None => None,
            },
            files: match files {
                Some(bytes) => {
                    let rows: Vec<FileRow> = wire::decode(&bytes).map_err(|why| Error::Damaged(why.to_string()))?;
                    rows.into_iter().map(FileView::from).collect()
                }
                None => Vec::new(),
            },
            state: MessageState::Sent,
            mine: author == self.me.id,
            failure: None,
        })
    }

    /// A message that was not stored.
    pub(super) fn row(&mut self, row: MessageRow) -> Result<MessageView, Error> {
        Ok(MessageView {
            workspace: self.me.workspace.clone(),
            channel: row.channel,
            seq: Some(row.seq),
            id: row.id,
            author: self.person(row.author)?,
            at: row.at,
            text: row.text,
            edited: row.edited.is_some(),
            deleted: row.deleted,
            thread: row.thread,
            reactions: self.reactions(row.reactions)?,
            replies: row.replies,
            last_reply: row.last_reply,
            pinned: self.pin(row.pinned)?,
            poll: row.poll.map(|poll| self.poll(*poll)).transpose()?,
            files: row.files.into_iter().map(FileView::from).collect(),
            state: MessageState::Sent,
            mine: row.author == self.me.id,
            failure: None,
        })
    }

    fn pin(&mut self, pin: Option<Pin>) -> Result<Option<PinView>, Error> {
        pin.map(|pin| Ok(PinView { by: self.person(pin.by)?, at: pin.at })).transpose()
    }

    fn poll(&mut self, poll: Poll) -> Result<PollView, Error> {
        let mut options: Vec<PollOptionView> =
            poll.options.into_iter().map(|text| PollOptionView { text, people: Vec::new(), mine: false }).collect();
        let voters = poll.votes.len() as u64;
        for vote in poll.votes {
            let name = self.person(vote.person)?.name;
            for choice in vote.choices {
                // A choice beyond the options is of no meaning here.
                if let Some(option) = options.get_mut(choice as usize) {
                    option.people.push(name.clone());
                    option.mine |= vote.person == self.me.id;
                }
            }
        }
        Ok(PollView { multiple: poll.multiple, closed: poll.closed, voters, options })
    }

    fn reactions(&mut self, reactions: Vec<Reaction>) -> Result<Vec<ReactionView>, Error> {
        reactions
            .into_iter()
            .map(|reaction| {
                let mine = reaction.people.contains(&self.me.id);
                let count = reaction.people.len() as u64;
                let first = reaction.people.into_iter().take(REACTION_NAMES);
                let people = first.map(|id| Ok(self.person(id)?.name)).collect::<Result<_, Error>>()?;
                Ok(ReactionView { emoji: reaction.emoji, people, count, mine })
            })
            .collect()
    }
}
