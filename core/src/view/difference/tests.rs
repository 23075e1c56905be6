use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Row = (u8, u8);

impl Keyed for Row {
    type Key = u8;

    fn key(&self) -> u8 {
        self.0
    }
}

/// What a shell does with the steps.
fn follow(mut list: Vec<Row>, steps: Vec<Difference<Row>>) -> Vec<Row> {
    for step in steps {
        match step {
            Difference::Resync(all) => list = all,
            Difference::Remove(place) => drop(list.remove(place)),
            Difference::Insert(place, row) => list.insert(place, row),
            Difference::Change(place, row) => list[place] = row,
        }
    }
    list
}

fn list(numbers: &[u8]) -> Vec<Row> {
    numbers.iter().map(|number| (*number, 0)).collect()
}

#[test]
fn a_window_that_moves_by_one_costs_two_steps() {
    let (from, to) = (list(&[1, 2, 3, 4, 5, 6, 7]), list(&[2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(differences(&from, &to), [Difference::Remove(0), Difference::Insert(6, (8, 0))]);
}

#[test]
fn a_channel_that_moves_up_is_moved_alone() {
    let (from, to) = (list(&[1, 2, 3, 4, 5, 6]), list(&[5, 1, 2, 3, 4, 6]));
    assert_eq!(differences(&from, &to), [Difference::Remove(4), Difference::Insert(0, (5, 0))]);
}

#[test]
fn what_changed_is_changed_and_what_did_not_is_not_told() {
    let from = list(&[1, 2, 3, 4]);
    let mut to = from.clone();
    to[2].1 = 9;
    assert_eq!(differences(&from, &to), [Difference::Change(2, (3, 9))]);
    assert_eq!(differences(&to, &to), []);
}

#[test]
fn another_list_is_given_whole() {
    let (from, to) = (list(&[1, 2, 3]), list(&[7, 8, 9]));
    assert_eq!(differences(&from, &to), [Difference::Resync(to.clone())]);
}

proptest! {
    #[test]
    fn steps_lead_from_any_list_to_any_other(
        from in proptest::collection::btree_map(0u8..30, 0u8..3, 0..30),
        to in proptest::collection::btree_map(0u8..30, 0u8..3, 0..30),
        shuffle in any::<[u64; 2]>(),
    ) {
        let mixed = |rows: BTreeMap<u8, u8>, seed: u64| {
            let mut rows: Vec<Row> = rows.into_iter().collect();
            rows.sort_by_key(|(key, _)| (u64::from(*key) + 1).wrapping_mul(seed | 1) >> 7);
            rows
        };
        let (from, to) = (mixed(from, shuffle[0]), mixed(to, shuffle[1]));
        prop_assert_eq!(follow(from.clone(), differences(&from, &to)), to);
    }
}
