//! What a browser's session comes to: a token that changes, is lost on its way, or was copied.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::PASSWORD;
use support::accounts::{MINUTE, NEW_PASSWORD, acts_on, code, owned, pass};
use support::web::Tab;
use thechatapp_protocol::Code;
use thechatapp_protocol::audit::Target;
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::people::{OnePerson, Suspend};
use thechatapp_protocol::methods::proof::{ChangePassword, ChangePasswordParams};

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_token_is_replaced_and_one_that_was_copied_ends_the_session() {
    let (host, _owner) = owned().await;
    let tab = Tab::open(host.port, "acme", "owner").await;
    assert!(tab.post::<WhoAmI>(&Nothing {}).await.cookies.is_empty(), "not before its time");
    pass(&host, 15 * MINUTE).await;
    let answer = tab.post::<WhoAmI>(&Nothing {}).await;
    assert_eq!(answer.status, 200);
    let fresh = Tab { cookie: answer.cookie(), ..tab.clone() };
    assert_ne!(fresh.cookie, tab.cookie);
    fresh.call::<WhoAmI>(&Nothing {}).await.unwrap();
    let late = tab.post::<WhoAmI>(&Nothing {}).await;
    assert!(late.status == 200 && late.cookies.is_empty(), "a request that was under way");
    pass(&host, MINUTE).await;
    fresh.call::<WhoAmI>(&Nothing {}).await.unwrap();
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut));
    assert_eq!(code(fresh.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut), "nobody knows whose it is");
    let acts = acts_on(&host, Target::Device(tab.me.unwrap().device)).await;
    assert_eq!(acts, ["session.begun", "session.replayed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_lost_on_its_way_ends_no_session_and_a_copy_does_not_stay_beside_it() {
    let (host, _owner) = owned().await;
    let mut tab = Tab::open(host.port, "acme", "owner").await;
    for _ in 0..2 {
        pass(&host, 15 * MINUTE).await;
        let lost = tab.post::<WhoAmI>(&Nothing {}).await;
        assert!(lost.status == 200 && !lost.cookies.is_empty());
    }
    pass(&host, MINUTE).await;
    let answer = tab.post::<WhoAmI>(&Nothing {}).await;
    let copy = std::mem::replace(&mut tab.cookie, answer.cookie());
    tab.call::<WhoAmI>(&Nothing {}).await.unwrap();
    pass(&host, MINUTE).await;
    let copied = Tab { cookie: copy, ..tab.clone() };
    assert_eq!(code(copied.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut));
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut), "nobody knows whose it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_password_makes_no_copied_cookie_fresh() {
    let (host, mut owner) = owned().await;
    let (bob, mut tab) = (host.join("bob").await, Tab::open(host.port, "acme", "owner").await);
    pass(&host, 10 * MINUTE).await;
    let change =
        ChangePasswordParams { old: PASSWORD.into(), new: NEW_PASSWORD.into(), code: None, sign_out_others: false };
    let changed = tab.post::<ChangePassword>(&change).await;
    assert_eq!(changed.status, 200);
    let copied = Tab { cookie: std::mem::replace(&mut tab.cookie, changed.cookie()), ..tab.clone() };
    let suspend = OnePerson { person: bob.id() };
    for other in [code(copied.call::<Suspend>(&suspend).await), code(owner.call::<Suspend>(&suspend).await)] {
        assert_eq!(other, Some(Code::StepUp));
    }
    tab.call::<Suspend>(&suspend).await.unwrap();
}
