//! Catching up: which rows beyond a cursor a person may see, and those rows in pages.
//!
//! Rows of people, channels, memberships, read marks and drafts come first, so that no message names something a device does not
//! know yet; only messages move the cursor. Somebody who joined a channel beyond their cursor also gets the channel, its
//! members, and their own drafts and read mark there as they are now, however old those rows are. Their own membership is
//! told as it is and as of the head at most: what became of it since comes live, and ahead of that it would hide that they were outside
//! meanwhile.

use super::channels::Channel;
use super::{View, drafts, groups, guests, members, messages, people, reads, rights, signed, unsigned};
use crate::error::Fail;
use rusqlite::OptionalExtension;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use thechatapp_protocol::event::{ChannelKind, InGroupRow};
use thechatapp_protocol::methods::sync::HEADS_OVER;
use thechatapp_protocol::permission::{Power, Rank};
use thechatapp_protocol::{AccountId, Changes, ChannelId, Code, ErrorBody, GroupId, Row};

mod changed;

pub use changed::changed;

/// Bytes after which a page, or an event of several rows, ends.
pub const PAGE_BYTES: usize = 192 * 1024;

/// Roughly what a row costs in an encoding.
pub fn weight(row: &Row) -> usize {
    match row {
        Row::Message(message) => messages::weight(message),
        Row::Channel(channel) => messages::ROW_BYTES + channel.topic.len(),
        Row::Draft(draft) => messages::ROW_BYTES + draft.text.len(),
        _ => messages::ROW_BYTES / 2,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Item {
    Standing,
    Group(GroupId),
    InGroup(GroupId),
    Person(AccountId),
    Channel(ChannelId),
    Member(ChannelId, AccountId),
    Read(ChannelId),
    Draft(ChannelId, i64),
    Message(ChannelId, i64, u64),
}

/// What is to be sent, and how far it has been.
#[derive(Clone, Debug)]
pub struct Plan {
    person: AccountId,
    items: Arc<[Item]>,
    next: usize,
    cursor: u64,
    /// With everything sent the cursor is this.
    pub head: u64,
    /// No messages: there are too many.
    pub heads: bool,
    /// The channels this person is in.
    pub channels: HashSet<ChannelId>,
    /// For a guest, whom they see.
    pub sees: Option<HashSet<AccountId>>,
}

/// Finds what somebody may see of the rows after a cursor, up to `head`, and what they will listen to from there on. The
/// read must be one transaction that sees everything up to `head`.
///
/// # Errors
/// SQLite's.
pub fn plan(view: View<'_>, person: AccountId, after: u64, head: u64) -> Result<Plan, Fail> {
    let narrowed = rights::narrowed(view, person)?;
    if after > 0 && after < narrowed {
        return Err(ErrorBody::new(
            Code::Narrowed,
            "This device begins anew",
            "you may see less than before",
            "the app syncs anew by itself",
        )
        .into());
    }
    let who = groups::Looker::of(view, person)?;
    let is_guest = who.rank == Rank::Guest;
    let sees = is_guest.then(|| guests::seen(view, person, Some(head))).transpose()?;
    let mine = channels(view, person)?;
    let mut items = Items { sees, ..Items::default() };
    items.add(Item::Standing);
    items.people(view, after, head)?;
    items.groups(view, who, after, head)?;
    items.channels(view, &mine, after, head)?;
    for own in mine.values() {
        if own.joined && own.change > after {
            items.people_in(view, own.channel.id)?;
            items.add(Item::Channel(own.channel.id));
            for member in members::ever_of(view, own.channel.id)? {
                items.add(Item::Member(own.channel.id, member.person));
            }
            if reads::row(view, person, own.channel.id)?.is_some() {
                items.add(Item::Read(own.channel.id));
            }
            for draft in drafts::in_channel(view, person, own.channel.id)? {
                items.add(Item::Draft(own.channel.id, draft));
            }
        }
    }
    items.members(view, &mine, person, after, head)?;
    items.reads(view, person, after, head)?;
    items.drafts(view, person, after, head)?;

    let (mut found, mut room) = (Vec::new(), HEADS_OVER.saturating_sub(items.list.len() as u64));
    let mut heads = items.list.len() as u64 > HEADS_OVER;
    for own in mine.values().filter(|own| own.joined) {
        if heads {
            break;
        }
        let mut statement = view.db.prepare_cached(
            "SELECT place, change FROM messages WHERE place >> 40 = ?1 AND change > ?2 AND change <= ?3 LIMIT ?4",
        )?;
        let mut rows = statement.query((own.channel.number, signed(after), signed(head), signed(room + 1)))?;
        while let Some(row) = rows.next()? {
            if room == 0 {
                heads = true;
                break;
            }
            room -= 1;
            found.push(Item::Message(own.channel.id, row.get(0)?, unsigned(row.get(1)?)));
        }
    }
    if heads {
        items.all_channels(view, &mine)?;
    } else {
        found.sort_unstable_by_key(|item| match item {
            Item::Message(_, _, change) => *change,
            _ => 0,
        });
        items.list.append(&mut found);
    }
    let channels = mine.values().filter(|own| own.joined).map(|own| own.channel.id).collect();
    Ok(Plan { person, items: items.list.into(), next: 0, cursor: after, head, heads, channels, sees: items.sees })
}

impl Plan {
    /// Whether everything has been sent.
    pub fn done(&self) -> bool {
        self.next >= self.items.len()
    }

    /// Takes the next page. `live` is for the caller to say.
    ///
    /// # Errors
    /// SQLite's.
    pub fn page(&mut self, view: View<'_>) -> Result<Changes, Fail> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let is_guest = guests::is(view, self.person)?;
        while let Some(item) = self.items.get(self.next) {
            // What left the person's sight since the plan was made is not sent; the live stream tells why.
            let row = match self.read(view, *item, is_guest) {
                Ok(row) => row,
                Err(Fail::Refused(_)) => None,
                Err(other) => return Err(other),
            };
            self.next += 1;
            if let Item::Message(_, _, change) = item {
                self.cursor = *change;
            }
            let Some(row) = row else { continue };
            bytes += weight(&row);
            rows.push(row);
            if bytes > PAGE_BYTES {
                break;
            }
        }
        if self.done() {
            self.cursor = self.head;
        }
        Ok(Changes { rows, to: self.cursor, live: false })
    }

    fn read(&self, view: View<'_>, item: Item, is_guest: bool) -> Result<Option<Row>, Fail> {
        Ok(match item {
            Item::Standing => Some(Row::Standing(rights::standing(view, self.person)?)),
            Item::Group(id) => groups::seen_row(view, groups::Looker::of(view, self.person)?, id)?.map(Row::Group),
            Item::InGroup(id) => in_group(view, self.person, id)?.map(Row::InGroup),
            Item::Person(id) if is_guest && !guests::sees(view, self.person, id)? => None,
            Item::Person(id) => Some(Row::Person(people::row(view, id)?)),
            Item::Channel(id) => {
                let row = super::channels::row(view, id)?;
                let public = row.kind == ChannelKind::Public && !is_guest;
                let own = members::row(view, id, self.person)?;
                let seen = own.is_some_and(|own| own.joined) || own.is_some() && super::channels::is_wiped(view, id)?;
                if public || seen {
                    Some(Row::Channel(row))
                } else {
                    // Planned as one they saw, or one that left their sight since they were here.
                    let hidden = super::channels::hidden_at(view, id)?.filter(|_| !is_guest);
                    hidden.map(|change| Row::Channel(super::channels::gone(id, change)))
                }
            }
            Item::Member(channel, person) => {
                let own = person == self.person;
                let seen = own || members::is(view, channel, self.person)?;
                let row = members::row(view, channel, person)?.filter(|_| seen);
                row.map(|mut row| {
                    if own {
                        row.change = row.change.min(self.head);
                    }
                    Row::Member(row)
                })
            }
            Item::Read(channel) => reads::row(view, self.person, channel)?.map(Row::Read),
            Item::Draft(channel, _) if !members::is(view, channel, self.person)? => None,
            Item::Draft(_, number) => drafts::row(view, self.person, number)?.map(Row::Draft),
            Item::Message(channel, place, _) => {
                if !members::is(view, channel, self.person)? {
                    return Ok(None);
                }
                Some(Row::Message(messages::row(view, channel, place)?))
            }
        })
    }
}

/// Whether somebody is or was in a group; none for one they never were in.
fn in_group(view: View<'_>, person: AccountId, group: GroupId) -> Result<Option<InGroupRow>, Fail> {
    let found = view
        .db
        .prepare_cached("SELECT inside, change FROM group_people WHERE grp = ?1 AND person = ?2")?
        .query_row((group.as_bytes(), person.as_bytes()), |row| {
            Ok(InGroupRow { group, inside: row.get(0)?, change: unsigned(row.get(1)?) })
        })
        .optional()?;
    Ok(found)
}

/// The rows of hidden groups that somebody who looks after all of them needs.
///
/// # Errors
/// SQLite's, and of seals.
pub fn hidden_groups(view: View<'_>, person: AccountId) -> Result<Vec<Row>, Fail> {
    let who = groups::Looker::of(view, person)?;
    let mut rows = Vec::new();
    if who.powers.has(Power::Users) {
        for group in groups::hidden(view)? {
            rows.push(Row::Group(groups::row(view, group)?));
        }
    }
    Ok(rows)
}

/// The rows a device needs when its person joins a channel, after their own membership: the channel, everybody who is or was in it,
/// for a guest also who they are, and their own drafts and read mark.
///
/// # Errors
/// SQLite's.
pub fn snapshot(view: View<'_>, person: AccountId, channel: ChannelId) -> Result<Vec<Row>, Fail> {
    if !members::is(view, channel, person)? {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    if guests::is(view, person)? {
        for other in guests::in_channel(view, channel)? {
            rows.push(Row::Person(people::row(view, other)?));
        }
    }
    rows.push(Row::Channel(super::channels::row(view, channel)?));
    // Their own may be newer than what brought them here, and would hide that they left in between.
    rows.extend(members::ever_of(view, channel)?.into_iter().filter(|row| row.person != person).map(Row::Member));
    rows.extend(reads::row(view, person, channel)?.map(Row::Read));
    for draft in drafts::in_channel(view, person, channel)? {
        rows.extend(drafts::row(view, person, draft)?.map(Row::Draft));
    }
    Ok(rows)
}

struct Own {
    channel: Channel,
    joined: bool,
    change: u64,
}

/// Every channel somebody is or was in, at this moment, which may be past the head of a plan: a membership that changed
/// since then comes live as well, but says nothing of the messages before it.
fn channels(view: View<'_>, person: AccountId) -> Result<HashMap<ChannelId, Own>, Fail> {
    let mut statement = view.db.prepare_cached("SELECT channel, joined, change FROM members WHERE person = ?1")?;
    let mut rows = statement.query([person.as_bytes()])?;
    let mut mine = HashMap::new();
    while let Some(row) = rows.next()? {
        let id = ChannelId::from_bytes(row.get(0)?);
        let channel = super::channels::find(view, id)?.ok_or(Fail::Broken("a membership without its channel"))?;
        mine.insert(id, Own { channel, joined: row.get(1)?, change: unsigned(row.get(2)?) });
    }
    Ok(mine)
}

#[derive(Default)]
struct Items {
    list: Vec<Item>,
    seen: HashSet<Item>,
    /// For a guest, whom they see.
    sees: Option<HashSet<AccountId>>,
}

impl Items {
    fn add(&mut self, item: Item) {
        if self.seen.insert(item) {
            self.list.push(item);
        }
    }

    fn people(&mut self, view: View<'_>, after: u64, head: u64) -> Result<(), Fail> {
        let mut statement =
            view.db.prepare_cached("SELECT id FROM people WHERE change > ?1 AND change <= ?2 ORDER BY change")?;
        let mut rows = statement.query((signed(after), signed(head)))?;
        while let Some(row) = rows.next()? {
            let person = AccountId::from_bytes(row.get(0)?);
            if self.sees.as_ref().is_none_or(|sees| sees.contains(&person)) {
                self.add(Item::Person(person));
            }
        }
        Ok(())
    }

    /// Everybody who is or was in a channel, for a guest, who does not know them yet.
    fn people_in(&mut self, view: View<'_>, channel: ChannelId) -> Result<(), Fail> {
        if self.sees.is_some() {
            for person in guests::in_channel(view, channel)? {
                self.add(Item::Person(person));
            }
        }
        Ok(())
    }

    /// Groups that changed, or that somebody came to see or left.
    fn groups(&mut self, view: View<'_>, who: groups::Looker, after: u64, head: u64) -> Result<(), Fail> {
        let range = (signed(after), signed(head));
        let mut statement =
            view.db.prepare_cached("SELECT id FROM groups WHERE change > ?1 AND change <= ?2 ORDER BY change")?;
        let mut rows = statement.query(range)?;
        while let Some(row) = rows.next()? {
            let id = GroupId::from_bytes(row.get(0)?);
            // A device that begins knows of none that could be gone.
            if after > 0 || groups::sees(view, who, id)? {
                self.add(Item::Group(id));
            }
        }
        let mut statement = view
            .db
            .prepare_cached("SELECT grp FROM group_people WHERE person = ?1 AND change > ?2 AND change <= ?3")?;
        let mut rows = statement.query((who.person.as_bytes(), range.0, range.1))?;
        while let Some(row) = rows.next()? {
            let id = GroupId::from_bytes(row.get(0)?);
            if after > 0 || groups::is_inside(view, who.person, id)? {
                self.add(Item::Group(id));
                self.add(Item::InGroup(id));
            }
        }
        if who.powers.has(Power::Users) && rights::row(view, who.person)?.change > after {
            for id in groups::hidden(view)? {
                self.add(Item::Group(id));
            }
        }
        Ok(())
    }

    fn channels(&mut self, view: View<'_>, mine: &HashMap<ChannelId, Own>, after: u64, head: u64) -> Result<(), Fail> {
        let mut statement = view.db.prepare_cached(
            // One that was made private may have changed again since, for those in it only.
            "SELECT id, kind = 0, wiped, kind = 1 AND hidden > ?1 FROM channels WHERE change > ?1 AND change <= ?2
             UNION SELECT id, 0, wiped, 1 FROM channels WHERE kind = 1 AND hidden > ?1 AND hidden <= ?2",
        )?;
        let mut rows = statement.query((signed(after), signed(head)))?;
        while let Some(row) = rows.next()? {
            let id = ChannelId::from_bytes(row.get(0)?);
            // Of a wiped one those learn who saw it until then: their own row changed with it.
            let (public, wiped): (bool, bool) = (row.get(1)?, row.get(2)?);
            // Of one that was made private, those who saw it when they were last here.
            let hidden = after > 0 && row.get(3)?;
            if (public || hidden) && self.sees.is_none()
                || mine.get(&id).is_some_and(|own| own.joined || wiped && own.change > after)
            {
                self.add(Item::Channel(id));
            }
        }
        Ok(())
    }

    /// Every channel in sight, for its head.
    fn all_channels(&mut self, view: View<'_>, mine: &HashMap<ChannelId, Own>) -> Result<(), Fail> {
        let mut statement = view.db.prepare_cached("SELECT id, kind = 0 FROM channels ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = ChannelId::from_bytes(row.get(0)?);
            if row.get::<_, bool>(1)? && self.sees.is_none() || mine.get(&id).is_some_and(|own| own.joined) {
                self.add(Item::Channel(id));
            }
        }
        Ok(())
    }

    fn members(
        &mut self,
        view: View<'_>,
        mine: &HashMap<ChannelId, Own>,
        me: AccountId,
        after: u64,
        head: u64,
    ) -> Result<(), Fail> {
        let mut statement = view
            .db
            .prepare_cached("SELECT channel, person FROM members WHERE change > ?1 AND change <= ?2 ORDER BY change")?;
        let mut rows = statement.query((signed(after), signed(head)))?;
        while let Some(row) = rows.next()? {
            let channel = ChannelId::from_bytes(row.get(0)?);
            let person = AccountId::from_bytes(row.get(1)?);
            if person == me || mine.get(&channel).is_some_and(|own| own.joined) {
                if self.sees.is_some() {
                    self.add(Item::Person(person));
                }
                self.add(Item::Member(channel, person));
            }
        }
        Ok(())
    }

    fn reads(&mut self, view: View<'_>, person: AccountId, after: u64, head: u64) -> Result<(), Fail> {
        let mut statement =
            view.db.prepare_cached("SELECT channel FROM reads WHERE person = ?1 AND change > ?2 AND change <= ?3")?;
        let mut rows = statement.query((person.as_bytes(), signed(after), signed(head)))?;
        while let Some(row) = rows.next()? {
            self.add(Item::Read(ChannelId::from_bytes(row.get(0)?)));
        }
        Ok(())
    }

    /// One's own drafts, those that were sent or deleted as well: that is how a device learns of it, also one that begins anew and
    /// kept what was typed.
    fn drafts(&mut self, view: View<'_>, person: AccountId, after: u64, head: u64) -> Result<(), Fail> {
        let mut statement = view
            .db
            .prepare_cached("SELECT channel, number FROM drafts WHERE person = ?1 AND change > ?2 AND change <= ?3")?;
        let mut rows = statement.query((person.as_bytes(), signed(after), signed(head)))?;
        while let Some(row) = rows.next()? {
            self.add(Item::Draft(ChannelId::from_bytes(row.get(0)?), row.get(1)?));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
