use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that goes by itself, and can be set forward.
struct Hand(std::time::Instant, AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.elapsed().as_millis()).unwrap() + self.1.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumped_is_a_sleep_and_one_that_goes_is_none() {
    let clock = Arc::new(Hand(std::time::Instant::now(), AtomicI64::new(0)));
    let mut wakes = Wakes { every: Duration::from_millis(5), ..Wakes::new(clock.clone()) };
    tokio::time::timeout(Duration::from_millis(100), wakes.next()).await.expect_err("nobody slept");
    let jump = async {
        tokio::task::yield_now().await;
        clock.1.fetch_add(3_600_000, Ordering::SeqCst);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = wakes.next() => {}
        () = jump => {}
    }
}
