use super::*;
use futures_util::FutureExt;
use std::future::{pending, ready};
use tokio::sync::oneshot;

#[test]
fn a_refusal_does_not_wait_for_the_disk() {
    let refused = where_allowed(ready(None::<()>), pending::<()>());
    assert_eq!(refused.now_or_never().expect("it is answered at once"), None);
    // Nor does what the disk says first answer for the gate.
    assert!(where_allowed(pending::<Option<()>>(), ready(())).now_or_never().is_none());
    assert_eq!(where_allowed(ready(None::<()>), ready(())).now_or_never().unwrap(), None);
}

/// What it comes to, within a few looks at it.
fn soon<T>(job: impl Future<Output = T>) -> Option<T> {
    let mut job = pin!(job);
    (0..9).find_map(|_| job.as_mut().now_or_never())
}

#[test]
fn what_is_allowed_has_both_which_go_on_at_once() {
    for gate_leads in [true, false] {
        let ((begins, begun), (goes_on, may_go_on)) = (oneshot::channel(), oneshot::channel());
        // Each needs the other to get to its end.
        let leads = async {
            begins.send(()).unwrap();
            may_go_on.await.unwrap();
        };
        let follows = async {
            begun.await.unwrap();
            goes_on.send(()).unwrap();
        };
        let both = if gate_leads {
            soon(where_allowed(leads.map(Some), follows))
        } else {
            soon(where_allowed(follows.map(Some), leads))
        };
        assert_eq!(both, Some(Some(((), ()))), "{gate_leads}");
    }
}
