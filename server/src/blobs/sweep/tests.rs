use super::*;

#[test]
fn a_day_passes_before_something_was_left_alone() {
    let day = Timestamp(LEFT_ALONE.as_millis() as i64);
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
    assert!(!was_left_alone(written, Timestamp(day.0 + 4_999)) && was_left_alone(written, Timestamp(day.0 + 5_000)));
    assert!(!was_left_alone(written, Timestamp(-1)), "a clock before all of it");
}
