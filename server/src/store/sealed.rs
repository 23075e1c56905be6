//! What channels' keys seal, table by table: how its rows are gone through in the order of their primary keys, a few at a
//! time, and how a value is opened, sealed again, and put back.

use super::{drafts, edits, polls, saved, unsigned};
use crate::error::Fail;
use crate::keyring::{BodyPlace, FieldPlace, Keyring, Sealed};
use data_encoding::HEXLOWER;
use rusqlite::Row as SqlRow;
use rusqlite::types::ValueRef;
use thechatapp_protocol::{AccountId, ChannelId, FileId, MessageId};
use thechatapp_seal::Key;
use zeroize::Zeroizing;

/// The tables, in the order in which they are gone through.
pub(super) const STAGES: [Stage; 7] =
    [Stage::Messages, Stage::Edits, Stage::Topics, Stage::Notes, Stage::PollOptions, Stage::Files, Stage::Drafts];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Messages,
    Edits,
    Topics,
    Notes,
    PollOptions,
    Files,
    Drafts,
}

impl Stage {
    /// Its table and column.
    fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages.body",
            Self::Edits => "edits.body",
            Self::Topics => "channels.topic",
            Self::Notes => "saved.note",
            Self::PollOptions => "poll_options.text",
            Self::Files => "files.info and .key",
            Self::Drafts => "drafts.text",
        }
    }

    /// What a row of [`Self::select`] is called where it has to be named: by its table and its key, which say nothing of
    /// what is in it.
    pub(super) fn row_name(self, row: &SqlRow<'_>) -> String {
        let key = |column: usize| match row.get_ref(column) {
            Ok(ValueRef::Integer(number)) => number.to_string(),
            Ok(ValueRef::Blob(bytes)) => HEXLOWER.encode(bytes),
            _ => "?".to_owned(),
        };
        format!("{} of row {}/{} in channel {}", self.name(), key(0), key(1), key(2))
    }

    /// Rows of an older epoch than ?1, and whether there are any.
    pub(super) fn old(self) -> &'static str {
        match self {
            Self::Messages => "messages t WHERE body IS NOT NULL AND t.epoch < ?1",
            Self::Edits => "edits t WHERE t.epoch < ?1",
            Self::Topics => "channels t WHERE topic IS NOT NULL AND t.epoch < ?1",
            Self::Notes => "saved t WHERE note IS NOT NULL AND t.epoch < ?1",
            Self::PollOptions => "poll_options t WHERE t.epoch < ?1",
            Self::Files => "files t WHERE info IS NOT NULL AND t.epoch < ?1",
            Self::Drafts => "drafts t WHERE text IS NOT NULL AND t.epoch < ?1",
        }
    }

    /// Rows of an older epoch than ?1 after ?2 and ?3, at most ?4: their primary key, channel, epoch, guard (what changes
    /// with the value), one or two values, and what else says where they are sealed. What is left of a wiped channel has no
    /// key any more.
    pub(super) fn select(self) -> &'static str {
        match self {
            Self::Messages => {
                "SELECT t.place, 0, c.id, t.epoch, t.revision, t.body, NULL, t.author, t.id
                 FROM messages t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE t.place > ?2 AND t.body IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL AND c.wiped = 0
                 ORDER BY t.place LIMIT ?4"
            }
            Self::Edits => {
                "SELECT t.place, t.revision, c.id, t.epoch, 0, t.body, NULL
                 FROM edits t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.place, t.revision) > (?2, ?3) AND t.epoch < ?1 AND c.wiped = 0
                 ORDER BY t.place, t.revision LIMIT ?4"
            }
            Self::Topics => {
                "SELECT t.number, 0, t.id, t.epoch, t.revision, t.topic, NULL FROM channels t
                 WHERE t.number > ?2 AND t.topic IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL
                 ORDER BY t.number LIMIT ?4"
            }
            Self::Notes => {
                "SELECT t.person, t.place, c.id, t.epoch, t.revision, t.note, NULL
                 FROM saved t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.person, t.place) > (?2, ?3) AND t.note IS NOT NULL AND t.epoch < ?1
                 ORDER BY t.person, t.place LIMIT ?4"
            }
            Self::PollOptions => {
                "SELECT t.place, t.number, c.id, t.epoch, 0, t.text, NULL
                 FROM poll_options t CROSS JOIN channels c ON c.number = t.place >> 40
                 WHERE (t.place, t.number) > (?2, ?3) AND t.epoch < ?1 AND c.wiped = 0
                 ORDER BY t.place, t.number LIMIT ?4"
            }
            Self::Files => {
                "SELECT t.id, 0, t.channel, t.epoch, t.state, t.info, t.key FROM files t
                 WHERE t.id > ?2 AND t.info IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL ORDER BY t.id LIMIT ?4"
            }
            Self::Drafts => {
                "SELECT t.number, 0, t.channel, t.epoch, t.revision, t.text, NULL, t.person FROM drafts t
                 WHERE t.number > ?2 AND t.text IS NOT NULL AND t.epoch < ?1 AND ?3 IS NOT NULL
                 ORDER BY t.number LIMIT ?4"
            }
        }
    }

    /// Exchanges the values ?1 and ?2 of the row with the key ?4 and ?5, if its epoch is ?6 and its guard ?7 still; its
    /// epoch becomes ?3.
    pub(super) fn update(self) -> &'static str {
        match self {
            Self::Messages => {
                "UPDATE messages SET body = ?1, epoch = ?3
                 WHERE place = ?4 AND epoch = ?6 AND revision = ?7 AND body IS NOT NULL"
            }
            Self::Edits => {
                "UPDATE edits SET body = ?1, epoch = ?3 WHERE place = ?4 AND revision = ?5 AND epoch = ?6 + 0 * ?7"
            }
            Self::Topics => {
                "UPDATE channels SET topic = ?1, epoch = ?3
                 WHERE number = ?4 AND epoch = ?6 AND revision = ?7 AND topic IS NOT NULL"
            }
            Self::Notes => {
                "UPDATE saved SET note = ?1, epoch = ?3
                 WHERE person = ?4 AND place = ?5 AND epoch = ?6 AND revision = ?7 AND note IS NOT NULL"
            }
            Self::PollOptions => {
                "UPDATE poll_options SET text = ?1, epoch = ?3 WHERE place = ?4 AND number = ?5 AND epoch = ?6 + 0 * ?7"
            }
            Self::Files => {
                "UPDATE files SET info = ?1, key = ?2, epoch = ?3
                 WHERE id = ?4 AND epoch = ?6 AND state = ?7 AND info IS NOT NULL"
            }
            Self::Drafts => {
                "UPDATE drafts SET text = ?1, epoch = ?3
                 WHERE number = ?4 AND epoch = ?6 AND revision = ?7 AND text IS NOT NULL"
            }
        }
    }
}

/// A value, opened, and where it lies.
pub(super) enum Opened {
    /// A message's text.
    Body(BodyPlace, String),
    /// A text that belongs to a message.
    Field(FieldPlace, String),
    /// A channel's topic, of a revision.
    Topic(ChannelId, u64, String),
    /// What is shown of a file, and its key, when it is whole.
    File(ChannelId, FileId, Zeroizing<Vec<u8>>, Option<Key>),
}

/// Opens the value of a row of [`Stage::select`].
///
/// # Errors
/// [`Fail::Seal`] and [`Fail::Broken`] for one that does not open.
pub(super) fn open(keyring: &Keyring, stage: Stage, row: &SqlRow<'_>) -> Result<Opened, Fail> {
    let channel = ChannelId::from_bytes(row.get(2)?);
    let (under, revision) = (unsigned(row.get(3)?), unsigned(row.get(4)?));
    let sealed = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
    let field = |place: FieldPlace| Ok(Opened::Field(place, keyring.open_field(&place, under, sealed)?));
    match stage {
        Stage::Messages => {
            let (author, id) = (AccountId::from_bytes(row.get(7)?), MessageId::from_bytes(row.get(8)?));
            let place = BodyPlace { channel, author, id, revision };
            Ok(Opened::Body(place, keyring.open_body(&place, under, sealed)?))
        }
        Stage::Edits => field(edits::field(channel, row.get(0)?, unsigned(row.get(1)?))),
        Stage::Topics => Ok(Opened::Topic(channel, revision, keyring.open_topic(channel, revision, under, sealed)?)),
        Stage::Notes => field(saved::field(channel, AccountId::from_bytes(row.get(0)?), row.get(1)?, revision)),
        Stage::PollOptions => {
            let number = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX);
            field(polls::field(channel, row.get(0)?, number))
        }
        Stage::Drafts => field(drafts::field(channel, AccountId::from_bytes(row.get(7)?), row.get(0)?, revision)),
        Stage::Files => {
            let file = FileId::from_bytes(row.get(0)?);
            let wrapped = row.get::<_, Option<Vec<u8>>>(6)?;
            let key = wrapped.map(|wrapped| keyring.unwrap_file_key(channel, file, under, &wrapped)).transpose()?;
            Ok(Opened::File(channel, file, keyring.open_file_info(channel, file, under, sealed)?, key))
        }
    }
}

impl Opened {
    /// Seals it again for its place, under the newest key.
    ///
    /// # Errors
    /// When the system's randomness fails.
    pub(super) fn seal(&self, keyring: &Keyring) -> Result<(Sealed, Option<Sealed>), Fail> {
        Ok(match self {
            Self::Body(place, text) => (keyring.seal_body(place, text)?, None),
            Self::Field(place, text) => (keyring.seal_field(place, text)?, None),
            Self::Topic(channel, revision, topic) => (keyring.seal_topic(*channel, *revision, topic)?, None),
            Self::File(channel, file, info, key) => {
                let key = key.as_ref().map(|key| keyring.wrap_file_key(*channel, *file, key)).transpose()?;
                (keyring.seal_file_info(*channel, *file, info)?, key)
            }
        })
    }
}
