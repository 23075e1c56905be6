use super::*;
use futures_util::FutureExt;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn who_has_all_their_turns_waits_and_others_do_not() {
    let turns = Turns::new(2);
    let first = turns.take("alice", LONG).await.unwrap();
    let _second = turns.take("alice", LONG).await.unwrap();
    let mut third = Box::pin(turns.take("alice", LONG));
    assert!(third.as_mut().now_or_never().is_none());
    assert!(turns.take("bob", LONG).now_or_never().flatten().is_some());
    drop(first);
    assert!(third.await.is_some());
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_given_up() {
    let turns = Turns::new(1);
    let _held = turns.take(1, LONG).await.unwrap();
    assert!(turns.take(1, Duration::ZERO).await.is_none());
}

#[tokio::test]
async fn who_is_done_is_forgotten() {
    let turns = Turns::new(1);
    for person in 0..100 {
        drop(turns.take(person, LONG).await);
    }
    assert_eq!(turns.all.lock().unwrap().len(), 1);
}
