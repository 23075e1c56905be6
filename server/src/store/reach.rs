//! What the gate has to know for one call, asked in one statement: who calls, and how they stand to what the call is about.
//!
//! Every call asks this, so each look into a table counts. All of it is looked for, whatever the first of it says: what is hidden
//! takes as long as what is not there.

use super::View;
use super::channels::{self, Channel};
use crate::error::Fail;
use rusqlite::{OptionalExtension, Params, Row};
use thechatapp_protocol::permission::{Power, Powers, Rank};
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, Scope, Timestamp};

/// A device, or a browser's session, and its account's standing.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Whose device it is.
    pub person: AccountId,
    /// Neither is the device revoked nor its account closed.
    pub good: bool,
    /// The account's powers.
    pub powers: Powers,
    /// Its rank.
    pub rank: Rank,
    /// When its person last proved who they are on this device.
    pub fresh: Timestamp,
}

/// How the caller stands to what a call is about.
#[derive(Clone, Copy, Debug)]
pub enum Reached {
    /// It is about no channel and no person.
    Nothing,
    /// About a channel, or a message in it.
    Channel(ToChannel),
    /// About a person.
    Person(ToPerson),
}

/// How somebody stands to a channel.
#[derive(Clone, Copy, Debug)]
pub struct ToChannel {
    /// The channel; none when there is none.
    pub channel: Option<Channel>,
    /// Whether they are in it.
    pub joined: bool,
    /// Whether they moderate it.
    pub moderates: bool,
    /// Whether a role within a group that it is linked to gives them the power over it that was asked for.
    pub over: bool,
}

/// How somebody stands to another person.
#[derive(Clone, Copy, Debug)]
pub struct ToPerson {
    /// The other's powers; none when there is no such person.
    pub powers: Option<Powers>,
    /// Whether a role within a group that the other is in gives them the power over the other that was asked for.
    pub over: bool,
}

/// A statement for whoever calls from a device, and the same for a browser's session. Both in one would be planned anew each
/// time, because of its parameter. The order of the tables is given, so that no statistics are needed to find it.
macro_rules! statements {
    ($columns:literal, $joins:literal) => {
        [
            concat!(
                "SELECT d.person, d.revoked = 0 AND p.active, p.powers, p.rank, d.fresh",
                $columns,
                " FROM devices d CROSS JOIN people p ON p.id = d.person",
                $joins,
                " WHERE d.id = ?1"
            ),
            concat!(
                "SELECT d.person, p.active, p.powers, p.rank, d.fresh",
                $columns,
                " FROM browsers d CROSS JOIN people p ON p.id = d.person",
                $joins,
                " WHERE d.id = ?1"
            ),
        ]
    };
}

const ALONE: [&str; 2] = statements!("", "");
const TO_CHANNEL: [&str; 2] = statements!(
    ", c.number, c.kind, c.archived, m.joined, m.moderator, ?3 <> 0 AND EXISTS (
        SELECT 1 FROM scoped_powers s CROSS JOIN group_channels g ON g.channel = ?2 AND g.grp = s.grp
        WHERE s.person = d.person AND s.powers & ?3 <> 0)",
    " LEFT JOIN channels c ON c.id = ?2 LEFT JOIN members m ON m.channel = ?2 AND m.person = d.person"
);
const TO_PERSON: [&str; 2] = statements!(
    ", o.powers, ?3 <> 0 AND EXISTS (
        SELECT 1 FROM scoped_powers s CROSS JOIN group_people g ON g.grp = s.grp AND g.person = ?2 AND g.inside
        WHERE s.person = d.person AND s.powers & ?3 <> 0)",
    " LEFT JOIN people o ON o.id = ?2"
);

/// Who calls from a device or a browser's session, and how they stand to what the call is about; none when there is no such
/// device. `power` is the one that a role within a group may give over it.
///
/// # Errors
/// SQLite's.
pub fn of_caller(
    view: View<'_>,
    device: DeviceId,
    scope: Scope,
    power: Option<Power>,
) -> Result<Option<(Standing, Reached)>, Fail> {
    let power = power.map_or(0, |power| power as u16);
    match scope {
        Scope::Channel(id) | Scope::Message(id, _) => {
            ask(view, TO_CHANNEL, (device.as_bytes(), id.as_bytes(), power), |row| to_channel(id, row))
        }
        Scope::Person(id) => ask(view, TO_PERSON, (device.as_bytes(), id.as_bytes(), power), to_person),
        Scope::Workspace | Scope::Group(_) => ask(view, ALONE, [device.as_bytes()], |_| Ok(Reached::Nothing)),
    }
}

/// Whether a device or a browser's session may act, at this moment.
///
/// # Errors
/// SQLite's.
pub fn standing(view: View<'_>, device: DeviceId) -> Result<Option<Standing>, Fail> {
    Ok(of_caller(view, device, Scope::Workspace, None)?.map(|(standing, _)| standing))
}

fn to_channel(id: ChannelId, row: &Row<'_>) -> rusqlite::Result<Reached> {
    let number: Option<i64> = row.get(5)?;
    let channel = match number {
        Some(number) => Some(Channel { id, number, kind: channels::kind_of(row.get(6)?)?, archived: row.get(7)? }),
        None => None,
    };
    let is = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<bool>>(column)?.unwrap_or(false));
    let joined = is(8)?;
    Ok(Reached::Channel(ToChannel { channel, joined, moderates: joined && is(9)?, over: row.get(10)? }))
}

fn to_person(row: &Row<'_>) -> rusqlite::Result<Reached> {
    Ok(Reached::Person(ToPerson { powers: row.get::<_, Option<u16>>(5)?.map(Powers), over: row.get(6)? }))
}

/// Devices first: there are more of them.
fn ask(
    view: View<'_>,
    [device, browser]: [&str; 2],
    about: impl Params + Copy,
    reached: impl Fn(&Row<'_>) -> rusqlite::Result<Reached>,
) -> Result<Option<(Standing, Reached)>, Fail> {
    let look = |sql: &str| {
        let found = view.db.prepare_cached(sql)?.query_row(about, |row| {
            let standing = Standing {
                person: AccountId::from_bytes(row.get(0)?),
                good: row.get(1)?,
                powers: Powers(row.get(2)?),
                rank: Rank::from_stored(row.get(3)?),
                fresh: Timestamp(row.get(4)?),
            };
            Ok((standing, reached(row)?))
        });
        Ok::<_, Fail>(found.optional()?)
    };
    match look(device)? {
        Some(found) => Ok(Some(found)),
        None => look(browser),
    }
}

#[cfg(test)]
mod tests;
