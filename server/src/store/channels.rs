//! Channels, private ones and direct conversations among them.

use super::{Tx, View, signed, unsigned};
use crate::error::Fail;
use crate::hub::Audience;
use crate::time::now;
use rusqlite::{OptionalExtension, types::FromSqlError};
use sha2::{Digest, Sha256};
use thechatapp_protocol::event::{ChannelKind, ChannelRow};
use thechatapp_protocol::methods::channels::{NAME_MAX, TOPIC_MAX};
use thechatapp_protocol::{AccountId, ChannelId, Code, ErrorBody, Row, Timestamp};

/// What the gate and the repositories need of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its number in the database.
    pub number: i64,
    /// Its kind.
    pub kind: ChannelKind,
    /// Whether nothing in it changes any more.
    pub archived: bool,
}

impl Channel {
    /// Who may see its row.
    pub fn audience(&self) -> Audience {
        match self.kind {
            ChannelKind::Public => Audience::Everyone,
            ChannelKind::Private | ChannelKind::Direct => Audience::Members(self.id),
        }
    }

    /// Refuses what would change an archived one.
    ///
    /// # Errors
    /// Denied.
    pub fn refuse_archived(&self) -> Result<(), Fail> {
        if self.archived { Err(Fail::denied("this channel is archived")) } else { Ok(()) }
    }

    /// The place of its message with this number.
    pub fn place(&self, seq: u64) -> i64 {
        (self.number << 40) | signed(seq)
    }

    /// The place after all that a message of it can have.
    pub fn last_place(&self) -> i64 {
        self.place((1 << 40) - 1)
    }

    /// The order in which a page is read, and the places it is read between: the newest before a number, or the oldest
    /// after one.
    ///
    /// # Errors
    /// Bad input when both are given.
    pub fn range(&self, before: Option<u64>, after: Option<u64>) -> Result<(&'static str, i64, i64), Fail> {
        match (before, after) {
            (Some(_), Some(_)) => {
                Err(Fail::bad_input("A page has one end", "both before and after are given", "give one of them"))
            }
            (_, Some(after)) => Ok(("ASC", self.place(after.saturating_add(1).min(1 << 39)), self.last_place())),
            (before, None) => {
                let last = before.map_or((1 << 40) - 1, |before| before.saturating_sub(1).min((1 << 40) - 1));
                Ok(("DESC", self.place(0), self.place(last)))
            }
        }
    }
}

/// A channel's number out of a place.
pub fn seq_of(place: i64) -> u64 {
    unsigned(place & ((1 << 40) - 1))
}

pub(super) fn kind_of(number: i64) -> Result<ChannelKind, rusqlite::Error> {
    match number {
        0 => Ok(ChannelKind::Public),
        1 => Ok(ChannelKind::Private),
        2 => Ok(ChannelKind::Direct),
        other => Err(FromSqlError::OutOfRange(other).into()),
    }
}

pub(super) fn number_of(kind: ChannelKind) -> i64 {
    match kind {
        ChannelKind::Public => 0,
        ChannelKind::Private => 1,
        ChannelKind::Direct => 2,
    }
}

/// A channel by its id.
///
/// # Errors
/// SQLite's.
pub fn find(view: View<'_>, id: ChannelId) -> Result<Option<Channel>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT number, kind, archived FROM channels WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| {
            Ok(Channel { id, number: row.get(0)?, kind: kind_of(row.get(1)?)?, archived: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// Whether somebody may read a channel: its members, and everybody but guests a public one.
///
/// # Errors
/// SQLite's.
pub fn is_readable(view: View<'_>, channel: Channel, person: AccountId) -> Result<bool, Fail> {
    Ok(super::members::is(view, channel.id, person)?
        || channel.kind == ChannelKind::Public && !super::guests::is(view, person)?)
}

/// A channel by its number.
///
/// # Errors
/// SQLite's.
pub fn numbered(view: View<'_>, number: i64) -> Result<Option<Channel>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT id, kind, archived FROM channels WHERE number = ?1")?
        .query_row([number], |row| {
            Ok(Channel {
                id: ChannelId::from_bytes(row.get(0)?),
                number,
                kind: kind_of(row.get(1)?)?,
                archived: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// What is told of a channel to those who saw it while it was public and may not any longer: that it is gone, and nothing else.
pub fn gone(id: ChannelId, change: u64) -> ChannelRow {
    ChannelRow {
        id,
        kind: ChannelKind::Private,
        name: String::new(),
        topic: String::new(),
        head: 0,
        created: Timestamp(0),
        archived: false,
        gone: true,
        change,
    }
}

/// The change at which a channel that is private was made so; none for one that always was, and for any other.
///
/// # Errors
/// SQLite's.
pub fn hidden_at(view: View<'_>, id: ChannelId) -> Result<Option<u64>, Fail> {
    let found: Option<i64> = view
        .db
        .prepare_cached("SELECT hidden FROM channels WHERE id = ?1 AND kind = 1 AND hidden > 0")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.map(unsigned))
}

/// Whether it was wiped: its row is all that there is.
///
/// # Errors
/// SQLite's.
pub fn is_wiped(view: View<'_>, id: ChannelId) -> Result<bool, Fail> {
    Ok(view.db.prepare_cached("SELECT 1 FROM channels WHERE id = ?1 AND wiped")?.exists([id.as_bytes()])?)
}

/// Its row as it travels.
///
/// # Errors
/// Not found.
pub fn row(view: View<'_>, id: ChannelId) -> Result<ChannelRow, Fail> {
    let found = view
        .db
        .prepare_cached(
            "SELECT number, kind, name, topic, revision, created, change, epoch, archived FROM channels WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            let kind = kind_of(row.get(1)?)?;
            let channel = Channel { id, number: row.get(0)?, kind, archived: row.get(8)? };
            let topic: Option<Vec<u8>> = row.get(3)?;
            let line = ChannelRow {
                id,
                kind: channel.kind,
                name: row.get(2)?,
                topic: String::new(),
                head: 0,
                created: Timestamp(row.get(5)?),
                archived: channel.archived,
                gone: false,
                change: unsigned(row.get(6)?),
            };
            Ok((channel, topic, (row.get(4)?, row.get(7)?), line))
        })
        .optional()?;
    let Some((channel, topic, (revision, epoch), mut line)) = found else {
        return Err(Fail::not_found("No such channel"));
    };
    if let Some(topic) = topic {
        line.topic = view.keyring.open_topic(id, unsigned(revision), unsigned(epoch), &topic)?;
    }
    line.head = head(view, channel.number)?;
    Ok(line)
}

/// The number of a channel's newest message; 0 for none.
///
/// # Errors
/// SQLite's.
pub fn head(view: View<'_>, number: i64) -> Result<u64, Fail> {
    let last: Option<i64> = view
        .db
        .prepare_cached("SELECT max(place) FROM messages WHERE place >= ?1 << 40 AND place < (?1 + 1) << 40")?
        .query_row([number], |row| row.get(0))?;
    Ok(last.map_or(0, seq_of))
}

/// The channels that everybody joins.
///
/// # Errors
/// SQLite's.
pub fn for_everybody(view: View<'_>) -> Result<Vec<Channel>, Fail> {
    let mut rows = view.db.prepare_cached(
        "SELECT number, id, kind, archived FROM channels WHERE everybody AND kind = 0 ORDER BY number",
    )?;
    let rows = rows.query_map([], |row| {
        Ok(Channel {
            number: row.get(0)?,
            id: ChannelId::from_bytes(row.get(1)?),
            kind: kind_of(row.get(2)?)?,
            archived: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The public channel of a name.
///
/// # Errors
/// SQLite's.
pub fn public_named(view: View<'_>, name: &str) -> Result<Option<Channel>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT number, id, archived FROM channels WHERE kind = 0 AND folded = ?1")?
        .query_row([super::people::fold(name)], |row| {
            Ok(Channel {
                number: row.get(0)?,
                id: ChannelId::from_bytes(row.get(1)?),
                kind: ChannelKind::Public,
                archived: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// A name as it is kept, without `#`.
///
/// # Errors
/// Bad input for one that cannot be typed as a channel.
pub fn tidy_name(name: &str) -> Result<String, Fail> {
    let tidy = name.trim().trim_start_matches('#');
    let refuse = |why: &str| Err(Fail::bad_input("This name cannot be a channel's", why, "choose another name"));
    if tidy.is_empty() {
        return refuse("it is empty");
    }
    if tidy.chars().count() > NAME_MAX {
        return refuse("it has more than 80 characters");
    }
    if tidy.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '#' | '@' | ',' | '/')) {
        return refuse("it has a space, or one of # @ , /");
    }
    Ok(tidy.to_owned())
}

/// Makes a public or private channel. Its creator joins by [`super::members::set`].
///
/// # Errors
/// Conflict when the name is taken among those the creator can see, or the id is; denied where they made too many.
pub fn create(
    tx: &mut Tx<'_>,
    id: ChannelId,
    name: &str,
    kind: ChannelKind,
    creator: Option<AccountId>,
    everybody: bool,
) -> Result<Channel, Fail> {
    let taken = |why: &str| -> Fail {
        ErrorBody::new(Code::Conflict, "This channel cannot be made", why, "choose another name").into()
    };
    let folded = super::people::fold(name);
    let visible: Option<i64> = tx
        .db
        .prepare_cached(
            "SELECT 1 FROM channels c WHERE folded = ?1 AND (kind = 0 OR kind = 1 AND EXISTS
                (SELECT 1 FROM members m WHERE m.channel = c.id AND m.person = ?2 AND m.joined))",
        )?
        .query_row((&folded, creator.map(|person| *person.as_bytes())), |row| row.get(0))
        .optional()?;
    if visible.is_some() {
        return Err(taken("there is one of this name"));
    }
    if find(tx.view(), id)?.is_some() {
        return Err(taken("its id is taken"));
    }
    if let Some(maker) = creator {
        super::bounds::channels(tx.view(), maker, now())?;
    }
    let channel = insert(tx, id, name, &folded, kind, None, everybody)?;
    made_by(tx, channel, creator)?;
    let row = row(tx.view(), id)?;
    tx.tell(Row::Channel(row), channel.audience());
    Ok(channel)
}

/// The direct conversation of these people (all of them, in any order, each once), made by one of them when there is none.
///
/// # Errors
/// Not found when one of them does not exist; denied where whoever makes it made too many.
pub fn direct(tx: &mut Tx<'_>, id: ChannelId, people: &[AccountId], maker: Option<AccountId>) -> Result<Channel, Fail> {
    let mut sorted = people.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hash = Sha256::new();
    for person in &sorted {
        hash.update(person.as_bytes());
    }
    let of: [u8; 32] = hash.finalize().into();
    let known: Option<[u8; 16]> = tx
        .db
        .prepare_cached("SELECT id FROM channels WHERE direct_of = ?1")?
        .query_row([of], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return find(tx.view(), ChannelId::from_bytes(known))?.ok_or(Fail::Broken("a channel that is gone"));
    }
    for person in &sorted {
        let row = super::people::row(tx.view(), *person)?;
        if !row.active {
            return Err(Fail::bad_input(
                "No conversation with them",
                format!("{} cannot sign in", row.name),
                "ask an administrator",
            ));
        }
    }
    if let Some(maker) = maker {
        super::bounds::conversations(tx.view(), maker)?;
    }
    let channel = insert(tx, id, "", "", ChannelKind::Direct, Some(&of), false)?;
    made_by(tx, channel, maker)?;
    let row = row(tx.view(), id)?;
    tx.tell(Row::Channel(row), channel.audience());
    for person in sorted {
        super::members::set(tx, channel, person, true)?;
    }
    Ok(channel)
}

/// Sets the topic; empty removes it.
///
/// # Errors
/// Bad input for a long one.
pub fn set_topic(tx: &mut Tx<'_>, channel: Channel, topic: &str) -> Result<ChannelRow, Fail> {
    channel.refuse_archived()?;
    let topic = topic.trim();
    if topic.chars().count() > TOPIC_MAX {
        return Err(Fail::bad_input("This topic is too long", "it has more than 1000 characters", "shorten it"));
    }
    let old: i64 = tx
        .db
        .prepare_cached("SELECT revision FROM channels WHERE number = ?1")?
        .query_row([channel.number], |row| row.get(0))?;
    let revision = unsigned(old) + 1;
    let sealed = if topic.is_empty() { None } else { Some(tx.keyring.seal_topic(channel.id, revision, topic)?) };
    let change = tx.change();
    tx.db
        .prepare_cached("UPDATE channels SET topic = ?2, revision = ?3, change = ?4, epoch = ?5 WHERE number = ?1")?
        .execute((
        channel.number,
        sealed.as_ref().map(|sealed| &sealed.bytes),
        signed(revision),
        signed(change),
        sealed.as_ref().map_or(0, |sealed| signed(sealed.epoch)),
    ))?;
    let row = row(tx.view(), channel.id)?;
    tx.tell(Row::Channel(row.clone()), channel.audience());
    Ok(row)
}

fn insert(
    tx: &Tx<'_>,
    id: ChannelId,
    name: &str,
    folded: &str,
    kind: ChannelKind,
    direct_of: Option<&[u8; 32]>,
    everybody: bool,
) -> Result<Channel, Fail> {
    tx.keyring.add_channel(tx.db, id)?;
    let change = tx.change();
    tx.db
        .prepare_cached(
            "INSERT INTO channels (id, kind, name, folded, topic, revision, direct_of, everybody, created, change)
             VALUES (?1, ?2, ?3, ?4, NULL, 0, ?5, ?6, ?7, ?8)",
        )?
        .execute((id.as_bytes(), number_of(kind), name, folded, direct_of, everybody, now().0, signed(change)))?;
    Ok(Channel { id, number: tx.db.last_insert_rowid(), kind, archived: false })
}

fn made_by(tx: &Tx<'_>, channel: Channel, maker: Option<AccountId>) -> Result<(), Fail> {
    let Some(maker) = maker else { return Ok(()) };
    tx.db
        .prepare_cached("UPDATE channels SET maker = ?2 WHERE number = ?1")?
        .execute((channel.number, maker.as_bytes()))?;
    Ok(())
}
