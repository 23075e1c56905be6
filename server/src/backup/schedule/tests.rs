use super::*;
use crate::backup::Snapshot;
use crate::backup::snapshot::Missing;

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
fn after_a_backup_that_lacks_a_workspace_another_is_due_sooner() {
    let schedule = Schedule::new(&section(Some("b"), Some("p"), 24)).unwrap().unwrap();
    let (hour, at) = (3_600_000, 1_795_000_000_000_i64);
    let due = |complete: Option<i64>, after: i64| {
        schedule.is_due_after(Some(Timestamp(at)), complete.map(Timestamp), Timestamp(at + after))
    };
    assert_eq!([due(Some(at), hour), due(Some(at), 24 * hour)], [false, true]);
    assert_eq!([due(Some(at - 24 * hour), hour - 1), due(Some(at - 24 * hour), hour)], [false, true]);
    assert_eq!([due(None, hour - 1), due(None, hour)], [false, true]);
    assert!(!due(Some(at - hour), hour), "the complete one is fresh");
    assert!(schedule.is_due_after(None, None, Timestamp(at)));
}

#[test]
fn half_a_section_is_refused() {
    assert!(Schedule::new(&section(None, None, 24)).unwrap().is_none());
    for bad in [section(Some("b"), None, 24), section(None, Some("p"), 24), section(Some("b"), Some("p"), 0)] {
        assert!(Schedule::new(&bad).is_err(), "{bad:?}");
    }
    let alone = BackupSection { key_service: true, ..section(Some("b"), None, 24) };
    assert!(Schedule::new(&alone).unwrap().is_some(), "the key service opens them");
    for bad in [
        BackupSection { key_service: true, ..section(None, None, 24) },
        BackupSection { rehearse_days: Some(1), ..section(None, None, 24) },
        BackupSection { rehearse_days: Some(0), ..section(Some("b"), Some("p"), 24) },
    ] {
        assert!(Schedule::new(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_rehearsal_is_due_so_long_after_the_last_and_sooner_after_a_failure() {
    let (day, at) = (24 * 3_600_000, 1_795_000_000_000_i64);
    let last = |error: Option<&str>| Rehearsed { at, backup: None, error: error.map(str::to_owned) };
    let never = Schedule::new(&section(Some("b"), Some("p"), 24)).unwrap().unwrap();
    assert!(!never.is_rehearsal_due(None, Timestamp(at)));
    let weekly = BackupSection { rehearse_days: Some(7), ..section(Some("b"), Some("p"), 24) };
    let weekly = Schedule::new(&weekly).unwrap().unwrap();
    let due = |last: Option<&Rehearsed>, after: i64| weekly.is_rehearsal_due(last, Timestamp(at + after));
    assert!(due(None, 0));
    assert_eq!([due(Some(&last(None)), 7 * day - 1), due(Some(&last(None)), 7 * day)], [false, true]);
    assert_eq!([due(Some(&last(Some("x"))), day - 1), due(Some(&last(Some("x"))), day)], [false, true]);
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

#[test]
fn a_backup_that_does_not_open_stops_none_and_only_young_ones_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open_or_make(dir.path(), "recovery", &Argon2Params { m_kib: 8, t: 1, p: 1 }).unwrap();
    let schedule = Schedule::new(&section(Some("b"), Some("p"), 24)).unwrap().unwrap();
    let (hour, at) = (3_600_000, 1_795_000_000_000_i64);
    let put = |hours_ago: i64, complete: bool| {
        let missing = Missing { workspace: "closed".into(), why: "its key is away".into(), code: 30 };
        let snapshot = Snapshot {
            version: 1,
            at: Timestamp(at - hours_ago * hour),
            base_url: String::new(),
            workspaces: Vec::new(),
            missing: if complete { Vec::new() } else { vec![missing] },
            wiped: Vec::new(),
        };
        dir.path().join("snapshots").join(folder.put_snapshot(&snapshot).unwrap())
    };
    let newest = || schedule.newest_in(&folder, Timestamp(at)).unwrap();
    let ago = |hours: i64| Some(Timestamp(at - hours * hour));
    assert_eq!(newest(), (None, None));
    put(50, true);
    assert_eq!(newest(), (ago(50), ago(50)));
    let damaged = put(5, true);
    put(2, false);
    assert_eq!(newest(), (ago(2), ago(5)));
    std::fs::write(damaged, "damaged").unwrap();
    put(3, true);
    assert_eq!(newest(), (ago(2), ago(3)));
    // Behind one that is old enough nothing is looked for.
    for entry in std::fs::read_dir(dir.path().join("snapshots")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    put(50, true);
    put(30, false);
    assert_eq!(newest(), (ago(30), None));
    std::fs::write(put(1, false), "damaged").unwrap();
    assert_eq!(newest(), (ago(30), None));
}
