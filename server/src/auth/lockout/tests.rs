use super::*;

#[test]
fn four_failures_are_free_and_from_the_fifth_on_the_wait_doubles_up_to_an_hour() {
    let now = Timestamp(1_000_000);
    let mut lockout = Lockout::default();
    let mut waits = Vec::new();
    for _ in 0..14 {
        lockout = after_failure(lockout, now);
        waits.push(lockout.until.saturating_sub(now.unix_millis()) / 1000);
    }
    assert_eq!(waits, [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
}

#[test]
fn a_closed_name_is_told_how_long() {
    let lockout = Lockout { failures: 5, until: 60_000 };
    assert!(check(lockout, Timestamp(60_000)).is_ok());
    let body = check(lockout, Timestamp(500)).unwrap_err().into_body();
    assert_eq!((body.code, body.seconds), (Code::LockedOut, Some(60)));
}
