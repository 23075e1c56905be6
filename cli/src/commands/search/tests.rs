use super::*;

#[test]
fn a_day_begins_at_midnight_utc_and_a_moment_is_itself() {
    assert_eq!(moment(None).unwrap(), None);
    assert_eq!(moment(Some("2026-11-24")).unwrap().unwrap().to_string(), "2026-11-24T00:00:00.000Z");
    assert_eq!(moment(Some("2026-11-24T10:12:00+01:00")).unwrap().unwrap().to_string(), "2026-11-24T09:12:00.000Z");
    assert_eq!(moment(Some("yesterday")).unwrap_err().exit_code(), 3);
}
