//! Rows from the server go into the cache: rows, index and cursor in one transaction. A row is whole, and one that is
//! older than what is stored is passed over, so applying anything twice changes nothing.

mod losing;
mod pages;

use super::gaps::Gaps;
use super::{Me, Moments, rights, room, schema, search, thumbnails};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use thechatapp_database::Error;
use thechatapp_protocol::event::{ChannelKind, ChannelRole, ChannelRow, MemberRow, MessageRow, PersonRow, ReadRow};
use thechatapp_protocol::search::folded_text;
use thechatapp_protocol::{ChannelId, Row, wire};

pub(crate) use pages::HistoryPage;

/// What a batch changed, for those who show it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Channels, memberships, names, read marks, or counts that follow from messages.
    pub(crate) channels: bool,
    /// What of these is kept outside of the cache may have changed: channels, memberships, names.
    pub(crate) listed: bool,
    /// One's own rank or powers, or groups.
    pub(crate) standing: bool,
    /// The lowest number that changed, by channel.
    pub(crate) messages: BTreeMap<ChannelId, u64>,
    /// Channels whose messages had to leave the device; the index wants tidying.
    pub(crate) lost: Vec<ChannelId>,
    /// Channels that one is not in any more, whether or not anything of them was here: what is under way to them ends.
    pub(crate) left: Vec<ChannelId>,
    /// More is missing of channels one is in than before.
    pub(crate) missing: bool,
    /// Sealed files beside the cache lost what opens them, and are to go.
    pub(crate) files: bool,
    /// Texts were removed or replaced; the index keeps their words until it is tidied.
    pub(crate) removed: bool,
}

impl Applied {
    fn touch(&mut self, channel: ChannelId, from: u64) {
        self.messages.entry(channel).and_modify(|lowest| *lowest = from.min(*lowest)).or_insert(from);
    }
}

/// How far message rows are ahead of, or behind, the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The stream, from its very beginning: every message one may see comes along.
    FromTheStart,
    /// The stream, from a cursor on.
    Stream,
    /// Beyond the cursor or from history: numbers in between that are unknown are not thereby missing.
    Aside,
}

/// What is known of a channel while a batch runs.
struct Held {
    known: bool,
    joined: bool,
    kind: Option<ChannelKind>,
    head: u64,
    gaps: Gaps,
    head_changed: bool,
    gaps_changed: bool,
    gaps_grew: bool,
}

pub(super) struct Batch<'a> {
    db: &'a Connection,
    me: &'a Me,
    moments: &'a Moments,
    origin: Origin,
    held: HashMap<ChannelId, Held>,
    add: CachedStatement<'a>,
    put: CachedStatement<'a>,
    index: CachedStatement<'a>,
    reindex: CachedStatement<'a>,
    /// The slugs of groups one is in: who mentions one of them mentions oneself.
    slugs: Vec<String>,
    applied: Applied,
}

/// For a message that is most probably not here: it costs half of the other, and fails when the message is.
const ADD: &str = "
INSERT INTO messages (place, channel, seq, id, author, at, text, edited, deleted, thread, reactions, quiet, mention, change,
    files, replies, last_reply, pinned_by, pinned_at, poll)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// One that is here as it comes changes nothing: else whoever looks anew at what changed, and asks for it, would never end.
const PUT: &str = "
INSERT INTO messages (place, channel, seq, id, author, at, text, edited, deleted, thread, reactions, quiet, mention, change,
    files, replies, last_reply, pinned_by, pinned_at, poll)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
ON CONFLICT (channel, seq) DO UPDATE SET
    id = excluded.id, author = excluded.author, at = excluded.at, text = excluded.text, edited = excluded.edited,
    deleted = excluded.deleted, thread = excluded.thread, reactions = excluded.reactions, quiet = excluded.quiet,
    mention = excluded.mention, change = excluded.change, replies = excluded.replies, last_reply = excluded.last_reply,
    pinned_by = excluded.pinned_by, pinned_at = excluded.pinned_at, poll = excluded.poll,
    files = excluded.files
WHERE excluded.change > change OR excluded.change = change AND (
    excluded.id, excluded.author, excluded.at, excluded.text, excluded.edited, excluded.deleted, excluded.thread,
    excluded.reactions, excluded.quiet, excluded.mention, excluded.replies, excluded.last_reply, excluded.pinned_by,
    excluded.pinned_at, excluded.poll, excluded.files
) IS NOT (
    id, author, at, text, edited, deleted, thread, reactions, quiet, mention, replies, last_reply, pinned_by, pinned_at, poll,
    files
)
RETURNING place";

impl<'a> Batch<'a> {
    pub(super) fn new(db: &'a Connection, (me, moments): (&'a Me, &'a Moments), origin: Origin) -> Result<Self, Error> {
        Ok(Self {
            db,
            me,
            moments,
            origin,
            held: HashMap::new(),
            add: db.prepare_cached(ADD)?,
            put: db.prepare_cached(PUT)?,
            index: db.prepare_cached("INSERT INTO search (rowid, words, marks) VALUES (?1, ?2, ?3)")?,
            reindex: db.prepare_cached(search::INDEX)?,
            slugs: rights::own_slugs(db)?,
            applied: Applied::default(),
        })
    }

    pub(super) fn rows(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            match row {
                Row::Person(row) => self.person(row)?,
                Row::Channel(row) => self.channel(row)?,
                Row::Member(row) => self.member(row)?,
                Row::Message(row) => self.message(row)?,
                Row::Read(row) => self.read(*row)?,
                Row::Standing(row) => self.applied.standing |= rights::standing(self.db, row)?,
                Row::Group(row) => {
                    self.applied.standing |= rights::group(self.db, row)?;
                    self.slugs = rights::own_slugs(self.db)?;
                }
                Row::InGroup(row) => {
                    self.applied.standing |= rights::in_group(self.db, *row)?;
                    self.slugs = rights::own_slugs(self.db)?;
                }
                // Drafts go into the local database.
                Row::Draft(_) | Row::Unknown => {}
            }
        }
        Ok(())
    }

    /// Stores what is known of the channels now.
    pub(super) fn finish(mut self) -> Result<Applied, Error> {
        for (channel, held) in &self.held {
            self.applied.missing |= held.gaps_grew && held.joined && !held.gaps.all().is_empty();
            if held.head_changed {
                self.db
                    .prepare_cached("UPDATE channels SET head = ?2 WHERE id = ?1")?
                    .execute(params![channel.as_bytes(), held.head as i64])?;
            }
            if held.gaps_changed {
                held.gaps.save(self.db, *channel)?;
            }
        }
        Ok(self.applied)
    }

    fn person(&mut self, row: &PersonRow) -> Result<(), Error> {
        let changed = self
            .db
            .prepare_cached(
                "INSERT INTO people (id, name, imported, active, change, rank) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, imported = excluded.imported,
                     active = excluded.active, change = excluded.change, rank = excluded.rank
                 WHERE excluded.change >= change",
            )?
            .execute(params![
                row.id.as_bytes(),
                row.name,
                row.imported,
                row.active,
                row.change as i64,
                row.rank as u8
            ])?;
        self.applied.channels |= changed > 0;
        self.applied.listed |= changed > 0;
        Ok(())
    }

    pub(super) fn channel(&mut self, row: &ChannelRow) -> Result<(), Error> {
        if row.gone {
            return self.out_of_sight(row);
        }
        let origin = self.origin;
        let held = self.held(row.id)?;
        held.kind = Some(row.kind);
        held.known = true;
        if row.head > held.head {
            held.gaps.add(held.head + 1, row.head);
            held.head = row.head;
            held.head_changed = true;
            held.gaps_changed = true;
            held.gaps_grew = true;
        }
        // A channel seen from outside is not kept up to date, so what is known of it is always stale.
        if !held.joined && origin == Origin::Aside && held.head > 0 {
            held.gaps.add(1, held.head);
            held.gaps_changed = true;
        }
        let head = held.head;
        self.db
            .prepare_cached(
                "INSERT INTO channels (id, kind, name, topic, head, created, change, archived)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, topic = excluded.topic,
                     created = excluded.created, change = excluded.change, archived = excluded.archived
                 WHERE excluded.change >= change OR kind < 0",
            )?
            .execute(params![
                row.id.as_bytes(),
                kind_number(row.kind),
                row.name,
                row.topic,
                head as i64,
                row.created.0,
                row.change as i64,
                row.archived,
            ])?;
        self.applied.channels = true;
        self.applied.listed = true;
        Ok(())
    }

    fn member(&mut self, row: &MemberRow) -> Result<(), Error> {
        let before = if row.person == self.me.id { Some(self.held(row.channel)?.joined) } else { None };
        let changed = self
            .db
            .prepare_cached(
                "INSERT INTO members (channel, person, joined, change, moderator) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (channel, person) DO UPDATE SET joined = excluded.joined, change = excluded.change,
                     moderator = excluded.moderator
                 WHERE excluded.change >= change",
            )?
            .execute(params![
                row.channel.as_bytes(),
                row.person.as_bytes(),
                row.joined,
                row.change as i64,
                row.role == ChannelRole::Moderator
            ])?;
        self.applied.channels |= changed > 0;
        self.applied.listed |= changed > 0;
        let Some(before) = before else { return Ok(()) };
        let from_the_start = self.origin == Origin::FromTheStart;
        if changed == 0 {
            // One was outside for a while, which what came ahead of it did not say.
            return if before && !row.joined { self.was_outside(row.channel) } else { Ok(()) };
        }
        let held = self.held(row.channel)?;
        held.joined = row.joined;
        if !row.joined {
            return self.lose(row.channel);
        }
        if before || from_the_start { Ok(()) } else { self.was_outside(row.channel) }
    }

    /// Nothing kept a channel's rows up to date.
    fn was_outside(&mut self, channel: ChannelId) -> Result<(), Error> {
        self.moments.stale(channel);
        if self.held(channel)?.head > 0 {
            self.stale(channel, 1, u64::MAX)?;
            self.applied.touch(channel, 1);
        }
        Ok(())
    }

    pub(super) fn message(&mut self, row: &MessageRow) -> Result<(), Error> {
        let stream = self.origin != Origin::Aside;
        let held = self.held(row.channel)?;
        let mut fresh = row.seq > held.head;
        if stream {
            if row.seq > held.head {
                if row.seq > held.head + 1 {
                    held.gaps.add(held.head + 1, row.seq - 1);
                    held.gaps_changed = true;
                    held.gaps_grew = true;
                }
                held.head = row.seq;
                held.head_changed = true;
            } else if held.gaps.remove(row.seq, row.seq) {
                held.gaps_changed = true;
                fresh = true;
            }
        }
        self.put(row, fresh)
    }

    fn put(&mut self, row: &MessageRow, fresh: bool) -> Result<(), Error> {
        let own = row.author == self.me.id;
        let reactions = if row.reactions.is_empty() { None } else { wire::encode(&row.reactions).ok() };
        let poll = row.poll.as_ref().and_then(|poll| wire::encode(poll).ok());
        let files = if row.files.is_empty() { None } else { wire::encode(&row.files).ok() };
        let mention = !own && !row.deleted && self.me.is_named_in(&row.text, &self.slugs);
        if row.deleted {
            self.applied.files |= thumbnails::drop_of(self.db, row.channel, row.seq)?;
        }
        let mut place = schema::rowid(row.channel, row.at, row.seq);
        let mut fresh = fresh;
        let stored = loop {
            let values = params![
                place,
                row.channel.as_bytes(),
                row.seq as i64,
                row.id.as_bytes(),
                row.author.as_bytes(),
                row.at.0,
                row.text,
                row.edited.map(|at| at.0),
                row.deleted,
                row.thread.as_ref().map(|id| id.as_bytes().as_slice()),
                reactions,
                own || row.deleted,
                mention,
                row.change as i64,
                files,
                row.replies as i64,
                row.last_reply.map(|at| at.0),
                row.pinned.as_ref().map(|pin| pin.by.as_bytes().as_slice()),
                row.pinned.map(|pin| pin.at.0),
                poll,
            ];
            let stored = if fresh {
                self.add.execute(values).map(|_| Some(place))
            } else {
                self.put.query_row(values, |stored| stored.get::<_, i64>(0)).optional()
            };
            match stored {
                Ok(stored) => break stored,
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    // The message is here after all, or another channel's has the place. Nothing else is unique.
                    if fresh {
                        fresh = false;
                    } else {
                        place += 1;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        let Some(stored) = stored else {
            // The cursor comes to it, which those who follow along wait for.
            if self.origin != Origin::Aside {
                self.applied.touch(row.channel, row.seq);
            }
            return Ok(());
        };
        for file in &row.files {
            self.db
                .prepare_cached("INSERT OR IGNORE INTO files (id, channel) VALUES (?1, ?2)")?
                .execute(params![file.id.as_bytes(), row.channel.as_bytes()])?;
        }
        let is_found = !row.text.is_empty() || !row.files.is_empty();
        if !is_found {
            if !fresh {
                self.db.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([stored])?;
            }
        } else {
            let index = if fresh { &mut self.index } else { &mut self.reindex };
            let marks = search::marks(row.channel, row.author, !row.files.is_empty());
            index.execute(params![stored, folded_text(&row.searchable()), marks])?;
        }
        self.applied.removed |= row.deleted || row.edited.is_some();
        self.applied.channels = true;
        self.applied.touch(row.channel, row.seq);
        Ok(())
    }

    pub(super) fn read(&mut self, row: ReadRow) -> Result<(), Error> {
        self.db
            .prepare_cached(
                "INSERT INTO reads (channel, seq, change) VALUES (?1, ?2, ?3)
                 ON CONFLICT (channel) DO UPDATE SET seq = max(seq, excluded.seq), change = max(change, excluded.change)",
            )?
            .execute(params![row.channel.as_bytes(), row.seq as i64, row.change as i64])?;
        self.applied.channels = true;
        Ok(())
    }

    /// What is not brought up to date by itself leaves, and comes again when somebody looks there.
    pub(super) fn drop_beyond(&mut self) -> Result<(), Error> {
        self.applied.files |= room::drop_beyond(self.db)?;
        for (channel, horizon) in room::horizons(self.db)? {
            self.stale(channel, 1, horizon)?;
        }
        Ok(())
    }

    /// Takes what is known of a channel as stale, from a number to another.
    pub(super) fn stale(&mut self, channel: ChannelId, first: u64, last: u64) -> Result<(), Error> {
        let held = self.held(channel)?;
        let (first, last) = (first.max(1), last.min(held.head));
        if first <= last {
            held.gaps.add(first, last);
            held.gaps_changed = true;
            held.gaps_grew = true;
        }
        Ok(())
    }

    fn held(&mut self, channel: ChannelId) -> Result<&mut Held, Error> {
        use std::collections::hash_map::Entry;
        match self.held.entry(channel) {
            Entry::Occupied(held) => Ok(held.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(load(self.db, self.me, channel)?)),
        }
    }
}

fn load(db: &Connection, me: &Me, channel: ChannelId) -> Result<Held, Error> {
    let id = channel.as_bytes();
    let row: Option<(i64, i64)> = db
        .prepare_cached("SELECT kind, head FROM channels WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if row.is_none() {
        // Its messages may come before itself; the place keeps its head meanwhile.
        db.prepare_cached(
            "INSERT INTO channels (id, kind, name, topic, head, created, change) VALUES (?1, -1, '', '', 0, 0, 0)",
        )?
        .execute([id])?;
    }
    let (kind, head) = row.unwrap_or((-1, 0));
    let joined = db
        .prepare_cached("SELECT joined FROM members WHERE channel = ?1 AND person = ?2")?
        .query_row(params![id, me.id.as_bytes()], |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    Ok(Held {
        known: kind >= 0,
        joined,
        kind: self::kind(kind),
        head: head as u64,
        gaps: Gaps::load(db, channel)?,
        head_changed: false,
        gaps_changed: false,
        gaps_grew: false,
    })
}

pub(super) fn kind_number(kind: ChannelKind) -> i64 {
    match kind {
        ChannelKind::Public => 0,
        ChannelKind::Private => 1,
        ChannelKind::Direct => 2,
    }
}

/// A kind as stored; `None` while only messages of the channel are known.
pub(super) fn kind(number: i64) -> Option<ChannelKind> {
    match number {
        0 => Some(ChannelKind::Public),
        1 => Some(ChannelKind::Private),
        2 => Some(ChannelKind::Direct),
        _ => None,
    }
}
