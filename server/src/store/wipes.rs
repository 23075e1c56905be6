//! Wiping a channel or a person. One commit destroys the keys and all that names them, and hides what is left; the rest goes
//! in steps that let others write in between. While a row in `wiping` says so, it is not done (see [`crate::wipe`]).
//!
//! A channel has keys of its own: without them nothing in it opens, and its rows go as a whole. A person's messages lie in
//! channels that others use, so of a person the keys of files go first, and each message becomes a tombstone. What stays of
//! them is an id that goes by [`NOBODY`].

pub mod past;

use super::channels::{self, Channel};
use super::{
    Tx, View, bans, blocks, factors, files, groups, guests, invites, known, lockouts, members, messages, people,
    reports, resets, rights, search, signed,
};
use crate::error::Fail;
use crate::hub::{Audience, Note};
use crate::keyring::{Keyring, delete_channel};
use crate::store::audit::{self, Act, By};
use crate::time::now;
use rusqlite::{Connection, OptionalExtension};
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::event::{ChannelKind, ChannelRole, MemberRow, PersonRow};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, Row, Timestamp};

/// What a wiped person is called.
pub const NOBODY: &str = "Deleted person";
/// Messages in one step: their commit holds up others for some milliseconds.
const TOGETHER: i64 = 64;
/// What stands for the digest of what was sent.
const NO_DIGEST: [u8; 32] = [0; 32];

/// What is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A channel, or a direct conversation.
    Channel(Channel),
    /// A person.
    Person(AccountId),
}

/// The wipes that are not done, channels first.
///
/// # Errors
/// SQLite's.
pub fn under_way(view: View<'_>) -> Result<Vec<Subject>, Fail> {
    let mut rows = view.db.prepare("SELECT what, id FROM wiping ORDER BY what, id")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut all = Vec::new();
    for row in rows.collect::<Result<Vec<(i64, [u8; 16])>, _>>()? {
        all.push(match row {
            (0, id) => {
                let channel = channels::find(view, ChannelId::from_bytes(id))?;
                Subject::Channel(channel.ok_or(Fail::Broken("a wipe of a channel that is not there"))?)
            }
            (_, id) => Subject::Person(AccountId::from_bytes(id)),
        });
    }
    Ok(all)
}

/// Whether something is being wiped.
///
/// # Errors
/// SQLite's.
pub fn any(db: &Connection) -> Result<bool, Fail> {
    Ok(db.prepare_cached("SELECT 1 FROM wiping LIMIT 1")?.exists([])?)
}

fn note(tx: &Tx<'_>, what: i64, id: &[u8; 16]) -> Result<(), Fail> {
    tx.db.prepare_cached("INSERT OR IGNORE INTO wiping (what, id) VALUES (?1, ?2)")?.execute((what, id))?;
    Ok(())
}

/// The channel that an administrator names, by its id or its name.
///
/// # Errors
/// Bad input when there is none, or several.
pub fn channel_named(view: View<'_>, text: &str) -> Result<Channel, Fail> {
    let none = || Fail::bad_input("No such channel", format!("there is no {text}"), "give its name or its id");
    if let Ok(id) = text.parse() {
        return channels::find(view, id)?.ok_or_else(none);
    }
    let mut rows = view.db.prepare("SELECT id FROM channels WHERE folded = ?1 AND wiped = 0 AND kind <> 2")?;
    let folded = people::fold(text.trim().trim_start_matches('#'));
    let ids = rows.query_map([folded], |row| row.get(0))?.collect::<Result<Vec<[u8; 16]>, _>>()?;
    match ids.as_slice() {
        [] => Err(none()),
        [id] => channels::find(view, ChannelId::from_bytes(*id))?.ok_or_else(none),
        several => {
            let ids: Vec<_> = several.iter().map(|id| ChannelId::from_bytes(*id).to_string()).collect();
            let why = format!("{} go by this name: {}", ids.len(), ids.join(", "));
            Err(Fail::bad_input("Which channel is not clear", why, "give the id of one"))
        }
    }
}

/// The person that an administrator names, by their id or their name.
///
/// # Errors
/// Bad input when there is none.
pub fn person_named(view: View<'_>, text: &str) -> Result<AccountId, Fail> {
    let found: Option<[u8; 16]> = if let Ok(id) = text.parse::<AccountId>() {
        let sql = "SELECT id FROM people WHERE id = ?1";
        view.db.query_row(sql, [id.as_bytes()], |row| row.get(0)).optional()?
    } else {
        let hash = view.keyring.name_hash("person", &people::fold(&people::tidy_name(text.trim_start_matches('@'))?));
        view.db.query_row("SELECT id FROM people WHERE name_hash = ?1", [hash], |row| row.get(0)).optional()?
    };
    found
        .map(AccountId::from_bytes)
        .ok_or_else(|| Fail::bad_input("No such person", format!("there is no {text}"), "give their name or their id"))
}

/// Begins to wipe a channel, and writes down who did.
///
/// # Errors
/// SQLite's.
pub fn wipe_channel(tx: &mut Tx<'_>, by: By, channel: Channel) -> Result<u64, Fail> {
    let act = Act::new(Class::Data, "channel.wiped", Target::Channel(channel.id));
    let removed = begin_channel(tx, channel)?;
    audit::record(tx, by, act)?;
    Ok(removed)
}

/// Begins to wipe a person, and writes down who did.
///
/// # Errors
/// SQLite's.
pub fn wipe_person(tx: &mut Tx<'_>, by: By, person: AccountId) -> Result<u64, Fail> {
    let removed = begin_person(tx, person)?;
    audit::record(tx, by, Act::new(Class::Data, "person.wiped", Target::Person(person)))?;
    Ok(removed)
}

/// Begins to wipe a channel: nothing in it opens from this commit on, and nobody sees it. One that everybody is in is
/// made anew, empty. Answers how many files are removed with it.
///
/// # Errors
/// SQLite's.
pub fn begin_channel(tx: &mut Tx<'_>, channel: Channel) -> Result<u64, Fail> {
    note(tx, 0, channel.id.as_bytes())?;
    if channels::is_wiped(tx.view(), channel.id)? {
        return Ok(0);
    }
    delete_channel(tx.db, channel.id)?;
    let places = (channel.place(0), channel.last_place());
    // What does not open any longer must not be met.
    tx.db.execute("DELETE FROM unindexed WHERE place BETWEEN ?1 AND ?2", places)?;
    tx.db.execute("DELETE FROM saved WHERE place BETWEEN ?1 AND ?2", places)?;
    tx.db.execute("DELETE FROM reads WHERE channel = ?1", [channel.id.as_bytes()])?;
    tx.db.execute("DELETE FROM drafts WHERE channel = ?1", [channel.id.as_bytes()])?;
    reports::forget_channel(tx, channel.id)?;
    tx.db.execute("DELETE FROM group_channels WHERE channel = ?1", [channel.id.as_bytes()])?;
    let removed = files::remove_in(tx, channel.id)?;
    let (name, everybody): (String, bool) =
        tx.db.query_row("SELECT name, everybody FROM channels WHERE number = ?1", [channel.number], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let change = tx.change();
    tx.db.execute(
        "UPDATE channels SET kind = 1, name = '', folded = '', topic = NULL, revision = revision + 1, direct_of = NULL, maker = NULL,
            everybody = 0, epoch = 0, wiped = 1, change = ?2 WHERE number = ?1",
        (channel.number, signed(change)),
    )?;
    // As a private one without a name it leaves devices that knew it as a public one, too.
    let row = channels::row(tx.view(), channel.id)?;
    tx.tell(Row::Channel(row), channel.audience());
    let joined = members::of(tx.view(), channel.id)?;
    for person in who_saw(tx.db, channel)? {
        let change = tx.change();
        tx.db
            .prepare_cached(
                "INSERT INTO members (channel, person, joined, change) VALUES (?1, ?2, 0, ?3)
                 ON CONFLICT DO UPDATE SET joined = 0, own = 0, moderator = 0, change = excluded.change",
            )?
            .execute((channel.id.as_bytes(), person.as_bytes(), signed(change)))?;
        let row = MemberRow { channel: channel.id, person, joined: false, role: ChannelRole::Member, change };
        tx.tell(Row::Member(row), Audience::Person(person));
        if guests::is(tx.view(), person)? {
            rights::narrow(tx, person)?;
        }
    }
    if everybody {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| thechatapp_seal::Error::Random)?;
        let id = ChannelId::from_parts(now().unix_millis(), &random);
        let fresh = channels::create(tx, id, &name, ChannelKind::Public, None, true)?;
        bans::move_to(tx, channel.id, Some(id))?;
        for member in joined {
            members::set(tx, fresh, member.person, true)?;
        }
    }
    bans::move_to(tx, channel.id, None)?;
    Ok(removed)
}

/// A public channel is known to everybody who has a device, but for guests who are not in it.
fn who_saw(db: &Connection, channel: Channel) -> Result<Vec<AccountId>, Fail> {
    let sql = if channel.kind == ChannelKind::Public {
        "SELECT id FROM people WHERE imported_from IS NULL AND rank <> 3 AND ?1 IS NOT NULL
         UNION SELECT person FROM members WHERE channel = ?1"
    } else {
        "SELECT person FROM members WHERE channel = ?1 AND joined"
    };
    let mut rows = db.prepare(sql)?;
    let rows = rows.query_map([channel.id.as_bytes()], |row| row.get(0))?;
    Ok(rows.map(|id| id.map(AccountId::from_bytes)).collect::<rusqlite::Result<_>>()?)
}

/// Removes some of a wiped channel's messages with all that belongs to them. Answers how many they were; none when nothing
/// is left.
///
/// # Errors
/// SQLite's.
pub fn channel_step(tx: &mut Tx<'_>, channel: Channel) -> Result<u64, Fail> {
    let mut some =
        tx.db.prepare_cached("SELECT place, at FROM messages WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3")?;
    let some = some
        .query_map((channel.place(0), channel.last_place(), TOGETHER), |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))?
        .collect::<Result<Vec<(i64, Timestamp)>, _>>()?;
    for (place, at) in &some {
        search::remove(tx, *at, *place)?;
        search::release(tx, *at, *place)?;
        for table in ["reactions", "edits", "saved", "votes", "poll_options", "polls", "messages"] {
            tx.db.prepare_cached(&format!("DELETE FROM {table} WHERE place = ?1"))?.execute([place])?;
        }
    }
    Ok(some.len() as u64)
}

/// Begins to wipe a person: they are signed out everywhere, their files, notes and name are gone with this commit.
/// Conversations that nobody else was ever in are wiped as channels. Answers how many files are removed.
///
/// # Errors
/// SQLite's.
pub fn begin_person(tx: &mut Tx<'_>, person: AccountId) -> Result<u64, Fail> {
    note(tx, 1, person.as_bytes())?;
    forget_proofs(tx, person)?;
    let mut removed = files::remove_from(tx, person)?;
    tx.db.execute("DELETE FROM saved WHERE person = ?1", [person.as_bytes()])?;
    tx.db.execute("DELETE FROM reads WHERE person = ?1", [person.as_bytes()])?;
    tx.db.execute("UPDATE channels SET maker = NULL WHERE maker = ?1", [person.as_bytes()])?;
    tx.db.execute("DELETE FROM drafts WHERE person = ?1", [person.as_bytes()])?;
    reports::forget_person(tx, person)?;
    blocks::forget_person(tx, person)?;
    bans::forget_person(tx, person)?;
    sign_out(tx, person)?;
    // Their rank first: what follows from groups and roles is then worked out for nobody in particular.
    forget_name(tx, person)?;
    groups::forget(tx, person)?;
    for channel in alone(tx.view(), person)? {
        removed += begin_channel(tx, channel)?;
    }
    for channel in joined(tx.view(), person)? {
        members::set(tx, channel, person, false)?;
    }
    Ok(removed)
}

/// Forgets by what a person could prove who they are, and what is counted against them.
///
/// # Errors
/// SQLite's.
pub fn forget_proofs(tx: &Tx<'_>, person: AccountId) -> Result<(), Fail> {
    // Failed attempts are counted under the name, which is known only now.
    let name = people::row(tx.view(), person)?.name;
    lockouts::forget(tx, person, &people::fold(&name))?;
    factors::remove(tx, person)?;
    resets::remove(tx, person)?;
    known::forget(tx, person)?;
    invites::remove_of(tx, person)
}

/// Removes a person's devices and ends their browsers' sessions.
///
/// # Errors
/// SQLite's.
pub fn sign_out(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let devices = {
        let mut rows = tx
            .db
            .prepare("SELECT id FROM devices WHERE person = ?1 UNION ALL SELECT id FROM browsers WHERE person = ?1")?;
        let rows = rows.query_map([person.as_bytes()], |row| row.get(0))?;
        rows.collect::<Result<Vec<[u8; 16]>, _>>()?
    };
    tx.db.execute("DELETE FROM devices WHERE person = ?1", [person.as_bytes()])?;
    tx.db.execute(
        "DELETE FROM spent_tokens WHERE browser IN (SELECT id FROM browsers WHERE person = ?1)",
        [person.as_bytes()],
    )?;
    tx.db.execute("DELETE FROM browsers WHERE person = ?1", [person.as_bytes()])?;
    for device in devices {
        tx.note(Note::SignedOut(DeviceId::from_bytes(device)));
    }
    Ok(())
}

/// In place of the hash of a wiped person's name.
fn hash_of_nobody(keyring: &Keyring, person: AccountId) -> [u8; 32] {
    keyring.digest(&[b"wiped person", person.as_bytes()])
}

/// An imported person stays known as one by a keyed hash: history that is imported again must not bring them back.
fn forget_name(tx: &mut Tx<'_>, person: AccountId) -> Result<(), Fail> {
    let (revision, imported): (i64, bool) = tx.db.query_row(
        "SELECT revision + 1, imported_from IS NOT NULL FROM people WHERE id = ?1",
        [person.as_bytes()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let sealed = tx.keyring.seal_name(person, super::unsigned(revision), NOBODY)?;
    // Several people may be called so, and nobody is found by it.
    let hash = hash_of_nobody(tx.keyring, person);
    let change = tx.change();
    tx.db.execute(
        "UPDATE people SET name = ?2, revision = ?3, name_hash = ?4, password = NULL, active = 0, state = 3, powers = 0, rank = 2, change = ?5
         WHERE id = ?1",
        (person.as_bytes(), sealed, revision, hash, signed(change)),
    )?;
    let row = PersonRow { id: person, name: NOBODY.to_owned(), imported, active: false, rank: Rank::Member, change };
    tx.tell(Row::Person(row), Audience::Everyone);
    Ok(())
}

/// Conversations that have no member but this person, and never had one.
fn alone(view: View<'_>, person: AccountId) -> Result<Vec<Channel>, Fail> {
    listed(
        view,
        person,
        "SELECT c.number FROM members m JOIN channels c ON c.id = m.channel WHERE m.person = ?1 AND c.kind <> 0
            AND c.wiped = 0 AND NOT EXISTS (SELECT 1 FROM members o WHERE o.channel = c.id AND o.person <> ?1)",
    )
}

/// Channels that the person is in. A direct conversation keeps its people: it goes by their names.
///
/// # Errors
/// SQLite's.
pub fn joined(view: View<'_>, person: AccountId) -> Result<Vec<Channel>, Fail> {
    listed(
        view,
        person,
        "SELECT c.number FROM members m JOIN channels c ON c.id = m.channel WHERE m.person = ?1 AND m.joined
            AND c.kind <> 2",
    )
}

fn listed(view: View<'_>, person: AccountId, sql: &str) -> Result<Vec<Channel>, Fail> {
    let mut rows = view.db.prepare(sql)?;
    let numbers = rows.query_map([person.as_bytes()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let found = numbers.into_iter().map(|number| channels::numbered(view, number));
    found.map(|channel| channel?.ok_or(Fail::Broken("a membership without its channel"))).collect()
}

/// What is gone through of a person, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Messages they wrote.
    Messages,
    /// Reactions under the messages of others.
    Reactions,
    /// Votes in the polls of others.
    Votes,
}

/// All of it.
pub const TRACES: [Trace; 3] = [Trace::Messages, Trace::Reactions, Trace::Votes];

/// Some places, after one, where there is something left of a person.
///
/// # Errors
/// SQLite's.
pub fn places(view: View<'_>, person: AccountId, trace: Trace, after: i64) -> Result<Vec<i64>, Fail> {
    let sql = match trace {
        Trace::Messages => {
            "SELECT place FROM messages WHERE author = ?1 AND place > ?2 AND (deleted = 0 OR digest <> zeroblob(32))
             ORDER BY place LIMIT ?3"
        }
        Trace::Reactions => {
            "SELECT DISTINCT place FROM reactions WHERE person = ?1 AND place > ?2 ORDER BY place LIMIT ?3"
        }
        Trace::Votes => "SELECT place FROM votes WHERE person = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
    };
    let mut rows = view.db.prepare_cached(sql)?;
    let rows = rows.query_map((person.as_bytes(), after, TOGETHER), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes what is left of a person at these places.
///
/// # Errors
/// SQLite's.
pub fn person_step(tx: &mut Tx<'_>, person: AccountId, trace: Trace, places: &[i64]) -> Result<(), Fail> {
    for place in places {
        let channel =
            channels::numbered(tx.view(), place >> 40)?.ok_or(Fail::Broken("a message without its channel"))?;
        match trace {
            Trace::Messages => {
                let row = messages::delete(tx, channel, *place)?;
                search::remove(tx, row.at, *place)?;
                search::release(tx, row.at, *place)?;
                // Whoever has the key of digests could try what a text was.
                let mut forget = tx.db.prepare_cached("UPDATE messages SET digest = ?2 WHERE place = ?1")?;
                forget.execute((place, NO_DIGEST))?;
            }
            Trace::Reactions | Trace::Votes => {
                let table = if trace == Trace::Reactions { "reactions" } else { "votes" };
                tx.db
                    .prepare_cached(&format!("DELETE FROM {table} WHERE place = ?1 AND person = ?2"))?
                    .execute((place, person.as_bytes()))?;
                messages::touch(tx, channel, *place)?;
            }
        }
    }
    Ok(())
}

/// Whether somebody is left who has every power.
///
/// # Errors
/// SQLite's.
pub fn has_owner(view: View<'_>) -> Result<bool, Fail> {
    let mut query = view.db.prepare("SELECT 1 FROM people WHERE active AND rank = ?1")?;
    Ok(query.exists([Rank::Owner as u8])?)
}

/// Nothing is left: the files' bytes are gone, and the search index is tidy.
///
/// # Errors
/// SQLite's.
pub fn end(tx: &mut Tx<'_>, subject: Subject) -> Result<(), Fail> {
    let (what, id) = match &subject {
        Subject::Channel(channel) => (0, channel.id.as_bytes()),
        Subject::Person(person) => (1, person.as_bytes()),
    };
    tx.db.execute("DELETE FROM wiping WHERE what = ?1 AND id = ?2", (what, id))?;
    Ok(())
}

#[cfg(test)]
mod tests;
