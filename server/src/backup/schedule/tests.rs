use super::*;

fn section(to: Option<&str>, file: Option<&str>, every_hours: u32) -> BackupSection {
    BackupSection {
        to: to.map(Into::into),
        recovery_passphrase_file: file.map(Into::into),
        every_hours,
        ..BackupSection::default()
    }
}

#[test]
fn a_backup_is_due_so_long_after_the_newest() {
    let schedule = Schedule::new(&section(Some("b"), Some("p"), 2)).unwrap().unwrap();
    let (hour, at) = (3_600_000, 1_795_000_000_000_i64);
    assert!(schedule.is_due(None, Timestamp(at)));
    assert!(!schedule.is_due(Some(Timestamp(at)), Timestamp(at + 2 * hour - 1)));
    assert!(schedule.is_due(Some(Timestamp(at)), Timestamp(at + 2 * hour)));
    // A clock that went back waits until it has caught up.
    assert!(!schedule.is_due(Some(Timestamp(at)), Timestamp(at - hour)));
}

#[test]
fn half_a_section_is_refused() {
    assert!(Schedule::new(&section(None, None, 24)).unwrap().is_none());
    for bad in [section(Some("b"), None, 24), section(None, Some("p"), 24), section(Some("b"), Some("p"), 0)] {
        assert!(Schedule::new(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn nothing_is_removed_unless_it_is_asked_for() {
    let whole = section(Some("b"), Some("p"), 24);
    assert_eq!(Schedule::new(&whole).unwrap().unwrap().keep, None);
    let asked = BackupSection { keep_daily: Some(3), ..whole.clone() };
    assert_eq!(Schedule::new(&asked).unwrap().unwrap().keep, Some(Keep { daily: 3, ..Keep::default() }));
    let zeros = BackupSection { keep_daily: Some(0), keep_weekly: Some(0), keep_monthly: Some(0), ..whole };
    assert!(Schedule::new(&zeros).is_err());
    assert!(Schedule::new(&BackupSection { keep_daily: Some(3), ..BackupSection::default() }).is_err());
}
