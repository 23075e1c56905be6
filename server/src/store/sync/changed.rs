//! Where messages changed, for a device that missed so many that it pages through history: what lies elsewhere it need not fetch again.

use super::Own;
use crate::error::Fail;
use crate::store::{View, signed, unsigned};
use thechatapp_protocol::methods::sync::{ChangedRange, HEADS_OVER};

/// So many changes are looked through at most: about a second of it.
const LOOKED_THROUGH: usize = 1_000_000;
/// Two that are less apart are told as one range: they come on one page.
const APART: u64 = 500;

/// Ranges of what changed after one change up to another; `None` where it is too much to look through or to tell.
pub(super) fn ranges<'a>(
    view: View<'_>,
    mine: impl Iterator<Item = &'a Own>,
    after: u64,
    head: u64,
) -> Result<Option<Vec<ChangedRange>>, Fail> {
    let (mut all, mut room) = (Vec::new(), LOOKED_THROUGH);
    let mut changed = view.db.prepare_cached(
        "SELECT place & ((1 << 40) - 1) FROM messages WHERE place >> 40 = ?1 AND change > ?2 AND change <= ?3 LIMIT ?4",
    )?;
    for own in mine.filter(|own| own.joined) {
        let rows =
            changed.query_map((own.channel.number, signed(after), signed(head), room as i64 + 1), |row| row.get(0))?;
        let mut numbers = rows.map(|row| row.map(unsigned)).collect::<rusqlite::Result<Vec<u64>>>()?;
        let Some(left) = room.checked_sub(numbers.len()) else { return Ok(None) };
        room = left;
        numbers.sort_unstable();
        for near in numbers.chunk_by(|one, next| next - one < APART) {
            if let [first, ..] = near
                && let [.., last] = near
            {
                all.push(ChangedRange { channel: own.channel.id, first: *first, last: *last });
            }
        }
        if all.len() as u64 > HEADS_OVER {
            return Ok(None);
        }
    }
    Ok(Some(all))
}
