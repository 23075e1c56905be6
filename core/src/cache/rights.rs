//! What one is and may do in the workspace, and groups, as the server told them.

use super::Cache;
use crate::error::Result;
use crate::view::{StandingView, WithinView};
use rusqlite::{Connection, OptionalExtension, params};
use thechatapp_database::Error;
use thechatapp_protocol::GroupId;
use thechatapp_protocol::event::{GroupRow, InGroupRow, PowersWithin, StandingRow};
use thechatapp_protocol::permission::{Power, Powers, Rank};

/// Takes one's own rank and powers. Answers whether anything changed.
pub(super) fn standing(db: &Connection, row: &StandingRow) -> std::result::Result<bool, Error> {
    let within: Vec<u8> = row.within.iter().flat_map(stored).collect();
    let changed = db
        .prepare_cached(
            "INSERT INTO standing (one, rank, powers, within, change) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET rank = excluded.rank, powers = excluded.powers, within = excluded.within,
                change = excluded.change
             WHERE excluded.change >= change
                AND (rank <> excluded.rank OR powers <> excluded.powers OR within <> excluded.within)",
        )?
        .execute(params![row.rank as u8, row.powers.0, within, row.change as i64])?;
    Ok(changed > 0)
}

/// Bytes of a group and what one may do within it.
const WITHIN: usize = 18;

fn stored(one: &PowersWithin) -> [u8; WITHIN] {
    let mut bytes = [0; WITHIN];
    let (group, powers) = bytes.split_at_mut(16);
    group.copy_from_slice(one.group.as_bytes());
    powers.copy_from_slice(&one.powers.0.to_be_bytes());
    bytes
}

fn read(bytes: &[u8; WITHIN]) -> PowersWithin {
    let (mut group, mut powers) = ([0; 16], [0; 2]);
    let (first, last) = bytes.split_at(16);
    group.copy_from_slice(first);
    powers.copy_from_slice(last);
    PowersWithin { group: GroupId::from_bytes(group), powers: Powers(u16::from_be_bytes(powers)) }
}

/// What somebody may do within groups, as it is shown: by the slug of a group that is known here, else by its id.
fn shown(db: &Connection, within: &[PowersWithin]) -> std::result::Result<Vec<WithinView>, Error> {
    let mut query = db.prepare_cached("SELECT slug FROM groups WHERE id = ?1")?;
    let mut all = Vec::new();
    for one in within {
        let slug: Option<Option<String>> = query.query_row([one.group.as_bytes()], |row| row.get(0)).optional()?;
        let group = slug.flatten().unwrap_or_else(|| one.group.to_string());
        all.push(WithinView { group, powers: one.powers.each().map(|power| power.name().to_owned()).collect() });
    }
    all.sort_unstable_by(|one, other| one.group.cmp(&other.group));
    Ok(all)
}

/// Takes a group, or lets it go.
pub(super) fn group(db: &Connection, row: &GroupRow) -> std::result::Result<bool, Error> {
    // What is gone keeps its place, so that an older row does not bring it back.
    let (slug, name) = if row.gone { (None, None) } else { (Some(&row.slug), Some(&row.name)) };
    let changed = db
        .prepare_cached(
            "INSERT INTO groups (id, slug, name, visibility, change) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, visibility = excluded.visibility,
                change = excluded.change
             WHERE excluded.change >= change",
        )?
        .execute(params![row.id.as_bytes(), slug, name, row.visibility as u8, row.change as i64])?;
    Ok(changed > 0)
}

/// Takes whether one is in a group.
pub(super) fn in_group(db: &Connection, row: InGroupRow) -> std::result::Result<bool, Error> {
    let changed = db
        .prepare_cached(
            "INSERT INTO groups (id, visibility, change, inside, inside_change) VALUES (?1, 2, 0, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET inside = excluded.inside, inside_change = excluded.inside_change
             WHERE excluded.inside_change >= inside_change",
        )?
        .execute(params![row.group.as_bytes(), row.inside, row.change as i64])?;
    Ok(changed > 0)
}

/// The slugs of groups one is in.
pub(super) fn own_slugs(db: &Connection) -> std::result::Result<Vec<String>, Error> {
    let mut query = db.prepare_cached("SELECT slug FROM groups WHERE inside AND slug IS NOT NULL")?;
    let rows = query.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Cache {
    /// One's own rank and powers, and the slugs of groups one is in.
    pub(crate) async fn rights(&self) -> Result<StandingView> {
        self.read(|db, _| {
            let found: Option<(u8, u16, Vec<u8>)> = db
                .prepare_cached("SELECT rank, powers, within FROM standing")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (rank, powers, within) = found
                .map_or((Rank::Member, Powers::NONE, Vec::new()), |(rank, powers, within)| {
                    (Rank::from_stored(rank), Powers(powers), within)
                });
            let within: Vec<_> = within.as_chunks().0.iter().map(read).collect();
            let mut groups = own_slugs(db)?;
            groups.sort_unstable();
            let powers = powers.each().map(|power: Power| power.name().to_owned()).collect();
            Ok(StandingView { rank: rank.name().to_owned(), powers, within: shown(db, &within)?, groups })
        })
        .await
    }

    /// What somebody may do within groups, as it is shown.
    pub(crate) async fn within(&self, within: Vec<PowersWithin>) -> Result<Vec<WithinView>> {
        self.read(move |db, _| shown(db, &within)).await
    }
}

#[cfg(test)]
mod tests;
