use super::super::tests::{ALICE, Store};
use super::*;
use thechatapp_protocol::settings::{EDIT_MINUTES, PASSWORD_LENGTH, WEB_CHAT};

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn set(store: &Store, setting: &Setting, value: Option<Value>, version: u64) -> Result<SettingRow, Fail> {
    store.job(|tx| super::set(tx, (ALICE, By::HOST), setting, value, version))
}

#[test]
fn every_value_is_kept_and_the_newest_counts() {
    let store = Store::new();
    assert_eq!(current(view(&store), PASSWORD_LENGTH).unwrap(), (Value::Number(10), 0));
    for (version, number) in [(0, 12), (1, 20)] {
        let row = set(&store, PASSWORD_LENGTH, Some(Value::Number(number)), version).unwrap();
        assert_eq!((row.value, row.version), (Value::Number(number), version + 1));
    }
    // Back to what it is by itself is a version like any other.
    set(&store, PASSWORD_LENGTH, None, 2).unwrap();
    assert_eq!(number(view(&store), PASSWORD_LENGTH).unwrap(), 10);
    let values: Vec<_> = history(view(&store), PASSWORD_LENGTH).unwrap().into_iter().map(|was| was.value).collect();
    assert_eq!(values, [10, 20, 12].map(Value::Number));
    assert!(history(view(&store), EDIT_MINUTES).unwrap().is_empty());
}

#[test]
fn a_change_is_in_the_audit_log_and_one_that_changes_nothing_is_not() {
    let store = Store::new();
    set(&store, WEB_CHAT, Some(Value::Switch(true)), 0).unwrap();
    assert_eq!((store.count("settings"), store.count("audit")), (0, 0));
    set(&store, WEB_CHAT, Some(Value::Switch(false)), 0).unwrap();
    assert!(!is_on(view(&store), WEB_CHAT).unwrap());
    assert_eq!((store.count("settings"), store.count("audit")), (1, 1));
}

#[test]
fn what_does_not_fit_or_was_changed_meanwhile_changes_nothing() {
    let store = Store::new();
    let code = |result: Result<SettingRow, Fail>| match result {
        Err(Fail::Refused(body)) => body.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(set(&store, PASSWORD_LENGTH, Some(Value::Number(3)), 0)), Code::BadInput);
    assert_eq!(code(set(&store, PASSWORD_LENGTH, Some(Value::Switch(true)), 0)), Code::BadInput);
    set(&store, PASSWORD_LENGTH, Some(Value::Number(12)), 0).unwrap();
    assert_eq!(code(set(&store, PASSWORD_LENGTH, Some(Value::Number(14)), 0)), Code::Conflict);
    // The same answer again, when the first was lost.
    assert_eq!(set(&store, PASSWORD_LENGTH, Some(Value::Number(12)), 0).unwrap().version, 1);
    assert_eq!((store.count("settings"), store.count("audit")), (1, 1));
}

#[test]
fn authors_have_the_minutes_that_are_set() {
    let store = Store::new();
    let late = |millis| in_time(view(&store), EDIT_MINUTES, Timestamp(1000), Timestamp(millis)).is_err();
    assert!(!late(i64::MAX), "for ever, by itself");
    set(&store, EDIT_MINUTES, Some(Value::Number(2)), 0).unwrap();
    assert_eq!([1000, 121_000, 121_001].map(late), [false, false, true]);
}

#[test]
fn a_value_opens_only_where_it_was_sealed() {
    let store = Store::new();
    set(&store, PASSWORD_LENGTH, Some(Value::Number(12)), 0).unwrap();
    set(&store, PASSWORD_LENGTH, Some(Value::Number(99)), 1).unwrap();
    store
        .db
        .execute("UPDATE settings SET value = (SELECT value FROM settings WHERE version = 1) WHERE version = 2", [])
        .unwrap();
    assert!(matches!(current(view(&store), PASSWORD_LENGTH), Err(Fail::Seal(_))));
}
