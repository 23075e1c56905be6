//! The list of channels, as far as it is kept outside of the cache: what there is to be kept, and what a cache begins with that knows
//! nothing yet.

use super::former::{Former, SEEDED, UNCONFIRMED};
use super::{Cache, Me, apply, kept_number, number, set_number};
use crate::error::Result;
use crate::local::Listed;
use rusqlite::{Connection, OptionalExtension, params};
use thechatapp_database::Error;
use thechatapp_protocol::event::{ChannelKind, ChannelRow, PersonRow};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, Timestamp};

impl Cache {
    /// The channels one is in; none where the server has not told of all of them, or has yet to confirm what is here.
    pub(crate) async fn listed(&self) -> Result<Option<Vec<Listed>>> {
        self.read(|db, me| {
            let moment = db.unchecked_transaction()?;
            let told = number(db, "cursor")? > 0 && number(db, SEEDED)? == 0;
            let listed = if told { Some(listed(db, me)?) } else { None };
            moment.finish()?;
            Ok(listed)
        })
        .await
    }

    /// Whether it has had anything from the server. Asked of the writer, which is open already, when a profile is opened.
    pub(crate) async fn is_begun(&self) -> Result<bool> {
        self.apart(|db| Ok(is_begun(db)?)).await
    }

    /// Begins with channels that one was in, unconfirmed. What is here already stays as it is.
    pub(crate) async fn begin_with(&self, listed: Vec<Listed>) -> Result<()> {
        let (me, former) = (std::sync::Arc::clone(&self.me), self.former());
        self.write(move |db| seed(db, &me, former.as_deref(), &listed)).await
    }
}

fn is_begun(db: &Connection) -> rusqlite::Result<bool> {
    Ok(kept_number(db, "cursor")?.is_some() || db.prepare("SELECT 1 FROM meta WHERE name = 'generation'")?.exists([])?)
}

fn listed(db: &Connection, me: &Me) -> Result<Vec<Listed>, Error> {
    let mut query = db.prepare_cached(
        "SELECT c.id, c.kind, c.name, c.topic, c.created, c.archived, j.moderator
         FROM channels c JOIN members j ON j.channel = c.id AND j.person = ?1 AND j.joined = 1 WHERE c.kind >= 0",
    )?;
    let mut others = db.prepare_cached(
        "SELECT p.id, p.name, p.imported, p.active, p.rank FROM members j JOIN people p ON p.id = j.person
         WHERE j.channel = ?1 AND j.person <> ?2 AND j.joined = 1 ORDER BY p.id",
    )?;
    let mut rows = query.query([me.id.as_bytes()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(kind) = apply::kind(row.get(1)?) else { continue };
        let channel = ChannelRow {
            kind,
            topic: row.get(3)?,
            archived: row.get(5)?,
            ..ChannelRow::plain(
                ChannelId::from_bytes(row.get(0)?),
                &row.get::<_, String>(2)?,
                Timestamp(row.get(4)?),
                0,
            )
        };
        let people = if kind == ChannelKind::Direct {
            let people = others.query_map(params![channel.id.as_bytes(), me.id.as_bytes()], |row| {
                Ok(PersonRow {
                    id: AccountId::from_bytes(row.get(0)?),
                    name: row.get(1)?,
                    imported: row.get(2)?,
                    active: row.get(3)?,
                    rank: Rank::from_stored(row.get(4)?),
                    change: 0,
                })
            })?;
            people.collect::<rusqlite::Result<_>>()?
        } else {
            Vec::new()
        };
        all.push(Listed { channel, moderator: row.get(6)?, people });
    }
    Ok(all)
}

/// Puts what is not here into a cache that has had nothing from the server, as what it has to confirm.
pub(super) fn seed(db: &Connection, me: &Me, former: Option<&Former>, listed: &[Listed]) -> Result<(), Error> {
    if listed.is_empty() || kept_number(db, "cursor")?.is_some() {
        return Ok(());
    }
    let mut own = db.prepare("SELECT joined FROM members WHERE channel = ?1 AND person = ?2")?;
    // Of one whose messages alone are known, the place is here.
    let mut channels = db.prepare(
        "INSERT INTO channels (id, kind, name, topic, head, created, change, archived)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, topic = excluded.topic,
             created = excluded.created, change = excluded.change, archived = excluded.archived WHERE kind < 0",
    )?;
    let mut gaps = db.prepare(
        "INSERT OR IGNORE INTO gaps (channel, first, last) SELECT id, 1, head FROM channels WHERE id = ?1 AND head > 0",
    )?;
    let mut members = db.prepare(
        "INSERT OR IGNORE INTO members (channel, person, joined, change, moderator) VALUES (?1, ?2, 1, ?3, ?4)",
    )?;
    let mut people = db.prepare(
        "INSERT OR IGNORE INTO people (id, name, imported, active, change, rank) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for Listed { channel, moderator, people: others } in listed {
        let id = channel.id.as_bytes();
        // The damaged one may know better.
        let has_left = own.query_row(params![id, me.id.as_bytes()], |row| row.get(0).map(|joined: bool| !joined));
        if has_left.optional()?.unwrap_or(false) {
            continue;
        }
        let head = former.map_or(0, |former| former.head(channel.id));
        let fresh = channels.execute(params![
            id,
            apply::kind_number(channel.kind),
            channel.name,
            channel.topic,
            head as i64,
            channel.created.0,
            UNCONFIRMED,
            channel.archived,
        ])?;
        if fresh > 0 {
            gaps.execute([id])?;
        }
        members.execute(params![id, me.id.as_bytes(), UNCONFIRMED, moderator])?;
        for person in others {
            people.execute(params![
                person.id.as_bytes(),
                person.name,
                person.imported,
                person.active,
                UNCONFIRMED,
                person.rank as u8,
            ])?;
            members.execute(params![id, person.id.as_bytes(), UNCONFIRMED, false])?;
        }
    }
    set_number(db, SEEDED, 1)
}
