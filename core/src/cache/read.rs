//! Questions to the cache: a part of a channel, the list of channels, people, single messages.

use super::view::{COLUMN_COUNT, COLUMNS, Names};
use super::{Cache, Gaps, HEADS_FROM, HEADS_TO, Me, apply, kept_number, number};
use crate::error::Result;
use crate::view::{ChannelKindView, ChannelView, MessageView, PersonView, Window};
use rusqlite::{Connection, OptionalExtension, params};
use thechatapp_database::Error;
use thechatapp_protocol::event::{ChannelKind, MessageRow};
use thechatapp_protocol::{AccountId, ChannelId, FileId, MessageId, Timestamp};

/// What is known of a channel's extent.
#[derive(Clone, Debug)]
pub(crate) struct ChannelState {
    pub(crate) joined: bool,
    /// The newest number known.
    pub(crate) head: u64,
    pub(crate) gaps: Gaps,
}

/// A part of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) messages: Vec<MessageView>,
    pub(crate) older: bool,
    pub(crate) newer: bool,
    pub(crate) read: u64,
    /// The ranges of the window that have to be fetched.
    pub(crate) wanted: Vec<(u64, u64)>,
    /// The numbers of the window, and the newest of the channel.
    pub(super) range: (u64, u64),
    pub(super) top: u64,
    /// Those of the messages asked about that are here, and perhaps others, seen at the same moment as the rest.
    pub(crate) here: Vec<MessageId>,
    pub(crate) joined: bool,
}

impl Cache {
    /// A channel's extent; `None` for one that is not known.
    pub(crate) async fn channel_state(&self, channel: ChannelId) -> Result<Option<ChannelState>> {
        self.read(move |db, me| state(db, me, channel)).await
    }

    /// Whether one may write to a channel; `None` for one that is not known. Looked up on this thread: it is on the way of
    /// every message, takes microseconds, and another thread would cost more than the question.
    pub(crate) async fn is_joined(&self, channel: ChannelId) -> Result<Option<bool>> {
        self.peek(move |db, me| {
            let found = db
                .prepare_cached(
                    "SELECT coalesce((SELECT joined FROM members WHERE channel = c.id AND person = ?2), 0)
                     FROM channels c WHERE c.id = ?1 AND c.kind >= 0",
                )?
                .query_row(params![channel.as_bytes(), me.id.as_bytes()], |row| row.get(0))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// What is missing or stale of each channel one is in, as ranges: the newest of each only, and first the one whose messages
    /// are the newest. One of which nothing newer is here comes before all others.
    pub(crate) async fn incomplete(&self) -> Result<Vec<(ChannelId, u64, u64)>> {
        self.read(|db, me| {
            // `first` is that of the row with the highest `last`, as SQLite has it beside `max`.
            let mut query = db.prepare_cached(
                "SELECT c.id, max(g.first, coalesce(h.seq, 0) + 1), g.last, (SELECT at FROM messages
                        WHERE channel = c.id AND seq > g.last ORDER BY seq LIMIT 1) AS until
                 FROM channels c JOIN members j ON j.channel = c.id AND j.person = ?1 AND j.joined = 1
                 JOIN (SELECT channel, first, max(last) AS last FROM gaps GROUP BY channel) g ON g.channel = c.id
                 LEFT JOIN horizons h ON h.channel = c.id
                 WHERE c.kind >= 0 AND g.last > coalesce(h.seq, 0)
                 ORDER BY until IS NULL DESC, until DESC, c.change DESC",
            )?;
            let rows = query.query_map([me.id.as_bytes()], |row| {
                let (first, last): (i64, i64) = (row.get(1)?, row.get(2)?);
                Ok((ChannelId::from_bytes(row.get(0)?), first as u64, last as u64))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// A part of a channel as it is here now, and which of `waiting` are here too; `None` for a channel that is not known.
    pub(crate) async fn part(
        &self,
        channel: ChannelId,
        window: Window,
        limit: u32,
        waiting: Vec<MessageId>,
    ) -> Result<Option<Part>> {
        let found = self
            .read(move |db, me| {
                let moment = db.unchecked_transaction()?;
                let Some(mut part) = part(db, me, channel, window, limit.clamp(1, 5000))? else { return Ok(None) };
                part.here = here(db, waiting)?;
                moment.finish()?;
                Ok(Some(part))
            })
            .await?;
        let Some(mut part) = found else { return Ok(None) };
        if part.wanted.is_empty() {
            return Ok(Some(part));
        }
        // What is missing here a damaged cache may have, whose place this one takes.
        if let Some(messages) = self.filled_in(channel, part.range, &part.wanted).await? {
            part.older |= messages.first().and_then(|message| message.seq).is_some_and(|first| first > 1);
            part.newer = window != Window::Latest && part.range.1 < part.top;
            // What waits still to be told that it was sent is shown once, as the damaged one has it.
            part.here.extend(messages.iter().map(|message| message.id));
            part.messages = messages;
        }
        Ok(Some(part))
    }

    /// Messages that an answer carried, as they are shown.
    pub(crate) async fn shown(&self, rows: Vec<MessageRow>) -> Result<Vec<MessageView>> {
        self.read(move |db, me| {
            let mut names = Names::new(db, me);
            rows.into_iter().map(|row| names.row(row)).collect()
        })
        .await
    }

    /// The channel's name as it is shown; empty for one that is not known.
    pub(crate) async fn channel_name(&self, id: ChannelId) -> Result<String> {
        Ok(self.channel(id).await?.map(|channel| channel.name).unwrap_or_default())
    }

    /// One message by its number.
    pub(crate) async fn message_at(&self, channel: ChannelId, seq: u64) -> Result<Option<MessageView>> {
        self.read(move |db, me| {
            let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.channel = ?1 AND m.seq = ?2");
            Ok(messages(db, me, &sql, params![channel.as_bytes(), seq as i64])?.pop())
        })
        .await
    }

    /// One message by its id.
    pub(crate) async fn message(&self, id: MessageId) -> Result<Option<MessageView>> {
        self.read(move |db, me| {
            let sql = format!("SELECT {COLUMNS} FROM messages m WHERE m.id = ?1");
            Ok(messages(db, me, &sql, params![id.as_bytes()])?.pop())
        })
        .await
    }

    /// How many of these messages are here, with these texts.
    pub(crate) async fn count_same(&self, messages: Vec<(MessageId, String)>) -> Result<u64> {
        self.read(move |db, _| {
            let mut same = db.prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND text = ?2")?;
            messages
                .iter()
                .try_fold(0, |count, (id, text)| Ok(count + u64::from(same.exists(params![id.as_bytes(), text])?)))
        })
        .await
    }

    /// Messages that changed after a change, up to the cursor, oldest change first; and how far that reaches.
    pub(crate) async fn since(&self, change: u64, limit: u32) -> Result<(Vec<MessageView>, u64)> {
        self.read(move |db, me| {
            // Rows beyond the cursor have others before them that are not here yet.
            let mut cursor = number(db, "cursor")?;
            // So have those that the server told the heads of only, for whoever had not come past them.
            let heads_from = kept_number(db, HEADS_FROM)?;
            if let Some(heads_from) = heads_from.filter(|from| *from < cursor)
                && kept_number(db, HEADS_TO)?.is_none_or(|to| change < to)
                && is_incomplete(db, me)?
            {
                cursor = heads_from;
            }
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS}, m.change FROM messages m WHERE m.change > ?1 AND m.change <= ?2
                 ORDER BY m.change LIMIT ?3"
            ))?;
            let mut rows = query.query(params![change as i64, cursor as i64, limit])?;
            let mut names = Names::new(db, me);
            let (mut found, mut last) = (Vec::new(), change);
            while let Some(row) = rows.next()? {
                found.push(names.message(row)?);
                last = row.get::<_, i64>(COLUMN_COUNT)? as u64;
            }
            let complete = found.len() < limit as usize;
            Ok((found, if complete { cursor.max(change) } else { last }))
        })
        .await
    }

    /// Everybody, by name.
    pub(crate) async fn people(&self) -> Result<Vec<PersonView>> {
        self.read(|db, _| {
            let mut query =
                db.prepare_cached("SELECT id, name, imported, rank FROM people ORDER BY lower(name), id")?;
            let rows = query.query_map([], super::view::person)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// One person.
    pub(crate) async fn person(&self, id: AccountId) -> Result<PersonView> {
        self.read(move |db, me| Names::new(db, me).person(id)).await
    }

    /// The channels one is in, and with `all` the public ones one is not in; by kind and name. Drafts are not known here.
    pub(crate) async fn channels(&self, all: bool) -> Result<Vec<ChannelView>> {
        self.read(move |db, me| channels(db, me, all, None)).await
    }

    /// One channel.
    pub(crate) async fn channel(&self, id: ChannelId) -> Result<Option<ChannelView>> {
        self.read(move |db, me| Ok(channels(db, me, true, Some(id))?.pop())).await
    }

    /// Unread messages of all channels.
    pub(crate) async fn unread(&self) -> Result<u64> {
        self.read(|db, me| Ok(channels(db, me, false, None)?.iter().map(|channel| channel.unread).sum())).await
    }
}

pub(super) fn state(db: &Connection, me: &Me, channel: ChannelId) -> Result<Option<ChannelState>, Error> {
    let found = db
        .prepare_cached(
            "SELECT c.head, (SELECT joined FROM members WHERE channel = c.id AND person = ?2)
             FROM channels c WHERE c.id = ?1 AND c.kind >= 0",
        )?
        .query_row(params![channel.as_bytes(), me.id.as_bytes()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<bool>>(1)?))
        })
        .optional()?;
    let Some((head, joined)) = found else { return Ok(None) };
    let gaps = Gaps::load(db, channel)?;
    Ok(Some(ChannelState { joined: joined.unwrap_or(false), head: head as u64, gaps }))
}

fn part(db: &Connection, me: &Me, channel: ChannelId, window: Window, limit: u32) -> Result<Option<Part>, Error> {
    let Some(ChannelState { head, gaps, joined, .. }) = state(db, me, channel)? else { return Ok(None) };
    let id = channel.as_bytes();
    let newest: Option<i64> =
        db.prepare_cached("SELECT max(seq) FROM messages WHERE channel = ?1")?.query_row([id], |row| row.get(0))?;
    let top = head.max(newest.unwrap_or(0) as u64);
    let wide = u64::from(limit);
    let down = |from: u64, count: u32| -> Result<Vec<MessageView>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages m WHERE m.channel = ?1 AND m.seq <= ?2 ORDER BY m.seq DESC LIMIT ?3"
        );
        let mut rows = messages(db, me, &sql, params![id, from as i64, count])?;
        cut(&mut rows, &gaps);
        // What lies beyond a hole is not what comes next; only for a first look it is better than nothing.
        if window != Window::Latest
            && rows.first().and_then(|row| row.seq).is_some_and(|first| gaps.any_within(first + 1, from))
        {
            rows.clear();
        }
        rows.reverse();
        Ok(rows)
    };
    let up = |from: u64, count: u32| -> Result<Vec<MessageView>, Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM messages m WHERE m.channel = ?1 AND m.seq > ?2 ORDER BY m.seq LIMIT ?3");
        let mut rows = messages(db, me, &sql, params![id, from as i64, count])?;
        cut(&mut rows, &gaps);
        if rows.first().and_then(|row| row.seq).is_some_and(|first| gaps.any_within(from + 1, first - 1)) {
            rows.clear();
        }
        Ok(rows)
    };
    let (messages, range) = match window {
        Window::Latest => (down(top, limit)?, (top.saturating_sub(wide - 1).max(1), top)),
        Window::Before { seq } => {
            (down(seq.saturating_sub(1), limit)?, (seq.saturating_sub(wide).max(1), seq.saturating_sub(1).min(top)))
        }
        Window::After { seq } => (up(seq, limit)?, (seq + 1, seq.saturating_add(wide).min(top))),
        Window::Around { seq } => {
            let half = (limit / 2).max(1);
            let mut messages = down(seq, half)?;
            messages.extend(up(seq, half)?);
            let half = u64::from(half);
            (messages, (seq.saturating_sub(half - 1).max(1), seq.saturating_add(half).min(top)))
        }
    };
    let read = read_mark(db, channel)?;
    let first = messages.first().and_then(|message| message.seq).unwrap_or(range.0);
    let last = messages.last().and_then(|message| message.seq).unwrap_or(range.1);
    Ok(Some(Part {
        older: top > 0 && first > 1,
        newer: window != Window::Latest && last < top,
        read,
        wanted: gaps.within(range.0, range.1),
        range,
        top,
        here: Vec::new(),
        joined,
        messages,
    }))
}

pub(super) fn here(db: &Connection, ids: Vec<MessageId>) -> Result<Vec<MessageId>, Error> {
    let mut query = db.prepare_cached("SELECT 1 FROM messages WHERE id = ?1")?;
    let mut here = Vec::new();
    for id in ids {
        if query.exists([id.as_bytes()])? {
            here.push(id);
        }
    }
    Ok(here)
}

/// Whether messages of a channel one is in are missing or stale, what is not kept by choice left out.
pub(super) fn is_incomplete(db: &Connection, me: &Me) -> Result<bool, Error> {
    let mut query = db.prepare_cached(
        "SELECT 1 FROM members j WHERE j.person = ?1 AND j.joined = 1
            AND EXISTS (SELECT 1 FROM gaps WHERE channel = j.channel
                AND last > coalesce((SELECT seq FROM horizons WHERE channel = j.channel), 0)) LIMIT 1",
    )?;
    Ok(query.exists([me.id.as_bytes()])?)
}

/// Ends a part where messages in between are missing: what comes after a hole would look like what comes next.
fn cut(rows: &mut Vec<MessageView>, gaps: &Gaps) {
    let hole = rows.windows(2).position(|pair| match pair {
        [MessageView { seq: Some(a), .. }, MessageView { seq: Some(b), .. }] => {
            gaps.any_within(a.min(b) + 1, a.max(b).saturating_sub(1))
        }
        _ => false,
    });
    if let Some(hole) = hole {
        rows.truncate(hole + 1);
    }
}

pub(super) fn messages(
    db: &Connection,
    me: &Me,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<MessageView>, Error> {
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query(values)?;
    let mut names = Names::new(db, me);
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(names.message(row)?);
    }
    Ok(out)
}

fn read_mark(db: &Connection, channel: ChannelId) -> Result<u64, Error> {
    let seq: Option<i64> = db
        .prepare_cached("SELECT seq FROM reads WHERE channel = ?1")?
        .query_row([channel.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(seq.unwrap_or(0) as u64)
}

pub(super) fn channels(
    db: &Connection,
    me: &Me,
    all: bool,
    only: Option<ChannelId>,
) -> Result<Vec<ChannelView>, Error> {
    let mut query = db.prepare_cached(
        "SELECT c.id, c.kind, c.name, c.topic, coalesce(j.joined, 0),
            max(c.head, coalesce((SELECT max(seq) FROM messages WHERE channel = c.id), 0)),
            coalesce((SELECT seq FROM reads WHERE channel = c.id), 0),
            (SELECT count(*) FROM members WHERE channel = c.id AND joined = 1), c.archived
         FROM channels c LEFT JOIN members j ON j.channel = c.id AND j.person = ?1
         WHERE c.kind >= 0 AND (coalesce(j.joined, 0) = 1 OR ?2 AND c.kind = 0) AND (?3 IS NULL OR c.id = ?3)",
    )?;
    let only = only.map(|id| *id.as_bytes());
    let mut rows = query.query(params![me.id.as_bytes(), all, only.as_ref().map(<[u8; 16]>::as_slice)])?;
    let mut names = Names::new(db, me);
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = ChannelId::from_bytes(row.get(0)?);
        let Some(kind) = apply::kind(row.get(1)?) else { continue };
        let (joined, head, read) = (row.get(4)?, row.get::<_, i64>(5)? as u64, row.get::<_, i64>(6)? as u64);
        let (unread, mentions) = if joined { counts(db, id, read, head)? } else { (0, 0) };
        let people = if kind == ChannelKind::Direct { others(db, &mut names, id, me.id)? } else { Vec::new() };
        let name = match kind {
            ChannelKind::Direct if people.is_empty() => me.name.clone(),
            ChannelKind::Direct => people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", "),
            _ => row.get(2)?,
        };
        out.push(ChannelView {
            id,
            kind: match kind {
                ChannelKind::Public => ChannelKindView::Public,
                ChannelKind::Private => ChannelKindView::Private,
                ChannelKind::Direct => ChannelKindView::Direct,
            },
            name,
            topic: row.get(3)?,
            joined,
            unread,
            mentions,
            head,
            read,
            members: row.get::<_, i64>(7)? as u64,
            draft: false,
            archived: row.get(8)?,
            people,
        });
    }
    out.sort_by_cached_key(|channel| {
        (channel.kind == ChannelKindView::Direct, channel.name.to_lowercase(), *channel.id.as_bytes())
    });
    Ok(out)
}

/// Unread messages and those of them that name one. Numbers whose rows are not here count as somebody else's.
fn counts(db: &Connection, channel: ChannelId, read: u64, head: u64) -> Result<(u64, u64), Error> {
    if head <= read {
        return Ok((0, 0));
    }
    let count = |sql: &str| -> Result<u64, Error> {
        let count: i64 =
            db.prepare_cached(sql)?.query_row(params![channel.as_bytes(), read as i64], |row| row.get(0))?;
        Ok(count as u64)
    };
    let quiet = count("SELECT count(*) FROM messages WHERE channel = ?1 AND seq > ?2 AND quiet = 1")?;
    let mentions = count("SELECT count(*) FROM messages WHERE channel = ?1 AND seq > ?2 AND mention = 1")?;
    Ok(((head - read).saturating_sub(quiet), mentions))
}

fn others(db: &Connection, names: &mut Names<'_>, channel: ChannelId, me: AccountId) -> Result<Vec<PersonView>, Error> {
    let mut query =
        db.prepare_cached("SELECT person FROM members WHERE channel = ?1 AND person <> ?2 AND joined = 1")?;
    let mut rows = query.query(params![channel.as_bytes(), me.as_bytes()])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        people.push(names.person(AccountId::from_bytes(row.get(0)?))?);
    }
    people.sort_by_cached_key(|person| person.name.to_lowercase());
    Ok(people)
}

/// The channel of a file that a message here has.
pub(super) fn channel_of_file(db: &Connection, file: FileId) -> Result<Option<ChannelId>, Error> {
    let found = db
        .prepare_cached("SELECT channel FROM files WHERE id = ?1")?
        .query_row([file.as_bytes()], |row| row.get::<_, [u8; 16]>(0))
        .optional()?;
    Ok(found.map(ChannelId::from_bytes))
}

pub(super) fn own_messages(db: &Connection, me: AccountId, limit: usize) -> Result<Vec<MessageRow>, Error> {
    let mut own = Vec::new();
    each_own_message(db, me, true, |_, row| {
        let go_on = own.len() < limit;
        if go_on {
            own.push(row);
        }
        Ok(go_on)
    })?;
    Ok(own)
}

/// Tells one's own messages with their places, the newest or the oldest first, as long as they are wanted.
pub(super) fn each_own_message(
    db: &Connection,
    me: AccountId,
    newest: bool,
    mut tell: impl FnMut(i64, MessageRow) -> Result<bool, Error>,
) -> Result<(), Error> {
    let order = if newest { "DESC" } else { "ASC" };
    let mut query = db.prepare(&format!(
        "SELECT channel, seq, id, at, text, thread, change, place FROM messages
         WHERE author = ?1 AND deleted = 0 AND edited IS NULL AND poll IS NULL AND text <> '' ORDER BY place {order}"
    ))?;
    let mut rows = query.query([me.as_bytes()])?;
    while let Some(row) = rows.next()? {
        let message = MessageRow {
            thread: row.get::<_, Option<[u8; 16]>>(5)?.map(MessageId::from_bytes),
            ..MessageRow::plain(
                ChannelId::from_bytes(row.get(0)?),
                row.get::<_, i64>(1)? as u64,
                MessageId::from_bytes(row.get(2)?),
                me,
                Timestamp(row.get(3)?),
                row.get::<_, String>(4)?,
                row.get::<_, i64>(6)? as u64,
            )
        };
        if !tell(row.get(7)?, message)? {
            break;
        }
    }
    Ok(())
}
