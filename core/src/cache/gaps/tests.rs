use super::*;

#[test]
fn ranges_that_touch_become_one() {
    let mut gaps = Gaps::one(5, 9);
    gaps.add(1, 4);
    gaps.add(20, 30);
    gaps.add(10, 10);
    assert_eq!(gaps.all(), [(1, 10), (20, 30)]);
    gaps.add(8, 25);
    assert_eq!(gaps.all(), [(1, 30)]);
    gaps.add(7, 6);
    assert_eq!(gaps.count(), 30);
}

#[test]
fn a_number_in_the_middle_splits_a_gap() {
    let mut gaps = Gaps::one(1, 10);
    assert!(gaps.remove(5, 5));
    assert!(!gaps.remove(5, 5));
    assert_eq!(gaps.all(), [(1, 4), (6, 10)]);
    assert!(gaps.remove(3, 8));
    assert_eq!(gaps.all(), [(1, 2), (9, 10)]);
    assert!(gaps.remove(0, 100));
    assert!(gaps.all().is_empty());
}

#[test]
fn only_what_lies_in_the_window_is_wanted() {
    let mut gaps = Gaps::one(1, 10);
    gaps.add(20, 30);
    assert_eq!(gaps.within(8, 22), [(8, 10), (20, 22)]);
    assert!(gaps.within(11, 19).is_empty());
    assert!(gaps.any_within(10, 11));
    assert!(!gaps.any_within(11, 19));
}

#[test]
fn every_sequence_of_changes_agrees_with_a_set_of_numbers() {
    let mut gaps = Gaps::default();
    let mut set = std::collections::BTreeSet::new();
    let mut state = 7_u64;
    for _ in 0..5000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = state >> 33 & 63;
        let last = first + (state >> 50 & 7);
        if state >> 60 & 1 == 0 {
            gaps.add(first, last);
            set.extend(first..=last);
        } else {
            let had = (first..=last).any(|n| set.contains(&n));
            assert_eq!(gaps.remove(first, last), had);
            set.retain(|n| !(first..=last).contains(n));
        }
        let flat: Vec<u64> = gaps.all().iter().flat_map(|gap| gap.0..=gap.1).collect();
        assert_eq!(flat, set.iter().copied().collect::<Vec<_>>());
        assert!(gaps.all().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
    }
}
