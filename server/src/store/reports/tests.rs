use super::super::tests::{ALICE, Store};
use super::super::{blocks, members};
use super::*;
use thechatapp_protocol::permission::Rank;

const BOB: AccountId = AccountId(uuid::Uuid::from_bytes([0xb2; 16]));
const EVE: AccountId = AccountId(uuid::Uuid::from_bytes([0xe3; 16]));

fn view(store: &Store) -> View<'_> {
    View { db: &store.db, keyring: &store.keyring }
}

fn scene() -> (Store, Channel, i64) {
    let store = Store::new();
    for (id, name) in [(ALICE, "alice"), (BOB, "bob"), (EVE, "eve")] {
        store.job(|tx| super::super::people::create(tx, id, name, "x", Rank::Member)).unwrap();
    }
    let channel = store.channel(1);
    let place = store.send(channel, 7, None);
    (store, channel, place)
}

fn report(number: u8) -> ReportId {
    ReportId::from_bytes([number; 16])
}

fn code<T: std::fmt::Debug>(result: Result<T, Fail>) -> Code {
    match result {
        Err(Fail::Refused(body)) => body.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_keeps_what_was_said_then_and_ends_once() {
    let (store, channel, place) = scene();
    let about = About::Message(channel, place);
    let by = (BOB, By::HOST);
    store.job(|tx| file(tx, by, report(1), about, " rude ")).unwrap();
    // Asked again: one report.
    store.job(|tx| file(tx, by, report(1), about, "rude")).unwrap();
    store.job(|tx| messages::edit(tx, channel, place, "something nice")).unwrap();
    let open = list(view(&store), EVE, &ListReportsParams { limit: 10, ..ListReportsParams::default() }).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].by, open[0].about, open[0].reason.as_str()), (BOB, ALICE, "rude"));
    assert_eq!(open[0].message.as_ref().unwrap().text, "text 7");

    let closed = store.job(|tx| close(tx, (EVE, By::HOST), report(1), Outcome::Removed, "as agreed")).unwrap();
    assert!(messages::row(view(&store), channel.id, place).unwrap().deleted);
    let again = store.job(|tx| close(tx, (BOB, By::HOST), report(1), Outcome::Dismissed, "no")).unwrap();
    assert_eq!(closed, again);
    assert_eq!(closed.closed.map(|closed| (closed.by, closed.outcome)), Some((EVE, Outcome::Removed)));
    assert!(list(view(&store), EVE, &ListReportsParams { limit: 10, ..Default::default() }).unwrap().is_empty());
    assert_eq!(
        list(view(&store), EVE, &ListReportsParams { closed: true, limit: 10, ..Default::default() }).unwrap().len(),
        1
    );
    // Filed, removed, closed: each is in the log once.
    assert_eq!(store.count("audit"), 3);
}

#[test]
fn nobody_sees_or_closes_what_is_reported_of_them() {
    let (store, channel, place) = scene();
    let filed = |number, about| store.job(|tx| file(tx, (BOB, By::HOST), report(number), about, "rude")).unwrap();
    filed(1, About::Message(channel, place));
    filed(2, About::Person(EVE));
    let seen = |asker| {
        let all = list(view(&store), asker, &ListReportsParams { limit: 10, ..Default::default() }).unwrap();
        all.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!((seen(ALICE), seen(EVE)), (vec![report(2)], vec![report(1)]));
    assert_eq!(seen(BOB), [report(2), report(1)]);
    let close = |by, number| store.job(|tx| close(tx, (by, By::HOST), report(number), Outcome::Dismissed, ""));
    assert_eq!(code(close(ALICE, 1)), Code::NotFound);
    assert_eq!(code(close(EVE, 2)), Code::NotFound);
    close(EVE, 1).unwrap();
    close(ALICE, 2).unwrap();
    // Neither does who is reported read it once it is closed.
    let all = list(view(&store), ALICE, &ListReportsParams { closed: true, limit: 10, ..Default::default() }).unwrap();
    assert_eq!(all.iter().map(|one| one.id).collect::<Vec<_>>(), [report(2)]);
}

#[test]
fn what_cannot_be_reported_says_why() {
    let (store, channel, place) = scene();
    let message = About::Message(channel, place);
    let try_it =
        |by, number, about, reason: &str| store.job(|tx| file(tx, (by, By::HOST), report(number), about, reason));
    assert_eq!(code(try_it(BOB, 1, message, "  ")), Code::BadInput);
    assert_eq!(code(try_it(BOB, 1, message, &"x".repeat(REASON_MAX + 1))), Code::BadInput);
    try_it(BOB, 1, About::Person(EVE), "spam").unwrap();
    assert_eq!(code(try_it(EVE, 1, message, "another's id")), Code::Conflict);
    assert_eq!(code(store.job(|tx| close(tx, (BOB, By::HOST), report(1), Outcome::Removed, ""))), Code::BadInput);
    assert_eq!(code(store.job(|tx| close(tx, (EVE, By::HOST), report(9), Outcome::Acted, ""))), Code::NotFound);
    store.job(|tx| messages::delete(tx, channel, place)).unwrap();
    assert_eq!(code(try_it(BOB, 2, message, "gone")), Code::BadInput);
    for number in 10..109 {
        try_it(BOB, number, About::Person(EVE), "spam").unwrap();
    }
    assert_eq!(code(try_it(BOB, 110, About::Person(EVE), "spam")), Code::BadInput);
}

#[test]
fn whoever_is_blocked_writes_no_direct_messages_and_is_heard_elsewhere() {
    let (store, channel, _) = scene();
    let two = store.job(|tx| channels::direct(tx, ChannelId::from_bytes([8; 16]), &[ALICE, BOB], None)).unwrap();
    let three = store.job(|tx| channels::direct(tx, ChannelId::from_bytes([9; 16]), &[ALICE, BOB, EVE], None)).unwrap();
    store.job(|tx| members::set(tx, channel, BOB, true)).unwrap();
    store.job(|tx| blocks::set(tx, BOB, ALICE, true)).unwrap();
    let refused = |channel, author| store.job(|tx| blocks::refuse(tx.view(), channel, author)).is_err();
    assert_eq!([two, three, channel].map(|channel| refused(channel, ALICE)), [true, false, false]);
    assert!(!refused(two, BOB), "who blocks may still write");
    assert_eq!(code(store.job(|tx| blocks::set(tx, BOB, BOB, true))), Code::BadInput);
    assert_eq!(blocks::of(view(&store), BOB).unwrap(), [ALICE]);
    assert!(blocks::of(view(&store), ALICE).unwrap().is_empty());
    store.job(|tx| blocks::set(tx, BOB, ALICE, false)).unwrap();
    assert!(!refused(two, ALICE));
}
