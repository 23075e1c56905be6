use super::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn waits(kind: Kind, failures: usize) -> Vec<i64> {
    let mut count = Count { since: NOW.0, changed: NOW.0, ..Count::default() };
    let fail = |count: &mut Count| {
        *count = count.failed(kind, NOW);
        count.closed_for(NOW) / 1000
    };
    (0..failures).map(|_| fail(&mut count)).collect()
}

#[test]
fn four_failures_are_free_and_from_the_fifth_on_the_wait_doubles_up_to_an_hour() {
    let expected = [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600];
    assert_eq!(waits(Kind::Strangers, 14), expected);
    assert_eq!(waits(Kind::Known, 14), expected);
    assert_eq!(waits(Kind::Strangers, 5000).last(), Some(&3600), "however many, never for good");
}

#[test]
fn an_address_and_everybody_have_more_room() {
    let address = waits(Kind::Address, 120);
    assert_eq!((address[28], address[29], address[38], address[39], address[119]), (0, 60, 60, 120, 3600));
    let all = waits(Kind::Everybody, 3000);
    assert_eq!((all[998], all[999], all[1248], all[1249], all[2999]), (0, 60, 60, 120, 3600));
}

#[test]
fn what_was_no_failure_leaves_the_count_open_and_as_it_was() {
    let mut count = Count { since: NOW.0, changed: NOW.0, ..Count::default() };
    for _ in 0..4 {
        count = count.failed(Kind::Strangers, NOW);
    }
    let counted = count.failed(Kind::Strangers, NOW);
    assert!(counted.closed_for(NOW) > 0 && counted.closed_first(Kind::Strangers));
    let back = counted.given_back();
    assert_eq!((back.failures, back.closed_for(NOW)), (4, 0));
}

#[test]
fn a_day_forgets_all_and_hours_fade_only_what_many_share() {
    let twelve = Count { failures: 12, since: NOW.0, until: NOW.0, changed: NOW.0 };
    let after = |kind: Kind, hours: i64| twelve.at(kind, Timestamp(NOW.0 + hours * HOUR)).failures;
    assert_eq!([0, 1, 23, 24].map(|hours| after(Kind::Strangers, hours)), [12, 12, 12, 0]);
    assert_eq!([0, 1, 2, 3, 4].map(|hours| after(Kind::Address, hours)), [12, 6, 3, 1, 0]);
    // However often it is looked at, an hour is one.
    let mut count = twelve;
    for quarter in 1..=4 {
        count = count.at(Kind::Everybody, Timestamp(NOW.0 + quarter * HOUR / 4));
    }
    assert_eq!(count.failures, 6);
}

#[test]
fn whoever_waits_is_told_how_long() {
    let body = closed(59_001).into_body();
    assert_eq!((body.code, body.seconds), (Code::LockedOut, Some(60)));
}
