use super::*;

const NOW: Timestamp = Timestamp(1_000 * DAY);

fn ago(days: i64) -> Timestamp {
    Timestamp(NOW.0 - days * DAY)
}

#[test]
fn what_is_older_than_asked_for_is_due_and_nothing_else() {
    let days = RotateDays { channels: Some(90), workspace: Some(180), ..RotateDays::default() };
    let last = |channels, workspace| {
        BTreeMap::from([("channels".to_owned(), ago(channels)), ("workspace".to_owned(), ago(workspace))])
    };
    assert_eq!(due(&days, &last(89, 179), ago(900), NOW), None);
    assert_eq!(due(&days, &last(90, 179), ago(900), NOW), Some(What::Channels));
    assert_eq!(due(&days, &last(89, 180), ago(900), NOW), Some(What::Workspace));
    assert_eq!(due(&RotateDays::default(), &last(900, 900), ago(900), NOW), None);
}

#[test]
fn what_never_was_rotated_counts_from_when_it_was_made() {
    let days = RotateDays { kms: Some(30), ..RotateDays::default() };
    assert_eq!(due(&days, &BTreeMap::new(), ago(29), NOW), None);
    assert_eq!(due(&days, &BTreeMap::new(), ago(30), NOW), Some(What::Kms));
    // A clock that was set back rotates nothing.
    assert_eq!(due(&days, &BTreeMap::new(), ago(-5), NOW), None);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for what in ALL {
        assert_eq!(What::named(what.name()).unwrap(), what);
    }
    assert!(What::named("search").is_err());
}
