//! How a list that a window shows became another one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// A row of a list, by something that stays the same while it changes.
pub trait Keyed: Clone + PartialEq {
    /// What names the row.
    type Key: Copy + Ord;

    /// Its name.
    fn key(&self) -> Self::Key;
}

/// One step from a list to the next. Steps are done in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Difference<T> {
    /// Forget everything: this is the list now.
    Resync(Vec<T>),
    /// Take the row at this place away.
    Remove(usize),
    /// Put a row in at this place, before what is there.
    Insert(usize, T),
    /// The row at this place has changed.
    Change(usize, T),
}

/// The steps from one list to another: none where they are the same, and the whole list where that is shorter.
pub fn differences<T: Keyed>(from: &[T], to: &[T]) -> Vec<Difference<T>> {
    let places: BTreeMap<T::Key, usize> = from.iter().enumerate().map(|(place, row)| (row.key(), place)).collect();
    let stay: BTreeMap<usize, usize> =
        in_order(&to.iter().map(|row| places.get(&row.key()).copied()).collect::<Vec<_>>());
    let mut steps = Vec::new();
    // From the end, so that the places before do not move.
    let mut kept: Vec<&T> = Vec::with_capacity(stay.len());
    for (place, row) in from.iter().enumerate().rev() {
        if stay.contains_key(&place) { kept.push(row) } else { steps.push(Difference::Remove(place)) }
    }
    kept.reverse();
    let mut kept = kept.into_iter().peekable();
    for (place, row) in to.iter().enumerate() {
        match kept.next_if(|before| before.key() == row.key()) {
            Some(before) if before == row => {}
            Some(_) => steps.push(Difference::Change(place, row.clone())),
            None => steps.push(Difference::Insert(place, row.clone())),
        }
    }
    let whole = steps.iter().filter(|step| !matches!(step, Difference::Remove(_))).count();
    if whole > 1 && 2 * whole > to.len() { vec![Difference::Resync(to.to_vec())] } else { steps }
}

/// Of the former places of a new list's rows, the most that are still in order: former place to new one.
/// (A longest increasing subsequence, by patience sorting.)
fn in_order(places: &[Option<usize>]) -> BTreeMap<usize, usize> {
    // The ends of the best runs of each length, and for each row the one before it in its run.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; places.len()];
    for (new, place) in places.iter().enumerate() {
        let Some(place) = *place else { continue };
        let length = ends.partition_point(|(end, _)| *end < place);
        if let Some(slot) = before.get_mut(new) {
            *slot = length.checked_sub(1).and_then(|last| ends.get(last)).map(|(_, new)| *new);
        }
        match ends.get_mut(length) {
            Some(end) => *end = (place, new),
            None => ends.push((place, new)),
        }
    }
    let mut stay = BTreeMap::new();
    let mut next = ends.last().map(|(_, new)| *new);
    while let Some(new) = next {
        if let Some(Some(place)) = places.get(new) {
            stay.insert(*place, new);
        }
        next = before.get(new).copied().flatten();
    }
    stay
}

#[cfg(test)]
mod tests;
