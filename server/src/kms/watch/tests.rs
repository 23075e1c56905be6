use super::*;

const CACHE: Duration = Duration::from_secs(300);

fn after(begun: Instant, seconds: u64) -> Instant {
    begun + Duration::from_secs(seconds)
}

#[test]
fn a_key_is_asked_for_at_half_its_time() {
    let begun = Instant::now();
    let mut health = Health::default();
    assert!(health.is_due(begun, CACHE), "at first at once");
    health.confirmed(begun, CACHE);
    assert!(!health.is_due(after(begun, 149), CACHE));
    assert!(health.is_due(after(begun, 150), CACHE));
    assert_eq!(health.lasts(after(begun, 100), CACHE), Duration::from_secs(200));
    assert_eq!(health.lasts(after(begun, 301), CACHE), Duration::ZERO);
}

#[test]
fn waits_grow_to_half_a_minute_and_never_past_the_end() {
    let begun = Instant::now();
    let mut health = Health::default();
    let mut waits = Vec::new();
    for _ in 0..70 {
        health.failed(begun, "away".into());
        waits.push(health.next(CACHE).unwrap().duration_since(begun).as_secs());
    }
    assert_eq!(waits[..7], [1, 2, 4, 8, 16, 30, 30]);
    assert!(waits[7..].iter().all(|wait| *wait == 30));

    health.confirmed(begun, CACHE);
    health.failed(after(begun, 299), "away".into());
    assert_eq!(health.next(CACHE), Some(after(begun, 300)));
    health.ended();
    assert_eq!(health.next(CACHE), Some(after(begun, 300)), "the wait of a first failure");
    assert_eq!(health.lasts(begun, CACHE), Duration::ZERO);
}

#[test]
fn a_key_that_comes_back_leaves_nothing_of_the_trouble() {
    let begun = Instant::now();
    let mut health = Health::default();
    health.failed(begun, "away".into());
    assert_eq!(health.last_error().as_deref(), Some("away"));
    health.confirmed(begun, CACHE);
    assert_eq!(health.last_error(), None);
    health.failed(after(begun, 150), "away again".into());
    assert_eq!(health.next(CACHE), Some(after(begun, 151)), "the first wait again");
}
