//! What one is and may do in the workspace, and groups, as the server told them.

use super::Cache;
use crate::error::Result;
use crate::view::StandingView;
use rusqlite::{Connection, OptionalExtension, params};
use thechatapp_database::Error;
use thechatapp_protocol::event::{GroupRow, InGroupRow, StandingRow};
use thechatapp_protocol::permission::{Power, Powers, Rank};

/// Takes one's own rank and powers. Answers whether anything changed.
pub(super) fn standing(db: &Connection, row: StandingRow) -> std::result::Result<bool, Error> {
    let changed = db
        .prepare_cached(
            "INSERT INTO standing (one, rank, powers, change) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET rank = excluded.rank, powers = excluded.powers, change = excluded.change
             WHERE excluded.change >= change AND (rank <> excluded.rank OR powers <> excluded.powers)",
        )?
        .execute(params![row.rank as u8, row.powers.0, row.change as i64])?;
    Ok(changed > 0)
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
            let found: Option<(u8, u16)> = db
                .prepare_cached("SELECT rank, powers FROM standing")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (rank, powers) =
                found.map_or((Rank::Member, Powers::NONE), |(rank, powers)| (Rank::from_stored(rank), Powers(powers)));
            let mut groups = own_slugs(db)?;
            groups.sort_unstable();
            let powers = powers.each().map(|power: Power| power.name().to_owned()).collect();
            Ok(StandingView { rank: rank.name().to_owned(), powers, groups })
        })
        .await
    }
}

#[cfg(test)]
mod tests;
