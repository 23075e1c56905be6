//! Where messages changed, for a device that missed so many that it pages through history: what lies elsewhere it need not fetch again.

use super::channels;
use crate::error::Fail;
use crate::store::{View, signed, unsigned};
use thechatapp_protocol::AccountId;
use thechatapp_protocol::methods::sync::{ChangedRange, HEADS_OVER};

/// So many changes are looked through at most: about a second of it.
const LOOKED_THROUGH: usize = 1_000_000;
/// Two that are less apart are told as one range: they come on one page.
const APART: u64 = 500;

/// Ranges of what changed after a change, in the channels that somebody is in at this moment. `None` where it is too much to look through or to tell,
/// and for a device that begins.
///
/// # Errors
/// SQLite's.
pub fn changed(view: View<'_>, person: AccountId, after: u64) -> Result<Option<Vec<ChangedRange>>, Fail> {
    if after == 0 {
        return Ok(None);
    }
    let (mut all, mut room) = (Vec::new(), LOOKED_THROUGH);
    // Up to this moment, which may be past the head of the plan: a range too wide costs a page, one too narrow a message.
    let mut query = view.db.prepare_cached(
        "SELECT place & ((1 << 40) - 1) FROM messages WHERE place >> 40 = ?1 AND change > ?2 LIMIT ?3",
    )?;
    for own in channels(view, person)?.into_values().filter(|own| own.joined) {
        let rows = query.query_map((own.channel.number, signed(after), room as i64 + 1), |row| row.get(0))?;
        let mut numbers = rows.map(|row| row.map(unsigned)).collect::<rusqlite::Result<Vec<u64>>>()?;
        let Some(left) = room.checked_sub(numbers.len()) else { return Ok(None) };
        room = left;
        numbers.sort_unstable();
        for near in numbers.chunk_by(|one, next| next - one < APART) {
            if let (Some(first), Some(last)) = (near.first(), near.last()) {
                all.push(ChangedRange { channel: own.channel.id, first: *first, last: *last });
            }
        }
        if all.len() as u64 > HEADS_OVER {
            return Ok(None);
        }
    }
    Ok(Some(all))
}
