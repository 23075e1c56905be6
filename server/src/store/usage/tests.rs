use super::super::tests::{ALICE, Store};
use super::super::{View, people};
use super::*;
use thechatapp_protocol::permission::Rank;

#[test]
fn days_are_counted_by_what_accounts_wrote_on_them() {
    let store = Store::new();
    store.job(|tx| people::create(tx, ALICE, "alice", "x", Rank::Member)).unwrap();
    let (nick, _) = store.job(|tx| people::imported(tx, "nick")).unwrap();
    let channel = store.channel(1);
    let day = 20_000 * DAY;
    // Two today, one just before midnight, one imported, one of long ago.
    for (number, at, author) in
        [(1, day, ALICE), (2, day + 5, ALICE), (3, day - 1, ALICE), (4, day, nick), (5, day - 40 * DAY, ALICE)]
    {
        let place = store.send(channel, number, None);
        let change = "UPDATE messages SET at = ?2, author = ?3 WHERE place = ?1";
        store.db.execute(change, (place, at, author.as_bytes())).unwrap();
    }
    let view = View { db: &store.db, keyring: &store.keyring };
    let used = count(view, 7, Timestamp(day + 100)).unwrap();
    assert_eq!((used.accounts, used.channels, used.messages), (1, 1, 5));
    let on = |day, messages| UsedOn { day: Timestamp(day), messages, people: 1 };
    assert_eq!(used.days, [on(day, 2), on(day - DAY, 1)]);
    assert_eq!(count(view, 366, Timestamp(day)).unwrap().days.len(), 3);
    assert_eq!(count(view, 1, Timestamp(day)).unwrap().days, [on(day, 2)]);
}
